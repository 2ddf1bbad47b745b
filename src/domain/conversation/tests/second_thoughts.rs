//! What comes after the first answer: another service, another booking, another price, or nothing.

use chrono::Timelike as _;

use super::world::{HAIRCUT, MANICURE, World, march};
use crate::domain::catalogue::Status;
use crate::domain::locale::Language;

#[test]
fn a_wish_for_staff_ends_with_a_service_they_do_not_do() {
    let cases = [
        (
            Language::English,
            ["haircut with Bruno thursday at 2:45 pm", "2", "actually a manicure instead"],
            "Bruno does not do manicure.\nManicure, 40 min.",
        ),
        (
            Language::Portuguese,
            ["corte com o Bruno quinta às 14h45", "2", "na verdade quero manicure"],
            "Bruno não faz manicure.\nManicure, 40 min.",
        ),
        (
            Language::Spanish,
            ["corte con Bruno el jueves a las 14:45", "2", "mejor una manicura"],
            "Bruno no hace manicura.\nManicura, 40 min.",
        ),
    ];
    for (language, said, line) in cases {
        let mut world = World::new(language);
        let answer = said.map(|text| world.say(text))[2].clone();
        assert!(answer.starts_with(line) && answer.contains("\n1 "), "{answer}");
    }
}

#[test]
fn one_of_the_bookings_listed_is_chosen_by_what_it_is() {
    for (named, service_id) in [
        ("the manicure", MANICURE),
        ("the one with Bruno", HAIRCUT),
        ("friday's", MANICURE),
        ("the one on thursday", HAIRCUT),
        ("manicure with Ana please", MANICURE),
    ] {
        let mut world = two_bookings();
        assert!(world.say("cancel").starts_with("Which booking shall I cancel?"));
        let answer = world.say(named);
        assert!(answer.starts_with("Cancel this booking?"), "{named}: {answer}");
        assert!(world.say("1").starts_with("Canceled."), "{named}");
        let left: Vec<_> = world.bookings.iter().map(|booking| booking.service_id).collect();
        assert!(left.len() == 1 && left[0] != service_id, "{named}");
    }
}

#[test]
fn a_booking_chosen_to_move_moves_to_the_time_said_with_it() {
    let mut world = two_bookings();
    assert!(world.say("change").starts_with("Which booking shall I change?"));
    let answer = world.say("the manicure, to saturday");
    assert!(answer.starts_with("Manicure with Ana, now Friday 13 March"), "{answer}");
    assert!(answer.contains("Saturday 14 March:\n1 "), "{answer}");
}

#[test]
fn a_new_booking_asked_for_among_those_listed_is_a_new_one() {
    let mut world = two_bookings();
    assert!(world.say("my bookings").starts_with("Your bookings:"));
    let answer = world.say("I want to book a manicure");
    assert!(answer.starts_with("Manicure, 40 min."), "{answer}");
}

fn two_bookings() -> World {
    let mut world = World::new(Language::English).booked(march(12, 14, 45), "K7F29");
    world.say("manicure friday at 10 am");
    assert!(world.say("1").starts_with("Booked ✅"));
    world
}

#[test]
fn giving_up_in_words_leaves_what_is_being_booked() {
    let cases = [
        (Language::English, "haircut tomorrow 3pm", ["no thanks, forget it", "never mind"]),
        (Language::Portuguese, "corte amanhã às 15h", ["não, deixa pra lá", "esquece"]),
        (Language::Spanish, "corte mañana a las 15:00", ["no, déjalo", "olvídalo"]),
    ];
    for (language, wish, texts) in cases {
        for text in texts {
            for then in [&[][..], &["2"][..]] {
                let mut world = World::new(language).booked(march(13, 14, 45), "M2P4R");
                world.say(wish);
                assert_eq!(world.holds(), 1);
                for text in then {
                    world.say(text);
                }
                let answer = world.say(text);
                assert_eq!(world.dialogue.state.name(), "greeting", "{text}: {answer}");
                assert_eq!((world.holds(), world.bookings.len()), (0, 1), "{text}");
                assert_eq!(world.bookings[0].status, Status::Confirmed);
            }
        }
    }
}

#[test]
fn giving_up_a_move_keeps_the_booking() {
    let mut world = World::new(Language::English).booked(march(12, 14, 45), "K7F29");
    world.say("move it to friday at 10 am");
    let answer = world.say("no, forget it");
    assert!(answer.contains("Thursday 12 March, 2:45 PM"), "{answer}");
    assert_eq!(world.local(world.bookings[0].starts_at), march(12, 14, 45));
}

#[test]
fn a_question_after_a_price_asks_for_another_price() {
    let cases = [
        (Language::English, ["how much is the color?", "and a haircut?"], "Haircut: $40, 45 min."),
        (
            Language::Portuguese,
            ["quanto custa a coloração?", "e o corte?"],
            "Corte: R$ 80, 45 min.",
        ),
        (
            Language::Spanish,
            ["¿cuánto cuesta el color?", "¿y el corte?"],
            "Corte: $18.000, 45 min.",
        ),
    ];
    for (language, [first, second], line) in cases {
        let mut world = World::new(language);
        world.say(first);
        let answer = world.say(second);
        assert!(answer.starts_with(line), "{answer}");
    }
    // Elsewhere it adds to the visit.
    for said in [["how much is the color?", "and a haircut too"], ["color", "and a haircut?"]] {
        let mut world = World::new(Language::English);
        let answer = said.map(|text| world.say(text))[1].clone();
        assert!(answer.starts_with("Color + haircut"), "{said:?}: {answer}");
    }
}

#[test]
fn after_a_price_a_change_is_of_what_is_booked() {
    let cases = [
        (
            Language::English,
            [
                "manicure tomorrow at 3pm",
                "1",
                "how much is the color?",
                "actually i need to move it to friday 10 am",
                "1",
            ],
        ),
        (
            Language::Portuguese,
            [
                "manicure amanhã às 15h",
                "1",
                "quanto custa a coloração?",
                "na vdd preciso mudar pra sexta 10h",
                "1",
            ],
        ),
        (
            Language::Spanish,
            [
                "manicura mañana a las 15",
                "1",
                "¿cuánto cuesta el color?",
                "mejor cambiarla para el viernes a las 10",
                "1",
            ],
        ),
    ];
    for (language, said) in cases {
        let mut world = World::new(language);
        let answers = said.map(|text| world.say(text));
        let active: Vec<_> =
            world.bookings.iter().filter(|b| b.status == Status::Confirmed).collect();
        assert_eq!(active.len(), 1, "{answers:#?}");
        assert_eq!(world.local(active[0].starts_at).time().hour(), 10, "{answers:#?}");
    }
}

#[test]
fn all_prices_are_the_list_of_services() {
    let mut world = World::new(Language::English);
    world.say("haircut");
    let answer = world.say("prices please");
    assert!(answer.contains("1 Haircut, 45 min, $40\n2 Color, 2 h, $120"), "{answer}");
    let mut world = World::new(Language::English);
    world.say("haircut");
    assert!(world.say("what is the price?").starts_with("Haircut: $40"));
}

#[test]
fn the_first_message_says_who_speaks_even_where_nothing_is_booked() {
    for text in ["my bookings", "cancel", "change"] {
        let mut world = World::new(Language::English);
        let answer = world.say(text);
        assert!(answer.starts_with("Hi Marina! I am the booking assistant"), "{text}: {answer}");
        assert!(!world.say(text).contains("assistant"), "{text}: once");
    }
}

#[test]
fn several_of_one_service_are_for_one_person_at_a_time_in_every_language() {
    for (language, text) in [
        (Language::English, "three haircuts on saturday"),
        (Language::Portuguese, "três cortes no sábado"),
        (Language::Spanish, "tres cortes el sábado"),
    ] {
        let mut world = World::new(language);
        let answer = world.say(text);
        assert_eq!(world.dialogue.state.name(), "service_selection", "{answer}");
        assert_eq!(answer.lines().filter(|line| line.starts_with("1 ")).count(), 1, "{answer}");
        assert!(!answer.contains("9:00") && !answer.contains("9h"), "{answer}");
    }
}

#[test]
fn a_verb_in_a_synonym_names_no_service() {
    let mut world = World::new(Language::Portuguese);
    world.catalogue.services[2].synonyms.push("fazer as unhas".to_owned());
    let answer = world.say("vocês fazem massagem?");
    assert_eq!(world.dialogue.state.name(), "service_selection", "{answer}");
    assert!(answer.contains("3 Manicure"), "{answer}");
    assert!(world.say("fazer as unhas").contains("Manicure, 40 min"));
}

#[test]
fn too_soon_names_the_first_start_that_can_be_booked() {
    let mut world = World::new(Language::English);
    world.now += chrono::TimeDelta::seconds(1);
    let answer = world.say("haircut today at 10:30");
    assert!(answer.contains("the earliest I can book is Tuesday 10 March, 11:15 AM."), "{answer}");
}
