//! Bookings as programs of a tenant read and write them.
//!
//! Rules of bookings are the database's: fills, lanes, revisions and consequences are triggers.
//! What it refuses comes back as a [`Refused`].

pub mod calendar;
mod list;
pub mod requests;
mod write;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::catalogue::Catalogue;
use crate::domain::ical::Entry;

pub use list::{Filter, Position, list};
pub use write::{
    Line, Refused, Scope, book, cancel, may_become, move_booking, move_visit, note_contact,
    set_status,
};

/// A booking with the names of what it speaks of, also of what is retired since.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Booking {
    pub id: Uuid,
    pub code: String,
    pub visit_id: Uuid,
    /// As the column has it, such as `no_show`.
    pub status: String,
    pub service_id: Uuid,
    pub service_key: String,
    pub service_name: String,
    pub staff_id: Uuid,
    pub staff_key: String,
    pub staff_name: String,
    pub customer_id: Uuid,
    /// E.164; none: a customer known by other means.
    pub customer_phone: Option<String>,
    pub customer_name: Option<String>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The tenant's, by its IANA name.
    pub timezone: String,
    /// A decimal number, such as `80.00`.
    pub price: Option<String>,
    pub currency: String,
    pub revision: i32,
    pub hold_expires_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub cancel_reason: Option<String>,
    pub override_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub tenant_name: String,
    pub tenant_address: Option<String>,
}

impl Booking {
    /// The tenant's zone. Names are checked before they are stored; one that this program does not
    /// know is taken for UTC.
    pub fn zone(&self) -> Tz {
        self.timezone.parse().unwrap_or(Tz::UTC)
    }

    /// Whether it takes time of its member of staff.
    pub fn is_active(&self) -> bool {
        matches!(self.status.as_str(), "held" | "confirmed" | "arrived")
    }
}

impl<'a> From<&'a Booking> for Entry<'a> {
    fn from(booking: &'a Booking) -> Self {
        Self {
            id: booking.id,
            code: &booking.code,
            status: &booking.status,
            service_name: &booking.service_name,
            staff_name: &booking.staff_name,
            customer_name: booking.customer_name.as_deref(),
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            revision: booking.revision,
            created_at: Some(booking.created_at),
            updated_at: booking.updated_at,
            tenant_name: &booking.tenant_name,
            tenant_address: booking.tenant_address.as_deref(),
        }
    }
}

/// Columns of a [`Booking`]; conditions follow.
const SELECT: &str = "
    select b.id, b.code, b.visit_id, b.status, b.starts_at, b.ends_at, b.price::text as price,
           b.revision, b.hold_expires_at, b.confirmed_at, b.cancel_reason, b.override_reason,
           b.created_at, b.updated_at,
           b.service_id, s.key as service_key, s.name as service_name,
           b.staff_id, m.key as staff_key, m.name as staff_name,
           b.customer_id, c.phone as customer_phone, c.name as customer_name,
           t.timezone, t.currency, t.name as tenant_name, t.address as tenant_address
      from app.bookings b
      join app.tenants t on t.id = b.tenant_id
      join app.services s on s.tenant_id = b.tenant_id and s.id = b.service_id
      join app.staff m on m.tenant_id = b.tenant_id and m.id = b.staff_id
      join app.customers c on c.tenant_id = b.tenant_id and c.id = b.customer_id
     where ";

/// What names bookings: one by its id, or those of a visit.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    Id(Uuid),
    Visit(Uuid),
    /// As it is stored: see [`crate::domain::code::Code`].
    Code(&'a str),
}

/// The bookings that are meant, in order of their starts; none: there are no such ones.
pub async fn find(db: &mut TenantTx, which: Which<'_>) -> sqlx::Result<Vec<Booking>> {
    let mut query = sqlx::QueryBuilder::new(SELECT);
    match which {
        Which::Id(id) => query.push("b.id = ").push_bind(id),
        Which::Visit(id) => query.push("b.visit_id = ").push_bind(id),
        Which::Code(code) => query.push("b.code = ").push_bind(code.to_owned()),
    };
    query.push(" order by b.starts_at, b.id").build_query_as().fetch_all(db.conn()).await
}

/// Waits until nobody else changes one of these bookings, and keeps others from it until the end
/// of the transaction. In order of their ids, and before any staff, as every writer locks them.
pub async fn lock(db: &mut TenantTx, bookings: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query("select from app.bookings where id = any ($1) order by id for no key update")
        .bind(bookings)
        .execute(db.conn())
        .await
        .map(drop)
}

/// What the tenant offers, and when.
pub async fn catalogue(db: &mut TenantTx) -> sqlx::Result<Catalogue> {
    let Json(catalogue) = sqlx::query_scalar::<_, Json<Catalogue>>("select app.catalogue()")
        .fetch_one(db.conn())
        .await?;
    Ok(catalogue)
}
