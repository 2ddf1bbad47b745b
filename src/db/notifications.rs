//! The delivery report of a tenant.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::TenantTx;
use super::bookings::Position;

/// Which notifications are reported.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Half-open: planned ones by when they are due, others by when they were made.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// None: any.
    pub status: Vec<String>,
    pub channel: Option<String>,
    pub event: Option<String>,
    pub booking: Option<Uuid>,
}

/// What somebody is to be told, or was, by one channel.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Notification {
    pub id: Uuid,
    /// When it is due, if it is planned; else when it was made.
    pub at: DateTime<Utc>,
    /// None: of no booking.
    pub booking_id: Option<Uuid>,
    /// Whose agenda.
    pub staff_id: Option<Uuid>,
    pub event: String,
    /// None: decided when it is due.
    pub channel: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub due_at: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub read_at: Option<DateTime<Utc>>,
    /// Sent after it was due, in seconds.
    pub late_by: Option<f64>,
    /// It took the place of one on another channel.
    pub is_fallback: bool,
    pub timezone: String,
}

/// The sums of a period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// How many there are of each status; those that there are none of are left out.
    pub statuses: BTreeMap<String, i64>,
    /// Of each channel, planned ones left out.
    pub channels: BTreeMap<String, i64>,
    /// How many seconds after their time half of the reminders were sent at most, and the latest.
    pub median_late_by: Option<f64>,
    pub most_late_by: Option<f64>,
}

fn conditions(query: &mut QueryBuilder<sqlx::Postgres>, filter: &Filter) {
    query.push(" where r.tenant_id = app.tenant_id() and r.at >= ").push_bind(filter.from);
    query.push(" and r.at < ").push_bind(filter.to);
    if !filter.status.is_empty() {
        query.push(" and r.status = any (").push_bind(filter.status.clone()).push(")");
    }
    if let Some(channel) = &filter.channel {
        query.push(" and r.channel = ").push_bind(channel.clone());
    }
    if let Some(event) = &filter.event {
        query.push(" and r.event = ").push_bind(event.clone());
    }
    if let Some(booking) = filter.booking {
        query.push(" and r.booking_id = ").push_bind(booking);
    }
}

/// At most `most` that come after `after`, in order of time.
pub async fn list(
    db: &mut TenantTx,
    filter: &Filter,
    after: Option<Position>,
    most: i64,
) -> sqlx::Result<Vec<Notification>> {
    let mut query = QueryBuilder::new(
        "select r.id, r.at, r.booking_id, r.staff_id, r.event, r.channel, r.status, r.reason,
                r.due_at, r.sent_at, r.delivered_at, r.read_at,
                extract(epoch from r.late_by)::float8 as late_by,
                r.fallback_of is not null as is_fallback,
                (select t.timezone from app.tenants t where t.id = r.tenant_id) as timezone
           from app.notification_report r",
    );
    conditions(&mut query, filter);
    if let Some(after) = after {
        query.push(" and (r.at, r.id) > (").push_bind(after.starts_at);
        query.push(", ").push_bind(after.id).push(")");
    }
    query.push(" order by r.at, r.id limit ").push_bind(most);
    query.build_query_as().fetch_all(db.conn()).await
}

/// Status and channel with their count; without a status, over all: median and most of `late_by`.
type Sum = (Option<String>, Option<String>, i64, Option<f64>, Option<f64>);

/// The sums of all of them.
pub async fn summary(db: &mut TenantTx, filter: &Filter) -> sqlx::Result<Summary> {
    let mut query = QueryBuilder::new(
        "select r.status, r.channel, count(*),
                null::float8 as median, null::float8 as most
           from app.notification_report r",
    );
    conditions(&mut query, filter);
    query.push(" group by r.status, r.channel union all select null, null, count(*), ");
    query.push(
        "percentile_cont(0.5) within group (order by extract(epoch from r.late_by)::float8),
         max(extract(epoch from r.late_by)::float8)
           from app.notification_report r",
    );
    conditions(&mut query, filter);
    let rows: Vec<Sum> = query.build_query_as().fetch_all(db.conn()).await?;
    let mut summary = Summary::default();
    for (status, channel, count, median, most) in rows {
        let Some(status) = status else {
            (summary.median_late_by, summary.most_late_by) = (median, most);
            continue;
        };
        *summary.statuses.entry(status).or_default() += count;
        if let Some(channel) = channel {
            *summary.channels.entry(channel).or_default() += count;
        }
    }
    Ok(summary)
}
