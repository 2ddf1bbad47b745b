//! Every change of every clock in the tz database, 2024 to 2030.

use chrono::{Offset, TimeZone};
use chrono_tz::TZ_VARIANTS;

use super::oracle::{Oracle, names};
use super::*;

const TICK: TimeDelta = TimeDelta::minutes(5);

fn year(year: i32) -> DateTime<Utc> {
    date(year, 1, 1).and_time(NaiveTime::MIN).and_utc()
}

fn offset(zone: Tz, moment: DateTime<Utc>) -> i32 {
    moment.with_timezone(&zone).offset().fix().local_minus_utc()
}

/// The first moments of new offsets. No clock goes there and back within a day, which is what this
/// would not see.
fn transitions(zone: Tz) -> Vec<DateTime<Utc>> {
    let (mut found, mut from) = (Vec::new(), year(2024));
    while from < year(2031) {
        let until = from + TimeDelta::days(1);
        if offset(zone, from) != offset(zone, until) {
            let (mut before, mut after) = (from.timestamp(), until.timestamp());
            while after - before > 1 {
                let middle = i64::midpoint(before, after);
                let moment = DateTime::from_timestamp(middle, 0).unwrap();
                let side = if offset(zone, moment) == offset(zone, from) {
                    &mut before
                } else {
                    &mut after
                };
                *side = middle;
            }
            found.push(DateTime::from_timestamp(after, 0).unwrap());
        }
        from = until;
    }
    found
}

/// Numbers that look drawn by lot and are the same in every run.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, from: i64, until: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from + i64::try_from(self.0 >> 33).unwrap() % (until - from)
    }
}

/// A calendar with openings, a booking and a service around a change.
fn around(zone: Tz, change: DateTime<Utc>, lot: &mut Lot) -> (Catalogue, Vec<Busy>) {
    let mut catalogue = catalogue(zone);
    catalogue.staff.truncate(1);
    let rules = &mut catalogue.tenant.rules;
    rules.slot_interval = TICK * [1, 2, 3, 4, 6, 9, 12][usize::try_from(lot.draw(0, 7)).unwrap()];
    let service = &mut catalogue.services[0];
    service.duration = TICK * i32::try_from(lot.draw(1, 25)).unwrap();
    service.buffer_after = TICK * i32::try_from(lot.draw(0, 3)).unwrap();
    catalogue.tenant.hours.openings.clear();
    for _ in 0..3 {
        let opens = change + TICK * i32::try_from(lot.draw(-48, 24)).unwrap();
        let local = opens.with_timezone(&zone).naive_local();
        let midnight = local.date().and_time(NaiveTime::MIN);
        let opens = u16::try_from((local - midnight).num_minutes() / 5 * 5).unwrap();
        let closes = opens + 5 * u16::try_from(lot.draw(1, 72)).unwrap();
        let weekday = u8::try_from(chrono::Datelike::weekday(&local).number_from_monday()).unwrap();
        catalogue.tenant.hours.openings.push(Opening { weekday, opens, closes: closes.min(1440) });
    }
    let start = change + TICK * i32::try_from(lot.draw(-48, 48)).unwrap();
    let end = start + TICK * i32::try_from(lot.draw(0, 8)).unwrap();
    (catalogue, vec![Busy { staff_id: ANA, service_id: SERVICE, start, end }])
}

/// What the offered starts are as the clock shows them.
fn check_clock(catalogue: &Catalogue, slots: &[Slot], label: &str) {
    let zone = catalogue.tenant.timezone;
    let local = |moment: DateTime<Utc>| moment.with_timezone(&zone).naive_local();
    for slot in slots {
        let read = zone.from_local_datetime(&local(slot.start)).earliest();
        assert_eq!(read.map(|moment| moment.to_utc()), Some(slot.start), "{label}: first reading");
        assert_eq!(slot.end - slot.start, catalogue.services[0].duration, "{label}: elapsed");
    }
    for two in slots.windows(2) {
        assert!(local(two[0].start) < local(two[1].start), "{label}: no local start comes twice");
    }
}

#[test]
fn slots_are_right_around_every_change_of_every_clock() {
    let mut lot = Lot(2024);
    let (mut changes, mut gaps, mut folds, mut offered, mut second) = (0, 0, 0, 0, 0);
    for zone in TZ_VARIANTS {
        for change in transitions(zone) {
            changes += 1;
            let moved = offset(zone, change) - offset(zone, change - TimeDelta::seconds(1));
            if moved > 0 {
                gaps += 1;
            } else {
                folds += 1;
            }
            let label = format!("{zone} {change}");
            let (catalogue, busy) = around(zone, change, &mut lot);
            let service = &catalogue.services[0];
            let within = Span { start: change - minutes(240), end: change + minutes(240) };
            let now = within.start;
            let ticks = (change - minutes(600), change + minutes(600));
            let oracle = Oracle::new(&catalogue, &busy, now, TICK, ticks);
            let slots = free_slots(&catalogue, service, None, within, now, &busy);
            assert_eq!(slots, oracle.offered(service, within.start, within.end), "{label}");
            check_clock(&catalogue, &slots, &label);
            offered += slots.len();
            // The repeated time, or as much of the time after the jump.
            let length = TimeDelta::seconds(moved.abs().into());
            let mut start = change;
            while start < change + length.min(minutes(240)) {
                let reasons = explain(&catalogue, service, Some(ANA), start, now, &busy);
                let broken = oracle.broken(&catalogue.staff[0], service, start);
                assert_eq!(names(&reasons), broken, "{label}: {start}");
                if moved < 0 {
                    assert!(!reasons.is_empty(), "{label}: {start} is a second reading");
                    second += usize::from(!breaks_rule(&reasons));
                }
                start += TICK;
            }
        }
    }
    // The tz database has some hundreds of zones with summer time: neither side was left out.
    assert!(changes > 2_000 && gaps > 1_000 && folds > 1_000, "{changes} {gaps} {folds}");
    assert!(offered > 5_000 && second > 1_000, "{offered} {second}");
}
