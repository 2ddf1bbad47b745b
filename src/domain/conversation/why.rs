//! Why an exact time cannot be had, in a few words.

use chrono::{NaiveDateTime, TimeZone};

use super::state::Plan;
use super::turn::Turn;
use super::visit::start_of;
use crate::domain::availability::{Reason, Visit, explain, explain_visit};
use crate::domain::catalogue::Staff;

/// That a local time is not available, with the reason where there is one to tell.
///
/// `visits` is what is free for the plan.
pub(super) fn not_available(
    turn: &Turn<'_>,
    plan: &Plan,
    at: NaiveDateTime,
    visits: &[Visit],
) -> String {
    let (day, time) = (turn.format.day(at.date()), turn.format.spoken_time(at.time()));
    let spoken = turn.format.at(at.time());
    match reason(turn, plan, at).and_then(|reason| said(turn, plan, &reason, visits)) {
        Some(why) => turn.phrases.not_available_because(&day, &time, &spoken, &why),
        None => turn.phrases.not_available(&day, &time, &spoken),
    }
}

/// The rule that weighs heaviest.
fn reason(turn: &Turn<'_>, plan: &Plan, at: NaiveDateTime) -> Option<Reason> {
    let start = turn.zone().from_local_datetime(&at).earliest()?.to_utc();
    let busy = turn.busy_for(plan).ok()?;
    let wishes = turn.wishes(plan)?;
    let (catalogue, now) = (turn.known.catalogue, turn.now);
    let reasons = match wishes.as_slice() {
        [one] => explain(catalogue, one.service, one.staff, start, now, &busy),
        several => explain_visit(catalogue, several, start, now, &busy)?.reasons,
    };
    reasons.into_iter().next()
}

fn said(turn: &Turn<'_>, plan: &Plan, reason: &Reason, visits: &[Visit]) -> Option<String> {
    let (format, phrases) = (turn.format, turn.phrases);
    let wished: Option<&Staff> = plan.staff_id().and_then(|id| turn.member(id));
    let own_hours = wished.filter(|member| member.hours.is_some());
    match reason {
        Reason::Booked(_) | Reason::Full { .. } | Reason::Buffer(_) => Some(phrases.why_taken()),
        Reason::TimeOff(_) => wished.map(|member| phrases.why_away(&member.name)),
        Reason::Break(_) | Reason::OutsideHours { .. } | Reason::NoHours { .. }
            if own_hours.is_some() =>
        {
            own_hours.map(|member| phrases.why_not_working(&member.name))
        }
        Reason::Break(_) => Some(phrases.why_break()),
        Reason::OutsideHours { opens, closes } => {
            let (opens, closes) = (turn.local(*opens).time(), turn.local(*closes).time());
            Some(phrases.why_hours(&format.range(opens, closes)))
        }
        Reason::Closing { closes } => {
            let closes = turn.local(*closes).time();
            Some(phrases.why_closing(&format.spoken_time(closes), &format.at(closes)))
        }
        Reason::Notice { earliest } => {
            // The rule itself may end between two starts.
            let first = visits.iter().map(start_of).filter(|start| start >= earliest).min();
            let at = turn.local(first.unwrap_or(*earliest));
            let (day, time) = (format.day(at.date()), format.spoken_time(at.time()));
            Some(phrases.why_notice(&day, &time, &format.at(at.time())))
        }
        // Said in other words before, or nothing that a customer could do better by.
        Reason::Past
        | Reason::Horizon { .. }
        | Reason::NobodyDoesIt
        | Reason::UnknownStaff
        | Reason::NotTheirService
        | Reason::Closure { .. }
        | Reason::NoHours { .. }
        | Reason::OffGrid => None,
    }
}
