//! Date and time: a service is chosen, and times are offered until one of them is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use uuid::Uuid;

use super::intent::{Input, Intent};
use super::menu::{Choice, Menu};
use super::offers::{self, Labels};
use super::service_selection::{self, services_in};
use super::state::{Plan, State};
use super::text::Text;
use super::turn::{Answer, Ask, Outcome, Turn};
use super::wish::Wish;
use super::{act, bookings, confirmation, date_order, miss, staff_wish};
use crate::domain::availability::{Slot, is_open};
use crate::domain::catalogue::Service;
use crate::domain::conversation::format::{capitalized, duration, in_sentence};
use crate::domain::temporal::{
    self, Candidate, Choice as Chosen, Expecting, Hints, Meaning, Problem, Understanding,
};

pub(super) fn step(turn: &Turn<'_>, plan: &Plan, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        Input::OffMenu => Ok(miss::off_menu(turn)),
        Input::Intent(intent) => match intent {
            Intent::Back if plan.moving.is_some() => Ok(keep(turn, plan)),
            Intent::Back | Intent::Book => Ok(service_selection::list(turn, None, 0, None)),
            Intent::Cancel => match plan.moving {
                Some(booking_id) => Ok(bookings::ask_cancel(turn, booking_id)),
                None if turn.active().next().is_some() => act::intent(turn, intent, text),
                None => Ok(Answer::new(State::Greeting).say(turn.phrases.nothing_booked())),
            },
            // "Can it be Friday instead?": the time that is looked for, not one that is booked.
            Intent::Change => match read(turn, plan, text, None)? {
                Some(answer) => Ok(answer),
                None if plan.moving.is_none() && turn.active().next().is_some() => {
                    act::intent(turn, intent, text)
                }
                None => open(turn, plan),
            },
            Intent::Price => {
                let named = services_in(turn, text);
                if named.iter().any(|service| service.id != plan.service_id)
                    && plan.moving.is_none()
                {
                    return service_selection::priced(turn, text);
                }
                let service = named.first().copied().or_else(|| turn.service(plan.service_id));
                let price = service.map(|service| service_selection::price_line(turn, service));
                let all = Plan { wish: Wish::default(), ..again(plan) };
                Ok(search(turn, &all, None)?.say_first(price))
            }
            Intent::Menu
            | Intent::MyBookings
            | Intent::Person
            | Intent::Speak(_)
            | Intent::Thanks => act::intent(turn, intent, text),
        },
        // None of these times: others.
        Input::No => more(turn, plan),
        Input::Yes => Ok(miss::answer(turn)),
        Input::Free => match free(turn, plan, text)? {
            Some(answer) => Ok(answer),
            None if text.has_any(turn.words.other_time_in) => more(turn, plan),
            None => Ok(miss::answer(turn)),
        },
    }
}

/// A text that may name a time, a member of staff, another service, or several of them; `None`: it
/// names nothing of that kind.
pub(super) fn free(turn: &Turn<'_>, plan: &Plan, text: &Text) -> Result<Option<Answer>, Ask> {
    let mut plan = plan.clone();
    if let ([service], None) = (services_in(turn, text).as_slice(), plan.moving) {
        // What was wished of another service is not wished of this one.
        let wish = if service.id == plan.service_id { plan.wish } else { Wish::default() };
        plan = Plan { service_id: service.id, wish, ..again(&plan) };
        return match read(turn, &plan, text, None)? {
            Some(answer) => Ok(Some(answer)),
            None => open(turn, &plan).map(Some),
        };
    }
    read(turn, &plan, text, None)
}

/// The plan with nothing offered yet.
pub(super) fn again(plan: &Plan) -> Plan {
    Plan { shown: Vec::new(), near: None, ..plan.clone() }
}

/// Asks for day and time, with the first free ones to choose from.
pub(super) fn open(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    let Some(service) = turn.service(plan.service_id) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    let plan = Plan { wish: Wish::default(), ..again(plan) };
    let first = match plan.moving.and_then(|id| turn.booking(id)) {
        Some(booking) => bookings::about(turn, booking),
        None => turn.phrases.ask_when(&service.name, &duration(service.duration)),
    };
    offers::first_free(turn, service, plan, vec![first])
}

/// The next page of what was offered last.
pub(super) fn more(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    match turn.service(plan.service_id) {
        Some(service) => offers::more(turn, service, plan.clone()),
        None => Ok(service_selection::list(turn, None, 0, None)),
    }
}

/// Goes on with one reading of what was ambiguous.
pub(super) fn chose_reading(turn: &Turn<'_>, plan: &Plan, wish: Wish) -> Outcome {
    search(turn, &Plan { wish, ..again(plan) }, None)
}

/// Leaves the booking that was to move where it is.
pub(super) fn keep(turn: &Turn<'_>, plan: &Plan) -> Answer {
    bookings::kept(turn, plan.moving)
}

/// Whether a text says anything about when, or names somebody of the staff.
pub(super) fn understood(turn: &Turn<'_>, text: &Text) -> bool {
    let understanding = understand(turn, text, Expecting::Nothing);
    let latent = |candidate: &Candidate| candidate.choices.contains(&Chosen::Latent);
    understanding.candidates.iter().any(|candidate| !latent(candidate))
        || understanding.problem.is_some()
        || staff_wish::member(turn, text).is_some()
        || staff_wish::unknown(turn, text).is_some()
        || text.is_any(turn.words.first_free)
}

/// Reads a text for staff and time and answers it; `None`: it says nothing of that kind.
/// `about` is said first, on the line of the heading.
pub(super) fn read(
    turn: &Turn<'_>,
    plan: &Plan,
    text: &Text,
    about: Option<String>,
) -> Result<Option<Answer>, Ask> {
    let named = staff_wish::member_id(turn, text);
    let Some(stranger) = staff_wish::unknown(turn, text).filter(|_| named.is_none()) else {
        return read_with(turn, plan, text, about, named);
    };
    let line = staff_wish::nobody_called(turn, &stranger, plan.service_id);
    // What else was said is read without them: their name may be a month as well.
    let rest = Text::new(&text.raw_without(&stranger, turn.words.with));
    let answer = match read_with(turn, plan, &rest, about.clone(), None)? {
        Some(answer) => answer,
        None => search(turn, &again(plan), about)?,
    };
    Ok(Some(answer.say_first(Some(line))))
}

/// As [`read`], with the member of staff that the text names known.
fn read_with(
    turn: &Turn<'_>,
    plan: &Plan,
    text: &Text,
    about: Option<String>,
    named: Option<Uuid>,
) -> Result<Option<Answer>, Ask> {
    let anybody = text.has_any(turn.words.any_staff);
    let text = match named.and_then(|id| turn.member(id)) {
        Some(member) => Text::new(&text.raw_without(&member.name, turn.words.with)),
        None => text.clone(),
    };
    let mut plan = again(plan);
    if let Some(id) = named {
        plan.staff_id = Some(id);
    } else if anybody {
        plan.staff_id = None;
    }
    let any_time = text.has_any(turn.words.first_free);
    if any_time {
        plan.wish = Wish::default();
    }
    let understanding = understand(turn, &text, Expecting::DayAndTime);
    let readings = open_readings(turn, &plan, &understanding);
    match (readings.as_slice(), understanding.problem) {
        ([], None) if any_time => open(turn, &plan).map(Some),
        ([], Some(problem)) => refuse(turn, &plan, problem).map(Some),
        ([], None) if named.is_some() || anybody => search(turn, &plan, about).map(Some),
        ([], None) => Ok(None),
        ([(wish, _)], _) => {
            plan.wish = wish.or(plan.wish);
            search(turn, &plan, about).map(Some)
        }
        (several, _) => Ok(Some(ask_which(turn, plan, several))),
    }
}

fn understand(turn: &Turn<'_>, text: &Text, expecting: Expecting) -> Understanding {
    let hints = Hints { hours: Some(&turn.known.catalogue.tenant.hours), expecting };
    let understand =
        |raw: &str| temporal::understand(raw, turn.now, turn.zone(), turn.locale(), &hints);
    let understanding = understand(&text.raw);
    if turn.known.customer.country_differs {
        date_order::both(&text.raw, turn.today(), understanding, understand)
    } else {
        understanding
    }
}

/// The readings worth asking about: none twice, and of several none that is over or closed.
fn open_readings<'u>(
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
    let service = turn.service(plan.service_id);
    let abroad = turn.known.customer.country_differs;
    let can_be = |(wish, candidate): &(Wish, &Candidate)| {
        let last = wish.to.or(wish.from);
        let over = last.is_some_and(|day| day < turn.today())
            || wish.moment().is_some_and(|at| at <= turn.local(turn.now));
        let day = wish.or(plan.wish).day();
        let closed = day.is_some_and(|day| service.is_some_and(|s| !opens(turn, s, day, *wish)));
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
    let Some(super::wish::TimeOfDay::At(time)) = wish.time else { return true };
    let minute = u32::try_from((time - NaiveTime::MIN).num_minutes()).unwrap_or(0);
    let members = catalogue.staff.iter().filter(|m| m.services.contains(&service.id));
    members.flat_map(|m| &m.hours.as_ref().unwrap_or(&catalogue.tenant.hours).openings).any(|o| {
        u32::from(o.weekday) == day.weekday().number_from_monday()
            && (u32::from(o.opens)..u32::from(o.closes)).contains(&minute)
    })
}

/// Several readings are open: a menu of them.
fn ask_which(turn: &Turn<'_>, plan: Plan, readings: &[(Wish, &Candidate)]) -> Answer {
    let chose = |what: Chosen| readings.iter().any(|(_, c)| c.choices.contains(&what));
    let (format, phrases) = (turn.format, turn.phrases);
    let days: Vec<Option<NaiveDate>> = readings.iter().map(|(wish, _)| wish.day()).collect();
    let one_day = days.iter().all(|day| *day == days[0]);
    let weekday = days[0].map(|day| format.weekday(day));
    let same_weekday =
        weekday.is_some() && days.iter().all(|day| day.map(|day| format.weekday(day)) == weekday);
    let at = match readings[0].0.time {
        Some(super::wish::TimeOfDay::At(time)) => Some(format.at(time)),
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

/// What was said cannot be: why not, and what can be instead.
fn refuse(turn: &Turn<'_>, plan: &Plan, problem: Problem) -> Outcome {
    let phrases = turn.phrases;
    let today = turn.today();
    let line = match problem {
        Problem::NoSuchDate => phrases.no_such_day(),
        Problem::InThePast(None) => phrases.is_past(),
        Problem::InThePast(Some(meaning)) => {
            let wish = Wish::of(meaning);
            let day = wish.day().or(wish.to).unwrap_or(today);
            if day >= today || matches!(meaning, Meaning::Time(_)) {
                let wish = Wish { from: Some(today), to: Some(today), ..wish };
                return passed_today(turn, plan, wish);
            }
            if day.succ_opt() == Some(today) {
                phrases.yesterday_is_past()
            } else {
                capitalized(&phrases.day_is_past(&turn.format.day(day)))
            }
        }
    };
    let plan = Plan { wish: Wish::default(), ..again(plan) };
    if matches!(turn.dialogue.state, State::DateTime(_)) && !turn.dialogue.menu.is_empty() {
        return Ok(Answer::new(State::DateTime(plan)).say(line).keeping_menu());
    }
    let Some(service) = turn.service(plan.service_id) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    offers::first_free(turn, service, plan, vec![line])
}

fn passed_today(turn: &Turn<'_>, plan: &Plan, wish: Wish) -> Outcome {
    let Some(service) = turn.service(plan.service_id) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    let line = match wish.moment() {
        Some(at) => {
            let (time, at) = (turn.format.spoken_time(at.time()), turn.format.at(at.time()));
            turn.phrases.passed_today_at(&time, &at)
        }
        None => turn.phrases.passed_today(),
    };
    let slots = turn.slots(service, plan)?;
    let today = turn.today();
    let still = slots.iter().any(|slot| turn.local(slot.start).date() == today);
    let line = if still {
        format!("{line} {}", turn.phrases.today_still())
    } else {
        format!("{line} {}", turn.phrases.closest())
    };
    let plan = Plan { wish, ..again(plan) };
    let labels = if still { Labels::FromToday } else { Labels::DayAndStaff };
    Ok(offers::nearest(turn, service, plan, &slots, line, labels))
}

/// Looks for what the plan wishes: an exact free time is taken, otherwise times are offered.
/// `about` is said first, on the line of the heading.
pub(super) fn search(turn: &Turn<'_>, plan: &Plan, about: Option<String>) -> Outcome {
    let Some(service) = turn.service(plan.service_id) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    if let Some(member) = plan.staff_id.and_then(|id| turn.member(id))
        && !member.services.contains(&service.id)
    {
        let line = turn.phrases.staff_does_not(&member.name, &in_sentence(&service.name));
        let anybody = Plan { staff_id: None, ..plan.clone() };
        return Ok(search(turn, &anybody, about)?.say_first(Some(line)));
    }
    let slots = turn.slots(service, plan)?;
    if slots.is_empty() {
        return nothing_at_all(turn, service, plan);
    }
    if let Some(at) = plan.wish.moment() {
        return match slots.iter().find(|slot| turn.local(slot.start) == at) {
            Some(slot) => Ok(found(turn, plan, slot, at)),
            None => Ok(instead(turn, service, plan, &slots)),
        };
    }
    if plan.wish.is_open() {
        let first = about.into_iter().collect();
        return offers::first_free(turn, service, again(plan), first);
    }
    if slots.iter().any(|slot| plan.wish.allows(turn.local(slot.start))) {
        let mut heading = plan.wish.heading(turn.format);
        if let (Some(member), None) = (plan.staff_id.and_then(|id| turn.member(id)), plan.moving) {
            heading += &turn.phrases.heading_with(&member.name);
        }
        let heading = match about {
            Some(about) => format!("{about} {heading}:"),
            None => format!("{heading}:"),
        };
        return Ok(offers::within_wish(turn, service, again(plan), &slots, heading));
    }
    Ok(instead(turn, service, plan, &slots))
}

/// The exact time asked for is free.
pub(super) fn found(turn: &Turn<'_>, plan: &Plan, slot: &Slot, at: NaiveDateTime) -> Answer {
    let lead = turn.member(slot.staff_id).filter(|_| plan.moving.is_none()).map(|member| {
        let (day, time) = (turn.format.day(at.date()), turn.format.spoken_time(at.time()));
        let line = turn.phrases.is_free(&day, &time, &turn.format.at(at.time()), &member.name);
        capitalized(&line)
    });
    confirmation::take(turn, plan, slot.staff_id, slot.start).say_first(lead)
}

/// Nothing is as wished: says why, and offers what comes closest.
fn instead(turn: &Turn<'_>, service: &Service, plan: &Plan, slots: &[Slot]) -> Answer {
    let (format, phrases, wish) = (turn.format, turn.phrases, plan.wish);
    let today = turn.today();
    let last = last_day(turn);
    let closed = |day| !is_open(turn.known.catalogue, service, day);
    let line = match (wish.day(), wish.moment()) {
        (Some(day), _) if day < today => {
            let plan = Plan { wish: Wish::default(), ..again(plan) };
            let line = capitalized(&phrases.day_is_past(&format.day(day)));
            return offers::page_of_first(turn, plan, slots, vec![line]);
        }
        (_, Some(at)) if at <= turn.local(turn.now) => {
            let (time, at) = (format.spoken_time(at.time()), format.at(at.time()));
            phrases.passed_today_at(&time, &at)
        }
        (Some(day), _) if day > last => phrases.beyond_horizon(&format.day(last)),
        (Some(day), _) if closed(day) => phrases.closed_on(&format.day(day)),
        (_, Some(at)) => {
            let (day, time) = (format.day(at.date()), format.spoken_time(at.time()));
            phrases.not_available(&day, &time, &format.at(at.time()))
        }
        _ => phrases.nothing_free(&wish.heading(format)),
    };
    let line = format!("{} {}", capitalized(&line), phrases.closest());
    let mut plan = Plan { near: Some(offers::target(turn, wish)), ..again(plan) };
    if wish.day().is_some_and(|day| day > last || closed(day)) {
        // What is said next cannot be about that day.
        plan.wish = Wish { time: wish.time, ..Wish::default() };
    }
    offers::nearest(turn, service, plan, slots, line, Labels::DayAndStaff)
}

/// The last day that may be booked.
fn last_day(turn: &Turn<'_>) -> NaiveDate {
    turn.local(turn.now + turn.known.catalogue.tenant.rules.horizon).date()
}

/// No free time up to the horizon: with this member of staff, or with anybody.
fn nothing_at_all(turn: &Turn<'_>, service: &Service, plan: &Plan) -> Outcome {
    if let (Some(member), None) = (plan.staff_id.and_then(|id| turn.member(id)), plan.moving) {
        let anybody = Plan { staff_id: None, ..plan.clone() };
        let line = turn.phrases.nothing_free_with(&member.name);
        return Ok(search(turn, &anybody, None)?.say_first(Some(line)));
    }
    Ok(offers::none(turn, service, plan))
}

/// A time that was offered has come too close to be taken.
pub(super) fn too_late(turn: &Turn<'_>, plan: &Plan, starts_at: DateTime<Utc>) -> Outcome {
    let at = turn.local(starts_at);
    let (day, time) = (turn.format.day(at.date()), turn.format.spoken_time(at.time()));
    let line = turn.phrases.not_available(&day, &time, &turn.format.at(at.time()));
    around(turn, plan, at, capitalized(&line))
}

/// Answers that a time was lost to somebody else, with those around it.
pub(super) fn around(turn: &Turn<'_>, plan: &Plan, at: NaiveDateTime, first: String) -> Outcome {
    let Some(service) = turn.service(plan.service_id) else {
        return Ok(service_selection::list(turn, Some(first), 0, None));
    };
    let near = turn.zone().from_local_datetime(&at).earliest().map(|at| at.to_utc());
    let plan = Plan { near, wish: Wish::default(), ..again(plan) };
    let slots = turn.slots(service, &plan)?;
    if slots.is_empty() {
        return Ok(nothing_at_all(turn, service, &plan)?.say_first(Some(first)));
    }
    let line = format!("{first} {}", turn.phrases.closest());
    Ok(offers::nearest(turn, service, plan, &slots, line, Labels::DayAndStaff))
}
