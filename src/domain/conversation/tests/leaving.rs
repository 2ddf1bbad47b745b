//! "Sair": the chat, or the reminders.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::conversation::Effect;
use crate::domain::locale::Language;

const QUESTION: &str = "O que você prefere?\n1 Encerrar a conversa\n2 Não receber lembretes";

fn portuguese() -> World {
    World::new(Language::Portuguese)
}

fn opted_out(world: &World) -> bool {
    world.effects.contains(&Effect::OptOut)
}

#[test]
fn sair_in_the_middle_of_a_dialogue_is_asked_about_once() {
    for before in [&["oi"][..], &["corte"], &["corte amanhã às 15h"]] {
        let open = || {
            let mut world = portuguese();
            for text in before {
                world.say(text);
            }
            assert_eq!(world.say("Sair"), QUESTION, "{before:?}");
            assert!(!opted_out(&world));
            world
        };
        let mut world = open();
        assert!(world.say("1").starts_with("Tudo bem, encerramos por aqui."));
        assert_eq!((world.holds(), world.dialogue.state.name()), (0, "greeting"));
        assert!(!world.customer.opted_out);
        let mut world = open();
        let state = world.dialogue.state.clone();
        assert!(world.say("2").starts_with("Pronto. Você não vai mais receber lembretes"));
        assert!(opted_out(&world) && world.dialogue.state == state);
        let mut world = open();
        world.say("sair");
        assert!(opted_out(&world), "said twice it is clear");
    }
}

#[test]
fn sair_after_a_reminder_or_outside_a_dialogue_stops_reminders_at_once() {
    let mut world = portuguese().booked(march(12, 14, 45), "K7F29");
    world.say("corte");
    world.notify("reminder", Some(3_600));
    world.say("sair");
    assert!(opted_out(&world));
    let mut world = portuguese();
    world.history.last_proactive_at = Some(world.now - TimeDelta::hours(23));
    world.say("corte");
    world.say("sair");
    assert!(opted_out(&world));
    let mut world = portuguese();
    world.history.last_proactive_at = Some(world.now - TimeDelta::hours(25));
    world.say("corte");
    assert_eq!(world.say("sair"), QUESTION);
    let mut world = portuguese();
    world.say("sair");
    assert!(opted_out(&world));
    let mut world = portuguese();
    for text in ["corte amanhã às 15h", "1", "SAIR"] {
        world.say(text);
    }
    assert!(opted_out(&world), "the last message said what SAIR does");
}

#[test]
fn other_words_of_leaving_stop_reminders_in_any_state() {
    for (language, words) in [
        (Language::English, &["stop", "unsubscribe", "sair"][..]),
        (Language::Portuguese, &["parar", "pare", "descadastrar", "stop", "baja"]),
        (Language::Spanish, &["baja", "alto", "stop"]),
    ] {
        for word in words {
            let mut world = World::new(language);
            world.say("1");
            world.say("1");
            world.say(word);
            assert!(opted_out(&world), "{language:?} {word}");
        }
    }
}
