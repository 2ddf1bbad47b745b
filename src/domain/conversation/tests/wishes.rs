//! What of a wish is kept, and what is said of wishes that cannot be.

use chrono::TimeDelta;

use super::world::{ANA, BRUNO, HAIRCUT, World, march};
use crate::domain::conversation::{Dialogue, Effect, Event, Line, Message, MessageKind};
use crate::domain::locale::Language;

fn english() -> World {
    World::new(Language::English)
}

/// A customer who has chosen a service.
fn looking(language: Language, service: &str) -> World {
    let mut world = World::new(language);
    world.say(service);
    world
}

#[test]
fn a_date_in_numbers_from_abroad_is_asked_about_in_both_orders() {
    let mut world = looking(Language::English, "haircut");
    world.customer.country_differs = true;
    let both = "Which date do you mean?\n1 Mon April 6\n2 Thu June 4";
    assert_eq!(world.say("04/06"), both);
    assert!(world.say("1").starts_with("Monday 6 April:"));
    assert_eq!(world.say("04/06"), both);
    // It was theirs to say; that it is too far off comes after.
    assert!(world.say("2").starts_with("I can book until Saturday 9 May."));
    for (text, start) in [
        ("13/04", "Monday 13 April:"),
        ("04/13", "Monday 13 April:"),
        ("04/04", "Saturday 4 April:"),
        // The second of January is over.
        ("01/04", "Wednesday 1 April:"),
        // The sixth of September is a Sunday, and too far as well.
        ("04/07", "Which date do you mean?\n1 Tue April 7\n2 Sat July 4"),
        ("thursday at 10:30", "Thursday 12 March, 10:30 AM is free"),
    ] {
        let mut world = looking(Language::English, "haircut");
        world.customer.country_differs = true;
        let answer = world.say(text);
        assert!(answer.starts_with(start), "{text}: {answer}");
    }
    let mut world = looking(Language::English, "haircut");
    assert!(world.say("04/06").starts_with("Monday 6 April:"));
}

#[test]
fn a_time_that_somebody_else_just_took_is_held_with_another_of_the_staff() {
    for lost_after in [false, true] {
        let mut world = looking(Language::English, "haircut");
        world.lost_after = lost_after;
        world.say("thursday after 2 pm");
        let choice = world.dialogue.menu.clone();
        // Whoever it was offered with has it no more.
        let (start, end) = (world.at(march(12, 14, 0)), world.at(march(12, 14, 45)));
        world.block(ANA, start, end);
        let answer = world.say("1");
        assert!(answer.starts_with("Please check:\nHaircut with Bruno"), "{choice:?} {answer}");
        assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
        assert!(world.say("1").starts_with("Booked ✅"));
    }
}

#[test]
fn a_time_lost_to_whom_was_wished_for_is_not_held_with_another() {
    let mut world = looking(Language::English, "haircut");
    world.lost_after = true;
    world.say("thursday with Ana");
    let (start, end) = (world.at(march(12, 9, 0)), world.at(march(12, 9, 45)));
    world.block(ANA, start, end);
    let answer = world.say("1");
    assert!(answer.starts_with("Sorry, 9:00 AM on Thursday was taken"), "{answer}");
    assert_eq!(world.holds(), 0);
}

#[test]
fn whom_the_first_message_wished_for_is_known_from_where_its_step_came_to() {
    let mut world = english();
    let message = |text: &str, world: &World| Message {
        sent_at: world.now,
        kind: MessageKind::Text,
        text: Some(text.to_owned()),
        choice: None,
        quoted: None,
        quoted_at: None,
        received_at: None,
    };
    for (text, start) in [
        ("haircut tomorrow at 3 pm with Ana", "Sorry, 3:00 PM on Wednesday was taken"),
        ("haircut tomorrow at 3 pm", "Please check:\nHaircut with Bruno"),
    ] {
        let said = Event::Said { messages: vec![message(text, &world)] };
        let (came_to, _) = world.decide(&said);
        let starts_at = world.at(march(11, 15, 0));
        world.dialogue = Dialogue { greeted: false, ..came_to };
        let lost =
            Event::Lost { lines: vec![Line { staff_id: ANA, service_id: HAIRCUT, starts_at }] };
        let (_, effects) = world.decide(&lost);
        let Some(Effect::Reply { text }) = effects.last() else { panic!("silent") };
        let intro = "Hi Marina! I am the booking assistant of Luna Salon.\n";
        assert!(text.starts_with(&format!("{intro}{start}")), "{text}");
        world.dialogue = Dialogue::default();
    }
}

#[test]
fn a_time_lost_with_all_of_the_staff_is_said_to_be_taken() {
    let mut world = english();
    let starts_at = world.at(march(11, 15, 0));
    world.block(BRUNO, starts_at, starts_at + TimeDelta::minutes(45));
    let lost = Event::Lost { lines: vec![Line { staff_id: ANA, service_id: HAIRCUT, starts_at }] };
    let (_, effects) = world.decide(&lost);
    let Some(Effect::Reply { text }) = effects.last() else { panic!("silent") };
    assert!(text.contains("Sorry, 3:00 PM on Wednesday was taken"), "{text}");
}

#[test]
fn another_day_or_service_is_a_wish_of_its_own() {
    let cases = [
        (Language::Portuguese, "corte", "amanhã à noite", "sexta", "Sexta-feira, 13 de março:"),
        (Language::English, "haircut", "tomorrow after 5 pm", "friday", "Friday 13 March:"),
        (Language::Spanish, "corte", "mañana a las 17:30", "viernes", "Viernes 13 de marzo:"),
    ];
    for (language, service, first, then, start) in cases {
        let mut world = looking(language, service);
        world.say(first);
        let answer = world.say(then);
        assert!(answer.starts_with(start), "{then}: {answer}");
    }
    let mut world = looking(Language::Portuguese, "corte");
    world.say("amanhã à noite");
    let answer = world.say("manicure na sexta");
    assert!(answer.starts_with("Sexta-feira, 13 de março:\n1 9h00"), "{answer}");
    // The same day, and days of those wished before, keep the time.
    let mut world = looking(Language::English, "haircut");
    world.say("thursday");
    assert!(world.say("after 2 pm").starts_with("Thursday 12 March, after 2:00 PM:"));
    assert!(world.say("thursday please").starts_with("Thursday 12 March, after 2:00 PM:"));
    world.say("next week");
    world.say("after 2 pm");
    assert!(world.say("tuesday 17").starts_with("Tuesday 17 March, after 2:00 PM:"));
}

#[test]
fn a_name_that_nobody_has_is_said_to_be_unknown() {
    let cases = [
        (
            Language::Portuguese,
            "corte amanhã com a maria",
            "Não temos ninguém chamado Maria. Você pode agendar com Ana ou Bruno.",
        ),
        (
            Language::English,
            "haircut tomorrow with Jemima",
            "Nobody here is called Jemima. You can book with Ana or Bruno.",
        ),
        (
            Language::Spanish,
            "corte mañana con maría",
            "No tenemos a nadie que se llame María. Puedes reservar con Ana o Bruno.",
        ),
    ];
    for (language, text, line) in cases {
        let mut world = World::new(language);
        let answer = world.say(text);
        assert!(answer.contains(line) && answer.contains("\n1 9"), "{answer}");
        assert_eq!(world.dialogue.state.name(), "date_time");
    }
    let mut world = looking(Language::English, "color");
    let answer = world.say("with Peter");
    assert!(answer.contains("You can book with Ana.\nFirst free times:"), "{answer}");
    assert!(World::new(Language::Portuguese).say("corte com Maria/Joana").contains("\n1 "));
    let answer = world.say("with Dr. Smith");
    assert!(answer.starts_with("Nobody here is called Smith."), "{answer}");
    for text in [
        "quero falar com a Maria",
        "corte com desconto",
        "corte com uma amiga na sexta",
        "corte com urgência",
    ] {
        let answer = World::new(Language::Portuguese).say(text);
        assert!(!answer.contains("Não temos ninguém"), "{text}: {answer}");
    }
}

#[test]
fn part_of_a_name_will_do_where_one_alone_has_it() {
    let mut world = english();
    "Ana Paula".clone_into(&mut world.catalogue.staff[0].name);
    assert!(world.say("haircut friday with Paula").contains("Friday 13 March, with Ana Paula:"));
}

#[test]
fn a_service_that_is_not_wanted_is_not_chosen() {
    let cases = [
        (Language::Portuguese, "não quero mais corte"),
        (Language::Portuguese, "não quero fazer o corte"),
        (Language::English, "I don't want a haircut"),
        (Language::Spanish, "ya no quiero el corte"),
    ];
    for (language, text) in cases {
        let mut world = looking(language, "manicure");
        world.say(text);
        assert_eq!(world.dialogue.state.name(), "greeting", "{text}");
        let mut world = World::new(language);
        world.say("menu");
        world.say(text);
        assert_ne!(world.dialogue.state.name(), "date_time", "{text}");
    }
    let mut world = looking(Language::Portuguese, "corte");
    assert!(world.say("não quero mais").starts_with("Tudo bem, nada foi agendado."));
    for (text, chosen) in [
        ("não quero corte, quero manicure", "Manicure, 40 min."),
        ("não quero esperar muito: corte", "Corte, 45 min."),
        ("não, quero corte", "Corte, 45 min."),
    ] {
        let answer = World::new(Language::Portuguese).say(text);
        let expected = if text.starts_with("não,") { true } else { answer.contains(chosen) };
        assert!(expected, "{text}: {answer}");
    }
}

#[test]
fn a_move_to_other_staff_names_them_before_it_is_confirmed() {
    let cases = [
        (
            Language::English,
            "move it to friday at 11 am",
            "Move it to Friday 13 March, 11:00 AM with",
        ),
        (
            Language::Portuguese,
            "remarcar pra sexta às 11h",
            "Mudo para sexta-feira, 13 de março, 11h00, com",
        ),
        (
            Language::Spanish,
            "cambiar al viernes a las 11",
            "¿Lo cambio al viernes 13 de marzo a las 11:00, con",
        ),
    ];
    for (language, text, start) in cases {
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        let with = format!(
            "{text} {} Ana",
            if language == Language::English {
                "with"
            } else if language == Language::Spanish {
                "con"
            } else {
                "com"
            }
        );
        let answer = world.say(&with);
        assert!(answer.starts_with(&format!("{start} Ana?")), "{answer}");
        // With the same staff nobody is named.
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        assert!(!world.say(text).contains("Bruno"), "{text}");
    }
}

#[test]
fn a_time_is_written_in_a_move_as_in_its_receipt() {
    let mut world = World::new(Language::Portuguese).booked(march(12, 14, 45), "K7F29");
    assert!(
        world
            .say("remarcar pra sexta às 11h")
            .starts_with("Mudo para sexta-feira, 13 de março, 11h00?")
    );
    assert!(world.say("1").contains("sexta-feira, 13 de março, 11h00."));
}

#[test]
fn a_price_is_answered_with_the_length_and_times() {
    let cases = [
        (Language::English, "how much is a haircut?", "Haircut: $40, 45 min. Which day"),
        (Language::Portuguese, "quanto custa o corte?", "Corte: R$ 80, 45 min. Que dia"),
        (Language::Spanish, "¿cuánto cuesta el corte?", "Corte: $18.000, 45 min. ¿Qué día"),
    ];
    for (language, text, line) in cases {
        for state in ["", "menu", "corte", "haircut", "manicure", "manicura"] {
            let mut world = World::new(language);
            if !state.is_empty() {
                world.say(state);
            }
            let answer = world.say(text);
            assert!(answer.contains(line) && answer.contains("\n1 "), "{state} {answer}");
            assert_eq!(world.dialogue.state.name(), "date_time");
            assert!(world.say("1").contains("45"), "{state}");
        }
    }
    let mut world = english();
    world.catalogue.services[0].price = None;
    let answer = world.say("how much is a haircut tomorrow at 3 pm?");
    assert!(answer.contains("Haircut: 45 min. The team will tell you the price."), "{answer}");
    assert_eq!(world.holds(), 1);
}

#[test]
fn what_is_said_after_a_closed_day_is_about_another() {
    let mut world = english();
    world.say("haircut");
    world.say("sunday at 10 am");
    let answer = world.say("in the afternoon");
    assert!(answer.starts_with("Afternoon:\n1 Tue 10 Mar, 1:00 PM"), "{answer}");
    world.say("sunday at 10 am");
    let answer = world.say("monday");
    assert!(answer.starts_with("Monday 16 March, 10:00 AM is free"), "{answer}");
}

#[test]
fn a_wish_for_staff_is_kept_and_explained_where_it_cannot_be() {
    let mut world = english();
    world.say("haircut");
    assert!(
        world.say("thursday with Bruno").starts_with("Thursday 12 March, with Bruno:\n1 9:00 AM\n")
    );
    assert!(world.say("friday").starts_with("Friday 13 March, with Bruno:"));
    // Where times are offered the name alone will do.
    assert!(world.say("Ana").starts_with("Friday 13 March, with Ana:"));
    let answer = world.say("color");
    assert!(answer.contains("Ana's next free times:"), "{answer}");
    let mut world = english();
    let answer = world.say("color with Bruno on friday");
    assert!(answer.contains("Bruno does not do color.\nFriday 13 March:"), "{answer}");
}

#[test]
fn a_wish_of_several_days_is_answered_with_several_days() {
    let mut world = english();
    world.say("haircut");
    let answer = world.say("next week");
    let expected = [
        "From Monday 16 March to Sunday 22 March:",
        "1 Mon 16 Mar, 9:00 AM with Ana",
        "2 Mon 16 Mar, 1:00 PM with Ana",
        "3 Tue 17 Mar, 9:00 AM with Ana",
        "9 More times",
    ];
    assert_eq!(answer, expected.join("\n"));
    // A time of its own, on any of the days.
    assert!(world.say("at 3 pm").contains("2 Tue 17 Mar, 3:00 PM with Ana"));
}
