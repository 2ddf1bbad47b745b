//! Which reminders must be sent, said apart from the program and without a database: each reminder
//! of each booking by itself, from the rules as people read them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};

use super::world::{Outage, Rules, Version, World};

/// Booking, revision, minutes before the start.
pub(super) type Reminder = (i32, i32, i64);

/// Every reminder that must be sent, and when.
pub(super) fn reminders(world: &World) -> BTreeMap<Reminder, DateTime<Utc>> {
    let mut leads: Vec<TimeDelta> =
        world.rules.iter().flat_map(|(_, rules)| rules.reminders.iter().copied()).collect();
    leads.sort();
    leads.dedup();
    let mut sent = BTreeMap::new();
    for version in &world.versions {
        for &lead in &leads {
            if let Some(at) = sent_at(world, version, lead) {
                sent.insert((version.booking, version.revision, lead.num_minutes()), at);
            }
        }
    }
    sent
}

/// What is planned for one reminder.
#[derive(Clone, Copy)]
enum Plan {
    /// Not, and it may be later: the rules or the customer do not want it now.
    Not,
    At {
        due: DateTime<Utc>,
        useless_from: DateTime<Utc>,
    },
    /// It has had its chance.
    Over,
}

fn sent_at(world: &World, version: &Version, lead: TimeDelta) -> Option<DateTime<Utc>> {
    let mut plan = planned(world, version, lead, version.from, Plan::Not);
    let mut looked_at = looks(world, version).into_iter().peekable();
    loop {
        let fires = match plan {
            Plan::At { due, .. } => Some(up(&world.workers_down, due)),
            Plan::Not | Plan::Over => None,
        };
        // Whoever plans anew comes before what is due at the same moment.
        if let Some(look) = looked_at.next_if(|&(at, _)| fires.is_none_or(|fires| at <= fires)) {
            plan = match (plan, look) {
                (Plan::Over, _) => Plan::Over,
                (Plan::At { .. } | Plan::Not, (_, Look::OptedOut)) => Plan::Not,
                (plan, (at, Look::Anew)) => planned(world, version, lead, at, plan),
            };
            continue;
        }
        let (Plan::At { useless_from, .. }, Some(fires)) = (plan, fires) else { return None };
        if fires >= version.until {
            return None;
        }
        let mut now = fires;
        let leaves = match may_leave(world, version, lead, fires, useless_from) {
            Leave::Now => {
                let leaves = up(&world.gateway_down, fires);
                if leaves >= version.untrue {
                    return None;
                }
                // While it waits in the outbox nothing is planned.
                now = leaves;
                match may_leave(world, version, lead, leaves, useless_from) {
                    Leave::Now => return Some(leaves),
                    // Given up for good: it was sent once, as far as the plan knows.
                    Leave::Never if leaves > fires => Leave::TooLate,
                    other => other,
                }
            }
            other => other,
        };
        plan = match leaves {
            Leave::At(due) => Plan::At { due, useless_from },
            Leave::Never => Plan::Not,
            Leave::TooLate => Plan::Over,
            Leave::Now => unreachable!("it has left"),
        };
        while looked_at.next_if(|&(at, _)| matches!(leaves, Leave::At(_)) && at <= now).is_some() {}
    }
}

/// The plan as the rules of `now` want it, which was `before` until then.
fn planned(
    world: &World,
    version: &Version,
    lead: TimeDelta,
    now: DateTime<Utc>,
    before: Plan,
) -> Plan {
    let rules = rules_at(world, now);
    let start = version.starts_at;
    if !rules.reminders.contains(&lead) || !is_on(world, now) || is_out(world, version, now) {
        return Plan::Not;
    }
    let Some(due) = out_of_quiet(rules, due(rules, start, lead), lead) else { return Plan::Not };
    if due >= start {
        return Plan::Not;
    }
    if due <= now {
        // What was planned keeps its time, if the new one has passed.
        return if matches!(before, Plan::At { .. }) { before } else { Plan::Not };
    }
    if due < version.confirmed_at + TimeDelta::minutes(30) {
        return Plan::Not;
    }
    let shorter = rules.reminders.iter().filter(|&&other| other < lead).max();
    let useless_from = shorter.map_or(start, |&shorter| start - shorter).max(due);
    Plan::At { due, useless_from }
}

enum Leave {
    Now,
    At(DateTime<Utc>),
    /// It is not wanted, and may be again.
    Never,
    /// It cannot become useful any more.
    TooLate,
}

fn may_leave(
    world: &World,
    version: &Version,
    lead: TimeDelta,
    now: DateTime<Utc>,
    useless_from: DateTime<Utc>,
) -> Leave {
    let rules = rules_at(world, now);
    if now >= useless_from || now >= version.starts_at {
        return Leave::TooLate;
    }
    if !rules.reminders.contains(&lead) || !is_on(world, now) || is_out(world, version, now) {
        return Leave::Never;
    }
    match quiet_ends(rules, now, lead) {
        Some(end) if end < useless_from => Leave::At(end),
        Some(_) => Leave::Never,
        None => Leave::Now,
    }
}

/// Why a plan is looked at again.
enum Look {
    OptedOut,
    Anew,
}

/// When, in the life of a version, in order: rules change (as soon as a worker sees it), reminders
/// are switched, the customer opts out and in.
fn looks(world: &World, version: &Version) -> Vec<(DateTime<Utc>, Look)> {
    let rules = world.rules.iter().skip(1).map(|(at, _)| *at);
    let switches = world.switches.iter().skip(1).map(|(at, _)| *at);
    let anew = rules.chain(switches).map(|at| (up(&world.workers_down, at), Look::Anew));
    let mut all: Vec<_> = anew.collect();
    if let Some((out, back)) = world.opted_out.get(&version.customer) {
        all.extend([(*out, Look::OptedOut), (*back, Look::Anew)]);
    }
    all.retain(|(at, _)| (version.from..version.until).contains(at) && *at < version.starts_at);
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Whole days mean the same time of day; anything else is elapsed time.
fn due(rules: &Rules, start: DateTime<Utc>, lead: TimeDelta) -> DateTime<Utc> {
    if lead.num_minutes() % 1_440 == 0 {
        at(rules, local(rules, start) - lead)
    } else {
        start - lead
    }
}

/// The nearest minute outside of the quiet hours; shortly before the visit only the night counts.
fn out_of_quiet(rules: &Rules, due: DateTime<Utc>, lead: TimeDelta) -> Option<DateTime<Utc>> {
    let due_local = local(rules, due);
    if !is_quiet(rules, due_local.time()) {
        return Some(due);
    }
    if lead < TimeDelta::hours(3) {
        return (due_local.time() >= half_past_six()).then_some(due);
    }
    let minute = TimeDelta::minutes(1);
    let allowed = |step: TimeDelta| {
        let mut moved = due_local;
        while is_quiet(rules, moved.time()) {
            moved += step;
        }
        moved
    };
    let (earlier, later) = (allowed(-minute), allowed(minute));
    let (from, until) = rules.quiet?;
    // Over night: the evening before or the morning after, whichever day it is.
    let goes_earlier = if from > until {
        due_local.time() >= from
    } else {
        due_local - earlier - minute <= later - due_local
    };
    Some(at(rules, if goes_earlier { earlier } else { later }))
}

/// When what is late may leave; none: now. The first five minutes of the quiet hours are let pass.
fn quiet_ends(rules: &Rules, now: DateTime<Utc>, lead: TimeDelta) -> Option<DateTime<Utc>> {
    let now = local(rules, now);
    if !is_quiet(rules, now.time()) || !is_quiet(rules, (now - TimeDelta::minutes(5)).time()) {
        return None;
    }
    let mut end = now.date().and_time(rules.quiet?.1);
    if lead < TimeDelta::hours(3) {
        if now.time() >= half_past_six() {
            return None;
        }
        end = end.min(now.date().and_time(half_past_six()));
    }
    if end <= now {
        end += TimeDelta::days(1);
    }
    Some(at(rules, end))
}

fn half_past_six() -> NaiveTime {
    NaiveTime::from_hms_opt(6, 30, 0).unwrap()
}

fn is_quiet(rules: &Rules, time: NaiveTime) -> bool {
    rules.quiet.is_some_and(|(from, until)| {
        if from > until { time >= from || time < until } else { time >= from && time < until }
    })
}

fn local(rules: &Rules, moment: DateTime<Utc>) -> NaiveDateTime {
    moment.with_timezone(&rules.zone).naive_local()
}

fn at(rules: &Rules, local: NaiveDateTime) -> DateTime<Utc> {
    rules.zone.from_local_datetime(&local).unwrap().to_utc()
}

fn rules_at(world: &World, now: DateTime<Utc>) -> &Rules {
    &world.rules.iter().rfind(|(at, _)| *at <= now).unwrap().1
}

fn is_on(world: &World, now: DateTime<Utc>) -> bool {
    world.switches.iter().rfind(|(at, _)| *at <= now).unwrap().1
}

fn is_out(world: &World, version: &Version, now: DateTime<Utc>) -> bool {
    world.opted_out.get(&version.customer).is_some_and(|(out, back)| (*out..*back).contains(&now))
}

fn up(outages: &[Outage], moment: DateTime<Utc>) -> DateTime<Utc> {
    outages.iter().find(|(down, up)| (*down..*up).contains(&moment)).map_or(moment, |(_, up)| *up)
}
