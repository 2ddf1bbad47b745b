//! How time passes on the stage: the program is started again at each moment at which something
//! comes due, and is left alone until it has nothing more to do.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use pontual::clock::Clock;
use sqlx::AssertSqlSafe;

use super::Stage;
use crate::support::stack::PATIENCE;

/// Longest wait of a job that belongs to what was just said; later ones wait for the clock.
const SOON: &str = "10 seconds";

impl Stage {
    /// The first time is the one the stage was set at; later ones pass the time, so that what
    /// comes due meanwhile is done at its own time.
    pub(super) async fn set_clock(&mut self, at: &str) -> Result<(), String> {
        let now = self.stack.clock.now();
        let target = moment(at, self.zone, Some(now))?;
        if !std::mem::replace(&mut self.began, true) {
            return Ok(());
        }
        if target < now {
            return Err("the clock goes forward only".to_owned());
        }
        while self.kept.is_none()
            && let Some(due) = self.next_due(target).await?
        {
            self.go_to(due + TimeDelta::seconds(1)).await?;
        }
        self.go_to(target).await
    }

    async fn go_to(&mut self, at: DateTime<Utc>) -> Result<(), String> {
        let texts = self.unread();
        self.carried.extend(texts);
        self.stack.restart_at(Clock::starting_at(at)).await;
        for person in &mut self.people {
            person.seen = 0;
        }
        // Without a gateway nobody works: what came due waits.
        if self.kept.is_some() { Ok(()) } else { self.settle().await }
    }

    /// When something comes due next that may make the assistant speak.
    async fn next_due(&self, until: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, String> {
        sqlx::query_scalar(
            "select min(due.at)
               from (select due_at from app.scheduled_notifications where status = 'planned'
                      union all
                     select due_at from app.conversation_timers
                      union all
                     select run_at from apalis.jobs where status in ('Pending', 'Failed')
                      union all
                     select hold_expires_at + interval '1 minute' from app.bookings where status = 'held') due (at)
              where due.at > $1 and due.at < $2",
        )
        .bind(self.stack.clock.now())
        .bind(until)
        .fetch_one(&self.stack.db.owner)
        .await
        .map_err(|error| error.to_string())
    }

    /// Waits until the program has nothing to do before the clock is moved.
    pub(super) async fn settle(&self) -> Result<(), String> {
        let quiet = async {
            loop {
                if !self.is_busy().await? {
                    // Null: the program is at it itself. Anything done may have made work.
                    let tidied: Option<serde_json::Value> =
                        sqlx::query_scalar("select queue.maintain()")
                            .fetch_one(&self.stack.pool)
                            .await?;
                    if tidied
                        .as_ref()
                        .is_some_and(|done| done.as_object().is_some_and(serde_json::Map::is_empty))
                        && !self.is_busy().await?
                    {
                        return Ok::<(), sqlx::Error>(());
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, quiet).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err(format!("work goes on: {:#?}", self.stack.jobs().await)),
        }
    }

    async fn is_busy(&self) -> sqlx::Result<bool> {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "select exists (select from apalis.jobs
                     where status in ('Queued', 'Running')
                        or (status in ('Pending', 'Failed') and run_at <= app.now() + interval '{SOON}'))
                 or exists (select from app.outbound_messages where status in ('queued', 'sending', 'unknown'))"
        )))
        .fetch_one(&self.stack.db.owner)
        .await
    }
}

/// `2026-03-10 10:00`, `10:00` of the same day, or `+15m`, `+2h`, `+1d` from now. A second past the
/// minute: a program that looks at once has it behind it.
pub(super) fn moment(
    text: &str,
    zone: Tz,
    now: Option<DateTime<Utc>>,
) -> Result<DateTime<Utc>, String> {
    let wrong = || format!("{text:?} is no time: 2026-03-10 10:00, 10:00, +15m, +2h, +1d");
    if let Some(later) = text.strip_prefix('+') {
        let now = now.ok_or_else(wrong)?;
        let (number, unit) = later.split_at(later.len().saturating_sub(1));
        let number: i64 = number.parse().map_err(|_| wrong())?;
        return match unit {
            "m" => Ok(now + TimeDelta::minutes(number)),
            "h" => Ok(now + TimeDelta::hours(number)),
            "d" => Ok(now + TimeDelta::days(number)),
            _ => Err(wrong()),
        };
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").or_else(|error| {
        let time = NaiveTime::parse_from_str(text, "%H:%M")?;
        now.map(|now| now.with_timezone(&zone).date_naive().and_time(time)).ok_or(error)
    });
    let local = local.map_err(|_| wrong())? + TimeDelta::seconds(1);
    let local = zone.from_local_datetime(&local).earliest().ok_or_else(wrong)?;
    Ok(local.with_timezone(&Utc))
}
