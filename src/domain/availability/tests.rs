//! The days that people get wrong, one by one; in general: [`properties`], [`visits`], [`zones`].

use super::*;
use crate::domain::catalogue::{BookingRules, Opening, Tenant, WeekHours};
use crate::domain::locale::Locale;

mod oracle;
mod properties;
mod reasons;
mod visits;
mod world;
mod zones;

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
        texts: crate::domain::conversation::Texts::default(),
        features: crate::domain::catalogue::Features::default(),
    }
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// The whole local day, as seen from its beginning.
fn slots_of_day(catalogue: &Catalogue, day: NaiveDate, busy: &[Busy]) -> Vec<Slot> {
    let zone = catalogue.tenant.timezone;
    let start = moment_or_after(zone, day.and_time(NaiveTime::MIN));
    let end = moment_or_after(zone, day.succ_opt().unwrap().and_time(NaiveTime::MIN));
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
