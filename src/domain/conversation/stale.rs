//! What comes late: messages that waited too long to be read, and numbers typed for an older menu.

use chrono::TimeDelta;

use super::menu::Pick;
use super::service_selection::{says_when, services_in};
use super::state::State;
use super::text::Text;
use super::turn::Turn;
use super::{Message, MessageKind, SentNotice};

/// A message that was sent longer ago is answered with an apology.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(10);
/// Of late messages the newest counts, with those sent right before it.
const ONE_THOUGHT: TimeDelta = TimeDelta::seconds(10);
/// Clocks differ, and messages travel: only what was sent this long before is surely older.
const SURELY_BEFORE: TimeDelta = TimeDelta::seconds(30);

/// The messages that still count, and whether others or they themselves were read too late.
pub(super) fn in_time<'m>(turn: &Turn<'_>, messages: &'m [Message]) -> (&'m [Message], bool) {
    let says =
        |message: &&Message| !matches!(message.kind, MessageKind::Reaction | MessageKind::Sticker);
    let late = messages.iter().filter(says).any(|m| turn.now - m.sent_at > LATE_AFTER);
    let Some(newest) = messages.iter().rposition(|message| says(&message)).filter(|_| late) else {
        return (messages, late);
    };
    let first = messages[..=newest]
        .iter()
        .rposition(|message| messages[newest].sent_at - message.sent_at > ONE_THOUGHT)
        .map_or(0, |before| before + 1);
    (&messages[first..=newest], late)
}

/// Whether a number in this message cannot be meant for the last menu: it was typed before that was
/// shown, or below an older one.
pub(super) fn is_for_older_menu(turn: &Turn<'_>, message: &Message) -> bool {
    let shown = match turn.known.notice {
        Some(notice) if turn.notice_menu => Some(notice.sent_at),
        Some(_) | None => turn.dialogue.menu_at,
    };
    shown.is_some_and(|shown| {
        shown - message.sent_at > SURELY_BEFORE
            || message.quoted_at.is_some_and(|quoted| shown - quoted > TimeDelta::seconds(1))
    })
}

/// What a tap on an older menu says that can still be wished: another service while one is being
/// chosen, a time while one is looked for. What merely acts (confirm, cancel) is meant for what was
/// asked then, and for nothing else.
pub(super) fn still_meant(turn: &Turn<'_>, label: &Text, tap: Option<&str>) -> Option<Text> {
    if tap.and_then(|id| turn.dialogue.menu.tapped(id)) != Some(Pick::Stale) || turn.notice_menu {
        return None;
    }
    let plan = match &turn.dialogue.state {
        State::Greeting | State::Completed(_) => return None,
        State::ServiceSelection(_) => None,
        State::DateTime(plan) => Some(plan),
        State::Confirmation(asked) => Some(&asked.plan),
    };
    match (services_in(turn, label).as_slice(), plan) {
        ([], Some(_)) => says_when(turn, label).then(|| Text::new(&label.raw)),
        // Its name alone: a row tells how long it takes as well, which is no time.
        ([service], None) => Some(Text::new(&service.name)),
        ([service], Some(plan)) if plan.moving.is_none() && !plan.has_service(service.id) => {
            Some(Text::new(&service.name))
        }
        _ => None,
    }
}

/// Whether all of a turn's messages were sent before a notice.
pub(super) fn precede(messages: &[Message], notice: &SentNotice) -> bool {
    let newest = messages.iter().map(|message| message.sent_at).max();
    newest.is_some_and(|newest| notice.sent_at - newest > SURELY_BEFORE)
}
