//! Silence: one question after a quarter of an hour, and after an hour whether to go on at all.

use chrono::{DateTime, TimeDelta, Utc};

use super::intent::{Input, Intent, is_greeting};
use super::menu::{Choice, Menu};
use super::service_selection;
use super::state::{Confirmation, Plan, State};
use super::text::Text;
use super::turn::{Answer, Turn};
use super::visit::joined;
use super::with_person::silent;
use super::{Dialogue, Effect, FORGOTTEN_AFTER, Known, Step, Timer, confirmation, date_time};

/// After this long without a word the customer is asked, once, whether they go on.
const NUDGE_AFTER: TimeDelta = TimeDelta::minutes(15);
/// After this long a number may well answer something else than the last menu.
const LEFT_AFTER: TimeDelta = TimeDelta::minutes(60);

/// Whether a service or a time is chosen and nothing is settled.
pub(super) fn is_open(state: &State) -> bool {
    match state {
        State::DateTime(_) | State::Confirmation(_) => true,
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => false,
    }
}

pub(super) fn is_forgotten(dialogue: &Dialogue, now: DateTime<Utc>) -> bool {
    dialogue.last_turn.is_some_and(|last| now - last >= FORGOTTEN_AFTER)
}

/// Has the silence after a turn watched, where a booking is being made.
pub(super) fn watch(dialogue: &mut Dialogue, effects: &mut Vec<Effect>, now: DateTime<Utc>) {
    if dialogue.with_person || !is_open(&dialogue.state) {
        dialogue.nudged = false;
    } else if !dialogue.nudged {
        // The reply stays last.
        let before_reply = effects.len().saturating_sub(1);
        let timer = Effect::SetTimer { timer: Timer::Idle, at: now + NUDGE_AFTER };
        effects.insert(before_reply, timer);
    }
}

/// Nothing was said for a while: what is open is shown once more, or that its time was given back.
pub(super) fn nudge(dialogue: &Dialogue, now: DateTime<Utc>, known: &Known<'_>) -> Step {
    let due =
        dialogue.last_turn.is_some_and(|last| (NUDGE_AFTER..LEFT_AFTER).contains(&(now - last)));
    // After a notice the numbers are the notice's.
    if !due || dialogue.nudged || dialogue.with_person || known.notice.is_some() {
        return silent(dialogue);
    }
    let turn = Turn::new(now, known, dialogue);
    let answer = match &dialogue.state {
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => None,
        State::DateTime(_) if dialogue.menu.is_empty() => None,
        State::DateTime(_) => {
            let first = turn.phrases.still_there();
            Some(Answer::unmoved(&turn).say(first).ask(dialogue.menu.clone()))
        }
        State::Confirmation(asked) if confirmation::stands(&turn, asked) => {
            let question = confirmation::question(&turn, asked);
            question.ok().map(|answer| answer.say_first(Some(turn.phrases.still_there())))
        }
        State::Confirmation(asked) => Some(hold_is_over(&turn, asked)),
    };
    let Some(answer) = answer else { return silent(dialogue) };
    let mut step = turn.finish(answer);
    if let Step::Turn { dialogue: after, .. } = &mut step {
        after.nudged = true;
        after.menu_at = Some(now);
        // The silence goes on.
        after.last_turn = dialogue.last_turn;
    }
    step
}

fn hold_is_over(turn: &Turn<'_>, asked: &Confirmation) -> Answer {
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.show_times_again(), Choice::ShowTimes);
    let plan = Plan { near: Some(asked.starts_at()), ..date_time::again(&asked.plan) };
    Answer::new(State::DateTime(plan)).say(turn.phrases.released()).ask(menu)
}

/// Asks whether to go on, where a booking was left for long and the message does not say what is
/// wanted now; `None`: it goes the usual way.
pub(super) fn after_long(
    turn: &Turn<'_>,
    input: &Input,
    text: &Text,
    said_at: DateTime<Utc>,
) -> Option<Answer> {
    let left = turn.dialogue.last_turn.is_some_and(|last| said_at - last >= LEFT_AFTER);
    let asked = turn.dialogue.menu.choices().any(|choice| matches!(choice, Choice::Continue));
    if !left || asked || turn.notice_menu || !is_open(&turn.dialogue.state) {
        return None;
    }
    let is_clear = match input {
        Input::Chosen(choice) => matches!(choice, Choice::Person),
        Input::OffMenu | Input::Yes | Input::No => false,
        Input::Intent(Intent::Menu) => !is_greeting(text),
        Input::Intent(_) => true,
        Input::Free => {
            !service_selection::services_in(turn, text).is_empty()
                || service_selection::says_when(turn, text)
        }
    };
    if is_clear {
        return None;
    }
    let line = turn.phrases.continue_where(&what_is_open(turn)?);
    Some(Answer::unmoved(turn).missed(0).say(line).ask(go_on_or_not(turn)))
}

/// The services that are being booked, and the time where one is asked about.
fn what_is_open(turn: &Turn<'_>) -> Option<String> {
    let (plan, starts_at) = match &turn.dialogue.state {
        State::DateTime(plan) => (plan, None),
        State::Confirmation(asked) => (&asked.plan, Some(asked.starts_at())),
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => return None,
    };
    let services = turn.services(plan)?;
    let names = joined(services.iter().map(|service| service.name.as_str()));
    let at = starts_at.map(|at| turn.local(at));
    Some(match at {
        Some(at) => {
            let (day, time) = (turn.format.day(at.date()), turn.format.time(at.time()));
            format!("{names}, {day}, {time}")
        }
        None => names,
    })
}

/// To go on with what is open, or not.
pub(super) fn go_on_or_not(turn: &Turn<'_>) -> Menu {
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.go_on(), Choice::Continue);
    menu.choice(&turn.phrases.start_anew(), Choice::StartAnew);
    menu
}
