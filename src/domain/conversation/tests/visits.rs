//! Visits of several services: asked for, offered, held, booked, changed and called off as one thing.

use uuid::Uuid;

use super::world::{ANA, BRUNO, COLOR, HAIRCUT, MANICURE, World, march};
use crate::domain::catalogue::{Service, Status};
use crate::domain::conversation::{Effect, LINES_MAX};
use crate::domain::locale::Language;

fn english() -> World {
    World::new(Language::English)
}

/// Saturday as in the script, and Friday with room for both.
fn saturday() -> World {
    english().free_only(&[
        (BRUNO, march(14, 9, 0), 45),
        (ANA, march(14, 9, 45), 100),
        (ANA, march(13, 14, 0), 120),
    ])
}

/// A visit of haircut and manicure on Saturday at nine, held.
fn held() -> World {
    let mut world = saturday();
    for text in ["haircut and manicure on saturday", "1"] {
        world.say(text);
    }
    assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
    world
}

fn booked() -> World {
    let mut world = held();
    let answer = world.say("yes");
    assert!(answer.starts_with("Booked ✅ Code K7F29."), "{answer}");
    world
}

/// The services and local starts of what is booked or held.
fn lines(world: &World) -> Vec<(Uuid, Uuid, String)> {
    let line = |b: &crate::domain::catalogue::Booking| {
        (b.service_id, b.staff_id, world.local(b.starts_at).format("%d %H:%M").to_string())
    };
    world.bookings.iter().map(line).collect()
}

fn services_planned(world: &World) -> Vec<Uuid> {
    let stored = serde_json::to_value(&world.dialogue.state).unwrap();
    let wanted = stored["services"].as_array().unwrap().iter();
    wanted.map(|wanted| wanted["service_id"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn several_services_are_understood_however_they_are_joined() {
    #[rustfmt::skip]
    let cases = [
        (Language::English,    "haircut and manicure",                  [HAIRCUT, MANICURE]),
        (Language::English,    "a manicure and a haircut please",       [MANICURE, HAIRCUT]),
        (Language::English,    "haircut, manicure",                     [HAIRCUT, MANICURE]),
        (Language::English,    "haircut + nails",                       [HAIRCUT, MANICURE]),
        (Language::English,    "1 and 3",                               [HAIRCUT, MANICURE]),
        (Language::English,    "1, 3",                                  [HAIRCUT, MANICURE]),
        (Language::English,    "3 1",                                   [MANICURE, HAIRCUT]),
        (Language::English,    "the first and the third",               [HAIRCUT, MANICURE]),
        (Language::English,    "option 1 and option 3",                 [HAIRCUT, MANICURE]),
        (Language::Portuguese, "corte e manicure",                      [HAIRCUT, MANICURE]),
        (Language::Portuguese, "quero fazer as unhas e cortar o cabelo",[MANICURE, HAIRCUT]),
        (Language::Portuguese, "corte mais manicure",                   [HAIRCUT, MANICURE]),
        (Language::Portuguese, "1 e 3",                                 [HAIRCUT, MANICURE]),
        (Language::Portuguese, "o primeiro e o terceiro",               [HAIRCUT, MANICURE]),
        (Language::Spanish,    "corte y manicura",                      [HAIRCUT, MANICURE]),
        (Language::Spanish,    "1 y 3",                                 [HAIRCUT, MANICURE]),
        (Language::Spanish,    "manicura más corte",                    [MANICURE, HAIRCUT]),
    ];
    for (language, text, services) in cases {
        let mut world = World::new(language);
        world.say("menu");
        let answer = world.say(text);
        assert_eq!(world.dialogue.state.name(), "date_time", "{text}: {answer}");
        assert_eq!(services_planned(&world), services, "{text}: {answer}");
        assert!(answer.contains("1 h 25 min"), "{text}: {answer}");
    }
}

#[test]
fn numbers_may_come_with_a_day_and_are_no_time_of_it() {
    let mut world = english();
    world.say("menu");
    assert!(world.say("1 and 3 on saturday").contains("together. Saturday 14 March:\n1 9:00 AM"));
    let mut world = english();
    world.say("menu");
    world.say("1, 3 pm");
    assert_ne!(world.dialogue.state.name(), "date_time");
}

#[test]
fn one_of_two_is_asked_about() {
    for (language, text) in [
        (Language::English, "haircut or manicure?"),
        (Language::Portuguese, "corte ou manicure"),
        (Language::Spanish, "corte o manicura"),
    ] {
        let mut world = World::new(language);
        world.say(text);
        assert_eq!(world.dialogue.state.name(), "service_selection", "{text}");
    }
}

#[test]
fn a_part_of_a_name_is_asked_about_with_the_others_kept() {
    let mut world = World::new(Language::Portuguese);
    let corte = world.catalogue.services[0].clone();
    let named = |id: u128, name: &str| Service {
        id: Uuid::from_u128(id),
        key: name.to_lowercase(),
        name: name.to_owned(),
        synonyms: Vec::new(),
        ..corte.clone()
    };
    world.catalogue.services[0] = named(1, "Corte feminino");
    world.catalogue.services.push(named(4, "Corte masculino"));
    world.catalogue.staff[0].services.push(Uuid::from_u128(4));
    let answer = world.say("corte e manicure no sábado");
    assert!(answer.contains("\n1 Corte feminino") && answer.contains("\n2 Corte masculino"));
    let answer = world.say("2");
    assert_eq!(services_planned(&world), [Uuid::from_u128(4), MANICURE], "{answer}");
    assert!(answer.starts_with("Corte masculino + manicure"), "{answer}");
    assert!(answer.contains("Sábado, 14 de março"), "{answer}");
}

#[test]
fn the_same_service_for_several_is_the_teams() {
    for (language, text, said) in [
        (Language::English, "two haircuts", "I book one person at a time"),
        (Language::English, "a haircut and a haircut", "I book one person at a time"),
        (Language::Portuguese, "dois cortes amanhã", "agendo uma pessoa de cada vez"),
        (Language::Spanish, "2 cortes", "reservo para una persona a la vez"),
    ] {
        let mut world = World::new(language);
        let answer = world.say(text);
        assert!(answer.contains(said) && answer.contains("\n0 "), "{text}: {answer}");
        world.say("1");
        assert_eq!(world.dialogue.state.name(), "date_time", "{text}");
    }
    let mut world = english();
    world.say("menu");
    assert!(world.say("1 and 1").starts_with("I book one person at a time"));
    assert!(!world.say("haircut at 2").contains("one person"));
}

#[test]
fn a_visit_has_six_services_at_most() {
    let mut world = english();
    let model = world.catalogue.services[0].clone();
    let names = ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf"];
    world.catalogue.services = (50..)
        .zip(names)
        .map(|(id, name)| Service {
            id: Uuid::from_u128(id),
            key: name.to_lowercase(),
            name: name.to_owned(),
            synonyms: Vec::new(),
            duration: chrono::TimeDelta::minutes(15),
            ..model.clone()
        })
        .collect();
    let all = world.catalogue.services.iter().map(|service| service.id).collect();
    world.catalogue.staff[0].services = all;
    let answer = world.say(&names[..LINES_MAX].join(", "));
    assert_eq!(services_planned(&world).len(), LINES_MAX, "{answer}");
    for line in answer.lines().filter(|line| line.starts_with("1 ")) {
        assert!(line.chars().count() <= 98, "{line}");
        assert!(line.contains("1:00 to 2:30 PM (Ana)"), "{line}");
    }
    let answer = world.say(&names.join(", "));
    assert!(answer.starts_with("I can book up to 6 services in one visit."), "{answer}");
}

#[test]
fn a_yes_books_every_line_under_one_code() {
    let mut world = held();
    let confirmed = |e: &&Effect| matches!(e, Effect::Confirm { .. });
    let answer = world.say("1");
    let expected = "Booked ✅ Code K7F29.\nHaircut + manicure with Bruno and Ana, Saturday 14 March, 9:00 AM.\n";
    assert!(answer.starts_with(expected), "{answer}");
    assert_eq!(world.effects.iter().filter(confirmed).count(), 2);
    let at = |service, staff, start: &str| (service, staff, start.to_owned());
    assert_eq!(lines(&world), [at(HAIRCUT, BRUNO, "14 09:00"), at(MANICURE, ANA, "14 09:45")]);
    assert!(world.bookings.iter().all(|b| b.status == Status::Confirmed));
}

#[test]
fn a_visit_that_loses_a_line_books_nothing_and_is_offered_again() {
    for lost_after in [false, true] {
        let mut world = held();
        world.lost_after = lost_after;
        let (start, end) = (world.at(march(14, 9, 45)), world.at(march(14, 10, 0)));
        world.block(ANA, start, end);
        let answer = world.say("1");
        assert!(answer.starts_with("Sorry, 9:00 AM on Saturday was taken"), "{answer}");
        assert!(answer.contains("Sat 14 Mar, 10:00 AM haircut (Ana), 10:45 AM manicure (Ana)"));
        assert_eq!((world.bookings.len(), world.dialogue.state.name()), (0, "date_time"));
        assert_eq!(services_planned(&world), [HAIRCUT, MANICURE]);
        world.say("1");
        assert!(world.say("1").starts_with("Booked ✅"));
    }
}

#[test]
fn a_visit_lost_before_it_was_held_is_taken_by_others_at_the_same_time() {
    let mut world = english();
    world.say("haircut and manicure on saturday");
    let (start, end) = (world.at(march(14, 9, 0)), world.at(march(14, 9, 45)));
    world.block(ANA, start, end);
    let answer = world.say("1");
    assert!(answer.starts_with("Please check:\nHaircut with Bruno, 9:00 to 9:45 AM\n"), "{answer}");
    assert_eq!(world.holds(), 1);
}

#[test]
fn another_time_keeps_the_services() {
    let mut world = held();
    let answer = world.say("2");
    assert!(answer.starts_with("Haircut + manicure, 1 h 25 min together. Which day"), "{answer}");
    assert_eq!((world.bookings.len(), services_planned(&world)), (0, vec![HAIRCUT, MANICURE]));
    let answer = world.say("friday at 2 pm");
    assert!(answer.starts_with("Friday 13 March, 2:00 PM is free with Ana.\n"), "{answer}");
    assert_eq!(world.bookings.len(), 2);
}

#[test]
fn a_question_asked_again_says_until_when_the_visit_is_held() {
    let mut world = held();
    let answer = world.say("thanks");
    assert!(answer.contains("$65 in total\nI am holding this time for you until 10:10 AM."));
}

#[test]
fn a_service_is_added_and_left_out_while_a_time_is_held() {
    for (language, first, also, only, without) in [
        (
            Language::English,
            "haircut friday 2 pm",
            "and a manicure too",
            "only the haircut",
            "without the manicure",
        ),
        (
            Language::Portuguese,
            "corte sexta às 14h",
            "e manicure também",
            "só o corte",
            "sem a manicure",
        ),
        (
            Language::Spanish,
            "corte viernes a las 14",
            "y manicura también",
            "solo el corte",
            "sin manicura",
        ),
    ] {
        let mut world = World::new(language);
        world.say(first);
        assert_eq!((world.bookings.len(), world.dialogue.state.name()), (1, "confirmation"));
        let answer = world.say(also);
        assert_eq!((world.bookings.len(), world.holds()), (2, 1), "{also}: {answer}");
        let answer = world.say(only);
        assert_eq!(world.bookings.len(), 1, "{only}: {answer}");
        assert_eq!(world.bookings[0].service_id, HAIRCUT);
        world.say(also);
        let answer = world.say(without);
        assert_eq!(world.bookings.len(), 1, "{without}: {answer}");
        assert_eq!(world.bookings[0].service_id, HAIRCUT);
    }
}

#[test]
fn a_service_no_longer_wanted_leaves_the_others() {
    let mut world = held();
    world.say("I don't want the manicure");
    assert_eq!(world.dialogue.state.name(), "date_time");
    assert_eq!(services_planned(&world), [HAIRCUT]);
}

#[test]
fn whom_the_customer_wishes_does_what_they_can_of_a_visit() {
    let mut world = english();
    let answer = world.say("haircut and manicure on saturday with Bruno");
    assert!(answer.contains("1 9:00 AM haircut (Bruno), 9:45 AM manicure (Ana)"), "{answer}");
    let answer = world.say("with Ana");
    assert!(answer.contains("1 9:00 AM haircut (Ana), 9:45 AM manicure (Ana)"), "{answer}");
    let mut world = english();
    let answer = world.say("color and manicure on saturday with Bruno");
    assert!(answer.contains("Bruno does not do color."), "{answer}");
    assert_eq!(services_planned(&world), [COLOR, MANICURE]);
}

#[test]
fn no_room_in_a_row_leads_to_another_day_or_to_separate_times() {
    for (language, text, said) in [
        (
            Language::English,
            "haircut and manicure on saturday",
            "I found no time for both in a row on Saturday.\n1 Friday 13 March\n2 Two separate times",
        ),
        (
            Language::Portuguese,
            "corte e manicure no sábado",
            "Para sábado, não encontrei horário para os dois em seguida.\n1 Sexta-feira, 13 de março\n2 Dois horários separados",
        ),
        (
            Language::Spanish,
            "corte y manicura el sábado",
            "No encontré hora para los dos seguidos el sábado.\n1 Viernes 13 de marzo\n2 Dos horas separadas",
        ),
    ] {
        let world = || {
            let free = [
                (BRUNO, march(14, 12, 0), 45),
                (ANA, march(14, 9, 0), 40),
                (ANA, march(13, 14, 0), 120),
            ];
            let mut world = World::new(language).free_only(&free);
            world.say("menu");
            assert_eq!(world.say(text), said);
            world
        };
        let mut friday = world();
        friday.say("1");
        friday.say("1");
        assert_eq!(friday.bookings.len(), 2, "{language:?}");
        let mut separate = world();
        separate.say("2");
        separate.say("1");
        assert_eq!(lines(&separate), [(HAIRCUT, BRUNO, "14 12:00".to_owned())]);
        let answer = separate.say("1");
        assert!(answer.contains("K7F29"), "{answer}");
        assert_eq!(separate.dialogue.state.name(), "date_time");
        separate.say("1");
        let answer = separate.say("1");
        assert_eq!(lines(&separate)[0], (MANICURE, ANA, "14 09:00".to_owned()), "{answer}");
        assert!(separate.bookings.iter().all(|b| b.status == Status::Confirmed));
        assert_eq!(separate.dialogue.state.name(), "completed");
    }
}

#[test]
fn separate_times_do_not_overlap_each_other() {
    let mut world =
        english().free_only(&[(BRUNO, march(14, 9, 0), 45), (ANA, march(14, 9, 0), 40)]);
    world.say("haircut and manicure on saturday");
    let answer = world.say("1");
    assert!(answer.starts_with("First: haircut."), "{answer}");
    world.say("1");
    let answer = world.say("1");
    assert!(answer.contains("Booked ✅") && !answer.contains("9:00 AM with Ana"), "{answer}");
}

#[test]
fn a_lost_confirmation_of_separate_times_goes_on_from_the_lost_one() {
    for lost_after in [false, true] {
        let mut world = english().free_only(&[
            (BRUNO, march(14, 12, 0), 45),
            (BRUNO, march(13, 14, 0), 45),
            (ANA, march(14, 9, 0), 40),
        ]);
        world.lost_after = lost_after;
        for text in ["haircut and manicure on saturday", "1", "1"] {
            world.say(text);
        }
        assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
        let held = world.bookings[0].clone();
        world.block(held.staff_id, held.starts_at, held.ends_at);
        let answer = world.say("1");
        assert!(answer.starts_with("Sorry, "), "{answer}");
        assert_eq!(world.bookings.len(), 0);
        assert_eq!(services_planned(&world), [HAIRCUT]);
    }
}

#[test]
fn a_visit_is_listed_and_called_off_as_one() {
    let mut world = booked();
    let answer = world.say("my bookings");
    let line = "Haircut + manicure with Bruno and Ana, Saturday 14 March, 9:00 AM (K7F29)";
    assert!(answer.starts_with(&format!("Your booking:\n{line}\n1 ")), "{answer}");
    let answer = world.say("cancel");
    assert!(answer.starts_with(&format!("Cancel this booking?\n{line}\n")), "{answer}");
    let answer = world.say("1");
    assert!(answer.starts_with("Canceled. Haircut + manicure on Saturday 14 March at 9:00 AM"));
    assert!(world.bookings.is_empty());
}

#[test]
fn one_service_of_a_visit_may_be_called_off_alone() {
    let mut world = booked();
    let answer = world.say("cancel only the manicure");
    assert!(
        answer.starts_with("Cancel only this? The rest of the visit stays.\nManicure with Ana")
    );
    let answer = world.say("1");
    assert!(answer.contains("Still booked: Haircut with Bruno, Saturday 14 March, 9:00 AM"));
    assert_eq!(lines(&world), [(HAIRCUT, BRUNO, "14 09:00".to_owned())]);
}

#[test]
fn a_visit_moves_whole() {
    let mut world = english();
    for text in ["haircut and manicure on saturday", "1", "1"] {
        world.say(text);
    }
    let before: Vec<Uuid> = world.bookings.iter().map(|b| b.id).collect();
    let answer = world.say("can I move it to friday at 10 am?");
    assert!(answer.contains("Move it to Friday 13 March, 10:00 AM?"), "{answer}");
    assert!(answer.contains("Manicure with Ana, 10:45 to 11:25 AM"), "{answer}");
    let answer = world.say("1");
    assert!(answer.starts_with("Moved ✅ Haircut + manicure with"), "{answer}");
    let starts: Vec<String> = lines(&world).into_iter().map(|(_, _, start)| start).collect();
    assert_eq!(starts, ["13 10:00", "13 10:45"]);
    assert_eq!(world.bookings.iter().map(|b| b.id).collect::<Vec<_>>(), before);
}

#[test]
fn a_visit_may_move_into_its_own_time() {
    let mut world = english();
    for text in ["haircut and manicure on saturday", "1", "1"] {
        world.say(text);
    }
    world.say("move it to saturday at 9:15 am");
    let answer = world.say("1");
    assert!(answer.starts_with("Moved ✅"), "{answer}");
    let starts: Vec<String> = lines(&world).into_iter().map(|(_, _, start)| start).collect();
    assert_eq!(starts, ["14 09:15", "14 10:00"]);
}

#[test]
fn a_price_of_several_services_is_told_for_each() {
    let mut world = english();
    let answer = world.say("how much are a haircut and a manicure?");
    assert!(answer.contains("Haircut: $40, 45 min.\nManicure: $25, 40 min.\n"), "{answer}");
    assert_eq!(services_planned(&world), [HAIRCUT, MANICURE]);
}

#[test]
fn why_a_time_is_not_to_be_had_is_said_in_a_few_words() {
    for (said, why) in [
        ("thursday at 12:30 pm", "we have a break then"),
        ("thursday at 7 am", "the hours that day are 9:00 AM to 6:00 PM"),
        ("thursday at 5:30 pm", "it would not be over by 6:00 PM"),
        ("today at 10:30 am", "the earliest I can book is Tuesday 10 March, 11:00 AM"),
        ("friday at 3 pm", "it is already taken"),
    ] {
        let mut world = english();
        for member in [ANA, BRUNO] {
            let (start, end) = (world.at(march(13, 15, 0)), world.at(march(13, 15, 45)));
            world.block(member, start, end);
        }
        world.say("haircut");
        let answer = world.say(said);
        let line = format!(" is not available: {why}. Closest free times:\n1 ");
        assert!(answer.contains(&line), "{said}: {answer}");
    }
    let mut world = english();
    let (start, end) = (world.at(march(13, 0, 0)), world.at(march(14, 0, 0)));
    world.catalogue.staff[1].time_off.push(crate::domain::catalogue::Span { start, end });
    world.say("haircut");
    let answer = world.say("friday at 3 pm with Bruno");
    assert!(answer.contains("is not available: Bruno is away then."), "{answer}");
}
