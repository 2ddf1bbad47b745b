//! What is true of the whole system at the moment of a look.

use std::collections::BTreeMap;

use metrics::gauge;
use serde::Deserialize;

use super::catalogue::{
    ALARM, CONNECTED, INBOX, JOBS, JOBS_PAUSED, OLDEST_INBOX, OLDEST_JOB, OLDEST_OUTBOX,
    OLDEST_OVERDUE, OLDEST_UNSENT, OLDEST_WAITING, OUTBOX, OVERDUE, PAUSED, STATE, UNACKNOWLEDGED,
    UNSENT, VIOLATIONS, VIOLATIONS_AGE, WAITING, WORKERS,
};
use super::{count, flag};

/// An instance's state as label values; one of them is 1.
const STATES: [&str; 4] = ["open", "connecting", "close", "unknown"];
pub(super) const ALARMS: [&str; 5] = ["down", "unreachable", "silent", "unacknowledged", "paused"];

/// What is known of an instance at the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceFigures {
    /// The gateway's name of it.
    pub instance: String,
    /// `open`, `connecting`, `close` or `unknown`.
    pub state: String,
    pub paused: bool,
    pub unsent: u64,
    pub oldest_unsent_seconds: f64,
    pub unacknowledged: u64,
    /// What is wrong for too long.
    pub alarms: Vec<String>,
}

/// What waits and what is wrong in all tenants together: numbers alone, as
/// `app.system_figures()` tells them. Ages are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SystemFigures {
    pub jobs: Vec<KindFigures>,
    /// Of channels beside WhatsApp, whose messages belong to instances.
    pub outbox: Vec<OutboxFigures>,
    /// Customers' messages not read yet.
    pub inbox: InboxFigures,
    /// Reminders that are due and have no job.
    pub overdue: InboxFigures,
    /// Customers who wait for a person.
    pub waiting: InboxFigures,
    /// `None`: nobody has looked yet.
    pub invariants: Option<Invariants>,
}

/// Jobs of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct KindFigures {
    pub kind: String,
    pub paused: bool,
    pub waiting: u64,
    pub scheduled: u64,
    pub running: u64,
    pub dead: u64,
    /// How long the oldest waiting one has been due.
    pub oldest: Option<f64>,
    /// Who has shown themselves lately.
    pub workers: u64,
}

/// Open messages of one channel.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OutboxFigures {
    pub channel: String,
    pub open: u64,
    pub oldest: Option<f64>,
}

/// How many there are, and the age of the oldest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InboxFigures {
    pub open: u64,
    pub oldest: Option<f64>,
}

/// What the last look for impossible rows found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Invariants {
    pub age: f64,
    /// Rows by the rule that they break.
    pub violations: BTreeMap<String, u64>,
}

/// Tells the recorder of the moment.
pub(super) fn tell_system(system: &SystemFigures, instances: &[InstanceFigures]) {
    for jobs in &system.jobs {
        let kind = &jobs.kind;
        for (state, number) in [
            ("waiting", jobs.waiting),
            ("scheduled", jobs.scheduled),
            ("running", jobs.running),
            ("dead", jobs.dead),
        ] {
            gauge!(JOBS, "kind" => kind.clone(), "state" => state).set(count(number));
        }
        gauge!(OLDEST_JOB, "kind" => kind.clone()).set(age(jobs.oldest));
        gauge!(JOBS_PAUSED, "kind" => kind.clone()).set(flag(jobs.paused));
        gauge!(WORKERS, "kind" => kind.clone()).set(count(jobs.workers));
    }
    let of_instances = OutboxFigures {
        channel: "whatsapp".to_owned(),
        open: instances.iter().map(|instance| instance.unsent).sum(),
        oldest: instances.iter().map(|one| one.oldest_unsent_seconds).reduce(f64::max),
    };
    for outbox in system.outbox.iter().chain([&of_instances]) {
        gauge!(OUTBOX, "channel" => outbox.channel.clone()).set(count(outbox.open));
        gauge!(OLDEST_OUTBOX, "channel" => outbox.channel.clone()).set(age(outbox.oldest));
    }
    for (number, oldest, figures) in [
        (INBOX, OLDEST_INBOX, &system.inbox),
        (OVERDUE, OLDEST_OVERDUE, &system.overdue),
        (WAITING, OLDEST_WAITING, &system.waiting),
    ] {
        gauge!(number).set(count(figures.open));
        gauge!(oldest).set(age(figures.oldest));
    }
    if let Some(invariants) = &system.invariants {
        gauge!(VIOLATIONS_AGE).set(invariants.age.max(0.0));
        for (rule, rows) in &invariants.violations {
            gauge!(VIOLATIONS, "rule" => rule.clone()).set(count(*rows));
        }
    }
}

/// Tells the recorder of the moment.
pub(super) fn tell_instance(figures: &InstanceFigures) {
    let name = &figures.instance;
    gauge!(CONNECTED, "instance" => name.clone()).set(flag(figures.state == "open"));
    for state in STATES {
        gauge!(STATE, "instance" => name.clone(), "state" => state)
            .set(flag(figures.state == state));
    }
    for alarm in ALARMS {
        gauge!(ALARM, "instance" => name.clone(), "alarm" => alarm)
            .set(flag(figures.alarms.iter().any(|raised| raised == alarm)));
    }
    gauge!(PAUSED, "instance" => name.clone()).set(flag(figures.paused));
    gauge!(UNSENT, "instance" => name.clone()).set(count(figures.unsent));
    gauge!(OLDEST_UNSENT, "instance" => name.clone()).set(figures.oldest_unsent_seconds);
    gauge!(UNACKNOWLEDGED, "instance" => name.clone()).set(count(figures.unacknowledged));
}

/// None waits, or clocks differ: 0.
fn age(seconds: Option<f64>) -> f64 {
    seconds.unwrap_or_default().max(0.0)
}
