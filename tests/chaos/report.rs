//! What is printed of a run.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::evidence::Evidence;
use crate::monkey::recovery;
use crate::oracle::code_told;
use crate::run::Outcome;

/// The promises that the oracle judges.
const PROMISES: [&str; 11] = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11"];

/// What happened in a run, in numbers.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    messages: usize,
    /// Times that a message reached a web process again.
    duplicates: usize,
    turns: usize,
    replies: usize,
    reminders: usize,
    bookings: usize,
    told: usize,
    lost: usize,
    arrived: usize,
    looked_up: usize,
    copies: usize,
    failed: usize,
    held: usize,
    worker_kills: usize,
    jobs_held: usize,
    web_kills: usize,
    restarts: usize,
    by_hand: usize,
    faults: usize,
    /// The slowest.
    pub(crate) recovery: Duration,
}

impl Counts {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let deeds = &evidence.deeds;
        let carried: Vec<&str> =
            evidence.carried.iter().filter_map(|carried| carried.message.as_deref()).collect();
        let workers = || deeds.kills.iter().filter(|kill| kill.process.starts_with("worker"));
        let sent = |template: Option<&str>| {
            let rows = evidence.outbox.iter().filter(|row| row.provider_id.is_some());
            rows.filter(|row| row.template.as_deref() == template).count()
        };
        let known = evidence.by_provider_id();
        Self {
            messages: evidence.written.len(),
            duplicates: carried.len() - carried.iter().collect::<HashSet<_>>().len(),
            turns: evidence.journal.len(),
            replies: sent(None),
            reminders: sent(Some("reminder")),
            bookings: evidence.bookings.iter().filter(|it| it.confirmed_at.is_some()).count(),
            told: evidence.arrived.iter().filter(|it| code_told(&it.text).is_some()).count(),
            lost: evidence.journal.iter().filter(|entry| entry.event == "lost").count(),
            arrived: evidence.arrived.len(),
            looked_up: evidence.looked_up,
            copies: evidence.arrived.iter().filter(|it| !known.contains_key(&*it.id)).count(),
            failed: evidence.outbox.iter().filter(|row| row.status == "failed").count(),
            held: evidence.outbox.iter().filter(|row| row.is_held && !row.is_settled()).count(),
            worker_kills: workers().count(),
            jobs_held: workers().map(|kill| kill.jobs.len()).sum(),
            web_kills: deeds.kills.len() - workers().count(),
            restarts: deeds.outages.len(),
            by_hand: deeds.by_hand.len(),
            faults: deeds.faults,
            recovery: deeds
                .kills
                .iter()
                .map(|kill| recovery(kill, &evidence.taken, &deeds.outages))
                .max()
                .unwrap_or_default(),
        }
    }
}

/// All that is worth knowing of one run.
pub(crate) fn of_run(seed: u64, outcome: &Outcome) -> String {
    let Outcome { evidence, broken, settled_after, took } = outcome;
    let c = Counts::of(evidence);
    let mut text = format!("seed {seed}, {took:.0?}\n");
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    line(format!(
        "in     {} messages, {} delivered again; {} turns, {} lost a time to somebody; {} silences",
        c.messages, c.duplicates, c.turns, c.lost, evidence.seen.silences
    ));
    line(format!(
        "out    {} replies and {} reminders sent, {} arrivals in all; {} looked up, {} copies without a trace, {} failed, {} wait for a lease",
        c.replies, c.reminders, c.arrived, c.looked_up, c.copies, c.failed, c.held
    ));
    line(format!(
        "booked {} confirmed, {} told in a chat; {} changed by hand",
        c.bookings, c.told, c.by_hand
    ));
    line(format!(
        "harm   {} workers killed with {} jobs, {} webs killed, {} restarts of Postgres ({}), {} faults",
        c.worker_kills,
        c.jobs_held,
        c.web_kills,
        c.restarts,
        outages(evidence),
        c.faults
    ));
    line(format!(
        "then   slowest recovery {:.1?}, all at rest {settled_after:.1?} after the storm",
        c.recovery
    ));
    let mut kept: HashMap<&str, usize> = HashMap::new();
    for one in broken {
        *kept.entry(one.promise).or_default() += 1;
    }
    let counts = PROMISES.map(|p| format!("{p} {}", kept.get(p).copied().unwrap_or(0)));
    line(format!("broken {}", counts.join(", ")));
    for one in broken.iter().take(40) {
        line(format!("  {}: {}", one.promise, one.what));
    }
    text
}

fn outages(evidence: &Evidence) -> String {
    let outages = evidence.deeds.outages.iter();
    let spans = outages.map(|(from, until)| (*until - *from).to_std().unwrap_or_default());
    spans.map(|span| format!("{span:.1?}")).collect::<Vec<_>>().join(", ")
}

/// A line of the table of several runs; the heading without one.
pub(crate) fn row(run: Option<(u64, &Outcome)>) -> String {
    let Some((seed, outcome)) = run else {
        return format!(
            "{:>20} {:>8} {:>6} {:>8} {:>6} {:>6} {:>9} {:>9} {:>9} {:>6}",
            "seed",
            "messages",
            "again",
            "arrivals",
            "booked",
            "kills",
            "recovery",
            "at rest",
            "took",
            "broken"
        );
    };
    let c = Counts::of(&outcome.evidence);
    format!(
        "{seed:>20} {:>8} {:>6} {:>8} {:>6} {:>6} {:>9} {:>9} {:>9} {:>6}",
        c.messages,
        c.duplicates,
        c.arrived,
        c.bookings,
        c.worker_kills + c.web_kills + c.restarts,
        format!("{:.1?}", c.recovery),
        format!("{:.1?}", outcome.settled_after),
        format!("{:.0?}", outcome.took),
        outcome.broken.len()
    )
}
