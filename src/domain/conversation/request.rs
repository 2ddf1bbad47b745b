//! Which services a text asks for: one, several joined by "and", by commas or by numbers of the
//! last menu, in the order in which they are said.

use uuid::Uuid;

use super::date_time;
use super::menu::{Choice, Pick};
use super::service_selection::{partly_named, places, services_in, wanted_places};
use super::text::{Text, folded_words};
use super::turn::Turn;
use super::visit::LINES_MAX;
use crate::domain::catalogue::Service;

/// What a text asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Requested<'a> {
    Nothing,
    /// One service or several for one visit, in the customer's order; none twice.
    Services(Vec<&'a Service>),
    /// One of these, it is not clear which; those beside it are, and it comes after `place` of them.
    OneOf {
        services: Vec<&'a Service>,
        beside: Vec<Uuid>,
        place: usize,
    },
    /// The same service more than once.
    Twice(&'a Service),
    /// More services than one visit has.
    TooMany,
}

pub(super) fn requested<'a>(turn: &Turn<'a>, text: &Text) -> Requested<'a> {
    let named = named(turn, text);
    if let Some((service, _)) = named.iter().find(|(service, place)| {
        is_several(turn, service, text, *place) || is_again(turn, service, text, *place, &named)
    }) {
        return Requested::Twice(service);
    }
    let either = named.windows(2).any(|pair| {
        let between = &text.words()[pair[0].1.1.min(pair[1].1.0)..pair[1].1.0];
        between.iter().any(|word| turn.words.or.contains(&word.as_str()))
    });
    let mut services: Vec<&Service> = Vec::new();
    for (service, _) in &named {
        if !services.iter().any(|known| known.id == service.id) {
            services.push(service);
        }
    }
    if either && services.len() > 1 {
        return Requested::OneOf { services, beside: Vec::new(), place: 0 };
    }
    if let Some(found) = by_segments(turn, text, &named) {
        return found;
    }
    if services.is_empty() {
        services = services_in(turn, text);
        return match services.len() {
            0 => Requested::Nothing,
            1 => Requested::Services(services),
            _ => Requested::OneOf { services, beside: Vec::new(), place: 0 },
        };
    }
    clear(services)
}

fn clear(services: Vec<&Service>) -> Requested<'_> {
    if services.len() > LINES_MAX { Requested::TooMany } else { Requested::Services(services) }
}

type Place = (usize, usize);

/// The services named in full and wanted, with where, in the order of the text. Of names within
/// names the longest counts.
fn named<'a>(turn: &Turn<'a>, text: &Text) -> Vec<(&'a Service, Place)> {
    let services = turn.known.catalogue.services.iter();
    let all: Vec<(&Service, Place)> = services
        .flat_map(|service| {
            wanted_places(turn, service, text).into_iter().map(move |place| (service, place))
        })
        .collect();
    let within = |inner: &Place, outer: &Place| {
        outer.0 <= inner.0 && inner.1 <= outer.1 && outer.1 - outer.0 > inner.1 - inner.0
    };
    let mut named: Vec<(&Service, Place)> = all
        .iter()
        .filter(|(_, place)| !all.iter().any(|(_, other)| within(place, other)))
        .copied()
        .collect();
    named.sort_by_key(|(_, place)| *place);
    named.dedup_by_key(|(service, place)| (service.id, *place));
    named
}

/// "Two haircuts": a number before a plural that is not the service's own name.
fn is_several(turn: &Turn<'_>, service: &Service, text: &Text, place: Place) -> bool {
    let words = text.words();
    let Some(number) = place.0.checked_sub(1).and_then(|before| words.get(before)) else {
        return false;
    };
    let plural = words[place.1 - 1].ends_with('s')
        && !folded_words(&service.name).iter().any(|own| *own == words[place.1 - 1]);
    let digit = matches!(number.as_bytes(), [b'2'..=b'9']);
    plural
        && (digit || turn.words.numbers.iter().any(|word| folded_words(word) == [number.as_str()]))
}

/// "A haircut and a haircut": named before, and joined to it.
fn is_again(
    turn: &Turn<'_>,
    service: &Service,
    text: &Text,
    place: Place,
    named: &[(&Service, Place)],
) -> bool {
    let before = named.iter().filter(|(other, of)| other.id == service.id && of.1 <= place.0);
    before.map(|(_, of)| &text.words()[of.1..place.0]).any(|between| {
        between.iter().any(|word| is_joining(turn, word))
            && between.iter().all(|word| word.len() <= 4)
    })
}

pub(super) fn is_joining(turn: &Turn<'_>, word: &str) -> bool {
    turn.words.joining.iter().any(|joining| folded_words(joining) == [word])
}

/// Reads what stands between joining words each for itself, where a part of a name may do: "cut and
/// nails". `None`: there is nothing that the names in full do not say.
fn by_segments<'a>(
    turn: &Turn<'a>,
    text: &Text,
    named: &[(&'a Service, Place)],
) -> Option<Requested<'a>> {
    let words = text.words();
    let inside = |at: usize| named.iter().any(|(_, place)| place.0 <= at && at < place.1);
    let joints: Vec<usize> =
        (0..words.len()).filter(|at| !inside(*at) && is_joining(turn, &words[*at])).collect();
    if joints.is_empty() {
        return None;
    }
    let mut services: Vec<&Service> = Vec::new();
    let mut unclear: Option<(Vec<&Service>, usize)> = None;
    let mut partly = false;
    let mut from = 0;
    for end in joints.into_iter().chain([words.len()]) {
        let own: Vec<&Service> = named
            .iter()
            .filter(|(_, place)| from <= place.0 && place.1 <= end)
            .map(|(service, _)| *service)
            .collect();
        let segment = if own.is_empty() {
            let part = Text::new(&text.spelled()[from..end].join(" "));
            let found = partly_named(turn, &part);
            // Refused by name.
            let refused = |service: &&Service| !places(service, &part).is_empty();
            if found.iter().any(refused) { Vec::new() } else { found }
        } else {
            own.clone()
        };
        partly |= own.is_empty() && !segment.is_empty();
        match segment.as_slice() {
            several if own.is_empty() && several.len() > 1 => {
                unclear.get_or_insert((several.to_vec(), services.len()));
            }
            clear => {
                for service in clear {
                    if !services.iter().any(|known| known.id == service.id) {
                        services.push(service);
                    }
                }
            }
        }
        from = end + 1;
    }
    match unclear {
        _ if !partly => None,
        Some((candidates, place)) => Some(Requested::OneOf {
            services: candidates,
            beside: services.iter().map(|service| service.id).collect(),
            place,
        }),
        None if services.is_empty() => None,
        None => Some(clear(services)),
    }
}

/// Several entries of the last menu by their numbers or ordinals, "1 e 3", with what was said
/// besides, such as "on saturday".
pub(super) fn picked(turn: &Turn<'_>, text: &Text) -> Option<(Vec<Uuid>, Option<String>)> {
    let parts = parts(turn, &text.raw);
    let (last, first) = parts.split_last()?;
    if first.is_empty() {
        return None;
    }
    let pick = |part: &str| {
        let picked = turn.dialogue.menu.typed(&Text::new(part), turn.words, false);
        match picked {
            Some(Pick::On(Choice::Service { service_id })) => Some(service_id),
            Some(Pick::On(_) | Pick::Off(_) | Pick::Stale) | None => None,
        }
    };
    let mut services: Vec<Uuid> = first.iter().map(|part| pick(part)).collect::<Option<_>>()?;
    if let Some(service) = pick(last) {
        services.push(service);
        return Some((services, None));
    }
    // "1 and 3 on saturday", but not "1, 3 pm".
    let (digit, rest) = last.split_once(char::is_whitespace)?;
    services.push(pick(digit)?);
    let joined = text.words().iter().any(|word| is_joining(turn, word));
    let when = joined && date_time::understood(turn, &Text::new(rest));
    when.then(|| (services, Some(rest.to_owned())))
}

/// A text cut at commas, plus signs and joining words; digits alone are cut at spaces too.
fn parts(turn: &Turn<'_>, raw: &str) -> Vec<String> {
    let digits =
        |text: &str| text.split_whitespace().all(|word| matches!(word.as_bytes(), [b'0'..=b'9']));
    if digits(raw) {
        return raw.split_whitespace().map(str::to_owned).collect();
    }
    let mut parts: Vec<String> = Vec::new();
    for piece in raw.split([',', '+', '&', ';', '\n']) {
        let mut part: Vec<&str> = Vec::new();
        for word in piece.split_whitespace() {
            if matches!(folded_words(word).as_slice(), [only] if is_joining(turn, only)) {
                parts.push(part.join(" "));
                part.clear();
            } else {
                part.push(word);
            }
        }
        parts.push(part.join(" "));
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}
