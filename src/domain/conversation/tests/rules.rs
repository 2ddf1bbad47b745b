//! Rules of the conversation that no script shows.

use chrono::TimeDelta;

use super::world::{ANA, BRUNO, HAIRCUT, World, march};
use crate::domain::conversation::{Effect, Line, Message, MessageKind};
use crate::domain::locale::{Language, Locale};

fn english() -> World {
    World::new(Language::English)
}

fn messages(world: &World, texts: &[&str]) -> Vec<Message> {
    let text = |text: &&str| Message {
        sent_at: world.now,
        kind: MessageKind::Text,
        text: Some((*text).to_owned()),
        choice: None,
        quoted: None,
        quoted_at: None,
        received_at: None,
    };
    texts.iter().map(text).collect()
}

#[test]
fn a_whole_request_in_one_line_is_held_and_introduced() {
    let cases = [
        (Language::English, "haircut tomorrow 3pm", "Hi Marina! I am the booking assistant of"),
        (Language::Portuguese, "corte amanhã às 15h", "Oi, Marina! Sou a assistente de"),
        (Language::Spanish, "corte mañana a las 15:00", "¡Hola, Marina! Soy la asistente de"),
    ];
    for (language, text, start) in cases {
        let mut world = World::new(language);
        let answer = world.say(text);
        assert!(answer.starts_with(start), "{answer}");
        assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"), "{text}");
        assert_eq!(world.local(world.bookings[0].starts_at), march(11, 15, 0));
    }
}

#[test]
fn a_request_without_a_service_is_remembered_until_one_is_chosen() {
    let mut world = english();
    assert!(world.say("tomorrow at 3 pm").contains("Which service do you mean?"));
    assert!(world.say("3").contains("Manicure with Ana"));
    assert_eq!(world.local(world.bookings[0].starts_at), march(11, 15, 0));
}

#[test]
fn a_burst_is_one_thought_unless_its_last_message_answers_the_menu() {
    let mut world = english();
    let burst = messages(&world, &["hi", "a haircut", "tomorrow at 3 pm please"]);
    world.send(&burst);
    assert_eq!(world.dialogue.state.name(), "confirmation");
    let burst = messages(&world, &["great", "1"]);
    assert!(world.send(&burst).starts_with("Booked ✅"));
}

#[test]
fn another_time_takes_the_place_of_the_one_held() {
    let mut world = english();
    world.say("haircut tomorrow 3pm");
    let first = world.bookings[0].id;
    world.say("tomorrow at 4 pm");
    assert_eq!(world.effects[0], Effect::Release { booking_id: first });
    assert!(matches!(world.effects[1], Effect::Hold { .. }));
    assert_eq!(world.local(world.bookings[0].starts_at), march(11, 16, 0));
}

#[test]
fn a_yes_with_something_else_confirms_nothing() {
    for text in ["yes but at 4 pm", "book", "ok but with Bruno", "yes or no", "👍👎"] {
        let mut world = english();
        world.say("haircut tomorrow 3pm");
        world.say(text);
        let confirmed = world.effects.iter().any(|e| matches!(e, Effect::Confirm { .. }));
        assert!(!confirmed, "{text}");
    }
}

#[test]
fn a_thumb_below_the_question_confirms_and_cancels_nothing() {
    let mut world = english();
    let thumb = |world: &World| Message {
        kind: MessageKind::Reaction,
        ..messages(world, &["👍"]).remove(0)
    };
    world.say("haircut tomorrow 3pm");
    let reaction = thumb(&world);
    assert!(world.send(&[reaction]).starts_with("Booked ✅"));
    world.say("cancel");
    let reaction = thumb(&world);
    assert_eq!(world.send(&[reaction]), "");
    assert_eq!(world.bookings.len(), 1);
}

#[test]
fn a_time_whose_hold_is_over_is_held_again_where_it_is_still_free() {
    let mut world = english();
    world.say("haircut tomorrow 3pm");
    world.now += TimeDelta::minutes(11);
    let answer = world.say("yes");
    let again = "I released the time I was holding. It is still free.\nPlease check:\nHaircut";
    assert!(answer.starts_with(again), "{answer}");
    assert!(answer.contains("I am holding this time for you until 10:21 AM."), "{answer}");
    assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
    assert!(world.say("yes").starts_with("Booked ✅"));
    assert_eq!(world.local(world.bookings[0].starts_at), march(11, 15, 0));
}

#[test]
fn a_time_whose_hold_is_over_and_that_is_taken_gives_way_to_those_around_it() {
    let mut world = english();
    world.say("haircut tomorrow 3pm");
    world.now += TimeDelta::minutes(11);
    let (start, end) = (world.at(march(11, 15, 0)), world.at(march(11, 16, 0)));
    for staff_id in [ANA, BRUNO] {
        world.block(staff_id, start, end);
    }
    let answer = world.say("yes");
    let gone = "I released the time I was holding. Closest free times:\n1 Wed 11 Mar,";
    assert!(answer.starts_with(gone), "{answer}");
    assert!(!answer.contains("Wed 11 Mar, 3:00 PM"), "{answer}");
    assert_eq!((world.holds(), world.dialogue.state.name()), (0, "date_time"));
}

#[test]
fn the_old_time_stays_when_the_new_one_is_lost() {
    for lost_after in [false, true] {
        let mut world = english().booked(march(12, 14, 45), "K7F29");
        world.lost_after = lost_after;
        lose_the_new_time(&mut world);
    }
}

fn lose_the_new_time(world: &mut World) {
    world.say("move it to friday at 10 am");
    assert_eq!(world.dialogue.state.name(), "confirmation");
    let (start, end) = (world.at(march(13, 10, 0)), world.at(march(13, 10, 45)));
    world.block(BRUNO, start, end);
    let answer = world.say("1");
    let stays = "Your booking stays as it was: Haircut with Bruno, Thursday 12 March, 2:45 PM.";
    assert!(answer.contains(stays), "{answer}");
    assert!(answer.contains("Keep Thursday"), "{answer}");
    assert!(!answer.contains("Fri 13 Mar, 10:00 AM"), "{answer}");
    assert_eq!(world.local(world.bookings[0].starts_at), march(12, 14, 45));
}

#[test]
fn a_wish_for_staff_outlives_a_lost_time() {
    for lost_after in [false, true] {
        let mut world = english();
        world.lost_after = lost_after;
        world.say("haircut");
        world.say("thursday at 3 pm with Bruno");
        let (start, end) = (world.at(march(12, 15, 0)), world.at(march(12, 15, 45)));
        world.block(BRUNO, start, end);
        let answer = world.say("yes");
        assert!(answer.starts_with("Sorry, 3:00 PM on Thursday was taken"), "{answer}");
        // Ana is free at that time, but it is Bruno who was wished for.
        assert!(!answer.contains("Thu 12 Mar, 3:00 PM") && !answer.contains("with"), "{answer}");
        assert_eq!(world.dialogue.state.name(), "date_time");
        assert!(world.say("1").contains("Haircut with Bruno"));
    }
}

#[test]
fn a_time_lost_before_the_first_answer_is_introduced_all_the_same() {
    let world = english();
    let lost = crate::domain::conversation::Event::Lost {
        lines: vec![Line {
            staff_id: ANA,
            service_id: HAIRCUT,
            starts_at: world.at(march(11, 15, 0)),
        }],
    };
    let (dialogue, effects) = world.decide(&lost);
    let Some(Effect::Reply { text }) = effects.last() else { panic!("silent") };
    assert!(text.starts_with("Hi Marina! I am the booking assistant"), "{text}");
    // Bruno is free at that time.
    assert!(text.contains("Wednesday 11 March, 3:00 PM is free with Bruno."), "{text}");
    assert_eq!(dialogue.state.name(), "confirmation");
}

#[test]
fn a_booking_that_staff_cancelled_meanwhile_moves_nowhere() {
    for said in ["1", "friday at 10 am"] {
        let mut world = english().booked(march(12, 14, 45), "K7F29");
        world.say("change");
        world.bookings.clear();
        assert!(world.say(said).starts_with("You have no bookings."), "{said}");
        assert_eq!((world.holds(), world.dialogue.state.name()), (0, "greeting"));
    }
}

#[test]
fn a_booking_moves_to_others_where_its_staff_left() {
    let mut world = english().booked(march(12, 14, 45), "K7F29");
    world.catalogue.staff.retain(|member| member.id != BRUNO);
    assert!(world.say("move it to friday at 10 am").starts_with("Move it to Friday 13 March"));
    assert!(world.say("1").starts_with("Moved ✅ Haircut with Ana, Friday 13 March, 10:00 AM."));
}

#[test]
fn a_booking_may_move_into_its_own_time() {
    let free = [(BRUNO, march(12, 14, 45), 90)];
    let mut world = english().free_only(&free).booked(march(12, 14, 45), "K7F29");
    let answer = world.say("move it to thursday at 3:15 pm");
    assert!(answer.starts_with("Move it to Thursday 12 March, 3:15 PM?"), "{answer}");
    assert!(world.say("yes").starts_with("Moved ✅"));
}

#[test]
fn inside_the_notice_only_the_team_changes_a_booking() {
    for text in ["cancel", "change"] {
        let mut world = english().booked(march(10, 11, 30), "K7F29");
        let answer = world.say(text);
        assert!(answer.contains("until 2 h before it starts"), "{answer}");
        assert!(answer.ends_with("0 Talk to a person"), "{answer}");
        assert!(world.effects.iter().all(|effect| matches!(effect, Effect::Reply { .. })));
    }
}

#[test]
fn of_several_bookings_the_customer_says_which() {
    let mut world = english().booked(march(12, 14, 45), "K7F29").booked(march(16, 9, 0), "M2P4R");
    assert!(world.say("cancel").starts_with("Which booking shall I cancel?\n1 Haircut"));
    assert!(world.say("2").contains("(M2P4R)"));
    world.say("yes");
    assert_eq!(world.bookings.len(), 1);
    assert_eq!(world.bookings[0].code, "K7F29");
    assert!(world.say("cancel K7F29").starts_with("Cancel this booking?"));
}

#[test]
fn an_old_question_cancels_nothing() {
    let mut world = english().booked(march(12, 14, 45), "K7F29");
    world.say("cancel");
    world.now += TimeDelta::minutes(61);
    // It may be the answer to a reminder that came in between.
    assert!(world.say("1").starts_with("Cancel this booking?"));
    assert_eq!(world.bookings.len(), 1);
    world.say("1");
    assert!(world.bookings.is_empty());
}

#[test]
fn a_number_that_comes_twice_is_answered_with_the_booking() {
    let mut world = english();
    for text in ["haircut tomorrow 3pm", "1"] {
        world.say(text);
    }
    let answer = world.say("1");
    assert!(answer.starts_with("Your booking:\nHaircut with Ana, Wednesday 11 March"), "{answer}");
    assert_eq!(world.bookings.len(), 1);
}

#[test]
fn nothing_free_closed_and_beyond_are_told_apart() {
    let cases = [
        ("sunday", "We are closed on Sunday 15 March. Closest free times:"),
        ("saturday afternoon", "Saturday 14 March, afternoon:"),
        ("saturday after 2 pm", "Saturday 14 March, after 2:00 PM: nothing is free. Closest"),
        ("25 december", "I can book until Saturday 9 May. Closest free times:"),
        (
            "thursday 12:30 pm",
            "Thursday 12 March, 12:30 PM is not available: we have a break then. Closest",
        ),
    ];
    for (text, start) in cases {
        let mut world = english();
        world.say("haircut");
        let answer = world.say(text);
        assert!(answer.starts_with(start), "{text}: {answer}");
        assert!(answer.contains("\n1 "), "{text}: {answer}");
    }
}

#[test]
fn a_reading_that_cannot_be_booked_is_not_asked_about() {
    let mut world = english();
    world.say("haircut");
    // The next Friday of that date is years away.
    assert!(world.say("friday 14 march").starts_with("Saturday 14 March:"));
}

#[test]
fn a_language_is_switched_with_the_question_open() {
    let mut world = english();
    world.say("haircut");
    let answer = world.say("português");
    assert!(answer.starts_with("Daqui em diante, em português.\nPrimeiros horários"), "{answer}");
    // The country goes on to say how dates are written.
    assert_eq!(world.customer.locale, "pt-US".parse::<Locale>().ok());
    assert!(world.say("2").starts_with("Confere para mim:"));
}

#[test]
fn a_person_answers_until_the_menu_word_calls_the_bot_back() {
    let mut world = english();
    assert!(world.say("I want to talk to someone").starts_with("I will pass you to the team"));
    assert_eq!(world.say("hello?"), "");
    assert!(world.say("Menu").starts_with("Hi Marina!"));
    assert_eq!(world.effects[0], Effect::Resume);
    world.say("person");
    let burst = messages(&world, &["menu", "haircut tomorrow", "3pm"]);
    world.send(&burst);
    assert_eq!(world.effects[0], Effect::Resume);
    assert_eq!(world.dialogue.state.name(), "confirmation");
}

#[test]
fn a_number_out_of_nowhere_is_answered_with_the_booking() {
    for text in ["1", "ok"] {
        let mut world = english().booked(march(12, 14, 45), "K7F29");
        assert!(world.say(text).starts_with("Your booking:\nHaircut with Bruno"), "{text}");
    }
}

#[test]
fn a_forgotten_conversation_begins_anew() {
    let mut world = english();
    world.say("haircut");
    world.now += TimeDelta::hours(24);
    assert!(world.say("1").starts_with("Hi Marina!"));
}

#[test]
fn stop_within_a_sentence_is_no_opt_out() {
    let mut world = english();
    world.say("stop, Joe is not coming");
    assert!(!world.customer.opted_out);
    world.say("Stop!");
    assert!(world.customer.opted_out);
    assert!(world.say("START").starts_with("Done. You will get reminders"));
    assert!(!world.customer.opted_out);
}

#[test]
fn only_reminders_that_will_be_sent_are_promised() {
    let mut world = english();
    world.say("haircut today at 1 pm");
    let answer = world.say("yes");
    assert!(answer.contains("I will remind you 1 h and 15 min before."), "{answer}");
    let mut world = english();
    world.say("stop");
    world.say("haircut tomorrow 1 pm");
    let answer = world.say("yes");
    assert!(answer.ends_with("\nWrite CHANGE or CANCEL at any time."), "{answer}");
}

#[test]
fn more_shows_times_that_were_not_shown() {
    let mut world = english();
    let mut all: Vec<String> = Vec::new();
    let mut answer = world.say("haircut");
    for _ in 0..6 {
        let times =
            answer.lines().filter(|l| l.starts_with(['1', '2', '3'])).map(|l| l[2..].to_owned());
        all.extend(times);
        answer = world.say("9");
    }
    let shown = all.len();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), shown), (18, 18));
}

#[test]
fn the_last_page_says_so_and_begins_again() {
    let free = [(ANA, march(11, 9, 0), 45), (ANA, march(11, 9, 45), 45)];
    let mut world = english().free_only(&free);
    world.say("haircut");
    let mut last = String::new();
    for _ in 0..4 {
        last = world.say("9");
        if last.starts_with("That is all") {
            break;
        }
    }
    assert!(last.starts_with("That is all I have free."), "{last}");
    assert!(world.say("9").contains("1 Wed 11 Mar, 9:00 AM"));
}

#[test]
fn services_are_found_by_what_customers_call_them() {
    let cases = [
        ("hair cut", Some("Haircut, 45 min")),
        ("haircuts please", Some("Haircut, 45 min")),
        ("I'd like my nails done", Some("Manicure, 40 min")),
        ("manicurre", Some("Manicure, 40 min")),
        ("COLOR", Some("Color, 2 h")),
        ("number 2", Some("Color, 2 h")),
        ("the third one", Some("Manicure, 40 min")),
        ("haircut or color?", None),
    ];
    for (text, found) in cases {
        let mut world = english();
        world.say("menu");
        let answer = world.say(text);
        match found {
            Some(start) => assert!(answer.starts_with(start), "{text}: {answer}"),
            None => assert!(answer.contains("Which service do you mean?"), "{text}: {answer}"),
        }
    }
}

#[test]
fn a_long_list_of_services_has_pages() {
    let mut world = english();
    let model = world.catalogue.services[0].clone();
    world.catalogue.services = (0..11)
        .map(|i| {
            let (id, name) = (uuid::Uuid::from_u128(50 + i), format!("Service {i}"));
            crate::domain::catalogue::Service { id, key: name.clone(), name, ..model.clone() }
        })
        .collect();
    let answer = world.say("hi");
    assert!(answer.contains("\n8 Service 7, ") && answer.contains("\n9 More services\n0 "));
    let answer = world.say("9");
    assert!(answer.contains("\n1 Service 8, ") && !answer.contains("Service 7"), "{answer}");
    assert!(world.say("9").contains("\n1 Service 0, "));
}

#[test]
fn without_services_or_free_times_a_person_is_offered() {
    let mut world = english();
    world.catalogue.services.clear();
    assert_eq!(world.say("hi"), "Nothing can be booked here at the moment.\n0 Talk to a person");
    let mut world = english().free_only(&[]);
    let answer = world.say("haircut");
    assert!(answer.contains("I found no free time for haircut"), "{answer}");
    assert!(answer.ends_with("0 Talk to a person"), "{answer}");
}

#[test]
fn an_offered_time_that_came_too_close_is_not_held() {
    let mut world = english();
    world.say("haircut");
    world.now += TimeDelta::minutes(30);
    // The first time offered was 11:00, now half an hour away; the notice is an hour.
    let answer = world.say("1");
    assert!(answer.starts_with("Tuesday 10 March, 11:00 AM is not available."), "{answer}");
    assert_eq!(world.holds(), 0);
}

#[test]
fn a_caption_is_read_and_its_medium_thanked_for() {
    let mut world = english();
    let photo = Message { kind: MessageKind::Image, ..messages(&world, &["haircut"]).remove(0) };
    let answer = world.send(&[photo]);
    assert!(
        answer.starts_with("Thank you, I saved the photo for the team.\nHi Marina!"),
        "{answer}"
    );
    assert_eq!(world.dialogue.state.name(), "date_time");
}

#[test]
fn a_word_that_holds_a_sentence_together_names_no_service() {
    let cases = [
        (Language::Spanish, "el jueves a la una"),
        (Language::Spanish, "quiero reservar una hora para mañana"),
        (Language::Spanish, "quiero unas horas el jueves"),
        (Language::Portuguese, "quero uma hora na quinta"),
        (Language::English, "can I come on thursday at one"),
    ];
    for (language, text) in cases {
        let mut world = World::new(language);
        world.say(text);
        assert_eq!(world.dialogue.state.name(), "service_selection", "{text}");
    }
    let mut world = World::new(Language::Spanish);
    world.say("tengo una pregunta");
    assert_eq!(world.dialogue.state.name(), "service_selection");
    world.say("corte");
    let answer = world.say("el jueves a la una");
    assert!(answer.contains("Corte con"), "{answer}");
    assert_eq!(world.local(world.bookings[0].starts_at), march(12, 13, 0));
    for text in ["uñas el jueves", "UÑAS", "quiero hacerme las uñas"] {
        let answer = World::new(Language::Spanish).say(text);
        assert!(answer.contains("Jueves 12") || answer.contains("Manicura, 40 min."), "{answer}");
        assert!(!answer.contains("3 Manicura"), "{text}: {answer}");
    }
    assert!(World::new(Language::Portuguese).say("fazer a unha").contains("Manicure, 40 min."));
}
