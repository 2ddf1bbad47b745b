//! Lists of bookings, a page at a time.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Booking, SELECT};
use crate::db::TenantTx;

/// Which bookings are listed; what is none or empty asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The earliest start.
    pub from: Option<DateTime<Utc>>,
    /// The first moment that is too late to start.
    pub to: Option<DateTime<Utc>>,
    pub status: Vec<String>,
    /// Keys, also of what is retired.
    pub staff: Option<String>,
    pub service: Option<String>,
    pub code: Option<String>,
    /// The customer's, E.164.
    pub phone: Option<String>,
}

/// Where a page ended: lists are in order of start and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub starts_at: DateTime<Utc>,
    pub id: Uuid,
}

/// At most `most` bookings that come after `after`.
///
/// A page begins where the last one ended and not at a count, so that bookings made or moved
/// meanwhile neither repeat nor hide another.
pub async fn list(
    db: &mut TenantTx,
    filter: &Filter,
    after: Option<Position>,
    most: i64,
) -> sqlx::Result<Vec<Booking>> {
    let mut query = QueryBuilder::new(SELECT);
    query.push("true");
    if let Some(from) = filter.from {
        query.push(" and b.starts_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" and b.starts_at < ").push_bind(to);
    }
    if !filter.status.is_empty() {
        query.push(" and b.status = any (").push_bind(filter.status.clone()).push(")");
    }
    // By id, which the indexes of bookings know: a key is looked up once.
    if let Some(staff) = &filter.staff {
        query.push(" and b.staff_id = (select id from app.staff where key = ");
        query.push_bind(staff.clone()).push(")");
    }
    if let Some(service) = &filter.service {
        query.push(" and b.service_id = (select id from app.services where key = ");
        query.push_bind(service.clone()).push(")");
    }
    if let Some(phone) = &filter.phone {
        query.push(" and b.customer_id = (select id from app.customers where phone = ");
        query.push_bind(phone.clone()).push(")");
    }
    if let Some(code) = &filter.code {
        query.push(" and b.code = ").push_bind(code.clone());
    }
    if let Some(after) = after {
        query.push(" and (b.starts_at, b.id) > (").push_bind(after.starts_at);
        query.push(", ").push_bind(after.id).push(")");
    }
    query.push(" order by b.starts_at, b.id limit ").push_bind(most);
    query.build_query_as().fetch_all(db.conn()).await
}
