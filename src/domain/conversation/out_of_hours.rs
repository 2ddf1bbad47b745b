//! When somebody of the team is there: asked for out of hours, they get a message left for them,
//! and the bot goes on.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::menu::{Choice, Menu};
use super::turn::{Answer, Turn};
use super::{Effect, NotifyReason};
use crate::domain::catalogue::Opening;

/// Days in which the next opening is looked for.
const LOOK_AHEAD: u64 = 14;

/// The opening times of a day, in minutes after midnight.
type Parts = Vec<(u16, u16)>;

/// A person is wanted: one takes over, or is left a message while nobody is there.
pub(super) fn hand_over(turn: &Turn<'_>) -> Answer {
    if !is_closed(turn, turn.local(turn.now)) {
        return Answer::unmoved(turn).missed(0).handed_over().say(turn.phrases.handed_over());
    }
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.book(), Choice::NewBooking);
    menu.choice(&turn.phrases.my_bookings(), Choice::MyBookings);
    let left = format!("{} {}", away(turn), turn.phrases.left_message());
    Answer::unmoved(turn)
        .missed(0)
        .effect(Effect::NotifyStaff { reason: NotifyReason::LeftMessage })
        .say(left)
        .say(turn.phrases.meanwhile())
        .ask(menu)
}

/// Whether nobody is there at a local time; where no hours are known somebody may always be.
pub(super) fn is_closed(turn: &Turn<'_>, at: NaiveDateTime) -> bool {
    !week(turn).is_empty()
        && !of_day(turn, at.date()).iter().any(|(opens, closes)| (*opens..*closes).contains(&at))
}

/// That the team is away, and when they are back.
pub(super) fn away(turn: &Turn<'_>) -> String {
    let (now, phrases) = (turn.local(turn.now), turn.phrases);
    let Some(back) = next_opening(turn, now) else { return phrases.team_away_unknown() };
    let at = turn.format.at(back.time());
    let when = match (back.date() - now.date()).num_days() {
        0 => phrases.today_at(&at),
        1 => phrases.tomorrow_weekday_at(turn.format.weekday(back.date()), &at),
        _ => phrases.day_at(&turn.format.day(back.date()), &at),
    };
    let was_open = of_day(turn, now.date()).iter().any(|(_, closes)| *closes <= now);
    if was_open && back.date() > now.date() {
        phrases.team_away_for_today(&when)
    } else {
        phrases.team_away(&when)
    }
}

/// The hours of a week in one sentence; `None`: they are not known.
pub(super) fn hours(turn: &Turn<'_>) -> Option<String> {
    let week = week(turn);
    let of = |weekday: u8| -> Parts {
        let mut parts: Vec<_> = week
            .iter()
            .filter(|opening| opening.weekday == weekday)
            .map(|opening| (opening.opens, opening.closes))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    };
    // Days in a row with the same hours are said as one.
    let mut runs: Vec<(u8, u8, Parts)> = Vec::new();
    for weekday in 1..=7 {
        let parts = of(weekday);
        match runs.last_mut() {
            Some((_, last, same)) if *same == parts && *last + 1 == weekday => *last = weekday,
            _ => runs.push((weekday, weekday, parts)),
        }
    }
    let name = |weekday: u8| turn.words.weekdays_spoken[usize::from(weekday - 1)];
    let said: Vec<String> = runs
        .iter()
        .filter(|(_, _, parts)| !parts.is_empty())
        .map(|(first, last, parts)| {
            let days = if first == last {
                name(*first).to_owned()
            } else {
                turn.phrases.weekdays_through(name(*first), name(*last))
            };
            let times: Vec<String> = parts
                .iter()
                .map(|(from, to)| turn.format.range(clock(*from), clock(*to)))
                .collect();
            format!("{days}, {}", turn.format.list(&times))
        })
        .collect();
    (!said.is_empty()).then(|| turn.phrases.open_hours(&said.join("; ")))
}

fn next_opening(turn: &Turn<'_>, now: NaiveDateTime) -> Option<NaiveDateTime> {
    (0..=LOOK_AHEAD)
        .filter_map(|days| now.date().checked_add_days(Days::new(days)))
        .flat_map(|day| of_day(turn, day))
        .map(|(opens, _)| opens)
        .find(|opens| *opens > now)
}

/// The opening times of a day, soonest first, `[opens, closes)`.
fn of_day(turn: &Turn<'_>, day: NaiveDate) -> Vec<(NaiveDateTime, NaiveDateTime)> {
    if turn.known.catalogue.closures.contains(&day) {
        return Vec::new();
    }
    let weekday = day.weekday().number_from_monday();
    let minutes =
        |minutes: u16| day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes));
    let mut parts: Vec<_> = week(turn)
        .iter()
        .filter(|opening| u32::from(opening.weekday) == weekday)
        .map(|opening| (minutes(opening.opens), minutes(opening.closes)))
        .collect();
    parts.sort_unstable();
    parts
}

/// The tenant's hours; where only its staff have any, theirs together.
fn week(turn: &Turn<'_>) -> Vec<Opening> {
    let catalogue = turn.known.catalogue;
    if !catalogue.tenant.hours.openings.is_empty() {
        return catalogue.tenant.hours.openings.clone();
    }
    let own = catalogue.staff.iter().filter_map(|member| member.hours.as_ref());
    own.flat_map(|hours| hours.openings.iter().copied()).collect()
}

fn clock(minutes: u16) -> NaiveTime {
    NaiveTime::MIN + TimeDelta::minutes(i64::from(minutes))
}
