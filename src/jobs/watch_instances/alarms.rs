//! Who is told of an alarm: the log, and by mail where an address is configured.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::Context;
use crate::channel::{Channel as _, Envelope};
use crate::db::alarms::{self, Untold};
use crate::db::instances::AlarmNews;
use crate::metrics;

/// Says that an alarm was raised, or that its cause is gone: a line each, once an incident.
pub(super) fn log(tenant: Uuid, instance: &str, news: &AlarmNews) {
    if news.over_at.is_some() {
        tracing::info!(
            tenant.id = %tenant, instance.name = instance, alert = news.alarm, since = %news.since,
            "over: {}", meaning(&news.alarm)
        );
        return;
    }
    metrics::alarm_raised(&news.alarm);
    tracing::error!(
        tenant.id = %tenant, instance.name = instance, alert = news.alarm, since = %news.since,
        "{}", meaning(&news.alarm)
    );
}

/// What an alarm says, and what to do.
fn meaning(alarm: &str) -> &'static str {
    match alarm {
        "down" => {
            "the instance is not connected to WhatsApp; see `pontual instance status`, and pair it again with `pontual instance connect`"
        }
        "unreachable" => {
            "the gateway does not answer for this instance or refuses us; see `pontual instance status`"
        }
        "silent" => {
            "webhooks of this instance do not arrive, messages are found by looking for them; see `pontual instance status`"
        }
        "unacknowledged" => {
            "WhatsApp has not confirmed messages that the gateway took; see ops.unacknowledged"
        }
        "paused" => {
            "sending is paused: the gateway fails, or WhatsApp limits this instance; see ops.instances"
        }
        _ => "something is wrong with this instance; see ops.alarms",
    }
}

/// Longer than a mail takes to be handed over.
const LEASE: Duration = Duration::from_mins(3);
/// Mails of one pass.
const MOST: i32 = 20;

/// Sends the mails that are due: at least one an alarm, as one whose handing over failed is sent
/// again, under the same id.
pub(super) async fn tell(cx: &Context) {
    let (Some(email), Some(to)) = (&cx.channels.email, &cx.channels.alarms_to) else { return };
    let untold = match alarms::to_tell(&cx.pool, cx.clock.now(), LEASE, MOST).await {
        Ok(untold) => untold,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot see which alarms are to be told"
            );
            return;
        }
    };
    for alarm in untold {
        if let Err(error) = email.send(&mail(&alarm, to)).await {
            tracing::error!(
                tenant.id = %alarm.tenant_id, alert = alarm.alarm,
                error = &error as &dyn std::error::Error,
                "an alarm could not be mailed; trying again in {LEASE:?}"
            );
        } else if let Err(error) = alarms::told(&cx.pool, cx.clock.now(), &alarm).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a mailed alarm could not be noted, and is mailed again"
            );
        }
    }
}

fn mail(alarm: &Untold, to: &str) -> Envelope {
    let what = meaning(&alarm.alarm);
    let time = |moment: DateTime<Utc>| moment.format("%Y-%m-%d %H:%M UTC");
    let (word, end) = match alarm.over_at {
        Some(over_at) => ("over", format!("It is over since {}.", time(over_at))),
        None => ("alarm", "Another mail comes when it is over.".to_owned()),
    };
    // The end is another mail than the beginning, and each attempt at one the same.
    let id = alarm.over_at.map_or(alarm.id, |_| Uuid::from_u128(alarm.id.as_u128() ^ 1));
    Envelope {
        id,
        tenant_id: alarm.tenant_id,
        to: to.to_owned(),
        from_name: "Pontual".to_owned(),
        reply_to: None,
        subject: format!("{word}: {} is {}", alarm.instance, alarm.alarm),
        text: format!(
            "Instance {} of tenant {}, since {}:\n{what}.\n\n{end}",
            alarm.instance,
            alarm.tenant,
            time(alarm.since)
        ),
        calendar: None,
        unsubscribe: None,
        created_at: alarm.over_at.unwrap_or(alarm.raised_at),
    }
}
