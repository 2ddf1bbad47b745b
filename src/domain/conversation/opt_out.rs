//! Reminders and news stop and start; and "sair", which in Brazil means leaving the chat as well.

use chrono::TimeDelta;

use super::Effect;
use super::intent::subscription;
use super::menu::{Choice, Menu};
use super::state::State;
use super::text::Text;
use super::turn::{Answer, Turn};

/// For so long after a reminder or news "sair" is an answer to it.
const AFTER_NOTICE: TimeDelta = TimeDelta::hours(24);

/// Answers a message that stops or starts reminders, or might; `None`: it does not.
pub(super) fn answer(turn: &Turn<'_>, text: &Text) -> Option<Answer> {
    let subscribed = subscription(text, turn.words)?;
    if !subscribed && may_mean_the_chat(turn, text) {
        let mut menu = Menu::default();
        menu.choice(&turn.phrases.end_chat(), Choice::EndChat);
        menu.choice(&turn.phrases.no_reminders(), Choice::StopReminders);
        return Some(Answer::unmoved(turn).missed(0).say(turn.phrases.leave_or_stop()).ask(menu));
    }
    Some(subscribe(turn, subscribed))
}

/// Whether a text stops reminders at once, whatever stands around it.
pub(super) fn stops(turn: &Turn<'_>, text: &Text) -> bool {
    subscription(text, turn.words) == Some(false) && !may_mean_the_chat(turn, text)
}

/// In the middle of a dialogue, with nothing sent lately that could be stopped, and not asked yet.
fn may_mean_the_chat(turn: &Turn<'_>, text: &Text) -> bool {
    let in_dialogue = match &turn.dialogue.state {
        State::ServiceSelection(_) | State::DateTime(_) | State::Confirmation(_) => true,
        State::Greeting | State::Completed(_) => false,
    };
    let told = turn.known.notice.map(|notice| notice.sent_at);
    let told = told.max(turn.known.history.last_proactive_at);
    let asked = turn.dialogue.menu.choices().any(|choice| matches!(choice, Choice::StopReminders));
    in_dialogue
        && text.is_any(turn.words.leave)
        && told.is_none_or(|at| turn.now - at >= AFTER_NOTICE)
        && !asked
}

/// Stops or starts reminders and news; the visit itself stays booked, and that is said.
pub(super) fn subscribe(turn: &Turn<'_>, subscribed: bool) -> Answer {
    let tenant = &turn.known.catalogue.tenant.name;
    let of_tenant = turn.format.of_tenant(tenant);
    let answer = Answer::unmoved(turn).missed(0);
    if subscribed {
        return answer.effect(Effect::OptIn).say(turn.phrases.opted_in(tenant, &of_tenant));
    }
    stopped(turn).into_iter().fold(answer.effect(Effect::OptOut), Answer::say)
}

/// The lines that say what has stopped.
pub(super) fn stopped(turn: &Turn<'_>) -> Vec<String> {
    let phrases = turn.phrases;
    let tenant = &turn.known.catalogue.tenant.name;
    let bookings: Vec<_> = turn.active().collect();
    let still_on = match bookings.as_slice() {
        [] => None,
        [one] => {
            let start = turn.local(one.starts_at);
            let (day, time) = (turn.format.day(start.date()), turn.format.time(start.time()));
            Some(phrases.still_on(&day, &turn.format.at(start.time()), &time))
        }
        several => Some(phrases.all_still_on(&several.len().to_string())),
    };
    let start_again = phrases.write_start();
    let last = match still_on {
        Some(still_on) => format!("{still_on} {start_again}"),
        None => start_again,
    };
    vec![phrases.opted_out(tenant, &turn.format.of_tenant(tenant)), last]
}

/// "Não receber lembretes" was chosen.
pub(super) fn stop_reminders(turn: &Turn<'_>) -> Answer {
    let answer = Answer::new(turn.dialogue.state.clone()).effect(Effect::OptOut);
    stopped(turn).into_iter().fold(answer, Answer::say)
}

/// "Encerrar a conversa" was chosen: nothing stays open.
pub(super) fn end_chat(turn: &Turn<'_>) -> Answer {
    Answer::new(State::Greeting).say(turn.phrases.chat_ended())
}
