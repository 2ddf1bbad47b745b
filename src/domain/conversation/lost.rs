//! A time was lost to somebody else: nothing of the step was kept. It is held with another member of
//! staff where nobody was wished for, else others are offered.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::state::{Completed, Confirmation, Plan, State};
use super::turn::{Answer, Ask, Outcome, Turn};
use super::{confirmation, date_time, greeting};

pub(super) fn answer(
    turn: Turn<'_>,
    staff_id: Uuid,
    service_id: Uuid,
    starts_at: DateTime<Utc>,
) -> Outcome {
    let turn = Turn { lost: Some((staff_id, starts_at)), ..turn };
    let plan = match &turn.dialogue.state {
        State::DateTime(plan) | State::Confirmation(Confirmation { plan, .. })
            if plan.service_id == service_id =>
        {
            plan.clone()
        }
        // Seen from after the step: what it settled is what was refused.
        State::Completed(Completed { settled: Some(settled), .. })
            if (settled.staff_id, settled.starts_at) == (staff_id, starts_at) =>
        {
            settled.plan.clone()
        }
        // The request came whole in one line; what it wished of the staff went with the step.
        State::Greeting
        | State::ServiceSelection(_)
        | State::DateTime(_)
        | State::Confirmation(_)
        | State::Completed(_) => Plan { service_id, ..Plan::default() },
    };
    if !was_confirmed(&turn, staff_id, starts_at)
        && let Some(answer) = with_another(&turn, &plan, starts_at)?
    {
        return Ok(introduced(&turn, answer));
    }
    let at = turn.local(starts_at);
    let format = turn.format;
    let line = match plan.moving.and_then(|id| turn.booking(id)) {
        Some(booking) => turn.phrases.old_time_stays(&turn.describe(booking)),
        None => turn.phrases.taken(
            format.spoken_weekday(at.date()),
            &format.at(at.time()),
            &format.time(at.time()),
        ),
    };
    let answer = date_time::around(&turn, &plan, at, line)?;
    Ok(introduced(&turn, answer))
}

/// Whether it was the customer's yes to a time held that came too late: they were told who it would
/// be with.
fn was_confirmed(turn: &Turn<'_>, staff_id: Uuid, starts_at: DateTime<Utc>) -> bool {
    match &turn.dialogue.state {
        State::Completed(Completed { settled: Some(settled), .. }) => {
            (settled.staff_id, settled.starts_at) == (staff_id, starts_at)
        }
        State::Confirmation(asked) => {
            (asked.staff_id, asked.starts_at) == (staff_id, starts_at)
                && turn.hold(staff_id, starts_at).is_some()
        }
        State::Greeting
        | State::ServiceSelection(_)
        | State::DateTime(_)
        | State::Completed(Completed { settled: None, .. }) => false,
    }
}

/// The very same time with somebody else, where no one in particular was wished for.
fn with_another(
    turn: &Turn<'_>,
    plan: &Plan,
    starts_at: DateTime<Utc>,
) -> Result<Option<Answer>, Ask> {
    if plan.moving.is_some() {
        return Ok(None);
    }
    // Of a plan with a wish for staff these are theirs alone, and the one lost is not among them.
    let Some(service) = turn.service(plan.service_id) else { return Ok(None) };
    let slots = turn.slots(service, plan)?;
    let Some(slot) = slots.iter().find(|slot| slot.start == starts_at) else { return Ok(None) };
    let answer = match &turn.dialogue.state {
        State::DateTime(_) | State::Confirmation(_) => {
            confirmation::take(turn, plan, slot.staff_id, starts_at)
        }
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => {
            date_time::found(turn, plan, slot, turn.local(starts_at))
        }
    };
    Ok(Some(answer))
}

/// The introduction, where it went with the step that was lost.
fn introduced(turn: &Turn<'_>, answer: Answer) -> Answer {
    let first = matches!(turn.dialogue.state, State::Greeting | State::Confirmation(_));
    if turn.dialogue.greeted || !first {
        return answer;
    }
    answer.say_first(Some(greeting::intro(turn))).greeted()
}
