//! Visits of several services: the rules one by one, then every assignment there is.

use std::cmp::Reverse;
use std::collections::HashMap;

use proptest::prelude::*;

use super::oracle::{Oracle, names};
use super::world::{CLARA, OTHER, TICK, World, worlds};
use super::*;

/// Tuesday, 10 March 2026, 9 to 12: cut of 45 minutes, nails of 40; Ana does both, Bruno cuts.
fn salon() -> (Catalogue, DateTime<Utc>) {
    let mut catalogue = catalogue(Tz::UTC);
    let nails = Service { id: OTHER, duration: minutes(40), ..catalogue.services[0].clone() };
    catalogue.services.push(nails);
    catalogue.staff[0].services.push(OTHER);
    (catalogue, at(8, 0))
}

fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    date(2026, 3, 10).and_hms_opt(hour, minute, 0).unwrap().and_utc()
}

fn busy(staff_id: Uuid, from: (u32, u32), until: (u32, u32)) -> Busy {
    let (start, end) = (at(from.0, from.1), at(until.0, until.1));
    Busy { staff_id, service_id: Uuid::nil(), start, end }
}

fn day() -> Span {
    Span { start: at(0, 0), end: at(23, 0) }
}

fn wishes<const N: usize>(catalogue: &Catalogue, services: [usize; N]) -> [Wish<'_>; N] {
    services.map(|service| Wish { service: &catalogue.services[service], staff: None })
}

/// As people write it: "09:00 B 09:45 A".
fn written(visit: &Visit) -> String {
    let name = |id| if id == ANA { "A" } else { "B" };
    let lines = visit.lines.iter();
    let lines = lines.map(|l| format!("{} {}", l.start.format("%H:%M"), name(l.staff_id)));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn cut_and_nails_follow_one_another_with_who_is_free() {
    let (mut catalogue, now) = salon();
    catalogue.tenant.rules.slot_interval = minutes(60);
    let wishes = wishes(&catalogue, [0, 1]);
    let taken = [busy(ANA, (9, 0), (9, 45))];
    let visits = free_visits(&catalogue, &wishes, day(), now, &taken);
    let visits: Vec<String> = visits.iter().map(written).collect();
    // At ten Ana can do both, and people stay with whom they have.
    assert_eq!(visits, ["09:00 B 09:45 A", "10:00 A 10:45 A"]);
}

#[test]
fn a_line_with_the_same_member_waits_for_the_buffers_between() {
    let (mut catalogue, now) = salon();
    catalogue.services[0].buffer_after = minutes(10);
    catalogue.services[1].buffer_before = minutes(5);
    let wishes = wishes(&catalogue, [0, 1]);
    let visit = visit_at(&catalogue, &wishes, at(9, 0), now, &[]).unwrap();
    assert_eq!(written(&visit), "09:00 A 10:00 A");
    let taken = [busy(ANA, (9, 0), (9, 40))];
    let visit = visit_at(&catalogue, &wishes, at(9, 0), now, &taken).unwrap();
    assert_eq!(written(&visit), "09:00 B 09:45 A", "with another nothing is waited for");
}

#[test]
fn buffers_of_a_line_before_the_last_are_kept_too() {
    let (mut catalogue, now) = salon();
    catalogue.services[0].duration = minutes(15);
    catalogue.services[0].buffer_after = minutes(30);
    catalogue.services[0].buffer_before = minutes(10);
    let wish = |staff| Wish { service: &catalogue.services[0], staff: Some(staff) };
    let wishes = [wish(ANA), wish(BRUNO), wish(ANA)];
    let visit = visit_at(&catalogue, &wishes, at(9, 0), now, &[]).unwrap();
    assert_eq!(written(&visit), "09:00 A 09:15 B 09:55 A");
}

#[test]
fn lines_of_one_class_take_no_place_from_each_other() {
    let (mut catalogue, now) = salon();
    catalogue.services[0].capacity = 2;
    catalogue.services[0].buffer_after = minutes(15);
    catalogue.staff.truncate(1);
    let wishes = wishes(&catalogue, [0, 0]);
    let place = |hour, minute| {
        let start = at(hour, minute);
        Busy { staff_id: ANA, service_id: SERVICE, start, end: start + minutes(60) }
    };
    // One place is left all the time: enough for both lines, the second once the first is over.
    let taken = [place(9, 0), place(10, 0), place(11, 0)];
    let visit = visit_at(&catalogue, &wishes, at(9, 0), now, &taken).unwrap();
    assert_eq!(written(&visit), "09:00 A 10:00 A");
}

#[test]
fn a_break_is_not_bridged() {
    let (mut catalogue, now) = salon();
    let opening = |opens, closes| Opening { weekday: 2, opens, closes };
    catalogue.tenant.hours.openings = vec![opening(540, 585), opening(600, 720)];
    let wishes = wishes(&catalogue, [0, 1]);
    let visits = free_visits(&catalogue, &wishes, day(), now, &[]);
    assert_eq!(visits.iter().map(written).next().unwrap(), "10:00 A 10:45 A");
    let refusal = explain_visit(&catalogue, &wishes, at(9, 0), now, &[]).unwrap();
    let pause = Span { start: at(9, 45), end: at(10, 0) };
    assert_eq!(refusal, Refusal { line: 1, reasons: vec![Reason::Break(pause)] });
}

#[test]
fn a_wish_for_staff_is_kept_line_by_line() {
    let (catalogue, now) = salon();
    let mut wishes = wishes(&catalogue, [0, 1]);
    wishes[0].staff = Some(BRUNO);
    let visits = free_visits(&catalogue, &wishes, day(), now, &[]);
    assert!(!visits.is_empty());
    assert!(visits.iter().all(|v| (v.lines[0].staff_id, v.lines[1].staff_id) == (BRUNO, ANA)));
    wishes[1].staff = Some(BRUNO);
    assert_eq!(free_visits(&catalogue, &wishes, day(), now, &[]), []);
    let refusal = explain_visit(&catalogue, &wishes, at(9, 0), now, &[]).unwrap();
    assert_eq!(refusal, Refusal { line: 1, reasons: vec![Reason::NotTheirService] });
}

#[test]
fn a_visit_off_the_grid_is_had_by_who_names_the_minute() {
    let (catalogue, now) = salon();
    let wishes = wishes(&catalogue, [0, 1]);
    let visit = visit_at(&catalogue, &wishes, at(9, 7), now, &[]).unwrap();
    assert_eq!(written(&visit), "09:07 A 09:52 A");
    let refusal = explain_visit(&catalogue, &wishes, at(9, 7), now, &[]).unwrap();
    assert_eq!(refusal, Refusal { line: 0, reasons: vec![Reason::OffGrid] });
    assert_eq!(explain_visit(&catalogue, &wishes, at(9, 15), now, &[]), None);
}

#[test]
fn a_visit_of_nothing_is_no_visit() {
    let (catalogue, now) = salon();
    assert_eq!(free_visits(&catalogue, &[], day(), now, &[]), []);
    assert_eq!(visit_at(&catalogue, &[], at(9, 0), now, &[]), None);
    assert_eq!(explain_visit(&catalogue, &[], at(9, 0), now, &[]), None);
}

#[test]
fn six_lines_with_forty_members_of_staff_are_planned_at_once() {
    let (mut catalogue, now) = salon();
    catalogue.services.iter_mut().for_each(|service| {
        service.duration = minutes(15);
        service.buffer_after = minutes(5);
    });
    catalogue.staff = (0..40)
        .map(|id| Staff { id: Uuid::from_u128(100 + id), ..catalogue.staff[0].clone() })
        .collect();
    // Everybody is taken when the last line would begin, so that every way has to be tried.
    let taken: Vec<Busy> =
        catalogue.staff.iter().map(|member| busy(member.id, (10, 20), (11, 0))).collect();
    let wishes = wishes(&catalogue, [0, 1, 0, 1, 0, 1]);
    let refusal = explain_visit(&catalogue, &wishes, at(9, 0), now, &taken).unwrap();
    assert_eq!(refusal.line, 5);
    assert!(visit_at(&catalogue, &wishes, at(9, 0), now, &[]).is_some());
}

/// Every assignment of a visit that starts at `start`, with the lines it would have.
fn assignments(world: &World, wishes: &[Wish<'_>], start: DateTime<Utc>) -> Vec<Vec<Line>> {
    let mut all: Vec<Vec<Line>> = vec![Vec::new()];
    for wish in wishes {
        let service = wish.service;
        let mut longer = Vec::new();
        for lines in &all {
            for member in &world.catalogue.staff {
                if wish.staff.is_some_and(|wanted| wanted != member.id) {
                    continue;
                }
                let mut begins = lines.last().map_or(start, |line| line.end);
                let blocks = |line: &Line, service: &Service| {
                    (line.start - service.buffer_before, line.end + service.buffer_after)
                };
                let line = loop {
                    let end = begins + service.duration;
                    let line =
                        Line { service_id: service.id, staff_id: member.id, start: begins, end };
                    let (from, until) = blocks(&line, service);
                    let clashes = lines.iter().zip(wishes).any(|(earlier, of)| {
                        let (start, end) = blocks(earlier, of.service);
                        earlier.staff_id == member.id && start < until && from < end
                    });
                    if !clashes {
                        break line;
                    }
                    begins += TICK;
                };
                longer.push(lines.iter().copied().chain([line]).collect());
            }
        }
        all = longer;
    }
    all
}

type Broken = HashMap<Line, std::collections::BTreeSet<&'static str>>;

/// The best visit at each tick by comparing all of them, on the grid or off it.
fn best(
    world: &World,
    oracle: &Oracle<'_>,
    wishes: &[Wish<'_>],
    start: DateTime<Utc>,
    off_grid_too: bool,
    free: &dyn Fn(usize, Uuid) -> TimeDelta,
    known: &mut Broken,
) -> Option<Vec<Line>> {
    let place = |id: Uuid| world.catalogue.staff.iter().position(|member| member.id == id).unwrap();
    let mut possible = assignments(world, wishes, start);
    possible.retain(|lines| {
        lines.iter().zip(wishes).enumerate().all(|(index, (line, wish))| {
            let broken = known.entry(*line).or_insert_with(|| {
                let member = &world.catalogue.staff[place(line.staff_id)];
                oracle.broken(member, wish.service, line.start)
            });
            let grid = index > 0 || off_grid_too;
            broken.iter().all(|rule| *rule == "off_grid" && grid)
        })
    });
    possible.into_iter().min_by_key(|lines| {
        let changes = lines.windows(2).filter(|two| two[0].staff_id != two[1].staff_id).count();
        let preferred: Vec<(Reverse<TimeDelta>, usize)> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| (Reverse(free(index, line.staff_id)), place(line.staff_id)))
            .collect();
        (changes, lines.last().unwrap().end, preferred)
    })
}

/// The time that the offered slots of a local day cover, tick by tick.
fn free_time(oracle: &Oracle<'_>, service: &Service, span: Span) -> Vec<(NaiveDate, Uuid, i32)> {
    let mut ticks = std::collections::BTreeSet::new();
    for slot in oracle.offered(service, span.start, span.end) {
        let date = oracle.date(slot.start);
        let mut at = slot.start;
        while at < slot.end {
            ticks.insert((date, slot.staff_id, at));
            at += TICK;
        }
    }
    let mut counts: HashMap<(NaiveDate, Uuid), i32> = HashMap::new();
    for (date, id, _) in ticks {
        *counts.entry((date, id)).or_default() += 1;
    }
    counts.into_iter().map(|((date, id), count)| (date, id, count)).collect()
}

fn check(
    world: &World,
    within: Span,
    picks: &[(usize, Option<usize>)],
) -> Result<(), TestCaseError> {
    let World { catalogue, busy, now, .. } = world;
    let wishes: Vec<Wish<'_>> = picks
        .iter()
        .map(|(service, staff)| Wish {
            service: &catalogue.services[*service],
            staff: staff.map(|at| [ANA, BRUNO, CLARA][at]),
        })
        .collect();
    let oracle = world.oracle();
    let free: Vec<_> = wishes.iter().map(|wish| free_time(&oracle, wish.service, within)).collect();
    let mut known = Broken::new();
    let visits = free_visits(catalogue, &wishes, within, *now, busy);
    let mut expected = Vec::new();
    for start in world::ticks(within) {
        let date = oracle.date(start);
        let free = |line: usize, staff_id: Uuid| {
            let of_day = |(day, id, _): &&(NaiveDate, Uuid, i32)| (*day, *id) == (date, staff_id);
            TICK * free[line].iter().find(of_day).map_or(0, |(_, _, count)| *count)
        };
        let on_grid = best(world, &oracle, &wishes, start, false, &free, &mut known);
        let at_all = best(world, &oracle, &wishes, start, true, &free, &mut known);
        let named = visit_at(catalogue, &wishes, start, *now, busy);
        prop_assert_eq!(named.is_some(), at_all.is_some(), "{}", start);
        let refusal = explain_visit(catalogue, &wishes, start, *now, busy);
        prop_assert_eq!(refusal.is_none(), on_grid.is_some(), "{}", start);
        if let Some(Refusal { line, reasons }) = refusal {
            let only_grid = names(&reasons).into_iter().eq(["off_grid"]);
            prop_assert!(line < wishes.len() && !reasons.is_empty());
            prop_assert_eq!(only_grid, at_all.is_some(), "{}", start);
            prop_assert!(line == 0 || !names(&reasons).contains("off_grid"));
        }
        expected.extend(on_grid.map(|lines| Visit { lines }));
    }
    prop_assert_eq!(visits, expected);
    if let [wish] = &wishes[..] {
        let slots = free_slots(catalogue, wish.service, wish.staff, within, *now, busy);
        let slots = one_each_start(&slots, catalogue.tenant.timezone);
        let visits = free_visits(catalogue, &wishes, within, *now, busy);
        let alone = visits.iter().map(|v| (v.lines[0].staff_id, v.lines[0].start));
        prop_assert!(slots.iter().map(|s| (s.staff_id, s.start)).eq(alone));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn visits_are_the_best_of_all_assignments_and_there_are_no_others(
        world in worlds(),
        picks in proptest::collection::vec(
            (0..2_usize, proptest::option::weighted(0.25, 0..3_usize)), 1..4),
        from in 0..24_i32,
    ) {
        check(&world, world.part(from, 8), &picks)?;
    }
}
