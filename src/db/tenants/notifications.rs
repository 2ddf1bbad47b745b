//! What a tenant's customers are told, as its file says.

use sqlx::PgConnection;
use uuid::Uuid;

use super::interval;
use crate::domain::tenant_file::Notifications;

pub(super) async fn save(
    db: &mut PgConnection,
    id: Uuid,
    told: &Notifications,
) -> sqlx::Result<()> {
    sqlx::query(
        "update app.tenants
            set (tell_events, recall_after, channels, fallback_after, reply_to) = row ($2, $3, $4, $5, $6)
          where id = $1
            and (tell_events, recall_after, channels, fallback_after, reply_to)
                is distinct from ($2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(told.told())
    .bind(told.recall_after.map(interval))
    .bind(&told.channels)
    .bind(interval(told.fallback_after))
    .bind(&told.reply_to)
    .execute(db)
    .await
    .map(drop)
}
