//! Date and time: a service is chosen, and times are offered until one of them is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use uuid::Uuid;

use super::intent::{Input, Intent};
use super::offers::{self, Labels};
use super::readings::{ask_which, open_readings};
use super::service_change::{self, Changed};
use super::service_selection;
use super::state::{Plan, State};
use super::text::Text;
use super::turn::{Answer, Ask, Outcome, Turn};
use super::visit::{Wanted, joined, lines_of, start_of};
use super::wish::Wish;
use super::{act, bookings, confirmation, date_order, miss, prices, staff_wish, why};
use crate::domain::availability::{Visit, is_open};
use crate::domain::catalogue::{Service, Staff};
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
                None => match service_change::less(turn, plan, text) {
                    Some(fewer) => continued(turn, &fewer),
                    None if turn.active().next().is_some() => act::intent(turn, intent, text),
                    None => Ok(Answer::new(State::Greeting).say(turn.phrases.nothing_booked())),
                },
            },
            // A price was asked, nothing chosen yet: what can change is what is booked.
            Intent::Change if plan.priced && turn.active().next().is_some() => {
                act::intent(turn, intent, text)
            }
            // "Can it be Friday instead?": the time that is looked for, not one that is booked.
            Intent::Change => match read(turn, plan, text, None)? {
                Some(answer) => Ok(answer),
                None if plan.moving.is_none() && turn.active().next().is_some() => {
                    act::intent(turn, intent, text)
                }
                None => open(turn, plan),
            },
            Intent::Price => prices::asked(turn, plan, text),
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
            None => Ok(miss::unplaced(turn)),
        },
    }
}

/// A text that may name a time, a member of staff, other services, or several of them; `None`: it
/// names nothing of that kind.
pub(super) fn free(turn: &Turn<'_>, plan: &Plan, text: &Text) -> Result<Option<Answer>, Ask> {
    if plan.moving.is_some() {
        return read(turn, plan, text, None);
    }
    if prices::is_asked_too(turn, plan, text) {
        return prices::named(turn, text).map(Some);
    }
    match service_change::change(turn, plan, text) {
        Some(Changed::To(changed)) => {
            let about = about_several(turn, &changed);
            match read(turn, &changed, text, about)? {
                Some(answer) => Ok(Some(answer)),
                None if plan.services == changed.services => open(turn, &changed).map(Some),
                None => continued(turn, &changed).map(Some),
            }
        }
        Some(Changed::Answered(answer)) => Ok(Some(answer)),
        None => read(turn, plan, text, None),
    }
}

/// Goes on with other services than before: at the time wished for those, if one was.
pub(super) fn continued(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    if plan.wish.is_open() {
        return open(turn, plan);
    }
    search(turn, plan, about_several(turn, plan))
}

/// The next of several services at separate times, the one before being booked.
pub(super) fn next(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    let name = turn.services(plan).and_then(|services| services.first().copied());
    let line = name.map(|service| turn.phrases.next_service(&in_sentence(&service.name)));
    Ok(search(turn, plan, None)?.say_first(line))
}

fn about_several(turn: &Turn<'_>, plan: &Plan) -> Option<String> {
    let services = turn.services(plan).filter(|services| services.len() > 1)?;
    Some(together(turn, &services))
}

/// "Haircut + manicure, 1 h 25 min together."
pub(super) fn together(turn: &Turn<'_>, services: &[&Service]) -> String {
    let (names, length) = names_and_length(services);
    turn.phrases.together(&names, &length)
}

fn names_and_length(services: &[&Service]) -> (String, String) {
    let names = joined(services.iter().map(|service| service.name.as_str()));
    let length: TimeDelta = services.iter().map(|service| service.duration).sum();
    (names, duration(length))
}

/// The plan with nothing offered yet.
pub(super) fn again(plan: &Plan) -> Plan {
    Plan { shown: Vec::new(), offered: Vec::new(), near: None, priced: false, ..plan.clone() }
}

/// Asks for day and time, with the first free ones to choose from.
pub(super) fn open(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    let Some(services) = turn.services(plan) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    if let Some((line, anybody)) = not_theirs(turn, plan, &services) {
        return Ok(open(turn, &anybody)?.say_first(Some(line)));
    }
    let plan = Plan { wish: Wish::default(), ..again(plan) };
    let (names, length) = names_and_length(&services);
    let first = match plan.moving.and_then(|id| turn.booking(id)) {
        Some(booking) => bookings::about(turn, booking),
        None if plan.is_of_several() => turn.phrases.ask_when_together(&names, &length),
        None => turn.phrases.ask_when(&names, &length),
    };
    offers::first_free(turn, plan, vec![first])
}

/// The next page of what was offered last.
pub(super) fn more(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    match turn.services(plan) {
        Some(_) => offers::more(turn, plan.clone()),
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

/// Whether a text, as the answer to when, says so: a bare "15" is a day then.
pub(super) fn says_when(turn: &Turn<'_>, text: &Text) -> bool {
    let understanding = understand(turn, text, Expecting::DayAndTime);
    !understanding.candidates.is_empty() || understanding.problem.is_some()
}

/// What a text says of when, in each of its readings.
pub(super) fn wishes(turn: &Turn<'_>, text: &Text) -> Vec<Wish> {
    let understanding = understand(turn, text, Expecting::Nothing);
    let candidates = understanding.candidates.iter();
    let plain = candidates.filter(|candidate| !candidate.choices.contains(&Chosen::Latent));
    plain.map(|candidate| Wish::of(candidate.meaning)).collect()
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
    let services: Vec<Uuid> = plan.services.iter().map(|wanted| wanted.service_id).collect();
    let line = staff_wish::nobody_called(turn, &stranger, &services);
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
    if let Some(member) = named.and_then(|id| turn.member(id)) {
        wish_for(&mut plan, member);
    } else if anybody {
        plan.services.iter_mut().for_each(|wanted| wanted.staff_id = None);
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

/// Wishes for a member of staff, wherever they do the service; where they do none of them for all,
/// so that it is said.
fn wish_for(plan: &mut Plan, member: &Staff) {
    let does = |wanted: &Wanted| member.services.contains(&wanted.service_id);
    let any = plan.services.iter().any(does);
    for wanted in &mut plan.services {
        if does(wanted) || !any {
            wanted.staff_id = Some(member.id);
        }
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
    if let Some(before) = turn.dialogue.state.searched()
        && !turn.dialogue.menu.is_empty()
        && before
            .services
            .iter()
            .map(|wanted| wanted.service_id)
            .eq(plan.services.iter().map(|wanted| wanted.service_id))
    {
        let plan = Plan { offered: before.offered.clone(), ..plan };
        return Ok(Answer::new(State::DateTime(plan)).say(line).keeping_menu());
    }
    if turn.services(&plan).is_none() {
        return Ok(service_selection::list(turn, None, 0, None));
    }
    offers::first_free(turn, plan, vec![line])
}

fn passed_today(turn: &Turn<'_>, plan: &Plan, wish: Wish) -> Outcome {
    if turn.services(plan).is_none() {
        return Ok(service_selection::list(turn, None, 0, None));
    }
    let line = match wish.moment() {
        Some(at) => {
            let (time, at) = (turn.format.spoken_time(at.time()), turn.format.at(at.time()));
            turn.phrases.passed_today_at(&time, &at)
        }
        None => turn.phrases.passed_today(),
    };
    let visits = turn.visits(plan)?;
    let today = turn.today();
    let still = visits.iter().any(|visit| turn.local(start_of(visit)).date() == today);
    let line = if still {
        format!("{line} {}", turn.phrases.today_still())
    } else {
        format!("{line} {}", turn.phrases.closest())
    };
    let plan = Plan { wish, ..again(plan) };
    let labels = if still { Labels::FromToday } else { Labels::DayAndStaff };
    Ok(offers::nearest(turn, plan, &visits, line, labels))
}

/// Looks for what the plan wishes: an exact free time is taken, otherwise times are offered.
/// `about` is said first, on the line of the heading.
pub(super) fn search(turn: &Turn<'_>, plan: &Plan, about: Option<String>) -> Outcome {
    let Some(services) = turn.services(plan) else {
        return Ok(service_selection::list(turn, None, 0, None));
    };
    if let Some((line, anybody)) = not_theirs(turn, plan, &services) {
        return Ok(search(turn, &anybody, about)?.say_first(Some(line)));
    }
    let visits = turn.visits(plan)?;
    if visits.is_empty() {
        return nothing_at_all(turn, plan);
    }
    if let Some(at) = plan.wish.moment() {
        return match visits.iter().find(|visit| turn.local(start_of(visit)) == at) {
            Some(visit) => Ok(found(turn, plan, visit, at)),
            None => Ok(instead(turn, &services, plan, &visits)),
        };
    }
    if plan.wish.is_open() {
        let first = about.into_iter().collect();
        return offers::first_free(turn, again(plan), first);
    }
    if visits.iter().any(|visit| plan.wish.allows(turn.local(start_of(visit)))) {
        let mut heading = plan.wish.heading(turn.format);
        if let (Some(member), None) = (plan.staff_id().and_then(|id| turn.member(id)), plan.moving)
        {
            heading += &turn.phrases.heading_with(&member.name);
        }
        let heading = match about {
            Some(about) => format!("{about} {heading}:"),
            None => format!("{heading}:"),
        };
        return Ok(offers::within_wish(turn, again(plan), &visits, heading));
    }
    Ok(instead(turn, &services, plan, &visits))
}

/// Where somebody is wished for a service they do not do: that, and the plan with anybody for it.
fn not_theirs(turn: &Turn<'_>, plan: &Plan, services: &[&Service]) -> Option<(String, Plan)> {
    let wished = |wanted: &Wanted| wanted.staff_id.and_then(|id| turn.member(id));
    let cannot = |wanted: &Wanted| {
        wished(wanted).is_some_and(|member| !member.services.contains(&wanted.service_id))
    };
    let (wanted, service) =
        plan.services.iter().zip(services).find(|(wanted, _)| cannot(wanted))?;
    let member = wished(wanted)?;
    let line = turn.phrases.staff_does_not(&member.name, &in_sentence(&service.name));
    let mut anybody = plan.clone();
    for wanted in anybody.services.iter_mut().filter(|wanted| cannot(wanted)) {
        wanted.staff_id = None;
    }
    Some((line, anybody))
}

/// The exact time asked for is free.
pub(super) fn found(turn: &Turn<'_>, plan: &Plan, visit: &Visit, at: NaiveDateTime) -> Answer {
    let lead = plan.moving.is_none().then(|| {
        let (day, time) = (turn.format.day(at.date()), turn.format.spoken_time(at.time()));
        let staff = staff_of(turn, visit.lines.iter().map(|line| line.staff_id));
        capitalized(&turn.phrases.is_free(&day, &time, &turn.format.at(at.time()), &staff))
    });
    confirmation::take(turn, plan, lines_of(visit)).say_first(lead)
}

/// Names of staff, each once: "Bruno and Ana".
fn staff_of(turn: &Turn<'_>, staff: impl Iterator<Item = Uuid>) -> String {
    let mut names: Vec<String> = Vec::new();
    for member in staff.filter_map(|id| turn.member(id)) {
        if !names.contains(&member.name) {
            names.push(member.name.clone());
        }
    }
    turn.format.list(&names)
}

/// Nothing is as wished: says why, and offers what comes closest.
fn instead(turn: &Turn<'_>, services: &[&Service], plan: &Plan, visits: &[Visit]) -> Answer {
    let (format, phrases, wish) = (turn.format, turn.phrases, plan.wish);
    let today = turn.today();
    let last = last_day(turn);
    let closed = |day| !services.iter().any(|service| is_open(turn.known.catalogue, service, day));
    let full = |day| !visits.iter().any(|visit| turn.local(start_of(visit)).date() == day);
    let line = match (wish.day(), wish.moment()) {
        (Some(day), _) if day < today => {
            let plan = Plan { wish: Wish::default(), ..again(plan) };
            let line = capitalized(&phrases.day_is_past(&format.day(day)));
            return offers::page_of_first(turn, plan, visits, vec![line]);
        }
        (_, Some(at)) if at <= turn.local(turn.now) => {
            let (time, at) = (format.spoken_time(at.time()), format.at(at.time()));
            phrases.passed_today_at(&time, &at)
        }
        (Some(day), _) if day > last => phrases.beyond_horizon(&format.day(last)),
        (Some(day), _) if closed(day) => phrases.closed_on(&format.day(day)),
        (Some(day), _) if services.len() > 1 && plan.moving.is_none() && full(day) => {
            return offers::no_room(turn, again(plan), visits, day);
        }
        (_, Some(at)) => why::not_available(turn, plan, at, visits),
        _ => phrases.nothing_free(&wish.heading(format)),
    };
    let line = format!("{} {}", capitalized(&line), phrases.closest());
    let mut plan = Plan { near: Some(offers::target(turn, wish)), ..again(plan) };
    if wish.day().is_some_and(|day| day > last || closed(day)) {
        // What is said next cannot be about that day.
        plan.wish = Wish { time: wish.time, ..Wish::default() };
    }
    offers::nearest(turn, plan, visits, line, Labels::DayAndStaff)
}

/// The last day that may be booked.
pub(super) fn last_day(turn: &Turn<'_>) -> NaiveDate {
    turn.local(turn.now + turn.known.catalogue.tenant.rules.horizon).date()
}

/// No free time up to the horizon: with the staff wished, or with anybody.
fn nothing_at_all(turn: &Turn<'_>, plan: &Plan) -> Outcome {
    let wished = plan.services.iter().filter_map(|wanted| wanted.staff_id);
    let names = staff_of(turn, wished);
    if plan.moving.is_none() && !names.is_empty() {
        let mut anybody = plan.clone();
        anybody.services.iter_mut().for_each(|wanted| wanted.staff_id = None);
        let line = turn.phrases.nothing_free_with(&names);
        return Ok(search(turn, &anybody, None)?.say_first(Some(line)));
    }
    Ok(offers::none(turn, plan))
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
    if turn.services(plan).is_none() {
        return Ok(service_selection::list(turn, Some(first), 0, None));
    }
    let near = turn.zone().from_local_datetime(&at).earliest().map(|at| at.to_utc());
    let plan = Plan { near, wish: Wish::default(), ..again(plan) };
    let visits = turn.visits(&plan)?;
    if visits.is_empty() {
        return Ok(nothing_at_all(turn, &plan)?.say_first(Some(first)));
    }
    let line = format!("{first} {}", turn.phrases.closest());
    Ok(offers::nearest(turn, plan, &visits, line, Labels::DayAndStaff))
}
