//! A time was lost to somebody else: nothing of the step was kept. It is held with another member of
//! staff where nobody was wished for, else others are offered.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::state::{Confirmation, Plan, State};
use super::turn::{Answer, Ask, Outcome, Turn};
use super::visit::{Line, lines_of, start_of};
use super::{confirmation, date_time, greeting};

pub(super) fn answer<'a>(turn: Turn<'a>, lines: &'a [Line]) -> Outcome {
    let turn = Turn { lost: lines, ..turn };
    let Some(starts_at) = lines.first().map(|line| line.starts_at) else {
        return Ok(greeting::open(&turn));
    };
    let services = |plan: &Plan| {
        let planned = plan.services.iter().map(|wanted| wanted.service_id);
        planned.eq(lines.iter().map(|line| line.service_id))
    };
    let plan = match (settled(&turn), &turn.dialogue.state) {
        // Seen from after the step: what it settled is what was refused.
        (Some(settled), _) if settled.lines == lines => settled.plan.clone(),
        (_, State::DateTime(plan) | State::Confirmation(Confirmation { plan, .. }))
            if services(plan) =>
        {
            plan.clone()
        }
        // The request came whole in one line; what it wished of the staff went with the step.
        (
            _,
            State::Greeting
            | State::ServiceSelection(_)
            | State::DateTime(_)
            | State::Confirmation(_)
            | State::Completed(_),
        ) => {
            let services: Vec<Uuid> = lines.iter().map(|line| line.service_id).collect();
            Plan::of_all(&services)
        }
    };
    if !was_confirmed(&turn, lines)
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

/// What the step just taken had agreed to.
fn settled<'a>(turn: &Turn<'a>) -> Option<&'a Confirmation> {
    match &turn.dialogue.state {
        State::Completed(state) => state.settled.as_ref(),
        State::DateTime(plan) => plan.earlier.as_deref(),
        State::Greeting | State::ServiceSelection(_) | State::Confirmation(_) => None,
    }
}

/// Whether it was the customer's yes to a time held that came too late: they were told who it would
/// be with.
fn was_confirmed(turn: &Turn<'_>, lines: &[Line]) -> bool {
    match (settled(turn), &turn.dialogue.state) {
        (Some(settled), _) => settled.lines == lines,
        (None, State::Confirmation(asked)) => {
            asked.lines == lines && turn.holds_of(lines).is_some()
        }
        (
            None,
            State::Greeting | State::ServiceSelection(_) | State::DateTime(_) | State::Completed(_),
        ) => false,
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
    let visits = turn.visits(plan)?;
    let Some(visit) = visits.iter().find(|visit| start_of(visit) == starts_at) else {
        return Ok(None);
    };
    let answer = match &turn.dialogue.state {
        State::DateTime(_) | State::Confirmation(_) => {
            confirmation::take(turn, plan, lines_of(visit))
        }
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => {
            date_time::found(turn, plan, visit, turn.local(starts_at))
        }
    };
    Ok(Some(answer))
}

/// The introduction, where it went with the step that was lost.
fn introduced(turn: &Turn<'_>, answer: Answer) -> Answer {
    let first = match &turn.dialogue.state {
        State::Greeting | State::Confirmation(_) => true,
        State::ServiceSelection(_) | State::DateTime(_) | State::Completed(_) => false,
    };
    if turn.dialogue.greeted || !first {
        return answer;
    }
    answer.say_first(Some(greeting::intro(turn))).greeted()
}
