//! What is said to a message that no turn asked for.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::catalogue::{CancelledBy, Status};
use crate::domain::conversation::phrases::phrases;
use crate::domain::conversation::sent_notice::menu;
use crate::domain::conversation::{Effect, Message, MessageKind};
use crate::domain::locale::Language;
use crate::domain::notice::{Notice, render};

const DAY: Option<i64> = Some(24 * 3_600);

fn booked(language: Language) -> World {
    World::new(language).booked(march(12, 14, 45), "K7F29")
}

/// Whether nothing but words came of the last turn.
fn only_said(world: &World) -> bool {
    world.effects.iter().all(|effect| matches!(effect, Effect::Reply { .. }))
}

#[test]
fn one_to_a_reminder_thanks_and_cancels_nothing_that_was_asked_before() {
    let mut world = booked(Language::English);
    assert!(world.say("cancel").starts_with("Cancel this booking?"));
    world.notify("reminder", DAY);
    let answer = world.say("1");
    assert!(answer.starts_with("You are welcome! See you then: Haircut with Bruno"), "{answer}");
    assert!(only_said(&world));
    assert_eq!(world.bookings.len(), 1);
    // The reminder's menu stays the last one.
    assert!(world.say("3").starts_with("Cancel this booking?"));
}

#[test]
fn words_of_coming_answer_a_reminder() {
    let cases = [
        (
            Language::English,
            &["I'll be there", "yes", "👍", "ok thanks", "yes, I'll be there!"][..],
        ),
        (Language::Portuguese, &["vou sim", "estarei lá", "Sim, estarei lá", "ok", "obrigada"]),
        (Language::Spanish, &["ahí estaré", "sí", "Sí, ahí estaré, gracias", "voy"]),
    ];
    for (language, texts) in cases {
        for text in texts {
            let mut world = booked(language);
            world.notify("reminder", DAY);
            let answer = world.say(text);
            assert!(answer.contains("Bruno") && only_said(&world), "{text}: {answer}");
            assert_eq!(world.dialogue.state.name(), "completed", "{text}");
            assert!(!answer.contains('\n'), "{text}: {answer}");
        }
    }
}

#[test]
fn two_and_three_to_a_notice_are_about_its_booking() {
    for template in ["reminder", "booking_moved"] {
        for change in ["2", "change", "can I move it?"] {
            let mut world = booked(Language::English).booked(march(16, 9, 0), "M2P4R");
            world.notify(template, DAY);
            let answer = world.say(change);
            assert!(answer.starts_with("Haircut with Bruno, now Thursday 12 March"), "{answer}");
        }
        for cancel in ["3", "cancel", "no", "sorry, I can't make it"] {
            let mut world = booked(Language::English).booked(march(16, 9, 0), "M2P4R");
            world.notify(template, DAY);
            let answer = world.say(cancel);
            assert!(answer.starts_with("Cancel this booking?"), "{answer}");
            assert!(answer.contains("(K7F29)") && only_said(&world), "{answer}");
        }
    }
}

#[test]
fn a_booking_named_by_its_code_goes_before_the_one_of_the_notice() {
    let mut world = booked(Language::English).booked(march(16, 9, 0), "M2P4R");
    world.notify("reminder", DAY);
    assert!(world.say("cancel M2P4R").contains("(M2P4R)"));
}

#[test]
fn a_time_said_to_a_reminder_with_change_is_looked_for() {
    let mut world = booked(Language::English);
    world.notify("reminder", DAY);
    let answer = world.say("change it to friday at 10 am");
    assert!(answer.starts_with("Move it to Friday 13 March, 10:00 AM"), "{answer}");
}

#[test]
fn what_staff_cancelled_is_booked_anew_or_talked_about() {
    for (language, question) in [
        (Language::English, "Haircut, 45 min."),
        (Language::Portuguese, "Corte, 45 min."),
        (Language::Spanish, "Corte, 45 min."),
    ] {
        let mut world = booked(language);
        world.notify("booking_cancelled", None);
        world.bookings.clear();
        assert!(world.say("1").starts_with(question));
        assert_eq!(world.dialogue.state.name(), "date_time");
    }
    let mut world = booked(Language::English);
    world.notify("booking_cancelled", None);
    world.bookings.clear();
    world.say("0");
    assert!(world.effects.contains(&Effect::HandOff));
}

#[test]
fn a_notice_about_a_booking_cancelled_since_confirms_nothing() {
    let texts = [
        (Language::English, "This booking was canceled by the salon.\n1 Book a new time\n0 Talk"),
        (Language::Portuguese, "Este horário foi cancelado pelo salão.\n1 Marcar novo horário\n0"),
        (Language::Spanish, "Esta reserva fue cancelada por el salón.\n1 Reservar una nueva hora"),
    ];
    for (language, start) in texts {
        for said in ["1", "2", "3", "ok", "👍"] {
            let mut world = booked(language);
            world.notify("reminder", DAY);
            world.notice.as_mut().unwrap().booking.status = Status::Cancelled;
            world.bookings.clear();
            let answer = world.say(said);
            assert!(answer.starts_with(start) && only_said(&world), "{said}: {answer}");
            world.say("1");
            assert_eq!(world.dialogue.state.name(), "date_time");
        }
    }
}

#[test]
fn a_notice_without_a_menu_leaves_the_one_before_but_no_yes_to_it() {
    for (template, before) in [("reminder", Some(3_600)), ("booking_confirmed", None)] {
        for yes in ["1", "yes", "👍"] {
            let mut world = booked(Language::English);
            world.say("cancel");
            world.notify(template, before);
            assert!(world.say(yes).starts_with("Cancel this booking?"), "{yes}");
            assert_eq!(world.bookings.len(), 1);
            assert!(world.say("1").starts_with("Canceled."));
        }
        let mut world = booked(Language::English);
        world.say("move it to friday at 10 am");
        world.notify(template, before);
        assert!(world.say("yes").starts_with("Move it to Friday"));
        assert!(world.say("yes").starts_with("Moved ✅"));
        let mut world = booked(Language::English);
        world.say("haircut");
        world.notify(template, before);
        assert!(world.say("1").starts_with("Please check:"));
    }
}

#[test]
fn a_hold_outlives_the_answer_to_a_reminder() {
    let mut world = booked(Language::English);
    world.say("haircut tomorrow at 3 pm");
    world.notify("reminder", DAY);
    let answer = world.say("1");
    assert!(answer.starts_with("You are welcome!"), "{answer}");
    assert!(answer.contains("Please check:") && world.holds() == 1, "{answer}");
    assert!(world.say("1").starts_with("Booked ✅"));
}

#[test]
fn other_words_after_a_reminder_go_the_usual_way() {
    let mut world = booked(Language::Portuguese);
    world.say("corte");
    world.notify("reminder", DAY);
    // A weekday, not the second entry.
    assert!(world.say("segunda").starts_with("Segunda-feira, 16 de março:"));
    let mut world = booked(Language::English);
    world.notify("reminder", DAY);
    assert!(world.say("haircut tomorrow 3pm").contains("Please check:"));
}

#[test]
fn a_tap_on_the_menu_before_a_notice_does_nothing() {
    let mut world = booked(Language::English);
    world.say("cancel");
    let choice = Some(format!("{}.1", world.dialogue.menu.number));
    world.notify("reminder", DAY);
    let kind = MessageKind::Choice;
    let text = Some("Yes, cancel it".to_owned());
    let tap = Message {
        sent_at: world.now,
        kind,
        text,
        choice,
        quoted: None,
        quoted_at: None,
        received_at: None,
    };
    let answer = world.send(&[tap]);
    assert!(answer.contains("1 I will be there") && only_said(&world), "{answer}");
}

#[test]
fn a_thumb_below_a_reminder_is_a_yes_to_it() {
    let mut world = booked(Language::English);
    world.say("cancel");
    world.notify("reminder", DAY);
    let kind = MessageKind::Reaction;
    let text = Some("👍".to_owned());
    let thumb = Message {
        sent_at: world.now,
        kind,
        text,
        choice: None,
        quoted: None,
        quoted_at: None,
        received_at: None,
    };
    assert!(world.send(&[thumb]).starts_with("You are welcome!"));
    assert_eq!(world.bookings.len(), 1);
}

#[test]
fn the_menu_is_the_one_that_the_notice_ends_with() {
    for language in Language::ALL {
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        let cases = [
            ("reminder", Notice::Reminder { before: TimeDelta::hours(24) }),
            ("booking_moved", Notice::MovedByStaff),
            ("booking_cancelled", Notice::CancelledByStaff),
        ];
        for (template, notice) in cases {
            world.notify(template, DAY);
            let sent = world.notice.as_ref().unwrap();
            let menu = menu(sent, phrases(language)).unwrap();
            let (catalogue, customer) = (&world.catalogue, &world.customer);
            let text = render(notice, &sent.booking, catalogue, customer, world.now);
            assert!(text.ends_with(&menu.lines().join(", ")), "{text}");
        }
        for (template, before) in [("reminder", Some(3_600)), ("booking_confirmed", None)] {
            world.notify(template, before);
            assert_eq!(menu(world.notice.as_ref().unwrap(), phrases(language)), None);
        }
    }
}

#[test]
fn script_13_who_cancelled_a_booking_and_when_is_told() {
    let cases = [
        (Language::English, 0, "This booking was canceled by the salon today at 9:10 AM."),
        (Language::Portuguese, 0, "Este horário foi cancelado pelo salão hoje às 9h10."),
        (Language::Spanish, 0, "Esta reserva fue cancelada por el salón hoy a las 9:10."),
        (Language::English, 1, "This booking was canceled by the salon yesterday at 9:10 AM."),
        (
            Language::Spanish,
            3,
            "Esta reserva fue cancelada por el salón el sábado 7 de marzo a las 9:10.",
        ),
    ];
    for (language, days_ago, told) in cases {
        let mut world = booked(language);
        world.notify("reminder", DAY);
        let at = world.at(march(10, 9, 10)) - TimeDelta::days(days_ago);
        let booking = &mut world.notice.as_mut().unwrap().booking;
        booking.status = Status::Cancelled;
        booking.cancelled_at = Some(at);
        booking.cancelled_by = Some(CancelledBy::Staff);
        world.bookings.clear();
        let answer = world.say("1");
        assert!(answer.starts_with(told) && only_said(&world), "{answer}");
        assert!(world.say("1").contains("45 min"));
    }
    let mut world = booked(Language::English);
    world.notify("reminder", DAY);
    let at = world.at(march(10, 9, 10));
    let booking = &mut world.notice.as_mut().unwrap().booking;
    booking.status = Status::Cancelled;
    booking.cancelled_at = Some(at);
    booking.cancelled_by = Some(CancelledBy::Customer);
    world.bookings.clear();
    assert!(world.say("1").starts_with("This booking was canceled today at 9:10 AM."));
}

#[test]
fn a_new_time_for_a_cancelled_visit_is_for_all_of_its_services() {
    // Told of the cancellation, or answering an older reminder.
    for (template, before) in [("booking_cancelled", None), ("reminder", DAY)] {
        let mut world = visit_cancelled(template, before);
        let mut answer = world.say("1");
        if template == "reminder" {
            assert!(answer.contains("1 Book a new time"), "{answer}");
            answer = world.say("1");
        }
        assert!(answer.starts_with("Haircut + manicure, 1 h 25 min"), "{template}: {answer}");
    }
}

fn visit_cancelled(template: &str, before: Option<i64>) -> World {
    let mut world = World::new(Language::English);
    world.say("haircut and manicure on saturday");
    world.say("1");
    world.say("1");
    world.notify(template, before);
    world.bookings.clear();
    let booking = &mut world.notice.as_mut().unwrap().booking;
    booking.status = Status::Cancelled;
    booking.cancelled_by = Some(CancelledBy::Staff);
    world
}
