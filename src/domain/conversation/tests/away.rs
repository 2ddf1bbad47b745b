//! A person is wanted: in hours, out of hours, and when nobody comes.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::conversation::{Effect, Event, NotifyReason};
use crate::domain::locale::Language;

/// Tuesday, 22:40.
fn at_night(language: Language) -> World {
    let mut world = World::new(language);
    world.now = world.at(march(10, 22, 40));
    world
}

#[test]
fn script_8_out_of_hours_a_message_is_left_and_the_bot_goes_on() {
    let scripts = [
        (
            Language::English,
            "I want to talk to someone",
            "The team is away now and is back tomorrow, Wednesday, at 9:00 AM. I have left them your \
             message.\nI can book, change or cancel for you right now:\n1 Book\n2 My bookings",
        ),
        (
            Language::Portuguese,
            "quero falar com alguém",
            "A equipe já encerrou por hoje e volta amanhã, quarta-feira, às 9h. Deixei o seu recado \
             para eles.\nAgora mesmo eu posso agendar, remarcar ou cancelar:\n1 Agendar\n\
             2 Meus horários",
        ),
        (
            Language::Spanish,
            "quiero hablar con alguien",
            "El equipo ya cerró por hoy y vuelve mañana, miércoles, a las 9:00. Les dejé tu \
             mensaje.\nAhora mismo puedo reservar, cambiar o cancelar:\n1 Reservar\n2 Mis reservas",
        ),
    ];
    for (language, text, answer) in scripts {
        let mut world = at_night(language);
        assert_eq!(world.say(text), answer);
        assert!(!world.human && world.notified == 1);
        let left = Effect::NotifyStaff { reason: NotifyReason::LeftMessage };
        assert_eq!(world.effects[0], left);
        world.say("1");
        assert_eq!(world.dialogue.state.name(), "service_selection");
    }
}

#[test]
fn the_team_is_back_when_it_opens_next() {
    let cases = [
        (march(10, 7, 0), "is back today at 9:00 AM."),
        (march(10, 12, 30), "is back today at 1:00 PM."),
        (march(14, 15, 0), "is back on Monday 16 March at 9:00 AM."),
        (march(15, 10, 0), "is back tomorrow, Monday, at 9:00 AM."),
    ];
    for (now, back) in cases {
        let mut world = World::new(Language::English);
        world.now = world.at(now);
        let answer = world.say("person");
        assert!(answer.contains(back), "{answer}");
    }
    let mut world = World::new(Language::Portuguese);
    world.now = world.at(march(10, 7, 0));
    assert!(world.say("atendente").starts_with("A equipe não está no momento e volta hoje às 9h."));
    // Tomorrow is a holiday.
    let mut world = at_night(Language::English);
    world.catalogue.closures.push(march(11, 0, 0).date());
    assert!(world.say("person").contains("is back on Thursday 12 March at 9:00 AM."));
}

#[test]
fn where_no_hours_are_known_a_person_is_called_at_any_time() {
    let mut world = at_night(Language::English);
    world.catalogue.tenant.hours.openings.clear();
    world.say("person");
    assert!(world.human && world.notified == 0);
}

#[test]
fn a_hold_and_its_question_outlive_a_message_left() {
    let mut world = at_night(Language::English);
    world.say("haircut tomorrow 3pm");
    world.say("0");
    assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
    assert!(world.say("yes").starts_with("Please check:"));
}

#[test]
fn who_waits_for_a_person_is_told_once_a_day_that_the_team_is_away() {
    let mut world = World::new(Language::English);
    world.say("person");
    assert!(world.human);
    assert_eq!(world.say("hello?"), "", "the team is there");
    world.now = world.at(march(10, 19, 0));
    world.history.last_person_at = Some(world.now - TimeDelta::minutes(4));
    assert_eq!(world.say("hello?"), "", "somebody has just written");
    world.now += TimeDelta::minutes(2);
    let line =
        "The team is away now and is back tomorrow, Wednesday, at 9:00 AM.\nWrite MENU if you want";
    assert!(world.say("hello?").starts_with(line));
    assert!(world.human, "it is still theirs to answer");
    world.now += TimeDelta::hours(1);
    assert_eq!(world.say("anybody?"), "", "it was said today");
    world.now = world.at(march(11, 20, 0));
    assert!(world.say("anybody?").starts_with("The team is away now"));
}

#[test]
fn who_gets_no_answer_is_told_so_once_with_the_hours() {
    let texts = [
        (
            Language::English,
            "person",
            "Nobody has been free to answer you yet. They will as soon as they can.\nWe are open Monday \
             to Friday, 9:00 AM to 12:00 PM and 1:00 to 6:00 PM; Saturday, 9:00 AM to 1:00 PM.\nWrite \
             MENU",
        ),
        (
            Language::Portuguese,
            "atendente",
            "Ninguém da equipe conseguiu responder ainda. Respondem assim que puderem.\nAbrimos de \
             segunda a sexta, das 9h00 às 12h00 e das 13h00 às 18h00; sábado, das 9h00 às 13h00.\n",
        ),
        (
            Language::Spanish,
            "persona",
            "Nadie del equipo ha podido responder todavía. Lo harán en cuanto puedan.\nAbrimos de \
             lunes a viernes, de 9:00 a 12:00 y de 13:00 a 18:00; sábado, de 9:00 a 13:00.\nEscribe",
        ),
    ];
    for (language, person, told) in texts {
        let mut world = World::new(language);
        world.say(person);
        world.now += TimeDelta::minutes(15);
        let answer = world.happen(&Event::NobodyAnswered);
        assert!(answer.starts_with(told), "{answer}");
        assert!(world.human && world.dialogue.with_person);
    }
}

#[test]
fn who_waits_for_nobody_is_told_nothing() {
    let mut world = World::new(Language::English);
    world.say("hi");
    assert_eq!(world.happen(&Event::NobodyAnswered), "", "nobody was called");
}

#[test]
fn thanks_to_a_person_expect_no_answer_and_a_question_does() {
    let cases = [
        (Language::English, "perfect, thank you", "perfect, and on friday?"),
        (Language::Portuguese, "perfeito, muito obrigada!", "obrigada, e na sexta?"),
        (Language::Spanish, "perfecto, gracias", "gracias, ¿y el viernes?"),
    ];
    for (language, thanks, question) in cases {
        let mut world = World::new(language);
        world.say("0");
        assert!(world.human);
        assert_eq!(world.say(thanks), "");
        assert_eq!(world.effects, [Effect::ExpectNoAnswer], "{thanks}");
        assert_eq!(world.say(question), "");
        assert_eq!(world.effects, [], "{question}");
    }
}
