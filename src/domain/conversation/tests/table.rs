//! Every state against every kind of input: where it leads and what it does.

use chrono::TimeDelta;

use super::world::{World, march};
use crate::domain::conversation::{Effect, Message, MessageKind};
use crate::domain::locale::Language;

const STATES: [&str; 5] =
    ["greeting", "service_selection", "date_time", "confirmation", "completed"];

/// A world whose conversation is in a state, everything being free.
fn in_state(state: &str) -> World {
    let mut world = World::new(Language::English);
    let steps = STATES.iter().position(|known| *known == state).unwrap();
    for text in ["menu", "1", "2", "1"].into_iter().take(steps) {
        world.say(text);
    }
    assert_eq!(world.dialogue.state.name(), state);
    world
}

#[derive(Debug)]
enum Input {
    Says(&'static str),
    Sends(MessageKind),
    Taps(&'static str),
    Loses,
    /// An event of the shell, after so many minutes.
    Happens(&'static str, i64),
    /// Said, and read a quarter of an hour later.
    Late(&'static str),
    /// A number typed a minute before the last menu was shown.
    Outdated(&'static str),
    /// Said to a person of the team.
    ToPerson(&'static str),
}

use Input::{Happens, Late, Loses, Outdated, Says, Sends, Taps, ToPerson};

impl Input {
    fn meet(&self, world: &mut World) {
        match self {
            Says(text) => {
                world.say(text);
            }
            Sends(kind) => {
                world.send_kind(*kind);
            }
            Taps(id) => {
                let choice = Some((*id).to_owned());
                let kind = MessageKind::Choice;
                world.send(&[Message { kind, choice, ..typed(world, "tapped", 0) }]);
            }
            Loses => {
                let lost = world.lost(super::world::ANA, march(11, 9, 0));
                world.happen(&lost);
            }
            Happens(event, minutes) => {
                world.now += TimeDelta::minutes(*minutes);
                let event = serde_json::from_value(serde_json::json!({ "event": event })).unwrap();
                world.happen(&event);
            }
            Late(text) => {
                world.now += TimeDelta::minutes(15);
                world.send(&[typed(world, text, 14)]);
            }
            Outdated(text) => {
                world.send(&[typed(world, text, 1)]);
            }
            ToPerson(text) => {
                world.human = true;
                world.say(text);
            }
        }
    }
}

/// A text that was sent so many minutes ago.
fn typed(world: &World, text: &str, minutes_ago: i64) -> Message {
    Message {
        sent_at: world.now - TimeDelta::minutes(minutes_ago),
        kind: MessageKind::Text,
        text: Some(text.to_owned()),
        choice: None,
        quoted: None,
        quoted_at: None,
        received_at: None,
    }
}

/// The state after and the effects, replies as `say`: "confirmation: hold, say".
fn outcome(state: &str, input: &Input) -> String {
    let mut world = in_state(state);
    input.meet(&mut world);
    let state = world.dialogue.state.name();
    let effects: Vec<&str> = world
        .effects
        .iter()
        // Watched wherever a service is chosen: tests/silence.rs.
        .filter(|effect| !matches!(effect, Effect::SetTimer { .. }))
        .map(|effect| match effect {
            Effect::Reply { .. } => "say",
            Effect::Hold { .. } => "hold",
            Effect::Release { .. } => "release",
            Effect::Confirm { .. } => "confirm",
            Effect::Move { .. } => "move",
            Effect::Cancel { .. } => "cancel",
            Effect::SetLocale { .. } => "locale",
            Effect::HandOff => "hand_off",
            Effect::Resume => "resume",
            Effect::OptOut => "opt_out",
            Effect::OptIn => "opt_in",
            Effect::NotifyStaff { .. } => "notify_staff",
            Effect::SetTimer { .. } => "set_timer",
            Effect::ExpectNoAnswer => "expect_no_answer",
            Effect::Interpret { .. } => "interpret",
        })
        .collect();
    format!("{state}: {}", effects.join(", ")).trim_end().to_owned()
}

#[test]
fn every_state_answers_every_kind_of_input() {
    // greeting, service_selection, date_time, confirmation, completed
    #[rustfmt::skip]
    let cases = [
        (Says("1"), ["service_selection: say", "date_time: say", "confirmation: hold, say", "completed: confirm, say", "completed: say"]),
        (Says("7"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("9"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("0"), ["greeting: hand_off, say", "service_selection: hand_off, say", "date_time: hand_off, say", "confirmation: hand_off, say", "completed: hand_off, say"]),
        (Taps("0.1"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("menu"), ["service_selection: say", "service_selection: say", "service_selection: say", "service_selection: release, say", "service_selection: say"]),
        (Says("back"), ["service_selection: say", "service_selection: say", "service_selection: say", "date_time: release, say", "completed: say"]),
        (Says("cancel"), ["greeting: say", "greeting: say", "greeting: say", "greeting: release, say", "completed: say"]),
        (Says("change"), ["greeting: say", "greeting: say", "date_time: say", "date_time: release, say", "date_time: say"]),
        (Says("my bookings"), ["greeting: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("person"), ["greeting: hand_off, say", "service_selection: hand_off, say", "date_time: hand_off, say", "confirmation: hand_off, say", "completed: hand_off, say"]),
        (Says("español"), ["service_selection: locale, say", "service_selection: locale, say", "date_time: locale, say", "confirmation: locale, say", "completed: locale, say"]),
        (Says("yes"), ["service_selection: say", "service_selection: say", "date_time: say", "completed: confirm, say", "completed: say"]),
        (Says("no"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "completed: say"]),
        (Says("book"), ["service_selection: say", "service_selection: say", "service_selection: say", "confirmation: say", "service_selection: say"]),
        (Says("thanks"), ["greeting: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("how much is it?"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "service_selection: say"]),
        (Says("a manicure please"), ["date_time: say", "date_time: say", "date_time: say", "date_time: release, say", "date_time: say"]),
        (Says("thursday afternoon"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "completed: say"]),
        (Says("haircut thursday at 3 pm"), ["confirmation: hold, say", "confirmation: hold, say", "confirmation: hold, say", "confirmation: release, hold, say", "confirmation: hold, say"]),
        (Says("with Bruno"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "completed: say"]),
        (Says("yesterday"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "completed: say"]),
        (Says("asdf"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("stop"), ["greeting: opt_out, say", "service_selection: opt_out, say", "date_time: opt_out, say", "confirmation: opt_out, say", "completed: opt_out, say"]),
        (Says("start"), ["greeting: opt_in, say", "service_selection: opt_in, say", "date_time: opt_in, say", "confirmation: opt_in, say", "completed: opt_in, say"]),
        (Sends(MessageKind::Audio), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Image), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Sticker), ["greeting:", "service_selection:", "date_time:", "confirmation:", "completed:"]),
        (Sends(MessageKind::Reaction), ["greeting:", "service_selection:", "date_time:", "confirmation:", "completed:"]),
        (Says("where are you?"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("when are you open?"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Says("hello"), ["service_selection: say", "service_selection: say", "service_selection: say", "service_selection: release, say", "completed: say"]),
        (Says("first available"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "completed: say"]),
        (Says("sair"), ["greeting: opt_out, say", "service_selection: opt_out, say", "date_time: opt_out, say", "confirmation: opt_out, say", "completed: opt_out, say"]),
        (Says("quisiera un corte mañana, por favor"), ["date_time: locale, say", "date_time: locale, say", "date_time: locale, say", "date_time: locale, release, say", "date_time: locale, say"]),
        (Says("no, another time"), ["service_selection: say", "service_selection: say", "date_time: say", "date_time: release, say", "date_time: say"]),
        (Says("I did not mean that"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Video), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Document), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Location), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Contact), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Sends(MessageKind::Other), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (Late("1"), ["service_selection: say", "date_time: say", "date_time: say", "confirmation: release, hold, say", "completed: say"]),
        (Late("menu"), ["service_selection: say", "service_selection: say", "service_selection: say", "service_selection: release, say", "service_selection: say"]),
        (Outdated("1"), ["service_selection: say", "service_selection: say", "date_time: say", "confirmation: say", "completed: say"]),
        (ToPerson("1"), ["greeting:", "service_selection:", "date_time:", "confirmation:", "completed:"]),
        (ToPerson("menu"), ["service_selection: resume, say", "service_selection: resume, say", "service_selection: resume, say", "service_selection: release, resume, say", "service_selection: resume, say"]),
        (Happens("nudge", 15), ["greeting:", "service_selection:", "date_time: say", "date_time: release, say", "completed:"]),
        (Happens("nobody_answered", 15), ["greeting:", "service_selection:", "date_time:", "confirmation:", "completed:"]),
        (Happens("resumed", 60), ["greeting:", "service_selection:", "date_time: say", "confirmation: say", "completed:"]),
        (Loses, ["confirmation: hold, say", "confirmation: hold, say", "confirmation: hold, say", "confirmation: release, hold, say", "confirmation: hold, say"]),
    ];
    println!("| input | {} |\n|---|---|---|---|---|---|", STATES.join(" | "));
    let mut wrong = Vec::new();
    for (input, expected) in &cases {
        let outcomes = STATES.map(|state| outcome(state, input));
        println!("| {} | {} |", format!("{input:?}").replace('|', "/"), outcomes.join(" | "));
        for ((state, outcome), expected) in STATES.iter().zip(&outcomes).zip(expected) {
            if outcome != expected {
                wrong.push(format!("{state} + {input:?}: {outcome}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
