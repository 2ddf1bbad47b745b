//! What happens while nobody says anything, and after.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::conversation::{Effect, Event, Timer};
use crate::domain::locale::Language;

fn english() -> World {
    World::new(Language::English)
}

fn later(world: &mut World, minutes: i64) {
    world.now += TimeDelta::minutes(minutes);
}

#[test]
fn silence_is_watched_where_a_service_is_chosen_and_nowhere_else() {
    let mut world = english();
    let watched = |world: &World| {
        let at = world.now + TimeDelta::minutes(15);
        world.effects.contains(&Effect::SetTimer { timer: Timer::Idle, at })
    };
    world.say("hi");
    assert!(!watched(&world));
    world.say("1");
    assert!(watched(&world));
    world.say("2");
    assert!(watched(&world) && world.dialogue.state.name() == "confirmation");
    world.say("1");
    assert!(!watched(&world) && world.dialogue.state.name() == "completed");
}

#[test]
fn after_a_quarter_of_an_hour_the_open_menu_is_shown_once_more() {
    let mut world = english();
    let shown = world.say("haircut");
    let menu: Vec<&str> =
        shown.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).collect();
    later(&mut world, 15);
    let nudge = world.happen(&Event::Nudge);
    assert_eq!(
        nudge,
        format!("Are you still there? You can go on here whenever you like:\n{}", menu.join("\n"))
    );
    later(&mut world, 15);
    assert_eq!(world.happen(&Event::Nudge), "", "it is asked once");
    // Its numbers mean what they meant.
    let answer = world.say("2");
    assert!(answer.starts_with("Please check:"), "{answer}");
    assert_eq!(world.idle_at, None, "and not again for the same booking");
}

#[test]
fn a_hold_that_ran_out_is_told_in_the_same_message() {
    let texts = [
        (
            Language::English,
            "haircut tomorrow 3pm",
            "I released the time I was holding.\n1 Show times again",
        ),
        (
            Language::Portuguese,
            "corte amanhã às 15h",
            "Liberei o horário que eu estava segurando.\n1 Ver horários de novo",
        ),
        (
            Language::Spanish,
            "corte mañana a las 15:00",
            "Liberé la hora que te guardaba.\n1 Ver horarios otra vez",
        ),
    ];
    for (language, text, told) in texts {
        for swept in [false, true] {
            let mut world = World::new(language);
            world.say(text);
            later(&mut world, 15);
            if swept {
                world.bookings.clear();
            }
            assert_eq!(world.happen(&Event::Nudge), told);
            assert_eq!((world.holds(), world.dialogue.state.name()), (0, "date_time"));
            let times = world.say("1");
            assert!(
                times.lines().filter(|l| l.starts_with(['1', '2', '3'])).count() == 3,
                "{times}"
            );
        }
    }
}

#[test]
fn a_hold_that_stands_is_asked_about_again() {
    let mut world = english();
    world.catalogue.tenant.rules.hold = TimeDelta::minutes(30);
    world.say("haircut tomorrow 3pm");
    later(&mut world, 15);
    let nudge = world.happen(&Event::Nudge);
    assert!(
        nudge.starts_with("Are you still there?") && nudge.contains("until 10:30 AM"),
        "{nudge}"
    );
    assert!(world.say("1").starts_with("Booked ✅"));
}

#[test]
fn a_nudge_that_comes_at_the_wrong_time_says_nothing() {
    let mut world = english();
    world.say("haircut");
    later(&mut world, 14);
    assert_eq!(world.happen(&Event::Nudge), "", "too early");
    later(&mut world, 50);
    assert_eq!(world.happen(&Event::Nudge), "", "too late");
    let mut world = english();
    world.say("hi");
    later(&mut world, 15);
    assert_eq!(world.happen(&Event::Nudge), "", "nothing chosen");
    let mut world = english().booked(march(12, 14, 45), "K7F29");
    world.say("haircut");
    world.notify("reminder", Some(86_400));
    later(&mut world, 15);
    assert_eq!(world.happen(&Event::Nudge), "", "the reminder's numbers are the last");
    let mut world = english();
    world.say("haircut");
    world.say("person");
    later(&mut world, 15);
    assert_eq!(world.happen(&Event::Nudge), "", "a person answers");
}

#[test]
fn after_an_hour_a_number_is_no_answer_but_the_question_whether_to_go_on() {
    let texts = [
        (
            Language::English,
            "haircut",
            "Shall we continue where we stopped? Haircut.\n1 Continue\n2 Start over",
        ),
        (
            Language::Portuguese,
            "corte",
            "Vamos continuar de onde paramos? Corte.\n1 Continuar\n2 Começar de novo",
        ),
        (
            Language::Spanish,
            "corte",
            "¿Seguimos donde quedamos? Corte.\n1 Continuar\n2 Empezar de nuevo",
        ),
    ];
    for (language, service, question) in texts {
        for said in ["1", "2️⃣", "ok", "hola", "oi", "hi", "asdf", "no"] {
            let mut world = World::new(language);
            world.say(service);
            later(&mut world, 60);
            assert_eq!(world.say(said), question, "{said}");
            assert_eq!(world.holds(), 0);
        }
        let mut world = World::new(language);
        world.say(service);
        later(&mut world, 60);
        world.say("1");
        world.say("1");
        assert_eq!(world.dialogue.state.name(), "date_time");
        assert!(world.say("1").contains("Ana"));
        later(&mut world, 61);
        world.say("1");
        assert!(world.say("2").contains("Marina!"));
        assert_eq!((world.holds(), world.dialogue.state.name()), (0, "service_selection"));
    }
}

#[test]
fn after_an_hour_what_is_said_clearly_is_done() {
    let cases = [
        ("menu", "Hi Marina!"),
        ("manicure tomorrow at 3 pm", "Wednesday 11 March, 3:00 PM is free with Ana."),
        ("thursday afternoon", "Thursday 12 March, afternoon:"),
        ("cancel", "All right, nothing was booked."),
        ("person", "I will pass you to the team"),
    ];
    for (said, start) in cases {
        let mut world = english();
        world.say("haircut");
        later(&mut world, 61);
        let answer = world.say(said);
        assert!(answer.starts_with(start), "{said}: {answer}");
    }
}

#[test]
fn a_confirmation_is_taken_up_again_as_it_is_by_then() {
    let mut world = english();
    world.say("haircut tomorrow 3pm");
    later(&mut world, 61);
    let answer = world.say("yes");
    let question = "Shall we continue where we stopped? Haircut, Wednesday 11 March, 3:00 PM.";
    assert!(answer.starts_with(question), "{answer}");
    let answer = world.say("yes");
    let again = "I released the time I was holding. It is still free.\nPlease check:";
    assert!(answer.starts_with(again), "{answer}");
    assert_eq!((world.holds(), world.dialogue.state.name()), (1, "confirmation"));
}

#[test]
fn a_conversation_that_the_team_leaves_to_the_bot_goes_on_where_it_was() {
    let texts = [
        (
            Language::English,
            "haircut",
            "Shall I continue with your booking?\n1 Continue\n2 Start over",
        ),
        (
            Language::Portuguese,
            "corte",
            "Posso continuar com o seu agendamento?\n1 Continuar\n2 Começar de novo",
        ),
        (Language::Spanish, "corte", "¿Sigo con tu reserva?\n1 Continuar\n2 Empezar de nuevo"),
    ];
    for (language, service, question) in texts {
        let mut world = World::new(language);
        world.say(service);
        // Bruno writes from the salon's phone.
        world.human = true;
        assert_eq!(world.say("1"), "");
        assert!(world.effects.is_empty());
        later(&mut world, 241);
        world.human = false;
        assert_eq!(world.happen(&Event::Resumed), question);
        later(&mut world, 10);
        world.say("1");
        assert_eq!(world.dialogue.state.name(), "date_time");
    }
}

#[test]
fn nothing_is_said_on_the_way_back_where_nothing_was_open_or_it_is_night() {
    let mut world = english();
    world.say("hi");
    world.human = true;
    later(&mut world, 240);
    assert_eq!(world.happen(&Event::Resumed), "");
    assert_eq!(world.effects, [Effect::Resume]);
    assert!(!world.dialogue.with_person);
    let mut world = english();
    world.say("haircut");
    world.now = world.at(march(10, 21, 30));
    assert_eq!(world.happen(&Event::Resumed), "");
    // But the next word is asked about.
    assert!(world.say("1").starts_with("Shall we continue where we stopped?"));
}
