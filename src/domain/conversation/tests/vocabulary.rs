//! Every word of the design's table does what it says, in each language.

use super::world::{World, march};
use crate::domain::conversation::Effect;
use crate::domain::locale::Language;

const ENGLISH: Language = Language::English;
const PORTUGUESE: Language = Language::Portuguese;
const SPANISH: Language = Language::Spanish;

/// With a booking, and the conversation open at the list of services.
fn with_booking(language: Language) -> World {
    let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
    world.say("menu");
    world
}

fn does(world: &World, wanted: fn(&Effect) -> bool) -> bool {
    world.effects.iter().any(wanted)
}

/// Says each word to a fresh world and checks what came of it.
fn check(
    table: [(Language, &[&str]); 3],
    world: impl Fn(Language) -> World,
    holds: impl Fn(&World, &str) -> bool,
) {
    for (language, words) in table {
        for word in words {
            for written in [(*word).to_owned(), word.to_uppercase(), format!(" {word}! ")] {
                let mut world = world(language);
                let answer = world.say(&written);
                assert!(holds(&world, &answer), "{language:?} {written:?}: {answer}");
            }
        }
    }
}

#[test]
fn opt_out_words_stop_reminders() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["stop", "unsubscribe", "stop messages"]),
        (PORTUGUESE, &["sair", "parar", "pare", "descadastrar", "stop"]),
        (SPANISH, &["baja", "parar", "alto", "stop"]),
    ];
    // In the middle of a dialogue "sair" may mean the chat as well.
    let world = |language| World::new(language).booked(march(12, 14, 45), "K7F29");
    check(table, world, |world, _| does(world, |e| *e == Effect::OptOut));
}

#[test]
fn opt_out_words_are_heard_in_any_language() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["sair", "baja"]),
        (PORTUGUESE, &["unsubscribe", "baja"]),
        (SPANISH, &["sair"]),
    ];
    check(table, with_booking, |world, _| does(world, |e| *e == Effect::OptOut));
}

#[test]
fn opt_in_words_start_them_again() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["start"]),
        (PORTUGUESE, &["voltar a receber", "ativar", "start"]),
        (SPANISH, &["alta", "activar", "start"]),
    ];
    check(table, with_booking, |world, _| does(world, |e| *e == Effect::OptIn));
}

#[test]
fn cancel_words_mean_the_booking() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["cancel", "cancel booking"]),
        (PORTUGUESE, &["cancelar", "desmarcar"]),
        (SPANISH, &["cancelar", "anular"]),
    ];
    check(table, with_booking, |world, answer| {
        let questions = ["Cancel this booking?", "Quer cancelar", "¿Cancelo esta reserva?"];
        questions.iter().any(|q| answer.starts_with(q)) && !does(world, |e| *e == Effect::OptOut)
    });
}

#[test]
fn change_words_look_for_another_time() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["change", "reschedule", "move"]),
        (PORTUGUESE, &["remarcar", "mudar", "reagendar"]),
        (SPANISH, &["cambiar", "reprogramar", "mover"]),
    ];
    check(table, with_booking, |world, answer| {
        let keep = ["Keep Thursday", "Manter quinta", "Mantener el jueves"];
        world.dialogue.state.name() == "date_time" && keep.iter().any(|k| answer.contains(k))
    });
}

#[test]
fn booking_words_show_them() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["my bookings", "my appointments"]),
        (PORTUGUESE, &["meus horários", "meus agendamentos"]),
        (SPANISH, &["mis citas", "mis turnos"]),
    ];
    check(table, with_booking, |world, answer| {
        world.dialogue.state.name() == "completed" && answer.contains("(K7F29)")
    });
}

#[test]
fn menu_words_begin_again() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["menu", "start over", "hi", "hello"]),
        (PORTUGUESE, &["menu", "início", "oi", "olá", "recomeçar"]),
        (SPANISH, &["menú", "inicio", "hola", "empezar de nuevo"]),
    ];
    let searching = |language| {
        let mut world = with_booking(language);
        world.say("1");
        world
    };
    check(table, searching, |world, answer| {
        world.dialogue.state.name() == "service_selection" && answer.contains("Marina!")
    });
}

#[test]
fn back_words_lead_one_state_back() {
    let table: [(Language, &[&str]); 3] =
        [(ENGLISH, &["back"]), (PORTUGUESE, &["voltar"]), (SPANISH, &["volver", "atrás"])];
    let searching = |language| {
        let mut world = with_booking(language);
        world.say("1");
        world
    };
    check(table, searching, |world, answer| {
        world.dialogue.state.name() == "service_selection" && !answer.contains("Marina!")
    });
}

#[test]
fn person_words_call_a_person() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["person", "human", "agent", "help"]),
        (PORTUGUESE, &["atendente", "pessoa", "humano", "ajuda"]),
        (SPANISH, &["persona", "humano", "asesor", "ayuda"]),
    ];
    check(table, with_booking, |world, _| does(world, |e| *e == Effect::HandOff));
}

#[test]
fn yes_words_confirm_what_was_asked() {
    let table: [(Language, &[&str]); 3] = [
        (ENGLISH, &["yes", "y", "ok", "confirm", "👍", "👍🏽", "yes please"]),
        (PORTUGUESE, &["sim", "s", "ok", "confirmo", "👍", "sim por favor"]),
        (SPANISH, &["sí", "si", "ok", "confirmo", "👍", "si, por favor"]),
    ];
    let asked = |language| {
        let mut world = World::new(language);
        for text in ["menu", "1", "2"] {
            world.say(text);
        }
        world
    };
    check(table, asked, |world, _| does(world, |e| matches!(e, Effect::Confirm { .. })));
}

#[test]
fn no_words_keep_the_booking() {
    let table: [(Language, &[&str]); 3] =
        [(ENGLISH, &["no", "n"]), (PORTUGUESE, &["não", "nao", "n"]), (SPANISH, &["no", "n"])];
    let asked = |language| {
        let mut world = with_booking(language);
        world.say(if language == Language::English { "cancel" } else { "cancelar" });
        world
    };
    check(table, asked, |world, answer| {
        let kept = ["Nothing has changed", "Nada mudou", "Nada ha cambiado"];
        world.bookings.len() == 1 && kept.iter().any(|k| answer.starts_with(k))
    });
}

#[test]
fn language_words_switch_the_language() {
    let all: &[&str] = &["english", "português", "español"];
    let table = [(ENGLISH, all), (PORTUGUESE, all), (SPANISH, all)];
    check(table, with_booking, |world, _| {
        does(world, |e| matches!(e, Effect::SetLocale { .. })) && world.customer.locale.is_some()
    });
}
