//! Every metric by name: its kind, and what it tells.
//!
//! The dashboard and the alert rules in `deploy/` may use these names and no others; a test reads
//! them and says so.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, as long as the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

/// Seconds, for what takes milliseconds when all is well.
const SHORT: Kind = Kind::Histogram(&[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
]);
/// Seconds, for what may wait for others: gateways, reminders, whole answers.
const LONG: Kind = Kind::Histogram(&[
    0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
]);

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

macro_rules! names {
    ($($constant:ident = $name:literal),+ $(,)?) => {
        $(pub(super) const $constant: &str = $name;)+
    };
}

names! {
    HTTP = "pontual_http_request_duration_seconds",
    WEBHOOKS = "pontual_webhooks_total",
    RECOVERED = "pontual_messages_recovered_total",
    ATTEMPTS = "pontual_job_attempts_total",
    START_LATENCY = "pontual_job_start_latency_seconds",
    RUN_DURATION = "pontual_job_run_duration_seconds",
    SENDS = "pontual_sends_total",
    SEND_DURATION = "pontual_send_duration_seconds",
    SEND_ERRORS = "pontual_send_errors_total",
    REPLY = "pontual_reply_duration_seconds",
    LATENESS = "pontual_reminder_lateness_seconds",
    GATEWAY_ERRORS = "pontual_gateway_errors_total",
    ALARMS_RAISED = "pontual_alarms_raised_total",
    CATALOGUES = "pontual_catalogues_total",
    CATALOGUES_REMEMBERED = "pontual_catalogue_cache_entries",
    CATALOGUES_BYTES = "pontual_catalogue_cache_bytes",
    DIALOGUES = "pontual_dialogue_copies_total",
    MODEL = "pontual_model_questions_total",
    MODEL_DURATION = "pontual_model_answer_duration_seconds",
    MODEL_TOKENS = "pontual_model_tokens_total",
    MODEL_COST = "pontual_model_cost_microcredits_total",
    BEGIN = "pontual_db_begin_duration_seconds",
    BUILD = "pontual_build_info",
    DATABASE = "pontual_database_up",
    POOL = "pontual_db_pool_connections",
    POOL_MOST = "pontual_db_pool_connections_max",
    CONNECTED = "pontual_instance_connected",
    STATE = "pontual_instance_state",
    PAUSED = "pontual_instance_paused",
    UNSENT = "pontual_instance_unsent_messages",
    OLDEST_UNSENT = "pontual_instance_oldest_unsent_age_seconds",
    UNACKNOWLEDGED = "pontual_instance_unacknowledged_messages",
    ALARM = "pontual_instance_alarm",
    JOBS = "pontual_jobs",
    OLDEST_JOB = "pontual_jobs_oldest_age_seconds",
    JOBS_PAUSED = "pontual_jobs_paused",
    WORKERS = "pontual_workers",
    OUTBOX = "pontual_outbox_messages",
    OLDEST_OUTBOX = "pontual_outbox_oldest_age_seconds",
    INBOX = "pontual_inbox_messages",
    OLDEST_INBOX = "pontual_inbox_oldest_age_seconds",
    OVERDUE = "pontual_reminders_overdue",
    OLDEST_OVERDUE = "pontual_reminders_overdue_age_seconds",
    WAITING = "pontual_customers_waiting",
    OLDEST_WAITING = "pontual_customers_waiting_age_seconds",
    VIOLATIONS = "pontual_invariant_violations",
    VIOLATIONS_AGE = "pontual_invariant_check_age_seconds",
    CPU = "process_cpu_seconds_total",
    MEMORY = "process_resident_memory_bytes",
    MEMORY_MOST = "process_resident_memory_max_bytes",
    THREADS = "process_threads",
    FILES = "process_open_fds",
    FILES_MOST = "process_max_fds",
    STARTED = "process_start_time_seconds",
}

/// All there are.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    // Of this process.
    histogram(HTTP, SHORT, "Requests answered: how long each took, by method, route and status."),
    counter(WEBHOOKS, "Webhooks answered, by what became of them."),
    counter(RECOVERED, "Customers' messages found by looking for them, that no webhook brought."),
    counter(ATTEMPTS, "Attempts of jobs that ended, by kind and outcome."),
    histogram(START_LATENCY, SHORT, "How long jobs were due before they were taken, by kind."),
    histogram(RUN_DURATION, SHORT, "How long attempts of jobs ran, by kind."),
    counter(SENDS, "Sends that came to an end, by channel and outcome."),
    histogram(SEND_DURATION, LONG, "How long the gateway or provider took for a send, typing included, by channel."),
    counter(SEND_ERRORS, "Sends that failed, by channel and class of the error."),
    histogram(REPLY, LONG, "From a customer's message to the answer taken by the gateway, by channel."),
    histogram(LATENESS, LONG, "From a reminder's time to the message taken by the gateway, by channel."),
    counter(GATEWAY_ERRORS, "Calls to the gateway beside sends that failed, by class of the error."),
    counter(ALARMS_RAISED, "Alarms raised, once an incident."),
    counter(CATALOGUES, "Catalogues that turns needed, by where they came from."),
    gauge(CATALOGUES_REMEMBERED, "Tenants whose catalogue this process remembers."),
    gauge(CATALOGUES_BYTES, "About how much memory remembered catalogues take, in bytes."),
    counter(DIALOGUES, "Dialogues that turns needed, by whether the copy kept beside Postgres was right."),
    counter(MODEL, "Questions to the language model, by what became of them."),
    histogram(MODEL_DURATION, LONG, "How long the language model took for an answer."),
    counter(MODEL_TOKENS, "Tokens that the language model used, by kind: prompt or completion."),
    counter(MODEL_COST, "What the language model cost, in millionths of the provider's credit."),
    histogram(BEGIN, SHORT, "How long transactions took to begin: waiting for a connection, and a round trip."),
    gauge(BUILD, "Always 1; the version is a label."),
    gauge(DATABASE, "Whether the database answered this scrape."),
    gauge(POOL, "Connections of this process to the database, by state: used or idle."),
    gauge(POOL_MOST, "The most connections that this process makes."),
    counter(CPU, "Time this process has spent on processors, in seconds."),
    gauge(MEMORY, "Memory of this process, in bytes."),
    gauge(MEMORY_MOST, "The most memory this process has had, in bytes."),
    gauge(THREADS, "Threads of this process."),
    gauge(FILES, "Files and connections this process has open."),
    gauge(FILES_MOST, "The most it may have open."),
    gauge(STARTED, "When this process started, in seconds since 1970."),
    // Of the whole system, the same from every process.
    gauge(CONNECTED, "Whether the instance is connected to WhatsApp."),
    gauge(STATE, "1 for the state that the instance is in."),
    gauge(PAUSED, "Whether sending waits for the gateway or for WhatsApp's limits."),
    gauge(UNSENT, "Messages that wait to be sent."),
    gauge(OLDEST_UNSENT, "How long the oldest of them has waited, in seconds; 0: none."),
    gauge(UNACKNOWLEDGED, "Messages sent minutes ago that WhatsApp has not confirmed."),
    gauge(ALARM, "1 while something has been wrong for too long."),
    gauge(JOBS, "Jobs by kind and state: waiting (due), scheduled, running or dead. At most 10000 are counted."),
    gauge(OLDEST_JOB, "For how long the oldest waiting job of the kind has been due, in seconds; 0: none."),
    gauge(JOBS_PAUSED, "Whether somebody has paused the kind."),
    gauge(WORKERS, "Workers of the kind that have shown themselves lately."),
    gauge(OUTBOX, "Messages that wait to be sent, by channel."),
    gauge(OLDEST_OUTBOX, "How long the oldest of them has waited, in seconds; 0: none."),
    gauge(INBOX, "Customers' messages that nobody has read yet. At most 10000 are counted."),
    gauge(OLDEST_INBOX, "How long the oldest of them has waited, in seconds; 0: none."),
    gauge(OVERDUE, "Reminders that are due and have no job yet. At most 10000 are counted."),
    gauge(OLDEST_OVERDUE, "For how long the oldest of them has been due, in seconds; 0: none."),
    gauge(WAITING, "Customers who wait for a person. At most 10000 are counted."),
    gauge(OLDEST_WAITING, "How long the longest of them has waited, in seconds; 0: nobody."),
    gauge(VIOLATIONS, "Rows that break a rule which must always hold, when last looked at. No line: none."),
    gauge(VIOLATIONS_AGE, "How long ago the rules were looked at, in seconds."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = HashSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.starts_with("pontual_") || name.starts_with("process_"), "{name}");
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(name.ends_with("_seconds"), "{name} has no unit");
                assert!(bounds.is_sorted_by(|one, next| one < next), "{name}");
            }
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{name}");
        }
    }
}
