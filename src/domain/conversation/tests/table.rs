//! Every state against every kind of input: where it leads and what it does.

use super::world::{World, march};
use crate::domain::conversation::{Effect, Event, Message, MessageKind};
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
}

use Input::{Loses, Says, Sends, Taps};

impl Input {
    fn meet(&self, world: &mut World) -> (String, Vec<Effect>) {
        match self {
            Says(text) => {
                world.say(text);
            }
            Sends(kind) => {
                world.send_kind(*kind);
            }
            Taps(id) => {
                world.send(&[Message {
                    sent_at: world.now,
                    kind: MessageKind::Choice,
                    text: Some("tapped".to_owned()),
                    choice: Some((*id).to_owned()),
                    quoted: None,
                }]);
            }
            Loses => {
                let lost = Event::Lost {
                    staff_id: super::world::ANA,
                    service_id: super::world::HAIRCUT,
                    starts_at: world.at(march(11, 9, 0)),
                };
                let (dialogue, effects) = world.decide(&lost);
                return (dialogue.state.name().to_owned(), effects);
            }
        }
        (world.dialogue.state.name().to_owned(), world.effects.clone())
    }
}

/// The state after and the effects, replies as `say`: "confirmation: hold, say".
fn outcome(state: &str, input: &Input) -> String {
    let (state, effects) = input.meet(&mut in_state(state));
    let effects: Vec<&str> = effects
        .iter()
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
        (Loses, ["confirmation: hold, say", "confirmation: hold, say", "confirmation: hold, say", "confirmation: release, hold, say", "confirmation: hold, say"]),
    ];
    for (input, expected) in &cases {
        for (state, expected) in STATES.iter().zip(expected) {
            assert_eq!(outcome(state, input), *expected, "{state} + {input:?}");
        }
    }
}
