//! What happens in a year: bookings made, moved and cancelled, rules changed, customers who opt out,
//! hours without workers or without the gateway. Made of a seed, and known to the oracle.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

/// Numbers that are the same in every run (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `from` to before `until`.
    pub(super) fn between(&mut self, from: i64, until: i64) -> i64 {
        from + i64::try_from(self.roll() % u64::try_from(until - from).unwrap()).unwrap()
    }

    fn chance(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.between(0, i64::try_from(all.len()).unwrap())).unwrap()]
    }

    /// A moment that nothing planned can share: never on a whole minute.
    fn moment(&mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> DateTime<Utc> {
        let at = from + TimeDelta::seconds(self.between(0, (until - from).num_seconds().max(1)));
        at.with_second(u32::try_from(self.between(3, 58)).unwrap()).unwrap()
    }
}

/// What a tenant wants at a time.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) zone: Tz,
    pub(super) reminders: Vec<TimeDelta>,
    pub(super) quiet: Option<(NaiveTime, NaiveTime)>,
}

/// A booking as it stood from one change to the next.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) booking: i32,
    pub(super) revision: i32,
    pub(super) customer: i32,
    pub(super) starts_at: DateTime<Utc>,
    pub(super) confirmed_at: DateTime<Utc>,
    pub(super) from: DateTime<Utc>,
    /// When it was no longer confirmed as it stood: moved, cancelled, or the customer came.
    pub(super) until: DateTime<Utc>,
    /// When what a reminder says of it was no longer true: moved, cancelled, or over.
    pub(super) untrue: DateTime<Utc>,
}

/// A span in which something does not work.
pub(super) type Outage = (DateTime<Utc>, DateTime<Utc>);

/// One thing that somebody does.
#[derive(Debug, Clone, Default)]
pub(super) struct Act {
    pub(super) at: DateTime<Utc>,
    pub(super) what: &'static str,
    pub(super) booking: Option<i32>,
    pub(super) customer: Option<i32>,
    pub(super) staff: Option<i32>,
    pub(super) starts_at: Option<DateTime<Utc>>,
    pub(super) rules: Option<Rules>,
}

pub(super) struct World {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    /// By time; the first holds from the beginning.
    pub(super) rules: Vec<(DateTime<Utc>, Rules)>,
    /// When reminders were switched on or off.
    pub(super) switches: Vec<(DateTime<Utc>, bool)>,
    /// When a customer opted out, and in again.
    pub(super) opted_out: BTreeMap<i32, Outage>,
    pub(super) versions: Vec<Version>,
    pub(super) workers_down: Vec<Outage>,
    pub(super) gateway_down: Vec<Outage>,
    pub(super) acts: Vec<Act>,
}

pub(super) const CUSTOMERS: i32 = 300;
pub(super) const STAFF: i32 = 4;
const YEAR: TimeDelta = TimeDelta::days(365);
const HALF_AN_HOUR: TimeDelta = TimeDelta::minutes(30);
const NEVER: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

pub(super) fn world(seed: u64, zone: Tz, bookings: i32) -> World {
    let mut dice = Dice(seed);
    let from: DateTime<Utc> = "2026-01-05T03:00:31Z".parse().unwrap();
    let first =
        Rules { zone, reminders: leads(&[1_440, 60, 15]), quiet: Some(hours("21:00", "08:00")) };
    let mut world = World {
        from,
        until: from + YEAR + TimeDelta::days(60),
        rules: vec![(from, first)],
        switches: vec![(from, true)],
        opted_out: BTreeMap::new(),
        versions: Vec::new(),
        workers_down: outages(&mut dice, from),
        gateway_down: outages(&mut dice, from),
        acts: Vec::new(),
    };
    let mut taken = HashSet::new();
    for booking in 1..=bookings {
        one_booking(&mut dice, &mut world, &mut taken, booking);
    }
    change_rules(&mut dice, &mut world);
    for _ in 0..60 {
        let customer = i32::try_from(dice.between(1, CUSTOMERS.into())).unwrap();
        let out = dice.moment(from, from + YEAR);
        let back = dice.moment(out + TimeDelta::hours(1), out + TimeDelta::days(20));
        if world.opted_out.insert(customer, (out, back)).is_none() {
            for (at, what) in [(out, "opt_out"), (back, "opt_in")] {
                let customer = Some(customer);
                world.acts.push(Act { at, what, customer, ..Act::default() });
            }
        } else {
            world.opted_out.remove(&customer);
            world
                .acts
                .retain(|act| !act.what.starts_with("opt_") || act.customer != Some(customer));
        }
    }
    world.acts.sort_by_key(|act| act.at);
    // What was moved on and on is lived to its end as well.
    let last = world.acts.iter().filter_map(|act| act.starts_at).max();
    world.until = world.until.max(last.map_or(from, |last| last + TimeDelta::days(1)));
    world
}

fn leads(minutes: &[i64]) -> Vec<TimeDelta> {
    minutes.iter().copied().map(TimeDelta::minutes).collect()
}

fn hours(from: &str, until: &str) -> (NaiveTime, NaiveTime) {
    (from.parse().unwrap(), until.parse().unwrap())
}

/// Every few weeks, minutes to most of a day.
fn outages(dice: &mut Dice, from: DateTime<Utc>) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    let mut after = from + TimeDelta::days(2);
    while after < from + YEAR {
        let down = dice.moment(after, after + TimeDelta::days(20));
        let minutes = if dice.chance(50) { dice.between(3, 90) } else { dice.between(90, 1_200) };
        let up = dice.moment(down, down + TimeDelta::minutes(1)) + TimeDelta::minutes(minutes);
        outages.push((down, up));
        after = up + TimeDelta::days(1);
    }
    outages
}

fn change_rules(dice: &mut Dice, world: &mut World) {
    let lists =
        [leads(&[1_440, 60, 15]), leads(&[2_880, 180, 30]), leads(&[720, 60]), leads(&[1_440])];
    let quiets = [
        Some(hours("21:00", "08:00")),
        Some(hours("22:30", "06:00")),
        Some(hours("13:00", "15:00")),
        None,
    ];
    for n in 1..=6 {
        let month = world.from + TimeDelta::days(n * 55);
        let at = dice.moment(month, month + TimeDelta::days(20));
        let (_, before) = world.rules.last().unwrap();
        let zone = match (n, before.zone) {
            (3, Tz::Europe__Lisbon) => Tz::Europe__Madrid,
            (_, zone) => zone,
        };
        let rules =
            Rules { zone, reminders: dice.pick(&lists).clone(), quiet: *dice.pick(&quiets) };
        let act = Act { at, what: "rules", rules: Some(rules.clone()), ..Act::default() };
        world.acts.push(act);
        world.rules.push((at, rules));
    }
    for n in 1..=3 {
        let month = world.from + TimeDelta::days(n * 100);
        let off = dice.moment(month, month + TimeDelta::days(20));
        let on = dice.moment(off + TimeDelta::hours(1), off + TimeDelta::days(3));
        for (at, what, is_on) in [(off, "switch_off", false), (on, "switch_on", true)] {
            world.acts.push(Act { at, what, ..Act::default() });
            world.switches.push((at, is_on));
        }
    }
}

fn one_booking(dice: &mut Dice, world: &mut World, taken: &mut HashSet<Slot>, booking: i32) {
    let zone = world.rules[0].1.zone;
    let customer = i32::try_from(dice.between(1, CUSTOMERS.into())).unwrap();
    let made_at = dice.moment(world.from, world.from + YEAR);
    let (staff, starts_at) = free_slot(dice, taken, made_at, zone);
    let about = Act { booking: Some(booking), ..Act::default() };
    world.acts.push(Act {
        at: made_at,
        what: "book",
        customer: Some(customer),
        staff: Some(staff),
        starts_at: Some(starts_at),
        ..about.clone()
    });
    let mut version = Version {
        booking,
        revision: 1,
        customer,
        starts_at,
        confirmed_at: made_at,
        from: made_at,
        until: NEVER,
        untrue: NEVER,
    };
    while dice.chance(25) {
        let moved_at = dice.moment(version.from + TimeDelta::minutes(1), version.starts_at);
        if moved_at <= version.from || moved_at >= version.starts_at {
            break;
        }
        let (staff, starts_at) = free_slot(dice, taken, moved_at, zone);
        let (staff, start) = (Some(staff), Some(starts_at));
        let act = Act { at: moved_at, what: "move", staff, starts_at: start, ..about.clone() };
        world.acts.push(act);
        let before = Version { until: moved_at, untrue: moved_at, ..version.clone() };
        world.versions.push(before);
        version = Version { revision: version.revision + 1, starts_at, from: moved_at, ..version };
    }
    let later = dice.moment(version.from + TimeDelta::minutes(1), version.starts_at);
    if dice.chance(15) && later > version.from && later < version.starts_at {
        world.acts.push(Act { at: later, what: "cancel", ..about });
        (version.until, version.untrue) = (later, later);
    } else if dice.chance(50) {
        let early = version.starts_at - TimeDelta::minutes(dice.between(1, 20));
        let arrived = dice.moment(early, early + TimeDelta::minutes(1));
        if arrived > version.from {
            let over =
                dice.moment(version.starts_at, version.starts_at + HALF_AN_HOUR) + HALF_AN_HOUR;
            world.acts.push(Act { at: arrived, what: "arrive", ..about.clone() });
            world.acts.push(Act { at: over, what: "complete", ..about });
            (version.until, version.untrue) = (arrived, over);
        }
    }
    world.versions.push(version);
}

type Slot = (i32, DateTime<Utc>);

/// Some time after `now` that nobody has, between 06:00 and 22:30: soon for some, late for most. No
/// clock of these zones changes in those hours.
fn free_slot(dice: &mut Dice, taken: &mut HashSet<Slot>, now: DateTime<Utc>, zone: Tz) -> Slot {
    loop {
        let ahead = match dice.between(0, 100) {
            0..15 => dice.between(6, 120),
            15..40 => dice.between(120, 1_800),
            _ => dice.between(1_440, 45 * 1_440),
        };
        let seconds = (now + TimeDelta::minutes(ahead)).timestamp();
        let starts_at = DateTime::from_timestamp(seconds - seconds % 1_800 + 1_800, 0).unwrap();
        let staff = i32::try_from(dice.between(0, STAFF.into())).unwrap();
        let hour = starts_at.with_timezone(&zone).hour();
        if (6..23).contains(&hour) && taken.insert((staff, starts_at)) {
            return (staff, starts_at);
        }
    }
}
