//! What customers and staff are to be told, were told, and what became of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::input::{Query, Read, choice, text, timestamp, whole_number};
use super::key::Caller;
use super::page::{self, MOST, USUAL};
use super::problem::{KeyedProblems, Problem};
use crate::db::bookings::Position;
use crate::db::notifications::{self, Filter};
use crate::http::App;

const STATUSES: &[&str] = &["planned", "queued", "sent", "delivered", "read", "failed", "skipped"];
pub(super) const CHANNELS: &[&str] = &["whatsapp", "sms", "email"];
/// The period of a report, where a request names neither end; and at most.
const USUAL_DAYS: i64 = 7;
const MOST_DAYS: i64 = 92;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list_notifications))
}

/// What somebody is to be told, or was, by one channel. Where one failed and the next took over,
/// each has its own.
#[derive(Debug, Serialize, ToSchema)]
struct Notification {
    id: Uuid,
    /// When it is due, if it is planned; else when it was made.
    #[schema(example = "2026-03-11T15:00:00-03:00")]
    at: DateTime<FixedOffset>,
    /// Null: it goes to staff, or recurs.
    booking_id: Option<Uuid>,
    /// Whose agenda.
    staff_id: Option<Uuid>,
    /// `reminder_24h`, `confirmed`, `cancelled`, `agenda`, …
    #[schema(example = "reminder_24h")]
    event: String,
    /// Null: decided when it is due.
    #[schema(value_type = Option<NotificationChannel>)]
    channel: Option<String>,
    #[schema(value_type = NotificationStatus)]
    status: String,
    /// Why it was skipped or failed.
    #[schema(example = "the number is not on WhatsApp; then by sms")]
    reason: Option<String>,
    due_at: Option<DateTime<FixedOffset>>,
    sent_at: Option<DateTime<FixedOffset>>,
    delivered_at: Option<DateTime<FixedOffset>>,
    read_at: Option<DateTime<FixedOffset>>,
    /// Sent so many seconds after it was due.
    #[schema(example = 0.4)]
    late_by: Option<f64>,
    /// It took the place of one that failed on another channel.
    fallback: bool,
}

/// How far it has got. `skipped`: it was not to be sent; `reason` says why.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the database has")]
enum NotificationStatus {
    Planned,
    Queued,
    Sent,
    Delivered,
    Read,
    Failed,
    Skipped,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the database has")]
enum NotificationChannel {
    Whatsapp,
    Sms,
    Email,
}

/// A page of a report, with the sums of all of it.
#[derive(Debug, Serialize, ToSchema)]
struct NotificationList {
    /// By time.
    notifications: Vec<Notification>,
    summary: NotificationSummary,
    /// `cursor` of the next page; null: this is the last one.
    next_cursor: Option<String>,
}

/// The sums of a period, whatever the page.
#[derive(Debug, Serialize, ToSchema)]
struct NotificationSummary {
    /// How many there are of each status.
    #[schema(example = json!({ "planned": 3, "delivered": 41, "failed": 1 }))]
    statuses: BTreeMap<String, i64>,
    /// How many went by each channel.
    #[schema(example = json!({ "whatsapp": 42, "sms": 1 }))]
    channels: BTreeMap<String, i64>,
    /// Half of what was planned was sent at most so many seconds after it was due.
    median_late_by: Option<f64>,
    /// The latest of it.
    most_late_by: Option<f64>,
}

/// Report notifications
///
/// What customers and staff are to be told, were told, and what became of it, in order of time:
/// planned ones by when they are due, others by when they were made. Without `from` the last 7 days,
/// without `to` until 7 days ahead; 92 days at most. Send the same filters with each `cursor`.
#[utoipa::path(
    get, path = "/notifications", tag = "notifications",
    params(
        ("from" = Option<DateTime<FixedOffset>>, Query, description = "From then on; 7 days ago if left out"),
        ("to" = Option<DateTime<FixedOffset>>, Query, description = "Before then; in 7 days if left out"),
        ("status" = Option<Vec<NotificationStatus>>, Query, description = "Any of these; several times or with commas", explode = true),
        ("channel" = Option<NotificationChannel>, Query, description = "Which channel; planned ones have none yet"),
        ("event" = Option<String>, Query, description = "Which event", min_length = 1, max_length = 63, example = "reminder_24h"),
        ("booking" = Option<Uuid>, Query, description = "Of this booking, by its id"),
        ("limit" = Option<i64>, Query, description = "Notifications of a page; 50 if left out", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of the report", body = NotificationList), KeyedProblems),
)]
async fn list_notifications(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<NotificationList>, Problem> {
    let now = app.clock.now();
    let days = TimeDelta::days(USUAL_DAYS);
    let from = query.optional("from", timestamp).map(|at| at.to_utc());
    let to = query.optional("to", timestamp).map(|at| at.to_utc());
    let filter = Filter {
        from: from.unwrap_or_else(|| to.map_or(now, |to| to.min(now)) - days),
        to: to.unwrap_or_else(|| from.map_or(now, |from| from.max(now)) + days),
        status: query.list("status", |word| choice(STATUSES)(word).map(str::to_owned)),
        channel: query.optional("channel", choice(CHANNELS)).map(str::to_owned),
        event: query.optional("event", text(1..=63)),
        booking: query.optional("booking", id),
    };
    if filter.from >= filter.to {
        query.report("to", "is not after from");
    } else if filter.to - filter.from > TimeDelta::days(MOST_DAYS) {
        query.report("to", format!("is more than {MOST_DAYS} days after from"));
    }
    let limit = query.optional("limit", whole_number(1..=MOST)).unwrap_or(USUAL);
    let after = query.optional("cursor", page::position);
    query.finish()?;

    let mut db = caller.begin(&app).await?;
    let mut found = notifications::list(&mut db, &filter, after, limit + 1).await?;
    let summary = notifications::summary(&mut db, &filter).await?;
    db.rollback().await?;
    let is_more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if is_more {
        found.pop();
    }
    let end = found.last().filter(|_| is_more);
    let next_cursor = end.map(|end| page::cursor(Position { starts_at: end.at, id: end.id }));
    Ok(Json(NotificationList {
        notifications: found.into_iter().map(Notification::from).collect(),
        summary: NotificationSummary {
            statuses: summary.statuses,
            channels: summary.channels,
            median_late_by: summary.median_late_by,
            most_late_by: summary.most_late_by,
        },
        next_cursor,
    }))
}

fn id(text: &str) -> Read<Uuid> {
    text.parse().map_err(|_| "is no id of a booking".to_owned())
}

impl From<notifications::Notification> for Notification {
    fn from(found: notifications::Notification) -> Self {
        // Applied files name zones that exist; plain SQL may have written another.
        let zone: Tz = found.timezone.parse().unwrap_or(Tz::UTC);
        let local = |at: DateTime<Utc>| at.with_timezone(&zone).fixed_offset();
        Self {
            id: found.id,
            at: local(found.at),
            booking_id: found.booking_id,
            staff_id: found.staff_id,
            event: found.event,
            channel: found.channel,
            status: found.status,
            reason: found.reason,
            due_at: found.due_at.map(local),
            sent_at: found.sent_at.map(local),
            delivered_at: found.delivered_at.map(local),
            read_at: found.read_at.map(local),
            late_by: found.late_by,
            fallback: found.is_fallback,
        }
    }
}
