//! Booking by chat is off: what customers are told, and what goes on all the same.

use super::world::{World, march};
use crate::domain::catalogue::{Catalogue, Features};
use crate::domain::conversation::{Effect, Event, MessageKind};
use crate::domain::locale::Language;

fn off(language: Language) -> World {
    let mut world = World::new(language);
    world.catalogue.features = Features { whatsapp_booking: false, ..Features::default() };
    world
}

#[test]
fn a_customer_is_told_once_and_a_person_answers() {
    let told = [
        (
            Language::English,
            "Booking by chat is off for now. Someone from the team answers you here.",
        ),
        (
            Language::Portuguese,
            "Os agendamentos por aqui estão pausados no momento. Alguém da equipe responde nesta conversa.",
        ),
        (
            Language::Spanish,
            "Las reservas por aquí están en pausa por ahora. Alguien del equipo responde en esta conversación.",
        ),
    ];
    for (language, text) in told {
        let mut world = off(language);
        assert_eq!(world.say("corte amanhã às 15h"), text);
        assert!(world.human && world.effects.contains(&Effect::HandOff));
        assert_eq!(world.say("1"), "", "the person answers");
        // The word that calls the bot calls nobody who would help.
        assert_eq!(world.say("menu"), "");
        assert!(world.human);
    }
}

#[test]
fn while_the_team_is_away_it_is_said_when_they_are_back_once() {
    let mut world = off(Language::English);
    world.now = world.at(march(10, 22, 40));
    let said = world.say("hi");
    assert!(
        said.ends_with("The team is away now and is back tomorrow, Wednesday, at 9:00 AM."),
        "{said}"
    );
    assert_eq!(world.say("hello?"), "");
    // No way back to a bot that books nothing.
    world.now = world.at(march(11, 22, 40));
    assert_eq!(
        world.say("hello?"),
        "The team is away now and is back tomorrow, Thursday, at 9:00 AM."
    );
}

#[test]
fn what_was_open_is_neither_asked_again_nor_lost() {
    let mut world = World::new(Language::English);
    world.say("haircut");
    let state = world.dialogue.state.clone();
    world.catalogue.features.whatsapp_booking = false;
    assert_eq!(world.happen(&Event::Nudge), "");
    world.say("tomorrow at 3pm");
    assert_eq!(world.dialogue.state, state);
    assert!(world.human);
    assert_eq!(world.happen(&Event::Resumed), "");
    assert!(!world.human);
    world.catalogue.features.whatsapp_booking = true;
    assert!(world.say("tomorrow at 3pm").contains("Wednesday"));
}

#[test]
fn reminders_stop_and_start_all_the_same() {
    let mut world = off(Language::English);
    let said = world.say("STOP");
    assert!(said.starts_with("Done. You will get no more reminders"), "{said}");
    assert!(world.customer.opted_out && !world.human);
    world.say("START");
    assert!(!world.customer.opted_out);
    // With a person too.
    world.say("hi");
    world.say("STOP");
    assert!(world.customer.opted_out && world.human);
}

#[test]
fn thanks_and_stickers_call_nobody() {
    let mut world = off(Language::English);
    assert_eq!(world.say("thank you!"), "");
    assert_eq!(world.send_kind(MessageKind::Sticker), "");
    assert!(!world.human);
    assert_ne!(world.send_kind(MessageKind::Audio), "");
    assert!(world.human);
}

#[test]
fn what_was_stored_before_there_were_features_has_them_all_on() {
    let catalogue = World::new(Language::English).catalogue;
    let mut stored = serde_json::to_value(&catalogue).unwrap();
    stored.as_object_mut().unwrap().remove("features");
    let read: Catalogue = serde_json::from_value(stored).unwrap();
    assert!(read.features.whatsapp_booking);
}
