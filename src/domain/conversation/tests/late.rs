//! What is read late, or typed for a menu that is no longer the last.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::conversation::{Effect, Message, MessageKind};
use crate::domain::locale::Language;

/// A text that was sent so many seconds ago.
fn sent(world: &World, text: &str, seconds_ago: i64) -> Message {
    Message {
        sent_at: world.now - TimeDelta::seconds(seconds_ago),
        kind: MessageKind::Text,
        text: Some(text.to_owned()),
        choice: None,
        quoted: None,
        quoted_at: None,
        received_at: None,
    }
}

#[test]
fn script_16_of_messages_read_late_the_newest_is_answered_with_one_apology() {
    let texts = [
        (Language::English, "thursday at 3 pm", "Sorry for the late answer, "),
        (Language::Portuguese, "quinta às 15h", "Desculpe a demora, "),
        (Language::Spanish, "el jueves a las 15:00", "Perdón por la demora, "),
    ];
    for (language, wish, sorry) in texts {
        let mut world = World::new(language);
        world.say("menu");
        world.say("1");
        world.now += TimeDelta::minutes(25);
        let waiting: Vec<Message> =
            [("2", 1_200), ("9", 1_100), ("13/03 10:00", 900), ("??", 700), (wish, 660)]
                .map(|(text, ago)| sent(&world, text, ago))
                .to_vec();
        let answer = world.send(&waiting);
        assert!(answer.starts_with(sorry), "{answer}");
        assert_eq!(answer.matches(sorry).count(), 1);
        assert_eq!(world.local(world.bookings[0].starts_at), march(12, 15, 0), "{answer}");
        let again = world.say("1");
        assert!(!again.contains(sorry), "{again}");
    }
}

#[test]
fn what_was_written_in_one_go_is_one_thought_however_late() {
    let mut world = World::new(Language::English);
    let burst = [
        sent(&world, "color", 1_500),
        sent(&world, "a haircut", 904),
        sent(&world, "tomorrow at 3 pm", 900),
    ];
    world.send(&burst);
    assert_eq!(world.dialogue.state.name(), "confirmation");
    assert!(world.bookings[0].service_name == "Haircut");
}

#[test]
fn ten_minutes_are_in_time() {
    let mut world = World::new(Language::English);
    let waiting = [sent(&world, "haircut", 600)];
    assert!(world.send(&waiting).starts_with("Hi Marina!"));
}

#[test]
fn a_sticker_that_comes_late_is_no_reason_to_speak() {
    let mut world = World::new(Language::English);
    let mut sticker = sent(&world, "", 5_000);
    sticker.kind = MessageKind::Sticker;
    assert_eq!(world.send(&[sticker]), "");
}

#[test]
fn stop_holds_whatever_was_written_after_it() {
    for (ago, language, stop) in [
        (20, Language::English, "STOP"),
        (1_200, Language::Portuguese, "sair"),
        (5, Language::Spanish, "baja"),
    ] {
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        let messages = [sent(&world, stop, ago), sent(&world, "1", 1)];
        let answer = world.send(&messages);
        assert!(world.customer.opted_out, "{stop}: {answer}");
        assert!(world.effects.contains(&Effect::OptOut));
    }
}

#[test]
fn a_number_typed_before_the_last_menu_was_shown_gets_that_menu_again() {
    let mut world = World::new(Language::English);
    world.say("haircut");
    // Typed to the list of services, brought only now.
    let old = sent(&world, "2", 40);
    let answer = world.send(&[old]);
    assert!(answer.starts_with("That number is not on the list."), "{answer}");
    assert_eq!((world.holds(), world.dialogue.state.name()), (0, "date_time"));
    // Clocks differ a little: this one answers the menu.
    let recent = sent(&world, "2", 5);
    assert!(world.send(&[recent]).starts_with("Please check:"));
}

#[test]
fn a_number_below_an_older_menu_gets_the_last_one_again() {
    let mut world = World::new(Language::English);
    world.say("menu");
    let first = world.now;
    world.now += TimeDelta::minutes(1);
    world.say("haircut");
    let second = world.now;
    world.now += TimeDelta::minutes(1);
    let below = |world: &World, shown| Message {
        quoted: Some("3EB0".to_owned()),
        quoted_at: Some(shown),
        ..sent(world, "1", 0)
    };
    let answer = below(&world, first);
    assert!(world.send(&[answer]).starts_with("That number is not on the list."));
    world.dialogue.menu_at = Some(second);
    let answer = below(&world, second);
    assert!(world.send(&[answer]).starts_with("Please check:"));
}

/// A tap on the `digit`th row of the menu that was shown in this dialogue.
fn tapped(world: &World, menu: u32, digit: u8, label: &str) -> Message {
    Message {
        kind: MessageKind::Choice,
        choice: Some(format!("{menu}.{digit}")),
        ..sent(world, label, 0)
    }
}

#[test]
fn a_tap_on_an_older_menu_is_taken_where_it_says_what_can_still_be_wished() {
    let mut world = World::new(Language::Portuguese);
    world.say("menu");
    let services = world.dialogue.menu.number;
    world.say("corte");
    let times = world.dialogue.menu.number;
    world.say("1");
    assert_eq!(world.dialogue.state.name(), "confirmation");
    // Another of the times that were offered before.
    let answer = world.send(&[tapped(&world, times, 2, "qua 11/03, 14h30")]);
    assert!(answer.contains("14h30"), "{answer}");
    // Another service of the list before that.
    let answer = world.send(&[tapped(&world, services, 2, "Coloração, 2 h, R$ 220")]);
    assert!(answer.contains("Coloração"), "{answer}");
    assert_ne!(world.dialogue.state.name(), "confirmation");
}

#[test]
fn a_tap_on_an_older_question_never_answers_the_one_that_is_open() {
    let mut world = World::new(Language::Portuguese);
    world.say("corte");
    world.say("1");
    let first = world.dialogue.menu.number;
    world.say("outro horário");
    world.say("2");
    assert_eq!(world.dialogue.state.name(), "confirmation");
    world.send(&[tapped(&world, first, 1, "Confirmar")]);
    assert_eq!(world.dialogue.state.name(), "confirmation", "nothing was confirmed");
    assert_eq!(world.holds(), 1);
    let last = world.dialogue.menu.number;
    let answer = world.send(&[tapped(&world, last, 1, "Confirmar")]);
    assert!(answer.starts_with("Agendado"), "{answer}");
    // Nor does what was tapped long ago begin anything now.
    let answer = world.send(&[tapped(&world, first, 1, "Confirmar")]);
    assert!(!answer.starts_with("Agendado"), "{answer}");
}

#[test]
fn a_vote_that_could_not_be_read_is_asked_for_in_writing() {
    let mut world = World::new(Language::Portuguese);
    world.say("corte");
    let illegible = Message {
        kind: MessageKind::Choice,
        text: None,
        quoted: Some("3EB0POLL".to_owned()),
        ..sent(&world, "", 0)
    };
    let misses = world.dialogue.misses;
    let answer = world.send(std::slice::from_ref(&illegible));
    assert!(answer.contains("\n1 "), "{answer}");
    assert_eq!((world.dialogue.state.name(), world.dialogue.misses), ("date_time", misses));
}

#[test]
fn a_thumb_answers_the_question_it_is_put_on() {
    let mut world = World::new(Language::Portuguese);
    world.say("menu");
    let earlier = world.now;
    world.now += TimeDelta::minutes(1);
    world.say("corte");
    world.now += TimeDelta::minutes(1);
    world.say("1");
    assert_eq!(world.dialogue.state.name(), "confirmation");
    let asked = world.now;
    let thumb = |world: &World, on| Message {
        kind: MessageKind::Reaction,
        quoted: Some("3EB0".to_owned()),
        quoted_at: on,
        ..sent(world, "👍", 0)
    };
    // On an older message of ours, on one of their own, …
    for on in [Some(earlier), None] {
        let reaction = thumb(&world, on);
        assert_eq!(world.send(&[reaction]), "");
    }
    // … and on the question.
    world.now += TimeDelta::minutes(1);
    let reaction = thumb(&world, Some(asked));
    assert!(world.send(&[reaction]).starts_with("Agendado"));
}

#[test]
fn a_number_typed_before_a_reminder_left_is_no_answer_to_it() {
    let mut world = World::new(Language::English).booked(march(12, 14, 45), "K7F29");
    world.say("haircut");
    world.now += TimeDelta::minutes(2);
    world.notify("reminder", Some(86_400));
    let typed = sent(&world, "2", 60);
    let answer = world.send(&[typed]);
    assert!(answer.starts_with("Please check:"), "{answer}");
}
