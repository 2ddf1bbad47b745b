//! While a person answers: the bot is silent, but says once a day that the team is away, and once
//! that nobody has answered yet; and how it goes on afterwards.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::turn::{Answer, Turn};
use super::{Dialogue, Effect, Known, Message, Step, courtesies, idle, out_of_hours, switched_off};

/// After a message of a person the customer is not told that the team is away.
const AFTER_PERSON: TimeDelta = TimeDelta::minutes(5);
/// The local hours in which nobody is written to who has not just written.
const DAY: std::ops::Range<u32> = 8..21;

/// The customer writes to the team: the bot says nothing, or that the team is away.
pub(super) fn waits(
    dialogue: &Dialogue,
    messages: &[Message],
    now: DateTime<Utc>,
    known: &Known<'_>,
) -> Step {
    if courtesies::are_all(messages) {
        let effects = vec![Effect::ExpectNoAnswer];
        return Step::Turn { dialogue: dialogue.clone(), effects };
    }
    let turn = Turn::new(now, known, dialogue);
    let today = turn.today();
    let person_was_there =
        known.history.last_person_at.is_some_and(|last| now - last < AFTER_PERSON);
    if person_was_there
        || dialogue.away_told == Some(today)
        || !out_of_hours::is_closed(&turn, turn.local(now))
    {
        return silent(dialogue);
    }
    let lines: Vec<_> = [out_of_hours::away(&turn)].into_iter().chain(way_back(&turn)).collect();
    let dialogue = Dialogue { away_told: Some(today), ..dialogue.clone() };
    Step::Turn { dialogue, effects: vec![Effect::Reply { text: lines.join("\n") }] }
}

/// Nobody of the team has written since the customer began to wait: whoever writes ends the timer.
pub(super) fn nobody_answered(dialogue: &Dialogue, now: DateTime<Utc>, known: &Known<'_>) -> Step {
    if !dialogue.with_person {
        return silent(dialogue);
    }
    let turn = Turn::new(now, known, dialogue);
    let closed = out_of_hours::is_closed(&turn, turn.local(now));
    if closed && dialogue.away_told == Some(turn.today()) {
        // That the team is away says the same.
        return silent(dialogue);
    }
    let mut lines = vec![turn.phrases.nobody_answered()];
    lines.extend(out_of_hours::hours(&turn));
    lines.extend(way_back(&turn));
    Step::Turn {
        dialogue: dialogue.clone(),
        effects: vec![Effect::Reply { text: lines.join("\n") }],
    }
}

/// How to call the bot, where it would come.
fn way_back(turn: &Turn<'_>) -> Option<String> {
    (!switched_off::is(turn.known)).then(|| turn.phrases.write_menu())
}

/// The bot answers again: a booking that was being made goes on where the customer wishes.
pub(super) fn resumed(dialogue: &Dialogue, now: DateTime<Utc>, known: &Known<'_>) -> Step {
    let turn = Turn::new(now, known, dialogue);
    // A notice is the last message then, and its numbers stand.
    let asks = idle::is_open(&dialogue.state)
        && !idle::is_forgotten(dialogue, now)
        && known.notice.is_none()
        && DAY.contains(&turn.local(now).hour());
    if asks {
        let answer = Answer::unmoved(&turn).missed(0).say(turn.phrases.continue_booking());
        let mut step = turn.finish(answer.ask(idle::go_on_or_not(&turn)));
        if let Step::Turn { dialogue, .. } = &mut step {
            dialogue.menu_at = Some(now);
        }
        return step;
    }
    let effects = if dialogue.with_person { vec![Effect::Resume] } else { Vec::new() };
    Step::Turn { dialogue: Dialogue { with_person: false, ..dialogue.clone() }, effects }
}

/// A turn in which nothing is said and nothing changes.
pub(super) fn silent(dialogue: &Dialogue) -> Step {
    Step::Turn { dialogue: dialogue.clone(), effects: Vec::new() }
}
