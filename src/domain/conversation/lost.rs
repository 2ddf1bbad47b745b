//! A time was lost to somebody else: nothing of the step was kept, and others are offered.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::state::{Completed, Confirmation, Plan, State};
use super::turn::{Outcome, Turn};
use super::{date_time, greeting};

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
    if turn.dialogue.greeted || turn.dialogue.state != State::Greeting {
        return Ok(answer);
    }
    // The introduction went with the step that was lost.
    Ok(answer.say_first(Some(greeting::intro(&turn))).greeted())
}
