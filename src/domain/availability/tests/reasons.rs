//! What reasons say, one by one, and in which form.

use super::*;

/// Tuesday, 10 March 2026, 9 to 12 and 14 to 18; Ana and Bruno; now is 8:00.
fn salon() -> (Catalogue, DateTime<Utc>) {
    let mut catalogue = catalogue(Tz::UTC);
    let parts = [(540, 720), (840, 1080)];
    catalogue.tenant.hours.openings =
        parts.map(|(opens, closes)| Opening { weekday: 2, opens, closes }).to_vec();
    catalogue.tenant.rules.min_notice = minutes(60);
    (catalogue, at(8, 0))
}

const NOBODY: [Uuid; 0] = [];

fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    date(2026, 3, 10).and_hms_opt(hour, minute, 0).unwrap().and_utc()
}

fn span(from: (u32, u32), until: (u32, u32)) -> Span {
    Span { start: at(from.0, from.1), end: at(until.0, until.1) }
}

fn busy(staff_id: Uuid, service_id: Uuid, Span { start, end }: Span) -> Busy {
    Busy { staff_id, service_id, start, end }
}

#[test]
fn each_rule_has_its_reason() {
    let (catalogue, now) = salon();
    let cut = &catalogue.services[0];
    let hours = Reason::OutsideHours { opens: at(9, 0), closes: at(18, 0) };
    let days = TimeDelta::days;
    let sunday = Reason::NoHours { date: date(2026, 3, 15) };
    #[rustfmt::skip]
    let cases = [
        (at(9, 0),            vec![]),
        (at(17, 15),          vec![]),
        (at(9, 10),           vec![Reason::OffGrid]),
        (at(7, 59),           vec![Reason::Past]),
        (at(8, 0),            vec![Reason::Notice { earliest: at(9, 0) }, hours.clone()]),
        (at(18, 0),           vec![hours.clone()]),
        (at(20, 0),           vec![hours]),
        (at(12, 0),           vec![Reason::Break(span((12, 0), (14, 0)))]),
        (at(11, 30),          vec![Reason::Closing { closes: at(12, 0) }]),
        (at(17, 20),          vec![Reason::Closing { closes: at(18, 0) }, Reason::OffGrid]),
        (at(9, 0) + days(5),  vec![sunday]),
        (at(9, 0) + days(70), vec![Reason::Horizon { latest: now + days(60) }]),
    ];
    for (start, reasons) in cases {
        assert_eq!(explain(&catalogue, cut, None, start, now, &[]), reasons, "{start}");
    }
}

#[test]
fn a_closure_says_its_day() {
    let (mut catalogue, now) = salon();
    let day = date(2026, 3, 17);
    catalogue.closures.push(day);
    let start = at(9, 0) + TimeDelta::days(7);
    let reasons = explain(&catalogue, &catalogue.services[0], None, start, now, &[]);
    assert_eq!(reasons, [Reason::Closure { date: day }]);
}

#[test]
fn who_cannot_do_it_is_told_before_anything_else() {
    let (mut catalogue, now) = salon();
    catalogue.staff[1].services.clear();
    let of = |catalogue: &Catalogue, staff| {
        explain(catalogue, &catalogue.services[0], staff, at(12, 0), now, &[])
    };
    assert_eq!(of(&catalogue, Some(BRUNO)), [Reason::NotTheirService]);
    assert_eq!(of(&catalogue, Some(Uuid::nil())), [Reason::UnknownStaff]);
    catalogue.staff.clear();
    assert_eq!(of(&catalogue, None), [Reason::NobodyDoesIt]);
}

#[test]
fn a_visit_of_others_is_told_from_the_buffers_around_it() {
    let (mut catalogue, now) = salon();
    catalogue.services[0].buffer_before = minutes(5);
    catalogue.services[0].buffer_after = minutes(10);
    let cut = &catalogue.services[0];
    // The visit itself is from 10:00 to 10:45.
    let taken = [busy(ANA, SERVICE, span((9, 55), (10, 55)))];
    let theirs = span((10, 0), (10, 45));
    #[rustfmt::skip]
    let cases = [
        (at(9, 0),   vec![]),
        (at(9, 15),  vec![Reason::Buffer(theirs)]),
        (at(9, 30),  vec![Reason::Booked(theirs)]),
        (at(10, 30), vec![Reason::Booked(theirs)]),
        (at(10, 45), vec![Reason::Buffer(theirs)]),
        (at(11, 0),  vec![]),
        (at(10, 50), vec![Reason::Buffer(theirs), Reason::OffGrid]),
    ];
    for (start, reasons) in cases {
        assert_eq!(explain(&catalogue, cut, Some(ANA), start, now, &taken), reasons, "{start}");
    }
}

#[test]
fn a_booking_of_a_service_that_is_gone_counts_whole() {
    let (catalogue, now) = salon();
    let whole = span((10, 0), (11, 0));
    let taken = [busy(ANA, Uuid::nil(), whole)];
    let reasons = explain(&catalogue, &catalogue.services[0], Some(ANA), at(10, 45), now, &taken);
    assert_eq!(reasons, [Reason::Booked(whole)]);
}

#[test]
fn a_full_class_says_when_it_is_full() {
    let (mut catalogue, now) = salon();
    catalogue.services[0].capacity = 2;
    catalogue.services[0].buffer_after = minutes(15);
    let class = &catalogue.services[0];
    let taken = [
        busy(ANA, SERVICE, span((9, 30), (10, 30))),
        busy(ANA, SERVICE, span((10, 0), (11, 0))),
        busy(ANA, SERVICE, span((10, 0), (11, 0))),
    ];
    let full = |from, until| {
        let Span { start, end } = span(from, until);
        Reason::Full { start, end, capacity: 2 }
    };
    let reasons = |start| explain(&catalogue, class, Some(ANA), start, now, &taken);
    assert_eq!(reasons(at(9, 0)), []);
    assert_eq!(reasons(at(9, 15)), [Reason::Buffer(span((10, 0), (11, 0)))], "our own buffer");
    assert_eq!(reasons(at(9, 30)), [full((10, 0), (10, 45))]);
    assert_eq!(reasons(at(10, 45)), [Reason::Buffer(span((10, 0), (11, 0)))], "theirs");
    assert_eq!(reasons(at(11, 0)), []);
}

#[test]
fn absence_is_told_and_so_is_a_buffer_that_touches_it() {
    let (mut catalogue, now) = salon();
    let away = span((10, 0), (11, 0));
    catalogue.staff[0].time_off.push(away);
    catalogue.services[0].buffer_after = minutes(10);
    let reasons = |start| explain(&catalogue, &catalogue.services[0], Some(ANA), start, now, &[]);
    assert_eq!(reasons(at(9, 30)), [Reason::TimeOff(away)]);
    assert_eq!(reasons(at(9, 15)), [Reason::Buffer(away)]);
    assert_eq!(reasons(at(9, 0)), []);
}

#[test]
fn without_a_wish_for_staff_the_one_nearest_to_being_free_is_told_of() {
    let (mut catalogue, now) = salon();
    // Ana has the day off, Bruno has a booking: what one may wait for is Bruno.
    catalogue.staff[0].hours = Some(WeekHours::default());
    let theirs = span((10, 0), (10, 45));
    let taken = [busy(BRUNO, SERVICE, theirs)];
    let reasons = explain(&catalogue, &catalogue.services[0], None, at(10, 0), now, &taken);
    assert_eq!(reasons, [Reason::Booked(theirs)]);
    assert!(reasons[0].is_taken());
}

#[test]
fn who_may_choose_the_minute_is_bound_by_every_other_rule() {
    let (catalogue, now) = salon();
    let cut = &catalogue.services[0];
    let taken = [busy(ANA, SERVICE, span((9, 0), (9, 45)))];
    let staff = |start, wanted| -> Vec<Uuid> {
        let slots = slots_at(&catalogue, cut, wanted, start, now, &taken);
        assert!(slots.iter().all(|s| (s.start, s.end) == (start, start + minutes(45))));
        slots.iter().map(|slot| slot.staff_id).collect()
    };
    assert_eq!(staff(at(9, 7), None), [BRUNO]);
    assert_eq!(staff(at(9, 7), Some(ANA)), NOBODY);
    assert_eq!(staff(at(10, 7), None), [BRUNO, ANA], "most free time first");
    assert_eq!(staff(at(11, 16), None), NOBODY, "it would not end in time");
    assert!(!breaks_rule(&explain(&catalogue, cut, None, at(10, 7), now, &taken)));
    assert!(breaks_rule(&explain(&catalogue, cut, None, at(11, 16), now, &taken)));
}

#[test]
fn the_second_reading_of_an_hour_can_be_booked_by_who_names_the_moment() {
    let mut catalogue = catalogue(chrono_tz::America::New_York);
    catalogue.tenant.hours.openings = vec![Opening { weekday: 7, opens: 30, closes: 180 }];
    let cut = &catalogue.services[0];
    // 1 November 2026: 05:00 and 06:00 UTC are both 01:00.
    let hour = |hour| date(2026, 11, 1).and_hms_opt(hour, 0, 0).unwrap().and_utc();
    let reasons = |start| explain(&catalogue, cut, Some(ANA), start, hour(0), &[]);
    assert_eq!(reasons(hour(5)), []);
    assert_eq!(reasons(hour(6)), [Reason::OffGrid]);
    assert_eq!(slots_at(&catalogue, cut, None, hour(6), hour(0), &[]).len(), 2);
}

#[test]
fn a_moment_that_no_calendar_holds_is_refused_like_any_other() {
    let (catalogue, now) = salon();
    let cut = &catalogue.services[0];
    let wishes = [Wish { service: cut, staff: None }];
    for (start, reason) in [
        (DateTime::<Utc>::MIN_UTC, Reason::Past),
        (DateTime::<Utc>::MAX_UTC, Reason::Horizon { latest: now + TimeDelta::days(60) }),
    ] {
        let reasons = vec![reason];
        assert_eq!(explain(&catalogue, cut, None, start, now, &[]), reasons);
        assert_eq!(slots_at(&catalogue, cut, None, start, now, &[]), []);
        assert_eq!(visit_at(&catalogue, &wishes, start, now, &[]), None);
        let refusal = explain_visit(&catalogue, &wishes, start, now, &[]);
        assert_eq!(refusal, Some(Refusal { line: 0, reasons }));
    }
}

#[test]
fn reasons_are_written_with_their_name_beside_what_they_say() {
    let Span { start, end } = span((10, 0), (11, 0));
    let closed = date(2026, 12, 25);
    let cases = [
        (Reason::Past, r#"{"reason":"past"}"#),
        (
            Reason::Notice { earliest: start },
            r#"{"reason":"notice","earliest":"2026-03-10T10:00:00Z"}"#,
        ),
        (Reason::Closure { date: closed }, r#"{"reason":"closure","date":"2026-12-25"}"#),
        (
            Reason::Booked(Span { start, end }),
            r#"{"reason":"booked","start":"2026-03-10T10:00:00Z","end":"2026-03-10T11:00:00Z"}"#,
        ),
        (Reason::OffGrid, r#"{"reason":"off_grid"}"#),
    ];
    for (reason, json) in cases {
        assert_eq!(serde_json::to_string(&reason).unwrap(), json);
        assert_eq!(serde_json::from_str::<Reason>(json).unwrap(), reason);
    }
}

#[test]
fn a_visit_may_run_into_an_opening_that_follows_without_a_break() {
    let (mut catalogue, now) = salon();
    // A night bar: Tuesday from eight, and on into Wednesday.
    catalogue.tenant.hours.openings = vec![
        Opening { weekday: 2, opens: 1200, closes: 1440 },
        Opening { weekday: 3, opens: 0, closes: 60 },
    ];
    let cut = &catalogue.services[0];
    let midnight = at(0, 0) + TimeDelta::days(1);
    let before = midnight - minutes(15);
    assert_eq!(explain(&catalogue, cut, Some(ANA), before, now, &[]), []);
    let within = Span { start: before, end: midnight + minutes(60) };
    let slots = free_slots(&catalogue, cut, Some(ANA), within, now, &[]);
    let starts: Vec<_> = slots.iter().map(|slot| slot.start).collect();
    assert_eq!(starts, [before, midnight, midnight + minutes(15)]);
    let late = explain(&catalogue, cut, Some(ANA), midnight + minutes(30), now, &[]);
    assert_eq!(late, [Reason::Closing { closes: midnight + minutes(60) }]);
}
