//! What this process counts, by name: everything that `/metrics` tells is named and described here.
//!
//! Counters are of the process; a scraper adds up. What is true of the whole system (connections,
//! what waits) is not counted but read when asked for ([`InstanceFigures`]), so that every process
//! tells the same.
//!
//! Names follow the conventions of Prometheus: `pontual_` first, the unit in the name, `_total` for
//! what only grows. Labels are few and of known values; the only name is the gateway's own of an
//! instance. Customers appear nowhere.

use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const WEBHOOKS: &str = "pontual_webhooks_total";
const SENDS: &str = "pontual_sends_total";
const RECOVERED: &str = "pontual_messages_recovered_total";
const ALARMS_RAISED: &str = "pontual_alarms_raised_total";
const BUILD: &str = "pontual_build_info";
const DATABASE: &str = "pontual_database_up";
const CONNECTED: &str = "pontual_instance_connected";
const STATE: &str = "pontual_instance_state";
const PAUSED: &str = "pontual_instance_paused";
const UNSENT: &str = "pontual_instance_unsent_messages";
const OLDEST_UNSENT: &str = "pontual_instance_oldest_unsent_age_seconds";
const UNACKNOWLEDGED: &str = "pontual_instance_unacknowledged_messages";
const ALARM: &str = "pontual_instance_alarm";

/// An instance's state as label values; one of them is 1.
const STATES: [&str; 4] = ["open", "connecting", "close", "unknown"];
const ALARMS: [&str; 5] = ["down", "unreachable", "silent", "unacknowledged", "paused"];

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

/// Starts counting, once a process; whatever is counted before is lost.
pub fn start() {
    handle();
}

/// A webhook was answered: `accepted`, `duplicate`, `ignored`, or why it was refused.
pub fn webhook(outcome: &'static str) {
    counter!(WEBHOOKS, "outcome" => outcome).increment(1);
}

/// A send of `channel` came to an end: `sent`, or what went wrong with it.
pub fn send(channel: &'static str, outcome: &'static str) {
    counter!(SENDS, "channel" => channel, "outcome" => outcome).increment(1);
}

/// Messages were found that no webhook had brought.
pub fn recovered(messages: u64) {
    counter!(RECOVERED).increment(messages);
}

/// Something has been wrong with an instance for too long.
pub fn alarm_raised(alarm: &str) {
    let alarm = ALARMS.iter().find(|known| **known == alarm).copied().unwrap_or("other");
    counter!(ALARMS_RAISED, "alarm" => alarm).increment(1);
}

/// What was counted, and the figures of all instances, as Prometheus reads it. `None`: the database
/// did not tell them.
pub fn render(instances: Option<&[InstanceFigures]>) -> String {
    // A recorder of its own each time: an instance that is gone leaves no line behind.
    let now = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&now, || {
        describe_gauges();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
        gauge!(DATABASE).set(flag(instances.is_some()));
        for figures in instances.unwrap_or_default() {
            of_instance(figures);
        }
    });
    format!("{}{}", handle().render(), now.handle().render())
}

fn of_instance(figures: &InstanceFigures) {
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

fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails where a program around this library counts for itself: then it tells, not we.
        if metrics::set_global_recorder(recorder).is_ok() {
            describe_counters();
        }
        handle
    })
}

fn describe_counters() {
    describe_counter!(WEBHOOKS, "Webhooks answered, by what became of them.");
    describe_counter!(SENDS, "Sends that came to an end, by channel and outcome.");
    describe_counter!(
        RECOVERED,
        "Customers' messages found by looking for them, that no webhook brought."
    );
    describe_counter!(ALARMS_RAISED, "Alarms raised, once an incident.");
}

fn describe_gauges() {
    describe_gauge!(BUILD, "Always 1; the version is a label.");
    describe_gauge!(DATABASE, "Whether the database answered this scrape.");
    describe_gauge!(CONNECTED, "Whether the instance is connected to WhatsApp.");
    describe_gauge!(STATE, "1 for the state that the instance is in.");
    describe_gauge!(ALARM, "1 while something has been wrong for too long.");
    describe_gauge!(PAUSED, "Whether sending waits for the gateway or for WhatsApp's limits.");
    describe_gauge!(UNSENT, "Messages that wait to be sent.");
    describe_gauge!(
        OLDEST_UNSENT,
        Unit::Seconds,
        "How long the oldest of them has waited; 0: none."
    );
    describe_gauge!(UNACKNOWLEDGED, "Messages sent minutes ago that WhatsApp has not confirmed.");
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

    #[test]
    fn counters_and_figures_are_told_with_help_and_type() {
        start();
        webhook("accepted");
        webhook("accepted");
        let told = render(Some(&[figures("studio-lua")]));
        for line in [
            "# TYPE pontual_webhooks_total counter",
            "pontual_webhooks_total{outcome=\"accepted\"} 2",
            "# TYPE pontual_instance_connected gauge",
            "pontual_instance_connected{instance=\"studio-lua\"} 0",
            "pontual_instance_state{instance=\"studio-lua\",state=\"close\"} 1",
            "pontual_instance_alarm{instance=\"studio-lua\",alarm=\"down\"} 1",
            "pontual_instance_alarm{instance=\"studio-lua\",alarm=\"silent\"} 0",
            "pontual_instance_oldest_unsent_age_seconds{instance=\"studio-lua\"} 12.5",
            "pontual_database_up 1",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
        for name in told.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            assert!(told.contains(&format!("# HELP {name} ")), "{name} is not described");
        }
    }

    #[test]
    fn an_instance_that_is_gone_leaves_no_line() {
        assert!(render(Some(&[figures("gone")])).contains("gone"));
        let later = render(None);
        assert!(!later.contains("gone") && later.contains("pontual_database_up 0"), "{later}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_label() {
        let told = render(Some(&[figures("a\"} 1\nb{c=\"")]));
        assert!(!told.lines().any(|line| line.starts_with('b')), "{told}");
    }
}
