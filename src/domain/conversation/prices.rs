//! What services cost, told while a booking is made.

use uuid::Uuid;

use super::request::{Requested, requested};
use super::service_selection::{self, says_when, services_in};
use super::state::Plan;
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::wish::Wish;
use super::{date_time, offers};
use crate::domain::catalogue::Service;
use crate::domain::conversation::format::duration;

/// Asks for all prices and not for one.
const ALL: [&str; 16] = [
    "prices",
    "price list",
    "rates",
    "everything",
    "all services",
    "preços",
    "valores",
    "tabela",
    "tudo",
    "todos",
    "precios",
    "tarifas",
    "todo",
    "toda la lista",
    "servicios",
    "serviços",
];

/// A price is asked while a time is looked for: of the services named, of all, or of those planned.
pub(super) fn asked(turn: &Turn<'_>, plan: &Plan, text: &Text) -> Outcome {
    let of_others = services_in(turn, text);
    if plan.moving.is_none() {
        if of_others.iter().any(|service| !plan.has_service(service.id)) {
            return named(turn, text);
        }
        if of_others.is_empty() && text.has_any(&ALL) {
            return Ok(service_selection::list(turn, None, 0, None));
        }
    }
    let asked =
        if of_others.is_empty() { turn.services(plan).unwrap_or_default() } else { of_others };
    let line = asked.split_last().map(|(last, others)| {
        let mut lines: Vec<String> = others.iter().map(|service| alone(turn, service)).collect();
        lines.push(with_question(turn, last));
        lines.join("\n")
    });
    let all = Plan { wish: Wish::default(), ..date_time::again(plan) };
    Ok(date_time::search(turn, &all, None)?.say_first(line).priced())
}

/// Whether a text asks for the price of another service, one price having been told: "and a
/// haircut?".
pub(super) fn is_asked_too(turn: &Turn<'_>, plan: &Plan, text: &Text) -> bool {
    plan.priced
        && text.raw.contains('?')
        && !text.has_any(turn.words.also_in)
        && services_in(turn, text).iter().any(|service| !plan.has_service(service.id))
}

/// Answers what the services named cost, and goes on to their times.
pub(super) fn named(turn: &Turn<'_>, text: &Text) -> Outcome {
    let Requested::Services(services) = requested(turn, text) else {
        return service_selection::read(turn, text);
    };
    let ids: Vec<Uuid> = services.iter().map(|service| service.id).collect();
    if let ([service], false) = (services.as_slice(), says_when(turn, text)) {
        let line = with_question(turn, service);
        return Ok(offers::first_free(turn, Plan::of(service.id), vec![line])?.priced());
    }
    let lines: Vec<String> = services.iter().map(|service| alone(turn, service)).collect();
    let when = says_when(turn, text).then_some(text.raw.as_str());
    let answer: Answer = service_selection::start_all(turn, &ids, when)?;
    let told = |answer: Answer, line| answer.say_first(Some(line));
    Ok(lines.into_iter().rev().fold(answer, told).priced())
}

/// What a service costs and how long it takes: "Haircut: $40, 45 min."
pub(super) fn alone(turn: &Turn<'_>, service: &Service) -> String {
    let length = duration(service.duration);
    match service.price {
        Some(price) => {
            let price = turn.format.price(price, &turn.known.catalogue.tenant.currency);
            turn.phrases.price_of(&service.name, &price, &length)
        }
        None => turn.phrases.price_untold(&service.name, &length),
    }
}

/// As [`alone`], with the question when to come.
fn with_question(turn: &Turn<'_>, service: &Service) -> String {
    format!("{} {}", alone(turn, service), turn.phrases.ask_day())
}
