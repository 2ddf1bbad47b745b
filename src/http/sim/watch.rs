//! `GET /sim/watch`: what the database knows of one conversation, sent each time it changes.
//!
//! The page is a demonstration, so the database is asked rather than listened to: triggers that
//! notify would cost every tenant something for the sake of a page that few ever open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::HeaderName;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::types::Json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::{Refusal, SimState, report};
use crate::db::TenantTx;

/// How often the database is asked while somebody watches.
const EVERY: Duration = Duration::from_millis(300);
/// How long to leave a database alone that did not answer.
const AFTER_TROUBLE: Duration = Duration::from_secs(2);
/// Watchers at once: each costs three transactions a second.
pub(super) const MOST_WATCHERS: usize = 20;

#[derive(Deserialize)]
pub(super) struct Watched {
    tenant: String,
    phone: String,
}

/// Server-sent events: `snapshot` at once and after each change, with the keys `now`,
/// `conversation` (null: never wrote), `bookings`, `reminders`, `jobs` and `turns`; `trouble` with
/// a sentence while the database does not answer.
///
/// # Errors
///
/// 400 for what is no phone number, 404 for an unknown tenant, 503 beyond [`MOST_WATCHERS`].
pub(super) async fn watch(
    State(sim): State<SimState>,
    Query(asked): Query<Watched>,
) -> Result<Response, Refusal> {
    let phone = e164(&asked.phone).ok_or(Refusal::NoPhone)?;
    let tenant: Option<Uuid> = sqlx::query_scalar("select app.tenant_named($1)")
        .bind(&asked.tenant)
        .fetch_one(crate::db::alone(&sim.pool))
        .await?;
    let tenant = tenant.ok_or(Refusal::NoTenant(asked.tenant))?;
    let Ok(place) = Arc::clone(&sim.watchers).try_acquire_owned() else {
        return Err(Refusal::Crowded);
    };
    let events = Sse::new(changes(sim, tenant, phone, place)).keep_alive(KeepAlive::default());
    // Proxies that buffer would turn live into late.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], events).into_response())
}

fn changes(
    sim: SimState,
    tenant: Uuid,
    phone: String,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let _place = place; // given back when the watcher leaves
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        let mut in_trouble = false;
        while !sim.pool.is_closed() {
            ticks.tick().await;
            match snapshot(&sim, tenant, &phone).await {
                Ok(seen) => {
                    if in_trouble || last.as_ref() != Some(&seen) {
                        yield Ok(event(&sim, &seen));
                        last = Some(seen);
                    }
                    in_trouble = false;
                }
                Err(error) => {
                    if !in_trouble {
                        report(&error);
                        yield Ok(Event::default().event("trouble").data("the database does not answer; trying again"));
                    }
                    in_trouble = true;
                    tokio::time::sleep(AFTER_TROUBLE).await;
                }
            }
        }
    }
}

async fn snapshot(sim: &SimState, tenant: Uuid, phone: &str) -> sqlx::Result<Map<String, Value>> {
    let mut db = TenantTx::begin(&sim.pool, tenant, sim.clock.now()).await?;
    let Json(seen) =
        sqlx::query_scalar(include_str!("snapshot.sql")).bind(phone).fetch_one(db.conn()).await?;
    db.rollback().await?;
    Ok(seen)
}

/// `now` is not part of what is compared: it changes always.
fn event(sim: &SimState, seen: &Map<String, Value>) -> Event {
    let mut data = seen.clone();
    data.insert("now".into(), Value::String(sim.clock.now().to_rfc3339()));
    Event::default().event("snapshot").data(Value::Object(data).to_string())
}

/// A phone number of 7 to 15 digits, with its plus. In a query string an unescaped plus is a space.
pub(super) fn e164(phone: &str) -> Option<String> {
    let digits = phone.strip_prefix(['+', ' ']).unwrap_or(phone);
    let plausible = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_seven_to_fifteen_digits_with_or_without_its_plus() {
        let cases = [
            ("+5511988887777", Some("+5511988887777")),
            (" 5511988887777", Some("+5511988887777")),
            ("5511988887777", Some("+5511988887777")),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+0511988887777", None),
            ("++511988887777", None),
            ("marina", None),
            ("", None),
        ];
        for (phone, expected) in cases {
            assert_eq!(e164(phone).as_deref(), expected, "{phone:?}");
        }
    }
}
