//! The language follows the customer.

use super::world::{BRUNO, World, march};
use crate::domain::conversation::Effect;
use crate::domain::locale::{Language, Locale};

fn brazilian() -> World {
    World::new(Language::Portuguese)
}

#[test]
fn a_clear_sentence_is_answered_in_its_language_and_remembered() {
    let mut world = brazilian();
    let answer = world.say("hola, quisiera una cita para un corte mañana por la tarde");
    assert!(answer.starts_with("¡Hola, Marina!"), "{answer}");
    assert_eq!(world.customer.locale, "es-BR".parse::<Locale>().ok());
    let answer = world.say("1");
    assert!(answer.starts_with("Revisa, por favor:"), "{answer}");
    let mut world = brazilian();
    assert!(world.say("hi, I would like a haircut tomorrow").contains("Hi Marina!"));
    let mut world = World::new(Language::English);
    assert!(world.say("oi, queria marcar um horário amanhã").starts_with("Oi, Marina!"));
    let mut world = World::new(Language::Spanish);
    assert!(world.say("hello, do you have time tomorrow?").starts_with("Hi Marina!"));
}

#[test]
fn the_second_message_settles_what_the_first_left_open() {
    let mut world = brazilian();
    assert!(world.say("hola").contains("Oi, Marina!"));
    let answer = world.say("mañana");
    assert!(answer.starts_with("¿Qué servicio quieres?"), "{answer}");
}

#[test]
fn a_word_that_is_a_name_or_a_loan_switches_nothing() {
    for texts in [
        &["ok", "no"][..],
        &["Juan", "Carmen"],
        &["manicure", "ok"],
        &["hola", "quero um corte amanhã", "gracias"],
        &["thanks", "obrigada", "thanks"],
        &["1", "2", "no"],
        &["color", "2"],
    ] {
        let mut world = brazilian();
        for text in texts {
            world.say(text);
        }
        assert_eq!(world.customer.locale, None, "{texts:?}");
    }
}

#[test]
fn a_language_that_was_switched_switches_back() {
    let mut world = brazilian();
    world.say("quisiera una cita mañana");
    world.say("na verdade queria marcar para hoje, obrigada");
    assert_eq!(world.customer.locale, Some(Locale::PT_BR));
}

#[test]
fn a_time_lost_in_the_turn_that_switched_is_told_in_the_new_language() {
    let mut world = brazilian();
    world.say("quisiera un corte el jueves a las 15:00, gracias");
    // Of the refused turn only the dialogue is left.
    world.customer.locale = None;
    world.bookings.clear();
    let lost = world.lost(BRUNO, march(12, 15, 0));
    let (_, effects) = world.decide(&lost);
    assert!(matches!(effects[0], Effect::SetLocale { .. }), "{effects:?}");
    let Some(Effect::Reply { text }) = effects.last() else { panic!("silent") };
    assert!(text.contains("Revisa, por favor:"), "{text}");
}
