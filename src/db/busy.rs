//! Time that is taken.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::TenantTx;
use crate::domain::catalogue::{Busy, Span};

type Moments = Vec<DateTime<Utc>>;

/// Time of all staff that is taken within `span`, buffers included, in no order. The holds of the
/// conversation `holds_of` and the bookings `moving` are in nobody's way and left out.
pub async fn busy(
    db: &mut TenantTx,
    span: Span,
    holds_of: Option<Uuid>,
    moving: &[Uuid],
) -> sqlx::Result<Vec<Busy>> {
    let times: Vec<(Uuid, Uuid, Moments, Moments)> =
        sqlx::query_as("select * from app.busy_times($1, $2, $3, $4)")
            .bind(span.start)
            .bind(span.end)
            .bind(holds_of)
            .bind(moving)
            .fetch_all(db.conn())
            .await?;
    let taken = |(staff_id, service_id, starts, ends): (_, _, Moments, Moments)| {
        let times = starts.into_iter().zip(ends);
        times.map(move |(start, end)| Busy { staff_id, service_id, start, end })
    };
    Ok(times.into_iter().flat_map(taken).collect())
}
