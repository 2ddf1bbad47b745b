//! Questions that the catalogue answers.

use super::world::World;
use crate::domain::locale::Language;

#[test]
fn the_address_is_told_and_the_open_question_asked_again() {
    let cases = [
        (
            Language::English,
            "haircut",
            "where are you?",
            "You find us here: 120 Flower St.\nWhich time would you like? (1 to 3)",
        ),
        (
            Language::Portuguese,
            "corte",
            "qual o endereço?",
            "Estamos aqui: Rua das Flores, 120\nQual horário você prefere? (1 a 3)",
        ),
        (
            Language::Spanish,
            "corte",
            "¿dónde quedan?",
            "Estamos aquí: Calle Las Flores 120\n¿Qué hora prefieres? (1 a 3)",
        ),
    ];
    for (language, service, question, answer) in cases {
        let mut world = World::new(language);
        world.say(service);
        let before = world.dialogue.state.clone();
        assert_eq!(world.say(question), answer);
        assert_eq!(world.dialogue.state, before);
        assert!(world.say("1").contains("120"), "the menu stands");
    }
}

#[test]
fn the_hours_are_told() {
    for (language, questions, hours) in [
        (
            Language::English,
            &[
                "when are you open?",
                "what time do you close on saturday?",
                "are you open on sundays?",
                "opening hours",
            ][..],
            "We are open Monday to Friday",
        ),
        (
            Language::Portuguese,
            &[
                "que horas vocês abrem?",
                "vocês abrem no domingo?",
                "até que horas funcionam?",
                "qual o horário de funcionamento?",
            ],
            "Abrimos de segunda a sexta",
        ),
        (
            Language::Spanish,
            &[
                "¿a qué hora abren?",
                "¿abren los domingos?",
                "¿qué horario tienen?",
                "¿hasta qué hora atienden?",
            ],
            "Abrimos de lunes a viernes",
        ),
    ] {
        for question in questions {
            let mut world = World::new(language);
            world.say("menu");
            let answer = world.say(question);
            assert!(answer.starts_with(hours), "{question}: {answer}");
            assert_eq!(world.dialogue.state.name(), "service_selection");
        }
    }
}

#[test]
fn a_question_beside_a_request_is_answered_with_it() {
    let mut world = World::new(Language::Portuguese);
    let answer = world.say("oi, quero um corte amanhã às 15h, qual o endereço?");
    assert!(answer.starts_with("Estamos aqui: Rua das Flores, 120\n"), "{answer}");
    assert_eq!(world.holds(), 1);
}

#[test]
fn what_is_not_known_is_left_to_the_team() {
    let mut world = World::new(Language::English);
    world.catalogue.tenant.address = None;
    world.say("menu");
    assert!(
        world.say("what is your address?").starts_with("The team will tell you how to find us.")
    );
    world.catalogue.tenant.hours.openings.clear();
    assert!(world.say("opening hours?").starts_with("The team will tell you when we are open."));
}
