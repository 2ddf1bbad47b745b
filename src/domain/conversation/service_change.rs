//! Services that a visit in the making gains and loses: "and a manicure too", "only the haircut",
//! "without the color", each at a time of its own.

use super::date_time;
use super::request::{Requested, is_joining, requested};
use super::service_selection::{self, is_named};
use super::state::Plan;
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::visit::{LINES_MAX, Wanted};
use super::wish::Wish;
use crate::domain::catalogue::Service;

/// What a text makes of the services of a plan.
pub(super) enum Changed {
    /// These services from here on, perhaps the same.
    To(Plan),
    /// It asks for what a visit cannot be.
    Answered(Answer),
}

/// The plan with the services that a text names, added or in place of those before; `None`: it
/// names none.
pub(super) fn change(turn: &Turn<'_>, plan: &Plan, text: &Text) -> Option<Changed> {
    if text.has_any(turn.words.without_in)
        && let Some(fewer) = less(turn, plan, text)
    {
        return Some(Changed::To(fewer));
    }
    match requested(turn, text) {
        Requested::Services(services) if adds(turn, text) => Some(more(turn, plan, &services)),
        Requested::Services(services) => Some(Changed::To(instead(plan, &services))),
        Requested::Twice(service) => {
            Some(Changed::Answered(service_selection::one_person(turn, service, None)))
        }
        Requested::TooMany => Some(Changed::Answered(service_selection::too_many(turn, None))),
        Requested::Nothing | Requested::OneOf { .. } => None,
    }
}

/// Whether a text adds to what was chosen: "and a manicure", "manicure too".
fn adds(turn: &Turn<'_>, text: &Text) -> bool {
    text.words().first().is_some_and(|word| is_joining(turn, word))
        || text.has_any(turn.words.also_in)
}

fn more(turn: &Turn<'_>, plan: &Plan, services: &[&Service]) -> Changed {
    let mut plan = date_time::again(plan);
    for service in services {
        if !plan.has_service(service.id) {
            plan.services.push(Wanted { service_id: service.id, staff_id: None });
        }
    }
    if plan.services.len() > LINES_MAX {
        return Changed::Answered(service_selection::too_many(turn, None));
    }
    Changed::To(plan)
}

fn instead(plan: &Plan, services: &[&Service]) -> Plan {
    let kept = services.iter().any(|service| plan.has_service(service.id));
    // Whoever was wished for one service is wished for the one in its place.
    let of_one = plan.staff_id().filter(|_| services.len() == 1);
    let wanted = |service: &&Service| {
        let before = plan.services.iter().find(|wanted| wanted.service_id == service.id);
        let staff_id = before.map_or(of_one, |wanted| wanted.staff_id);
        Wanted { service_id: service.id, staff_id }
    };
    let same = services.len() == 1 && plan.services.len() == 1 && kept;
    Plan {
        services: services.iter().map(wanted).collect(),
        // What was wished of another service is not wished of this one.
        wish: if kept { plan.wish } else { Wish::default() },
        then: if same { plan.then.clone() } else { Vec::new() },
        ..date_time::again(plan)
    }
}

/// The plan without the services that a text names, where others are left.
pub(super) fn less(turn: &Turn<'_>, plan: &Plan, text: &Text) -> Option<Plan> {
    let named = |wanted: &Wanted| {
        turn.service(wanted.service_id).is_some_and(|service| is_named(service, text))
    };
    let mut fewer = date_time::again(plan);
    fewer.services.retain(|wanted| !named(wanted));
    let some = !fewer.services.is_empty() && fewer.services.len() < plan.services.len();
    some.then_some(fewer)
}

/// Each service at a time of its own: the first one now, the others when it is booked.
pub(super) fn separately(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    let Some((first, rest)) = plan.services.split_first() else {
        return date_time::open(turn, plan);
    };
    let then = [rest, &plan.then].concat();
    let plan = Plan { services: vec![*first], then, ..date_time::again(plan) };
    let name = turn.service(first.service_id).map(|service| service.name.clone());
    let line = name.map(|name| turn.phrases.first_service(&super::format::in_sentence(&name)));
    Ok(date_time::search(turn, &plan, None)?.say_first(line))
}
