//! Service selection: the list of services is out; a number, a name or a synonym chooses.

use uuid::Uuid;

use super::function_words::is_function_word;
use super::intent::{Input, Intent};
use super::menu::{CHOICES_MAX, Choice, Menu};
use super::request::{Requested, picked, requested};
use super::state::{Plan, ServiceSelection, State};
use super::text::{Text, alike, folded_words, spelled_words};
use super::turn::{Answer, Outcome, Turn};
use super::visit::LINES_MAX;
use super::{act, date_time, greeting, miss, prices};
use crate::domain::catalogue::Service;
use crate::domain::conversation::format::{duration, in_sentence};

pub(super) fn step(
    turn: &Turn<'_>,
    state: &ServiceSelection,
    input: Input,
    text: &Text,
) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        Input::Intent(intent) => match intent {
            Intent::Back => Ok(greeting::open(turn)),
            Intent::Book => Ok(list(turn, Some(turn.phrases.ask_service()), 0, state.when.clone())),
            Intent::Price if services_in(turn, text).is_empty() => {
                Ok(list(turn, Some(turn.phrases.ask_service()), 0, state.when.clone()))
            }
            Intent::Price => prices::named(turn, text),
            Intent::Menu
            | Intent::Cancel
            | Intent::Change
            | Intent::MyBookings
            | Intent::Person
            | Intent::Speak(_)
            | Intent::Thanks => act::intent(turn, intent, text),
        },
        Input::OffMenu => Ok(miss::off_menu(turn)),
        Input::Yes | Input::No => Ok(miss::answer(turn)),
        Input::Free => read(turn, text),
    }
}

/// The services as a menu, from number `from` on, under `first`.
pub(super) fn list(
    turn: &Turn<'_>,
    first: Option<String>,
    from: usize,
    when: Option<String>,
) -> Answer {
    let services: Vec<&Service> = turn.known.catalogue.services.iter().collect();
    let state = State::ServiceSelection(ServiceSelection { when, ..ServiceSelection::default() });
    if services.is_empty() {
        let mut menu = Menu::default();
        menu.person(&turn.phrases.person());
        return Answer::new(state).say(turn.phrases.no_services()).ask(menu);
    }
    let menu = menu_of(turn, &services, from, described);
    Answer::new(state).say(first.unwrap_or_else(|| turn.phrases.ask_service())).ask(menu)
}

/// Another page of the list, with what was said before kept.
pub(super) fn page(turn: &Turn<'_>, from: usize) -> Answer {
    let answer = list(turn, None, from, None);
    match &turn.dialogue.state {
        State::ServiceSelection(state) => answer.in_state(State::ServiceSelection(state.clone())),
        State::Greeting | State::DateTime(_) | State::Confirmation(_) | State::Completed(_) => {
            answer
        }
    }
}

/// The names alone, for who did not get on with the list.
pub(super) fn names(turn: &Turn<'_>) -> Menu {
    let services: Vec<&Service> = turn.known.catalogue.services.iter().collect();
    menu_of(turn, &services, 0, |_, service| service.name.clone())
}

fn menu_of(
    turn: &Turn<'_>,
    services: &[&Service],
    from: usize,
    label: fn(&Turn<'_>, &Service) -> String,
) -> Menu {
    let mut menu = Menu::default();
    let from = if from < services.len() { from } else { 0 };
    for service in services[from..].iter().take(CHOICES_MAX) {
        menu.choice(&label(turn, service), Choice::Service { service_id: service.id });
    }
    if services.len() > CHOICES_MAX {
        // After the last page the first one comes again.
        let next = from + CHOICES_MAX;
        let next = if next < services.len() { next } else { 0 };
        menu.more(&turn.phrases.more_services(), Choice::MoreServices { from: next });
    }
    menu.person(&turn.phrases.person());
    menu
}

/// Name, length and price: "Haircut, 45 min, $40".
fn described(turn: &Turn<'_>, service: &Service) -> String {
    let mut parts = vec![service.name.clone(), duration(service.duration)];
    let currency = &turn.known.catalogue.tenant.currency;
    parts.extend(service.price.map(|price| turn.format.price(price, currency)));
    parts.join(", ")
}

/// Goes on with a service, and with what was said about when before it was known.
pub(super) fn choose(turn: &Turn<'_>, service_id: Uuid) -> Outcome {
    let when = match &turn.dialogue.state {
        State::ServiceSelection(state) => state.when.as_deref(),
        State::Completed(state) => state.when.as_deref(),
        State::Greeting | State::DateTime(_) | State::Confirmation(_) => None,
    };
    start_all(turn, &with_those_beside(turn, vec![service_id]), when)
}

/// Services just named, among those that were clear when it was asked about them.
fn with_those_beside(turn: &Turn<'_>, named: Vec<Uuid>) -> Vec<Uuid> {
    let Some(state) = turn.dialogue.state.selection() else { return named };
    let mut services: Vec<Uuid> =
        state.beside.iter().copied().filter(|id| !named.contains(id)).collect();
    let place = state.place.min(services.len());
    services.splice(place..place, named);
    services
}

/// Goes on with the services of one visit, and with a text that may say when.
pub(super) fn start_all(turn: &Turn<'_>, services: &[Uuid], when: Option<&str>) -> Outcome {
    let plan = Plan::of_all(services);
    let Some(known) = turn.services(&plan) else {
        return Ok(list(turn, None, 0, when.map(str::to_owned)));
    };
    let about = (known.len() > 1).then(|| date_time::together(turn, &known));
    if let Some(when) = when
        && let Some(answer) = date_time::read(turn, &plan, &Text::new(when), about)?
    {
        return Ok(answer);
    }
    date_time::open(turn, &plan)
}

/// Reads a text for services and perhaps a time.
pub(super) fn read(turn: &Turn<'_>, text: &Text) -> Outcome {
    let earlier = match &turn.dialogue.state {
        State::ServiceSelection(state) => state.when.clone(),
        State::Greeting | State::DateTime(_) | State::Confirmation(_) | State::Completed(_) => None,
    };
    if let Some((services, when)) = picked(turn, text) {
        return match twice(&services).and_then(|id| turn.service(id)) {
            Some(service) => Ok(one_person(turn, service, when.or(earlier))),
            None => start_all(turn, &services, when.or(earlier).as_deref()),
        };
    }
    let says_when = says_when(turn, text);
    let when = if says_when { Some(text.raw.clone()) } else { earlier };
    match (requested(turn, text), when) {
        (Requested::Nothing, Some(when)) if says_when => {
            Ok(list(turn, Some(turn.phrases.which_service()), 0, Some(when)))
        }
        (Requested::Nothing, _) => Ok(miss::unplaced(turn)),
        (Requested::Services(services), when) => {
            let services = services.iter().map(|service| service.id).collect();
            start_all(turn, &with_those_beside(turn, services), when.as_deref())
        }
        (Requested::OneOf { services, beside, place }, when) => {
            let menu = menu_of(turn, &services, 0, described);
            let state = State::ServiceSelection(ServiceSelection { when, beside, place });
            Ok(Answer::new(state).say(turn.phrases.which_service()).ask(menu))
        }
        (Requested::Twice(service), when) => Ok(one_person(turn, service, when)),
        (Requested::TooMany, when) => Ok(too_many(turn, when)),
    }
}

fn twice(services: &[Uuid]) -> Option<Uuid> {
    let again = |(at, id): &(usize, &Uuid)| services[..*at].contains(id);
    services.iter().enumerate().find(again).map(|(_, id)| *id)
}

/// A service was asked for more than once: it is booked for one person, the rest is the team's.
pub(super) fn one_person(turn: &Turn<'_>, service: &Service, when: Option<String>) -> Answer {
    let name = in_sentence(&service.name);
    let mut menu = Menu::default();
    let once = turn.phrases.one_of(&service.name);
    menu.choice(&once, Choice::Service { service_id: service.id });
    menu.person(&turn.phrases.person());
    let state = ServiceSelection { when, ..ServiceSelection::default() };
    Answer::new(State::ServiceSelection(state))
        .say(turn.phrases.one_person_at_a_time(&name))
        .ask(menu)
}

/// More services were asked for than one visit has.
pub(super) fn too_many(turn: &Turn<'_>, when: Option<String>) -> Answer {
    let first = turn.phrases.too_many_services(&LINES_MAX.to_string());
    list(turn, Some(first), 0, when)
}

/// Whether a text says something about when or with whom.
pub(super) fn says_when(turn: &Turn<'_>, text: &Text) -> bool {
    date_time::understood(turn, text)
}

/// The services that a text names, in menu order: in full or by a synonym; else those whose name has
/// every telling word of the text.
pub(super) fn services_in<'a>(turn: &Turn<'a>, text: &Text) -> Vec<&'a Service> {
    let services = &turn.known.catalogue.services;
    let named: Vec<(&Service, Vec<(usize, usize)>)> = services
        .iter()
        .map(|service| (service, wanted_places(turn, service, text)))
        .filter(|(_, places)| !places.is_empty())
        .collect();
    // "corte e barba" is that service, and neither of "corte" and "barba".
    let within = |inner: &(usize, usize), outer: &(usize, usize)| {
        outer.0 <= inner.0 && inner.1 <= outer.1 && outer.1 - outer.0 > inner.1 - inner.0
    };
    let whole: Vec<&Service> = named
        .iter()
        .filter(|(_, own)| {
            own.iter().any(|place| {
                !named.iter().any(|(_, others)| others.iter().any(|other| within(place, other)))
            })
        })
        .map(|(service, _)| *service)
        .collect();
    if !whole.is_empty() {
        whole
    } else if names_unwanted(turn, text) {
        Vec::new()
    } else {
        partly_named(turn, text)
    }
}

/// Whether a text names a service as one that is not wanted: "não quero mais corte".
pub(super) fn names_unwanted(turn: &Turn<'_>, text: &Text) -> bool {
    let services = turn.known.catalogue.services.iter();
    services.flat_map(|service| places(service, text)).any(|place| is_unwanted(turn, text, place))
}

pub(super) fn wanted_places(
    turn: &Turn<'_>,
    service: &Service,
    text: &Text,
) -> Vec<(usize, usize)> {
    let mut places = places(service, text);
    places.retain(|place| !is_unwanted(turn, text, *place));
    places
}

/// Whether a refusal stands before what is named there, with nothing telling between them.
fn is_unwanted(turn: &Turn<'_>, text: &Text, place: (usize, usize)) -> bool {
    let words = text.words();
    turn.words.unwanted_in.iter().any(|phrase| {
        let refusal = folded_words(phrase);
        let ends =
            (refusal.len()..=place.0).filter(|end| words[end - refusal.len()..*end] == refusal[..]);
        ends.into_iter().any(|end| {
            // "não quero esperar, corte hoje" and "não quero, quero corte" want it.
            let anew = |word: &String| word.len() >= 4 && refused_with(turn, word);
            text.spelled()[end..place.0].iter().all(|word| is_function_word(word) && !anew(word))
        })
    })
}

/// Whether a word is part of a refusal, such as "quero" of "não quero".
fn refused_with(turn: &Turn<'_>, word: &String) -> bool {
    turn.words.unwanted_in.iter().any(|phrase| folded_words(phrase).contains(word))
}

pub(super) fn partly_named<'a>(turn: &Turn<'a>, text: &Text) -> Vec<&'a Service> {
    let filler: Vec<String> =
        turn.words.filler.iter().flat_map(|word| folded_words(word)).collect();
    let telling: Vec<&String> = text
        .words()
        .iter()
        .zip(text.spelled())
        .filter(|(word, spelled)| {
            word.len() > 2 && !filler.contains(word) && !is_function_word(spelled)
        })
        .map(|(word, _)| word)
        .collect();
    let has = |service: &&Service, word: &str| {
        let names = std::iter::once(&service.name).chain(&service.synonyms);
        // Of "fazer as unhas" the verb tells nothing.
        let telling = |own: &str| own.len() > 2 && !is_function_word(own);
        let words = names.flat_map(|name| folded_words(name).into_iter().zip(spelled_words(name)));
        words.into_iter().any(|(own, spelled)| telling(&spelled) && alike(&own, word))
    };
    let count = |service: &&Service| telling.iter().filter(|word| has(service, word)).count();
    let services = &turn.known.catalogue.services;
    let most = services.iter().map(|service| count(&service)).max().unwrap_or(0);
    services.iter().filter(|service| most > 0 && count(service) == most).collect()
}

pub(super) fn is_named(service: &Service, text: &Text) -> bool {
    !places(service, text).is_empty()
}

/// Where in the text's words a service is named, as ranges of words.
pub(super) fn places(service: &Service, text: &Text) -> Vec<(usize, usize)> {
    let names = [&service.name, &service.key].into_iter().chain(&service.synonyms);
    let mut places = Vec::new();
    for written in names {
        let (name, spelled) = (folded_words(written), spelled_words(written));
        if name.is_empty() {
            continue;
        }
        let joined = name.concat();
        for start in 0..text.words().len() {
            // One word more or less than the name has: "hair cut".
            for length in name.len().saturating_sub(1).max(1)..=name.len() + 1 {
                let place = start..start + length;
                let Some(said) = text.words().get(place.clone()) else { continue };
                let Some(said_spelled) = text.spelled().get(place) else { continue };
                let same = said.len() == name.len()
                    && said.iter().zip(&name).enumerate().all(|(i, (word, own))| {
                        let (word_spelled, own_spelled) = (&said_spelled[i], &spelled[i]);
                        if is_function_word(word_spelled) {
                            word_spelled == own_spelled
                        } else {
                            alike(word, own)
                        }
                    });
                let split = said.len() != name.len() && said.concat() == joined;
                if same || split {
                    places.push((start, start + length));
                }
            }
        }
    }
    places
}

/// An example of what may be written, such as "haircut".
pub(super) fn example(turn: &Turn<'_>) -> Option<String> {
    turn.known.catalogue.services.first().map(|service| in_sentence(&service.name))
}
