//! What a text about when may mean, and which of it is meant where that is not clear.

use chrono::NaiveDate;

use super::date_time::last_day;
use super::format::capitalized;
use super::menu::{Choice, Menu};
use super::state::{Plan, State};
use super::turn::{Answer, Turn};
use super::wish::{TimeOfDay, Wish};
use crate::domain::availability::is_open;
use crate::domain::catalogue::Service;
use crate::domain::temporal::{Candidate, Choice as Chosen, Understanding};

/// The readings worth asking about: none twice, and of several none that is over or closed.
pub(super) fn open_readings<'u>(
    turn: &Turn<'_>,
    plan: &Plan,
    understanding: &'u Understanding,
) -> Vec<(Wish, &'u Candidate)> {
    let mut readings: Vec<(Wish, &Candidate)> = Vec::new();
    for candidate in &understanding.candidates {
        let wish = Wish::of(candidate.meaning);
        if readings.iter().all(|(known, _)| *known != wish) {
            readings.push((wish, candidate));
        }
    }
    let services = turn.services(plan).unwrap_or_default();
    let abroad = turn.known.customer.country_differs;
    let can_be = |(wish, candidate): &(Wish, &Candidate)| {
        let last = wish.to.or(wish.from);
        let over = last.is_some_and(|day| day < turn.today())
            || wish.moment().is_some_and(|at| at <= turn.local(turn.now));
        let day = wish.or(plan.wish).day();
        let closed = day.is_some_and(|day| {
            services.first().is_some_and(|service| !opens(turn, service, day, *wish))
        });
        // Which of two dates was meant is not for the horizon to say.
        let either = abroad && candidate.choices.contains(&Chosen::DayMonthOrder);
        let beyond = !either && wish.from.is_some_and(|day| day > last_day(turn));
        !over && !closed && !beyond
    };
    if readings.len() > 1 {
        let open: Vec<_> = readings.iter().copied().filter(can_be).collect();
        if open.is_empty() {
            readings.truncate(1);
        } else {
            readings = open;
        }
    }
    readings.sort_by_key(|(wish, _)| (wish.from, wish.target(turn.local(turn.now))));
    readings
}

/// Whether there is opening time on a day at what a wish says of the time.
fn opens(turn: &Turn<'_>, service: &Service, day: NaiveDate, wish: Wish) -> bool {
    use chrono::{Datelike, NaiveTime};

    let catalogue = turn.known.catalogue;
    if !is_open(catalogue, service, day) {
        return false;
    }
    let Some(TimeOfDay::At(time)) = wish.time else { return true };
    let minute = u32::try_from((time - NaiveTime::MIN).num_minutes()).unwrap_or(0);
    let members = catalogue.staff.iter().filter(|m| m.services.contains(&service.id));
    members.flat_map(|m| &m.hours.as_ref().unwrap_or(&catalogue.tenant.hours).openings).any(|o| {
        u32::from(o.weekday) == day.weekday().number_from_monday()
            && (u32::from(o.opens)..u32::from(o.closes)).contains(&minute)
    })
}

/// Several readings are open: a menu of them.
pub(super) fn ask_which(turn: &Turn<'_>, plan: Plan, readings: &[(Wish, &Candidate)]) -> Answer {
    let chose = |what: Chosen| readings.iter().any(|(_, c)| c.choices.contains(&what));
    let (format, phrases) = (turn.format, turn.phrases);
    let days: Vec<Option<NaiveDate>> = readings.iter().map(|(wish, _)| wish.day()).collect();
    let one_day = days.iter().all(|day| *day == days[0]);
    let weekday = days[0].map(|day| format.weekday(day));
    let same_weekday =
        weekday.is_some() && days.iter().all(|day| day.map(|day| format.weekday(day)) == weekday);
    let at = match readings[0].0.time {
        Some(TimeOfDay::At(time)) => Some(format.at(time)),
        _ => None,
    };
    let question = match (weekday, at) {
        _ if one_day => phrases.which_time(),
        (Some(weekday), Some(at)) if same_weekday => phrases.which_weekday_at(weekday, &at),
        (Some(weekday), None) if same_weekday => phrases.which_weekday(weekday),
        _ => phrases.which_date(),
    };
    let mut menu = Menu::default();
    for (wish, _) in readings {
        let label = match wish.day() {
            Some(day) if one_day => match wish.time {
                Some(_) => Wish { time: wish.time, ..Wish::default() }.heading(format),
                None => capitalized(&format.day(day)),
            },
            Some(day) if chose(Chosen::DayMonthOrder) => format.day_in_letters(day),
            Some(day) if chose(Chosen::NextWeekday) => which_week(turn, day),
            Some(day) => format.day_of_week(day),
            None => wish.heading(format),
        };
        menu.choice(&label, Choice::Reading { wish: wish.or(plan.wish) });
    }
    Answer::new(State::DateTime(plan)).say(question).ask(menu)
}

fn which_week(turn: &Turn<'_>, day: NaiveDate) -> String {
    use chrono::Datelike;

    let label = turn.format.day_of_week(day);
    let monday = |day: NaiveDate| {
        i64::from(day.num_days_from_ce()) - i64::from(day.weekday().num_days_from_monday())
    };
    match monday(day) - monday(turn.today()) {
        0 => turn.phrases.this_week(&label),
        7 => turn.phrases.next_week(&label),
        _ => label,
    }
}
