//! What is counted and timed, by name: everything that `/metrics` tells.
//!
//! Counters and histograms are of the process; a scraper adds up. What is true of the whole system
//! (connections, what waits) is not counted but read when asked for ([`SystemFigures`],
//! [`InstanceFigures`]), so that every process tells the same.
//!
//! Names follow the conventions of Prometheus: `pontual_` first, the unit in the name, `_total` for
//! what only grows. Labels are few and of known values; the only name is the gateway's own of an
//! instance. Customers appear nowhere. A new metric is one line in [`METRICS`] and one function here.

mod caches;
mod catalogue;
mod figures;
mod model;
mod process;
mod text;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use self::caches::{catalogue_asked, catalogues_remembered, dialogue_asked};
use self::catalogue::{
    ALARMS_RAISED, ATTEMPTS, BEGIN, BUILD, DATABASE, GATEWAY_ERRORS, HTTP, LATENESS, POOL,
    POOL_MOST, RECOVERED, REPLY, RUN_DURATION, SEND_DURATION, SEND_ERRORS, SENDS, START_LATENCY,
    WEBHOOKS,
};
pub use self::catalogue::{Kind, METRICS, Metric};
pub use self::figures::{
    InboxFigures, InstanceFigures, Invariants, KindFigures, OutboxFigures, SystemFigures,
};
pub use self::model::{model_answered, model_asked, model_used};

/// What is timed lies in a buffer until somebody looks; without a scraper that is this often.
const TIDY: Duration = Duration::from_secs(10);

/// Starts counting, once a process; whatever is counted before is lost.
pub fn start() {
    handle();
}

/// Keeps what was timed from piling up where nobody scrapes; never ends.
pub async fn tidy() {
    loop {
        tokio::time::sleep(TIDY).await;
        handle().run_upkeep();
    }
}

/// A request was answered. `route` is the pattern it matched, never what it asked for.
pub fn http_request(method: &'static str, route: &str, status: u16, took: Duration) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    histogram!(HTTP, &labels).record(took);
}

/// A webhook was answered: `accepted`, `duplicate`, `ignored`, or why it was refused.
pub fn webhook(outcome: &'static str) {
    counter!(WEBHOOKS, "outcome" => outcome).increment(1);
}

/// A job was taken that had been due for so many seconds.
pub fn job_taken(kind: &'static str, waited: f64) {
    histogram!(START_LATENCY, "kind" => kind).record(waited.max(0.0));
}

/// An attempt ended: `done`, `snoozed`, `failed` (and is tried again while attempts are left) or
/// `gave_up`.
pub fn job_attempt(kind: &'static str, outcome: &'static str, ran: Duration) {
    counter!(ATTEMPTS, "kind" => kind, "outcome" => outcome).increment(1);
    histogram!(RUN_DURATION, "kind" => kind).record(ran);
}

/// A send of `channel` came to an end: `sent`, or what became of it.
pub fn send(channel: &'static str, outcome: &'static str, took: Duration) {
    counter!(SENDS, "channel" => channel, "outcome" => outcome).increment(1);
    histogram!(SEND_DURATION, "channel" => channel).record(took);
}

/// Why a send failed, in terms of what to do about it.
pub fn send_error(channel: &'static str, class: &'static str) {
    counter!(SEND_ERRORS, "channel" => channel, "class" => class).increment(1);
}

/// A reply went out so many seconds after the message it answers came in.
pub fn replied(channel: &'static str, seconds: f64) {
    histogram!(REPLY, "channel" => channel).record(seconds.max(0.0));
}

/// A reminder went out so many seconds after its time.
pub fn reminded(channel: &'static str, seconds: f64) {
    histogram!(LATENESS, "channel" => channel).record(seconds.max(0.0));
}

/// A call to the gateway that is no send failed.
pub fn gateway_error(class: &'static str) {
    counter!(GATEWAY_ERRORS, "class" => class).increment(1);
}

/// Messages were found that no webhook had brought.
pub fn recovered(messages: u64) {
    counter!(RECOVERED).increment(messages);
}

/// Something has been wrong with an instance for too long.
pub fn alarm_raised(alarm: &str) {
    let known = figures::ALARMS.iter().find(|known| **known == alarm);
    counter!(ALARMS_RAISED, "alarm" => known.copied().unwrap_or("other")).increment(1);
}

/// A transaction began, which took so long.
pub fn transaction_began(took: Duration) {
    histogram!(BEGIN).record(took);
}

/// Connections of this process to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub idle: u32,
    pub used: u32,
    pub most: u32,
}

/// What was counted, and the figures of the system and all instances, as Prometheus reads it.
/// `None`: the database did not tell them.
pub fn render(
    pool: Pool,
    system: Option<&SystemFigures>,
    instances: Option<&[InstanceFigures]>,
) -> String {
    // A recorder of its own each time: an instance that is gone leaves no line behind.
    let now = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&now, || {
        describe();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
        gauge!(DATABASE).set(flag(system.is_some() && instances.is_some()));
        gauge!(POOL, "state" => "idle").set(pool.idle);
        gauge!(POOL, "state" => "used").set(pool.used);
        gauge!(POOL_MOST).set(pool.most);
        if let Some(system) = system {
            figures::tell_system(system, instances.unwrap_or_default());
        }
        for figures in instances.unwrap_or_default() {
            figures::tell_instance(figures);
        }
    });
    text::sorted(&[&handle().render(), &now.handle().render(), &process::render()])
}

fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS {
            if let Kind::Histogram(bounds) = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                builder = match builder.set_buckets_for_metric(name, bounds) {
                    Ok(builder) => builder,
                    // Only for no bounds at all, which a test rules out.
                    Err(_) => PrometheusBuilder::new(),
                };
            }
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Fails where a program around this library counts for itself: then it tells, not we.
        if metrics::set_global_recorder(recorder).is_ok() {
            describe();
        }
        handle
    })
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => describe_histogram!(metric.name, metric.help),
        }
    }
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

fn count(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: Pool = Pool { idle: 2, used: 1, most: 16 };

    fn figures(instance: &str) -> InstanceFigures {
        InstanceFigures {
            instance: instance.to_owned(),
            state: "close".to_owned(),
            paused: true,
            unsent: 3,
            oldest_unsent_seconds: 12.5,
            unacknowledged: 1,
            alarms: vec!["down".to_owned()],
        }
    }

    fn system() -> SystemFigures {
        serde_json::from_value(serde_json::json!({
            "jobs": [{"kind": "send_reminder", "paused": true, "waiting": 4, "scheduled": 5, "running": 6,
                      "dead": 7, "oldest": 1.5, "workers": 2}],
            "outbox": [{"channel": "sms", "open": 8, "oldest": 90.25}],
            "inbox": {"open": 9, "oldest": null},
            "overdue": {"open": 10, "oldest": 3},
            "waiting": {"open": 0, "oldest": null},
            "invariants": {"age": 61.5, "violations": {"overlap": 2}},
        }))
        .unwrap()
    }

    fn assert_told(told: &str, lines: &[&str]) {
        for line in lines {
            assert!(told.lines().any(|told| told == *line), "{line}\n{told}");
        }
    }

    #[test]
    fn counters_and_figures_are_told_with_help_and_type() {
        start();
        webhook("accepted");
        webhook("accepted");
        let told = render(POOL, Some(&system()), Some(&[figures("studio-lua")]));
        assert_told(
            &told,
            &[
                "# TYPE pontual_webhooks_total counter",
                "pontual_webhooks_total{outcome=\"accepted\"} 2",
                "# TYPE pontual_instance_connected gauge",
                "pontual_instance_connected{instance=\"studio-lua\"} 0",
                "pontual_instance_state{instance=\"studio-lua\",state=\"close\"} 1",
                "pontual_instance_alarm{instance=\"studio-lua\",alarm=\"down\"} 1",
                "pontual_instance_alarm{instance=\"studio-lua\",alarm=\"silent\"} 0",
                "pontual_instance_oldest_unsent_age_seconds{instance=\"studio-lua\"} 12.5",
                "pontual_database_up 1",
                "pontual_db_pool_connections{state=\"used\"} 1",
                "pontual_jobs{kind=\"send_reminder\",state=\"dead\"} 7",
                "pontual_jobs_oldest_age_seconds{kind=\"send_reminder\"} 1.5",
                "pontual_jobs_paused{kind=\"send_reminder\"} 1",
                "pontual_workers{kind=\"send_reminder\"} 2",
                "pontual_outbox_messages{channel=\"sms\"} 8",
                "pontual_outbox_messages{channel=\"whatsapp\"} 3",
                "pontual_outbox_oldest_age_seconds{channel=\"whatsapp\"} 12.5",
                "pontual_inbox_messages 9",
                "pontual_reminders_overdue_age_seconds 3",
                "pontual_invariant_violations{rule=\"overlap\"} 2",
            ],
        );
        for name in told.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            assert!(told.contains(&format!("# HELP {name} ")), "{name} is not described");
        }
        assert!(!told.contains("\n\n"), "{told}");
    }

    #[test]
    fn times_fall_into_buckets() {
        start();
        replied("sms", 0.12);
        reminded("sms", -3.0);
        let told = render(POOL, None, None);
        assert_told(
            &told,
            &[
                "# TYPE pontual_reply_duration_seconds histogram",
                "pontual_reply_duration_seconds_bucket{channel=\"sms\",le=\"0.1\"} 0",
                "pontual_reply_duration_seconds_bucket{channel=\"sms\",le=\"0.15\"} 1",
                "pontual_reply_duration_seconds_count{channel=\"sms\"} 1",
                // Two clocks that differ do not make a negative sum.
                "pontual_reminder_lateness_seconds_sum{channel=\"sms\"} 0",
            ],
        );
    }

    #[test]
    fn an_instance_that_is_gone_leaves_no_line() {
        assert!(render(POOL, None, Some(&[figures("gone")])).contains("gone"));
        let later = render(POOL, None, None);
        assert!(!later.contains("gone") && later.contains("pontual_database_up 0"), "{later}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_label() {
        let told = render(POOL, None, Some(&[figures("a\"} 1\nb{c=\"")]));
        assert!(!told.lines().any(|line| line.starts_with('b')), "{told}");
    }
}
