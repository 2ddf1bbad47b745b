//! Whom the customer wishes to be served by, as far as a text says it.

use uuid::Uuid;

use super::function_words::is_function_word;
use super::state::State;
use super::text::{Text, folded_words};
use super::turn::Turn;
use crate::domain::catalogue::Staff;

/// First names that are common where we are at home, so that "com a maria" is known for a wish
/// though nobody of that name works here. Without accents.
const FIRST_NAMES: &str = "adriana alejandra alejandro alex alice aline amanda amy ana andre andrea \
     andres angela anna antonia antonio beatriz ben bianca bruna bruno camila carla carlos carmen \
     carol carolina catalina cecilia charlotte chris clara claudia constanza cristina dan daniel \
     daniela david debora diana diego eduardo elena elisa emily emma fabiana felipe fernanda \
     fernando flavia francisca francisco gabriel gabriela giovana grace gustavo helena henrique \
     hugo ines isabel isabela isabella jack james jane javier jessica joan joana joao joaquin john \
     jorge jose juan julia juliana karen karina kate kelly lara larissa laura leonardo leticia \
     lisa lorena lucas lucia luciana luis luisa luiz lucy manuel manuela marcela marcelo marcia \
     marcos maria mariana marina mario marta mary matheus mateus mauricio mercedes michael miguel \
     monica natalia nicolas nicole olivia pablo patricia paula paulo pedro rafael rafaela raquel \
     renata ricardo roberta roberto rodrigo rosa samuel sandra santiago sara sarah sergio silvia \
     simone sofia sonia sophia susana tatiana teresa thais thiago tiago tom valentina vanessa \
     veronica victor victoria vitor vitoria viviane yasmin";

/// Who wants to talk with somebody does not wish to be served by them.
const TALKING: [&str; 7] = ["talk", "speak", "talking", "falar", "conversar", "falando", "hablar"];

/// What may stand between "with" and a name.
const TITLES: [&str; 11] =
    ["dr", "dra", "doctor", "doctora", "mr", "mrs", "ms", "sr", "sra", "dona", "don"];

/// The member of staff a text names. Before times are offered only after "with": there a name alone
/// may be the customer's own.
pub(super) fn member<'a>(turn: &Turn<'a>, text: &Text) -> Option<&'a Staff> {
    let offered = match &turn.dialogue.state {
        State::DateTime(_) | State::Confirmation(_) => true,
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => false,
    };
    let named = |name: &str| text.is_led_to(name, turn.words.with) || (offered && text.has(name));
    let staff = &turn.known.catalogue.staff;
    // "Ana Paula" is not "Ana".
    let in_full = staff.iter().filter(|member| named(&member.name));
    in_full.max_by_key(|member| member.name.len()).or_else(|| {
        let by_part = |member: &&Staff| {
            let parts = folded_words(&member.name);
            parts
                .iter()
                .any(|part| !is_function_word(part) && text.is_led_to(part, turn.words.with))
        };
        // "Paula" is, where there is one.
        let mut part = staff.iter().filter(by_part);
        part.next().filter(|_| part.next().is_none())
    })
}

/// The id of the member of staff a text names.
pub(super) fn member_id(turn: &Turn<'_>, text: &Text) -> Option<Uuid> {
    member(turn, text).map(|member| member.id)
}

/// The name in a wish for somebody who does not work here.
pub(super) fn unknown(turn: &Turn<'_>, text: &Text) -> Option<String> {
    let with = turn.words.with.first()?;
    if text.has_any(&TALKING) {
        return None;
    }
    let words = text.words();
    let staff = &turn.known.catalogue.staff;
    let leads = |word: &str| is_function_word(word) || TITLES.contains(&word);
    (1..words.len()).find_map(|at| {
        let led = words[at - 1] == *with
            || (at >= 2 && words[at - 2] == *with && leads(&text.spelled()[at - 1]));
        let word = &words[at];
        let known = staff.iter().any(|member| folded_words(&member.name).contains(word));
        let name = written(text, word);
        let capital = name.chars().next().is_some_and(char::is_uppercase)
            && name.chars().any(char::is_lowercase);
        let common = FIRST_NAMES.split_whitespace().any(|name| name == word);
        let named = led && !known && !leads(&text.spelled()[at]) && !of_service(turn, word);
        (named && (capital || common)).then(|| super::format::capitalized(&name))
    })
}

/// A word as the customer wrote it, without what stands around it.
fn written(text: &Text, word: &str) -> String {
    let of = |token: &&str| folded_words(token) == [word];
    let token = text.raw.split_whitespace().find(of).unwrap_or(word);
    token.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned()
}

fn of_service(turn: &Turn<'_>, word: &str) -> bool {
    let services = &turn.known.catalogue.services;
    let names = services
        .iter()
        .flat_map(|service| [&service.name, &service.key].into_iter().chain(&service.synonyms));
    names.flat_map(|name| folded_words(name)).any(|own| own == *word)
}

/// That nobody is called so, and who does any of the services.
pub(super) fn nobody_called(turn: &Turn<'_>, name: &str, services: &[Uuid]) -> String {
    let staff = turn.known.catalogue.staff.iter();
    let names: Vec<String> = staff
        .filter(|member| services.iter().any(|id| member.services.contains(id)))
        .map(|member| member.name.clone())
        .collect();
    turn.phrases.nobody_called(name, &turn.format.either(&names))
}
