//! Slots and reasons against the oracle.

use proptest::prelude::*;

use super::oracle::names;
use super::world::{World, worlds};
use super::*;

/// Every slot for the first service of a world, and every reason at the times asked about.
fn check(world: &World, asked: Span) -> Result<(), TestCaseError> {
    let World { catalogue, busy, now, within } = world;
    let service = &catalogue.services[0];
    let oracle = world.oracle();
    let slots = free_slots(catalogue, service, None, *within, *now, busy);
    prop_assert_eq!(&slots, &oracle.offered(service, within.start, within.end));
    for member in &catalogue.staff {
        let own = free_slots(catalogue, service, Some(member.id), *within, *now, busy);
        let all = slots.iter().copied().filter(|slot| slot.staff_id == member.id);
        prop_assert_eq!(own, all.collect::<Vec<_>>());
    }
    for start in world::ticks(asked) {
        let doing: Vec<&Staff> =
            catalogue.staff.iter().filter(|m| m.services.contains(&service.id)).collect();
        let mut of_members = Vec::new();
        for member in &doing {
            let reasons = explain(catalogue, service, Some(member.id), start, *now, busy);
            prop_assert_eq!(names(&reasons), oracle.broken(member, service, start), "{}", start);
            let slot = slots.iter().any(|s| (s.staff_id, s.start) == (member.id, start));
            prop_assert_eq!(reasons.is_empty(), slot, "{}", start);
            of_members.push(reasons);
        }
        let reasons = explain(catalogue, service, None, start, *now, busy);
        if doing.is_empty() {
            prop_assert!(reasons.contains(&Reason::NobodyDoesIt));
            continue;
        }
        prop_assert!(of_members.contains(&reasons), "true of somebody");
        prop_assert_eq!(reasons.is_empty(), of_members.iter().any(Vec::is_empty));
        prop_assert_eq!(breaks_rule(&reasons), of_members.iter().all(|of| breaks_rule(of)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_offered_breaks_no_rule_and_what_is_not_has_all_its_reasons(
        world in worlds(),
        from in 0..20_i32,
    ) {
        check(&world, world.part(from, 12))?;
    }

    #[test]
    fn who_may_start_at_a_time_is_whoever_breaks_no_rule_but_the_grid(
        world in worlds(),
        tick in 0..32_i32,
    ) {
        let World { catalogue, busy, now, within } = &world;
        let (service, start) = (&catalogue.services[0], within.start + world::TICK * tick);
        let oracle = world.oracle();
        let may = |member: &&Staff| {
            oracle.broken(member, service, start).iter().all(|rule| *rule == "off_grid")
        };
        let may: Vec<Uuid> = catalogue.staff.iter().filter(may).map(|m| m.id).collect();
        let slots = slots_at(catalogue, service, None, start, *now, busy);
        let mut staff: Vec<Uuid> = slots.iter().map(|slot| slot.staff_id).collect();
        let end = start + service.duration;
        prop_assert!(slots.iter().all(|slot| (slot.start, slot.end) == (start, end)));
        staff.sort_unstable();
        prop_assert_eq!(staff, may);
    }
}
