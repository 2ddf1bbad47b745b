//! Conversations as people see them: which there are, what was said, and taking them over.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use super::TenantTx;

/// A conversation with its customer.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Conversation {
    pub id: Uuid,
    pub customer_id: Uuid,
    /// E.164; `None`: known by WhatsApp's own id alone.
    pub phone: Option<String>,
    pub name: Option<String>,
    /// The gateway's name of the number that the customer writes to.
    pub instance: String,
    pub state: String,
    /// `bot` or `human`.
    pub mode: String,
    /// In mode `human`: when the bot answers again if no person writes until then.
    pub human_until: Option<DateTime<Utc>>,
    /// Since when the customer waits for a person.
    pub waiting_since: Option<DateTime<Utc>>,
    /// The booking it made last.
    pub booking_id: Option<Uuid>,
    pub last_inbound_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The tenant's zone.
    pub timezone: String,
}

/// Which conversations are wanted; `None`: any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub mode: Option<&'static str>,
    pub state: Option<&'static str>,
    /// Whether the customer waits for a person.
    pub waiting: Option<bool>,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub updated_at: DateTime<Utc>,
    pub id: Uuid,
}

/// A line of a timeline.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Line {
    pub at: DateTime<Utc>,
    /// `customer`, `assistant`, `person`, `turn` or `event`.
    pub who: String,
    pub kind: String,
    pub text: Option<String>,
    pub status: String,
    pub id: Uuid,
}

const CONVERSATIONS: &str = "
    select c.id, c.customer_id, u.phone, u.name, i.name as instance, c.state, c.mode, c.human_until,
           c.waiting_since, c.booking_id, c.last_inbound_at, c.created_at, c.updated_at, t.timezone
      from app.conversations c
      join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id
      join app.instances i on i.tenant_id = c.tenant_id and i.id = c.instance_id
      join app.tenants t on t.id = c.tenant_id
     where c.tenant_id = app.tenant_id()";

/// At most `most` conversations, the one in which something happened last first, after `after`.
pub async fn list(
    db: &mut TenantTx,
    filter: Filter,
    after: Option<Position>,
    most: i64,
) -> sqlx::Result<Vec<Conversation>> {
    // Only what is asked for: an index serves no condition that may be absent.
    let mut query = QueryBuilder::<Postgres>::new(CONVERSATIONS);
    if let Some(mode) = filter.mode {
        query.push(" and c.mode = ").push_bind(mode);
    }
    if let Some(state) = filter.state {
        query.push(" and c.state = ").push_bind(state);
    }
    if let Some(waiting) = filter.waiting {
        query.push(" and (c.waiting_since is not null) = ").push_bind(waiting);
    }
    if let Some(Position { updated_at, id }) = after {
        query.push(" and (c.updated_at, c.id) < (").push_bind(updated_at);
        query.push(", ").push_bind(id).push(")");
    }
    query.push(" order by c.updated_at desc, c.id desc limit ").push_bind(most);
    query.build_query_as().fetch_all(db.conn()).await
}

/// One conversation; `None`: the tenant has none such.
pub async fn find(db: &mut TenantTx, id: Uuid) -> sqlx::Result<Option<Conversation>> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!("{CONVERSATIONS} and c.id = $1")))
        .bind(id)
        .fetch_optional(db.conn())
        .await
}

/// The last `most` lines of a conversation, oldest first.
pub async fn timeline(db: &mut TenantTx, id: Uuid, most: i64) -> sqlx::Result<Vec<Line>> {
    sqlx::query_as(
        "select * from (
           select at, who, kind, text, status, id from app.timeline
            where tenant_id = app.tenant_id() and conversation_id = $1
            order by at desc, id desc limit $2) last
          order by at, id",
    )
    .bind(id)
    .bind(most)
    .fetch_all(db.conn())
    .await
}

/// Takes a conversation over (`human`), for another four hours if it was already, or gives it back
/// (`bot`). `false`: the tenant has none such.
pub async fn set_mode(db: &mut TenantTx, id: Uuid, mode: &str) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update app.conversations
            set mode = $2, human_until = case when $2 = 'human' then app.now() + interval '4 hours' end
          where tenant_id = app.tenant_id() and id = $1",
    )
    .bind(id)
    .bind(mode)
    .execute(db.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Queues a person's message to the customer and takes the conversation over; the message's id.
/// `None`: the tenant has no such conversation.
pub async fn write(db: &mut TenantTx, id: Uuid, text: &str) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("select app.write_as_person($1, $2)")
        .bind(id)
        .bind(text)
        .fetch_one(db.conn())
        .await
}
