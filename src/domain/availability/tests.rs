//! Free slots against an oracle that walks minute by minute, and the days that people get wrong.

use chrono::{Datelike, NaiveDateTime, Timelike};
use proptest::prelude::*;

use super::*;
use crate::domain::catalogue::{BookingRules, Tenant};
use crate::domain::locale::Locale;

const ANA: Uuid = Uuid::from_u128(0xA);
const BRUNO: Uuid = Uuid::from_u128(0xB);
const SERVICE: Uuid = Uuid::from_u128(1);

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

/// A service of 45 minutes by Ana and Bruno, slots every 15 minutes, any day from 9 to 12.
fn catalogue(zone: Tz) -> Catalogue {
    let openings = (1..=7).map(|weekday| Opening { weekday, opens: 540, closes: 720 }).collect();
    let member = |id, name: &str| Staff {
        id,
        key: name.to_owned(),
        name: name.to_owned(),
        services: vec![SERVICE],
        hours: None,
        time_off: Vec::new(),
    };
    Catalogue {
        tenant: Tenant {
            id: Uuid::nil(),
            slug: "salon".to_owned(),
            name: "Salon".to_owned(),
            locale: Locale::EN_US,
            timezone: zone,
            currency: "USD".to_owned(),
            address: None,
            rules: BookingRules {
                slot_interval: minutes(15),
                min_notice: TimeDelta::zero(),
                horizon: TimeDelta::days(60),
                hold: minutes(10),
                cancel_notice: minutes(120),
                reminders: Vec::new(),
            },
            hours: WeekHours { openings },
        },
        services: vec![Service {
            id: SERVICE,
            key: "cut".to_owned(),
            name: "Cut".to_owned(),
            synonyms: Vec::new(),
            duration: minutes(45),
            buffer_before: TimeDelta::zero(),
            buffer_after: TimeDelta::zero(),
            price: None,
            capacity: 1,
        }],
        staff: vec![member(ANA, "Ana"), member(BRUNO, "Bruno")],
        closures: Vec::new(),
    }
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// The whole local day, as seen from its beginning.
fn slots_of_day(catalogue: &Catalogue, day: NaiveDate, busy: &[Busy]) -> Vec<Slot> {
    let zone = catalogue.tenant.timezone;
    let start = moment_or_after(zone, day.and_time(chrono::NaiveTime::MIN));
    let end = moment_or_after(zone, day.succ_opt().unwrap().and_time(chrono::NaiveTime::MIN));
    free_slots(catalogue, &catalogue.services[0], None, Span { start, end }, start, busy)
}

fn local_starts(catalogue: &Catalogue, slots: &[Slot], staff_id: Uuid) -> Vec<String> {
    let zone = catalogue.tenant.timezone;
    let of = slots.iter().filter(|slot| slot.staff_id == staff_id);
    of.map(|slot| slot.start.with_timezone(&zone).format("%H:%M").to_string()).collect()
}

#[test]
fn an_hour_that_does_not_exist_is_not_offered() {
    let mut catalogue = catalogue(chrono_tz::America::New_York);
    catalogue.tenant.hours.openings = vec![Opening { weekday: 7, opens: 60, closes: 240 }];
    catalogue.tenant.rules.slot_interval = minutes(30);
    // 8 March 2026: from 02:00 to 03:00 the clock jumps.
    let slots = slots_of_day(&catalogue, date(2026, 3, 8), &[]);
    // 01:30 ends at 03:15, for durations are elapsed time.
    assert_eq!(local_starts(&catalogue, &slots, ANA), ["01:00", "01:30", "03:00"]);
}

#[test]
fn an_hour_that_comes_twice_is_offered_once() {
    let mut catalogue = catalogue(chrono_tz::America::New_York);
    catalogue.tenant.hours.openings = vec![Opening { weekday: 7, opens: 30, closes: 180 }];
    catalogue.tenant.rules.slot_interval = minutes(30);
    // 1 November 2026: 01:00 to 02:00 comes twice.
    let slots = slots_of_day(&catalogue, date(2026, 11, 1), &[]);
    assert_eq!(local_starts(&catalogue, &slots, ANA), ["00:30", "01:00", "01:30", "02:00"]);
    let starts: Vec<_> = slots.iter().filter(|s| s.staff_id == ANA).map(|s| s.start).collect();
    assert_eq!(starts[2] - starts[1], minutes(30), "the first reading of both");
    assert_eq!(starts[3] - starts[2], minutes(90), "the second reading is passed over");
}

#[test]
fn opening_times_end_at_midnight_where_midnight_does_not_exist() {
    let mut catalogue = catalogue(chrono_tz::America::Santiago);
    catalogue.tenant.hours.openings = vec![Opening { weekday: 6, opens: 1380, closes: 1440 }];
    // On 6 September 2026 the day begins at 01:00.
    let slots = slots_of_day(&catalogue, date(2026, 9, 5), &[]);
    assert_eq!(local_starts(&catalogue, &slots, ANA), ["23:00", "23:15"]);
}

#[test]
fn closures_time_off_and_own_hours_count() {
    let mut catalogue = catalogue(chrono_tz::UTC);
    let day = date(2026, 3, 10);
    let at = |hour| day.and_hms_opt(hour, 0, 0).unwrap().and_utc();
    catalogue.staff[0].time_off = vec![Span { start: at(9), end: at(11) }];
    let openings = vec![Opening { weekday: 2, opens: 600, closes: 660 }];
    catalogue.staff[1].hours = Some(WeekHours { openings });
    let slots = slots_of_day(&catalogue, day, &[]);
    assert_eq!(local_starts(&catalogue, &slots, ANA), ["11:00", "11:15"]);
    assert_eq!(local_starts(&catalogue, &slots, BRUNO), ["10:00", "10:15"]);
    assert!(is_open(&catalogue, &catalogue.services[0], day));
    catalogue.closures.push(day);
    assert!(slots_of_day(&catalogue, day, &[]).is_empty());
    assert!(!is_open(&catalogue, &catalogue.services[0], day));
}

#[test]
fn a_class_is_free_until_its_last_place_is_taken() {
    let mut catalogue = catalogue(chrono_tz::UTC);
    catalogue.services[0].capacity = 2;
    catalogue.tenant.rules.slot_interval = minutes(60);
    let day = date(2026, 3, 10);
    let start = day.and_hms_opt(10, 0, 0).unwrap().and_utc();
    let place = Busy { staff_id: ANA, service_id: SERVICE, start, end: start + minutes(45) };
    let starts =
        |busy: &[Busy]| local_starts(&catalogue, &slots_of_day(&catalogue, day, busy), ANA);
    assert_eq!(starts(&[place]), ["09:00", "10:00", "11:00"]);
    assert_eq!(starts(&[place, place]), ["09:00", "11:00"]);
    let other = Busy { service_id: Uuid::nil(), ..place };
    assert_eq!(starts(&[other]), ["09:00", "11:00"], "another service shares nothing");
}

#[test]
fn of_one_start_the_member_with_more_free_time_is_chosen() {
    let catalogue = catalogue(chrono_tz::UTC);
    let day = date(2026, 3, 10);
    let start = day.and_hms_opt(11, 0, 0).unwrap().and_utc();
    let busy = [Busy { staff_id: ANA, service_id: SERVICE, start, end: start + minutes(60) }];
    let first = |busy: &[Busy]| {
        one_each_start(&slots_of_day(&catalogue, day, busy), chrono_tz::UTC)[0].staff_id
    };
    assert_eq!(first(&[]), ANA, "equal: the first of the staff");
    assert_eq!(first(&busy), BRUNO);
}

/// The rules written out for one minute at a time.
fn oracle(catalogue: &Catalogue, within: Span, now: DateTime<Utc>, busy: &[Busy]) -> Vec<Slot> {
    let zone = catalogue.tenant.timezone;
    let service = &catalogue.services[0];
    let rules = &catalogue.tenant.rules;
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let mut slots = Vec::new();
    let mut start = within.start;
    while start < within.end {
        for member in &catalogue.staff {
            let end = start + service.duration;
            let fits =
                member.hours.as_ref().unwrap_or(&catalogue.tenant.hours).openings.iter().any(
                    |opening| {
                        on_grid(*opening, catalogue, local(start)) && {
                            let closes = local(start).date().and_time(chrono::NaiveTime::MIN)
                                + minutes(opening.closes.into());
                            // Open until the clock first shows the closing time.
                            let mut at = start;
                            while at < end && local(at) < closes {
                                at += minutes(1);
                            }
                            at >= end
                        }
                    },
                );
            let first_reading = zone.from_local_datetime(&local(start)).earliest().unwrap();
            let soon = start < now + rules.min_notice || start > now + rules.horizon;
            if fits && first_reading == start && !soon && member.services.contains(&service.id) {
                let (from, to) = (start - service.buffer_before, end + service.buffer_after);
                if free_throughout(member, service, busy, from, to) {
                    slots.push(Slot { staff_id: member.id, start, end });
                }
            }
        }
        start += minutes(1);
    }
    slots
}

fn on_grid(opening: Opening, catalogue: &Catalogue, local: NaiveDateTime) -> bool {
    let minute = i64::from(local.hour() * 60 + local.minute());
    let since = minute - i64::from(opening.opens);
    !catalogue.closures.contains(&local.date())
        && u32::from(opening.weekday) == local.weekday().number_from_monday()
        && since >= 0
        && minute < i64::from(opening.closes)
        && since % catalogue.tenant.rules.slot_interval.num_minutes() == 0
}

fn free_throughout(
    member: &Staff,
    service: &Service,
    busy: &[Busy],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> bool {
    let mut at = from;
    while at < to {
        let present =
            busy.iter().filter(|b| b.staff_id == member.id && b.start <= at && at < b.end);
        let (same, other): (Vec<&Busy>, Vec<&Busy>) =
            present.partition(|b| b.service_id == service.id);
        let away = member.time_off.iter().any(|off| off.start <= at && at < off.end);
        if away || !other.is_empty() || same.len() >= usize::from(service.capacity) {
            return false;
        }
        at += minutes(1);
    }
    true
}

/// Days on which clocks change, and one on which they do not.
fn changing_days() -> impl Strategy<Value = (Tz, NaiveDate)> {
    prop_oneof![
        Just((chrono_tz::America::New_York, date(2026, 3, 8))),
        Just((chrono_tz::America::New_York, date(2026, 11, 1))),
        Just((chrono_tz::America::Santiago, date(2026, 9, 6))),
        Just((chrono_tz::America::Santiago, date(2026, 4, 4))),
        Just((chrono_tz::Australia::Lord_Howe, date(2026, 4, 5))),
        Just((chrono_tz::America::Sao_Paulo, date(2026, 3, 10))),
    ]
}

fn opening() -> impl Strategy<Value = Opening> {
    // Nights as often as days: that is when clocks change.
    let opens = prop_oneof![0..60_u16, 0..280_u16];
    (0..3_u8, opens, 1..100_u16).prop_map(|(weekday, opens, length)| Opening {
        weekday,
        opens: opens * 5,
        closes: ((opens + length) * 5).min(1440),
    })
}

/// Stretches of time in minutes after the begin, close together, with their lengths.
fn stretches(most: usize) -> impl Strategy<Value = Vec<(bool, i64, i64, bool)>> {
    proptest::collection::vec(
        (any::<bool>(), 900..3000_i64, 0..300_i64, prop::bool::weighted(0.8)),
        0..most,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn free_slots_are_those_of_the_oracle(
        (zone, day) in changing_days(),
        hours in proptest::collection::vec(opening(), 2..8),
        own in proptest::option::of(proptest::collection::vec(opening(), 0..6)),
        (interval, duration, before, after) in (1..13_i64, 1..24_i64, 0..4_i64, 0..4_i64),
        capacity in 1..4_u16,
        busy in stretches(20),
        off in stretches(2),
        closed in prop::bool::weighted(0.1),
        (now, notice, horizon) in (-600..1800_i64, 0..300_i64, 600..6000_i64),
    ) {
        let mut catalogue = catalogue(zone);
        let begin = moment_or_after(zone, day.pred_opt().unwrap().and_time(chrono::NaiveTime::MIN));
        let first = day.pred_opt().unwrap().weekday().num_days_from_monday();
        let on = |mut opening: Opening| {
            // Of the day before, the day itself, the day after.
            opening.weekday = (u8::try_from(first).unwrap() + opening.weekday) % 7 + 1;
            opening
        };
        catalogue.tenant.hours.openings = hours.into_iter().map(on).collect();
        catalogue.staff[1].hours =
            own.map(|openings| WeekHours { openings: openings.into_iter().map(on).collect() });
        catalogue.tenant.rules.slot_interval = minutes(interval * 5);
        catalogue.tenant.rules.min_notice = minutes(notice);
        catalogue.tenant.rules.horizon = minutes(horizon);
        let service = &mut catalogue.services[0];
        service.duration = minutes(duration * 5);
        service.buffer_before = minutes(before * 5);
        service.buffer_after = minutes(after * 5);
        service.capacity = capacity;
        let who = |ana| if ana { ANA } else { BRUNO };
        for (ana, at, length, _) in off {
            let start = begin + minutes(at);
            let member = &mut catalogue.staff[usize::from(!ana)];
            member.time_off.push(Span { start, end: start + minutes(length) });
        }
        if closed {
            catalogue.closures.push(day);
        }
        let busy: Vec<Busy> = busy
            .into_iter()
            .map(|(ana, at, length, same)| {
                let service_id = if same { SERVICE } else { Uuid::nil() };
                let start = begin + minutes(at);
                Busy { staff_id: who(ana), service_id, start, end: start + minutes(length) }
            })
            .collect();
        let within = Span { start: begin, end: begin + TimeDelta::days(3) };
        let now = begin + minutes(now);
        let found = free_slots(&catalogue, &catalogue.services[0], None, within, now, &busy);
        prop_assert_eq!(&found, &oracle(&catalogue, within, now, &busy));
        let of_one = free_slots(&catalogue, &catalogue.services[0], Some(BRUNO), within, now, &busy);
        let all: Vec<Slot> = found.into_iter().filter(|slot| slot.staff_id == BRUNO).collect();
        prop_assert_eq!(of_one, all);
    }
}
