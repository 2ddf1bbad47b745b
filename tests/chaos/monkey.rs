//! Who kills, restarts and breaks things, by a plan made of the seed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pontual::gateway_sim::Fault;
use pontual::gateway_sim::fault::{LookupFault, SendFault, WebhookFault};
use tokio::time::Instant;

use crate::dice::Dice;
use crate::run::LONG_RUN;
use crate::stage::{Stage, TENANTS, WEBS, WORKERS};

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Any worker, or one that is at work.
    KillWorker {
        number: usize,
        busy: bool,
    },
    KillWeb {
        number: usize,
    },
    RestartPostgres,
    /// In place of the faults before.
    Faults(Vec<Fault>),
    /// An instance loses WhatsApp for so long.
    Disconnect {
        tenant: usize,
        time: Duration,
    },
    /// Somebody at psql cancels or moves a booking made by hand.
    ByHand {
        cancels: bool,
        which: usize,
    },
}

/// What is done, and when after the beginning; sorted.
pub(crate) fn plan(seed: u64, seconds: u64) -> Vec<(Duration, Act)> {
    let mut dice = Dice::of(seed, 2);
    let mut acts = Vec::new();
    let mut spread = |seconds: u64, count: u64, mut act: Box<dyn FnMut(&mut Dice) -> Act>| {
        // One in each part of the time, so that they are neither all at once nor never.
        let end = seconds * 1_000;
        for part in 0..count {
            let from = end * part / count;
            let at = dice.millis(from.max(700), (end * (part + 1) / count).max(from + 1));
            let act = act(&mut dice);
            acts.push((at, act));
        }
    };
    // What a killed worker held rests for some ten seconds: nobody is killed in the last of them, so
    // that customers talk on after each kill.
    let deadly = seconds.saturating_sub(10).max(seconds / 2);
    spread(
        deadly,
        (deadly / 5).max(3),
        Box::new(|dice| Act::KillWorker { number: dice.below(WORKERS), busy: dice.chance(60) }),
    );
    spread(
        deadly,
        (deadly / 12).max(1),
        Box::new(|dice| Act::KillWeb { number: dice.below(WEBS) }),
    );
    spread(deadly, (deadly / 25).max(1), Box::new(|_| Act::RestartPostgres));
    spread(
        seconds,
        (seconds / 20).max(1),
        Box::new(|dice| Act::Disconnect {
            tenant: dice.below(TENANTS.len()),
            time: dice.millis(300, 1_500),
        }),
    );
    spread(
        seconds,
        (seconds / 3).max(3),
        Box::new(|dice| Act::ByHand { cancels: dice.chance(60), which: dice.below(1_000) }),
    );
    let is_long = seconds >= LONG_RUN;
    spread(seconds, seconds.max(4), Box::new(move |dice| Act::Faults(faults(dice, is_long))));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// What is wrong with the gateway for a while; nothing, now and then.
fn faults(dice: &mut Dice, is_long: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    if dice.chance(75) {
        let count = u32::try_from(1 + dice.below(3)).unwrap();
        let slow = dice.millis(100, 1_200);
        // What holds an instance up for a minute or more is for long runs.
        let send = match dice.below(if is_long { 16 } else { 13 }) {
            0 | 1 => Fault::of_sends(SendFault::Failed).times(count),
            2 | 3 => Fault {
                slow_ms: u64::try_from(slow.as_millis()).ok(),
                ..Fault::of_sends(SendFault::Slow)
            },
            4 | 5 => Fault::of_sends(SendFault::SentThenFailed).times(count),
            // Only an echo tells of it, and without one a minute passes.
            6 => Fault::of_sends(SendFault::SentThenHang).times(1).at(TENANTS[1]),
            7 => Fault::of_sends(SendFault::SentThenLost).times(1),
            8 => Fault::of_sends(SendFault::Closed).times(1),
            9 => Fault::of_sends(SendFault::TimedOut).times(1),
            10 => Fault::of_sends(SendFault::StatusEarly).times(4),
            11 => Fault::of_sends(SendFault::NoAck).times(4),
            12 => Fault::of_sends(SendFault::NotLoaded).times(count),
            13 => Fault::of_sends(SendFault::Hang).times(1),
            14 => Fault::of_sends(SendFault::AckError).times(1),
            _ => Fault::of_sends(SendFault::Rate).times(1),
        };
        let somewhere = send.instance.is_none() && dice.chance(50);
        faults.push(if somewhere { send.at(TENANTS[dice.below(TENANTS.len())]) } else { send });
    }
    match dice.below(10) {
        0..3 => faults.push(Fault::of_webhooks(WebhookFault::Duplicate)),
        3..6 => faults.push(Fault::of_webhooks(WebhookFault::Reorder)),
        6 => faults.push(Fault::of_lookups(LookupFault::Failing)),
        _ => {}
    }
    faults
}

/// A process that was killed, and what it held.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    pub(crate) process: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) jobs: Vec<String>,
}

/// What somebody did at psql.
#[derive(Debug, Clone)]
pub(crate) struct HandMade {
    pub(crate) booking: String,
    pub(crate) cancelled: bool,
    /// By the stage's clock, after the commit.
    pub(crate) at: DateTime<Utc>,
}

/// What was done in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deeds {
    pub(crate) kills: Vec<Kill>,
    /// When the server was away, by the system's clock.
    pub(crate) outages: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) by_hand: Vec<HandMade>,
    /// When a send might leave no trace at the gateway, by the stage's clock.
    pub(crate) traceless: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) faults: usize,
}

/// Does all of the plan in time; `bookings` are those made by hand.
pub(crate) async fn rage(stage: &Stage, plan: &[(Duration, Act)], bookings: &[String]) -> Deeds {
    let mut deeds = Deeds::default();
    let begun = Instant::now();
    let mut traceless_since = None;
    for (at, act) in plan {
        tokio::time::sleep_until(begun + *at).await;
        match act {
            Act::KillWorker { number, busy } => {
                kill_worker(stage, *number, *busy, &mut deeds).await;
            }
            Act::KillWeb { number } => {
                if let Some((process, at)) = stage.programs.kill("web", *number) {
                    deeds.kills.push(Kill { process, at, jobs: Vec::new() });
                }
            }
            Act::RestartPostgres => deeds.outages.push(stage.restart_postgres().await),
            Act::Faults(faults) => {
                let now = stage.clock.now();
                deeds.traceless.extend(traceless_since.take().map(|since| (since, now)));
                deeds.faults += faults.len();
                stage.sim.set_faults(faults.clone());
                let lost = |fault: &Fault| fault.send == Some(SendFault::SentThenLost);
                traceless_since = faults.iter().any(lost).then_some(now);
            }
            Act::Disconnect { tenant, time } => {
                stage.sim.drop_connection(TENANTS[*tenant], *time);
            }
            Act::ByHand { cancels, which } if !bookings.is_empty() => {
                let booking = &bookings[which % bookings.len()];
                by_hand(stage, booking, *cancels, &mut deeds).await;
            }
            Act::ByHand { .. } => {}
        }
    }
    stage.sim.clear_fault();
    deeds.traceless.extend(traceless_since.map(|since| (since, stage.clock.now())));
    deeds
}

/// Who holds jobs; one row a job.
const HELD: &str = "
    select t.process, j.id
      from apalis.jobs j
     cross join lateral (select x.process from chaos.taken x where x.job_id = j.id order by x.at desc limit 1) t
     where j.lock_by is not null and j.status in ('Queued', 'Running')";

async fn kill_worker(stage: &Stage, mut number: usize, busy: bool, deeds: &mut Deeds) {
    if busy {
        let held: Vec<(String, String)> = stage.rows(HELD).await;
        let at_work = held.iter().find_map(|(process, _)| {
            process.strip_prefix("worker-")?.split_once('.')?.0.parse().ok()
        });
        number = at_work.unwrap_or(number);
    }
    let Some((process, at)) = stage.programs.kill("worker", number) else { return };
    let held: Vec<(String, String)> = stage.rows(HELD).await;
    let jobs = held.into_iter().filter(|(by, _)| *by == process).map(|(_, job)| job).collect();
    deeds.kills.push(Kill { process, at, jobs });
}

async fn by_hand(stage: &Stage, booking: &str, cancels: bool, deeds: &mut Deeds) {
    let change = if cancels {
        "status = 'cancelled'"
    } else {
        "starts_at = starts_at + interval '10 minutes'"
    };
    let sql = format!(
        "update app.bookings set {change} where id = '{booking}' and status = 'confirmed' returning id::text"
    );
    let changed: Vec<(String,)> = stage.rows(&sql).await;
    let at = stage.clock.now();
    deeds.by_hand.extend(changed.into_iter().map(|(booking,)| HandMade {
        booking,
        cancelled: cancels,
        at,
    }));
}

/// How long after a kill the last of what the process held was taken up by another one; the time
/// in which the server was away does not count.
pub(crate) fn recovery(
    kill: &Kill,
    taken: &[(String, Option<String>, DateTime<Utc>)],
    outages: &[(DateTime<Utc>, DateTime<Utc>)],
) -> Duration {
    let taken_up = |job: &String| {
        let again = taken.iter().filter(|(id, by, at)| {
            id == job && by.as_deref() != Some(&*kill.process) && *at > kill.at
        });
        // None: its own last statement, already on its way, ended it.
        again.map(|(.., at)| *at).min()
    };
    let Some(last) = kill.jobs.iter().filter_map(taken_up).max() else { return Duration::ZERO };
    let away: Duration = outages
        .iter()
        .map(|(from, until)| (*until.min(&last) - *from.max(&kill.at)).to_std().unwrap_or_default())
        .sum();
    (last - kill.at).to_std().unwrap_or_default().saturating_sub(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> DateTime<Utc> {
        format!("2026-03-10T13:00:{second:02}Z").parse().unwrap()
    }

    #[test]
    fn a_seed_makes_one_plan_with_the_kills_that_were_promised() {
        let plan_of = |seed| plan(seed, 22);
        assert_eq!(plan_of(7), plan_of(7));
        assert_ne!(plan_of(7), plan_of(8));
        for seed in 0..200 {
            let plan = plan_of(seed);
            let count = |is: fn(&Act) -> bool| plan.iter().filter(|(_, act)| is(act)).count();
            assert_eq!(count(|act| matches!(act, Act::KillWorker { .. })), 3);
            assert_eq!(count(|act| matches!(act, Act::KillWeb { .. })), 1);
            assert_eq!(count(|act| matches!(act, Act::RestartPostgres)), 1);
            assert!(plan.iter().all(|(at, _)| *at <= Duration::from_secs(22)));
        }
    }

    #[test]
    fn recovery_is_told_without_the_time_in_which_the_server_was_away() {
        let jobs = vec!["a".to_owned(), "b".to_owned()];
        let kill = Kill { process: "worker-1.1".to_owned(), at: at(10), jobs };
        let row = |job: &str, by: &str, second| (job.to_owned(), Some(by.to_owned()), at(second));
        let taken =
            [row("a", "worker-1.1", 9), row("a", "worker-2.1", 27), row("b", "worker-0.2", 21)];
        assert_eq!(recovery(&kill, &taken, &[]), Duration::from_secs(17));
        assert_eq!(recovery(&kill, &taken, &[(at(8), at(12))]), Duration::from_secs(15));
        assert_eq!(recovery(&kill, &taken[..1], &[]), Duration::ZERO);
    }
}
