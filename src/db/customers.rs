//! Customers: who is one and the same.

use uuid::Uuid;

use super::TenantTx;

/// Makes `gone` part of `keep`, as long as no phone was learnt of it meanwhile. Returns `false` where
/// somebody is at one of the two: later, then.
pub async fn merge_if_nameless(db: &mut TenantTx, keep: Uuid, gone: Uuid) -> sqlx::Result<bool> {
    // Nobody is left to be merged: it was done before, or they are two after all.
    sqlx::query_scalar(
        "select coalesce((
           select app.merge_at_once($1, c.id) from app.customers c
            where c.tenant_id = (select app.tenant_id()) and c.id = $2 and c.phone is null), true)",
    )
    .bind(keep)
    .bind(gone)
    .fetch_one(db.conn())
    .await
}
