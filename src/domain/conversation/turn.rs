//! One turn: what a step looks at, and the answer it builds.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::format::Format;
use super::interpretation::{Interpretation, Question};
use super::menu::Menu;
use super::phrases::{Phrases, Words, words};
use super::state::{Plan, State};
use super::visit::{Line, Wanted, id_of_visit, lines_of};
use super::{Dialogue, Effect, Known, Step};
use crate::domain::availability::{
    self, Slot, Visit, Wish, bookable_span, free_slots, free_visits, one_each_start,
};
use crate::domain::catalogue::{Booking, Busy, Catalogue, Service, Span, Staff, Status};
use crate::domain::locale::Locale;

/// Characters of one WhatsApp text.
const REPLY_MAX: usize = 4_096;

/// Everything a state may look at while it answers.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) now: DateTime<Utc>,
    pub(super) known: &'a Known<'a>,
    pub(super) dialogue: &'a Dialogue,
    pub(super) format: Format,
    pub(super) phrases: &'a Phrases,
    pub(super) words: &'static Words,
    /// A visit that somebody else was quicker to take some of: whatever the busy spans say, it is
    /// not offered again now.
    pub(super) lost: &'a [Line],
    /// The last menu is the one of `known.notice`, in place of the dialogue's own.
    pub(super) notice_menu: bool,
    /// What a model made of the words of this turn.
    pub(super) meant: Option<&'a Interpretation>,
    /// Until when a model may be waited for; none: it is not asked.
    pub(super) interpreted_until: Option<DateTime<Utc>>,
}

/// The busy spans of this stretch are needed first.
pub(super) struct Ask(pub(super) Span);

pub(super) type Outcome = Result<Answer, Ask>;

impl<'a> Turn<'a> {
    pub(super) fn new(now: DateTime<Utc>, known: &'a Known<'a>, dialogue: &'a Dialogue) -> Self {
        let locale = known.customer.locale.unwrap_or(known.catalogue.tenant.locale);
        Self {
            now,
            known,
            dialogue,
            format: Format::new(locale),
            phrases: known.catalogue.texts.phrases(locale.language()),
            words: words(locale.language()),
            lost: &[],
            notice_menu: false,
            meant: None,
            interpreted_until: None,
        }
    }

    /// The same turn in another language.
    pub(super) fn speaking(self, locale: Locale) -> Self {
        Self {
            format: Format::new(locale),
            phrases: self.known.catalogue.texts.phrases(locale.language()),
            words: words(locale.language()),
            ..self
        }
    }

    pub(super) fn locale(&self) -> Locale {
        self.format.locale
    }

    pub(super) fn zone(&self) -> Tz {
        self.known.catalogue.tenant.timezone
    }

    pub(super) fn local(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        moment.with_timezone(&self.zone()).naive_local()
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.local(self.now).date()
    }

    pub(super) fn service(&self, id: Uuid) -> Option<&'a Service> {
        self.known.catalogue.service(id)
    }

    pub(super) fn member(&self, id: Uuid) -> Option<&'a Staff> {
        self.known.catalogue.member(id)
    }

    /// The customer's booking of this id, as long as it stands: any line of a visit.
    pub(super) fn booking(&self, id: Uuid) -> Option<&'a Booking> {
        self.standing().find(|booking| booking.id == id)
    }

    /// Visits to come, soonest first, each by its first booking.
    pub(super) fn active(&self) -> impl Iterator<Item = &'a Booking> + use<'a> {
        let mut seen: Vec<Uuid> = Vec::new();
        self.standing().filter(move |booking| {
            let visit = id_of_visit(booking);
            let first = !seen.contains(&visit);
            seen.push(visit);
            first
        })
    }

    /// Confirmed bookings to come, soonest first.
    fn standing(&self) -> impl Iterator<Item = &'a Booking> + use<'a> {
        let now = self.now;
        let bookings = self.known.bookings.iter();
        bookings.filter(move |b| b.status == Status::Confirmed && b.starts_at > now)
    }

    /// The holds of this conversation on exactly this visit, in its order; `None`: not on all of it.
    pub(super) fn holds_of(&self, lines: &[Line]) -> Option<Vec<&'a Booking>> {
        let hold = |line: &Line| self.held().find(|hold| is_of(hold, line));
        lines.iter().map(hold).collect::<Option<Vec<_>>>().filter(|holds| !holds.is_empty())
    }

    fn held(&self) -> impl Iterator<Item = &'a Booking> + use<'a> {
        self.known.bookings.iter().filter(|booking| booking.status == Status::Held)
    }

    /// The services of a plan; `None`: one of them is offered no more.
    pub(super) fn services(&self, plan: &Plan) -> Option<Vec<&'a Service>> {
        let services = plan.services.iter().map(|wanted| self.service(wanted.service_id));
        services.collect::<Option<Vec<_>>>().filter(|services| !services.is_empty())
    }

    /// What is free for a plan, one visit a start; the visit that moves is not in its own way.
    pub(super) fn visits(&self, plan: &Plan) -> Result<Vec<Visit>, Ask> {
        let busy = self.busy_for(plan)?;
        let Some(wishes) = self.wishes(plan) else { return Ok(Vec::new()) };
        let (catalogue, now) = (self.known.catalogue, self.now);
        let within = Span { start: now, end: bookable_span(catalogue, now).end };
        let moving = self.moving(plan);
        let mut visits: Vec<Visit> = match wishes.as_slice() {
            [wish] => {
                let mut slots = free_slots(catalogue, wish.service, wish.staff, within, now, &busy);
                slots.retain(|slot| {
                    let line = line_of(wish.service, slot);
                    !self.is_lost(&[line]) && !matches!(moving[..], [b] if is_of(b, &line))
                });
                let chosen = one_each_start(&slots, self.zone());
                chosen.iter().map(|slot| visit_of_one(wish.service, slot)).collect()
            }
            several => free_visits(catalogue, several, within, now, &busy),
        };
        visits.retain(|visit| {
            let lines = lines_of(visit);
            let stays = lines.len() == moving.len()
                && lines.iter().zip(&moving).all(|(line, booking)| is_of(booking, line));
            !stays && !self.is_lost(&lines) && !self.overlaps_earlier(plan, visit)
        });
        Ok(visits)
    }

    /// What the plan asks of the calendar; `None`: one of its services is offered no more.
    pub(super) fn wishes(&self, plan: &Plan) -> Option<Vec<Wish<'a>>> {
        let services = self.services(plan)?;
        let wish =
            |(service, wanted): (&'a Service, &Wanted)| Wish { service, staff: wanted.staff_id };
        Some(services.into_iter().zip(&plan.services).map(wish).collect())
    }

    /// What is taken, seen from a plan: the visit that moves is not, what was just booked is.
    pub(super) fn busy_for(&self, plan: &Plan) -> Result<Vec<Busy>, Ask> {
        let catalogue = self.known.catalogue;
        let busy = self.known.busy.ok_or_else(|| Ask(bookable_span(catalogue, self.now)))?;
        let mut busy = less_own(catalogue, busy, &self.moving(plan));
        busy.extend(earlier(plan).iter().filter_map(|line| taken_by(catalogue, line)));
        Ok(busy)
    }

    /// The bookings that are to move.
    fn moving(&self, plan: &Plan) -> Vec<&'a Booking> {
        let booking = plan.moving.and_then(|id| self.booking(id));
        booking.map(|booking| self.visit_of(booking)).unwrap_or_default()
    }

    fn is_lost(&self, lines: &[Line]) -> bool {
        match (self.lost, lines) {
            // Whoever took it took it for any service.
            ([lost], [line]) => (lost.staff_id, lost.starts_at) == (line.staff_id, line.starts_at),
            (lost, lines) => lost == lines,
        }
    }

    /// Whether a visit is at the same time as what was booked before of the same request.
    fn overlaps_earlier(&self, plan: &Plan, visit: &Visit) -> bool {
        earlier(plan).iter().filter_map(|line| self.span_of(line)).any(|span| {
            visit.lines.iter().any(|line| line.start < span.end && line.end > span.start)
        })
    }

    /// When a line takes place, without its buffers.
    pub(super) fn span_of(&self, line: &Line) -> Option<Span> {
        let service = self.service(line.service_id)?;
        Some(Span { start: line.starts_at, end: line.starts_at + service.duration })
    }

    /// Services, staff, day and time of the visit that a booking is part of.
    pub(super) fn describe(&self, booking: &Booking) -> String {
        self.describe_visit(&self.visit_of(booking))
    }

    /// Closes the turn: the hold that the new state no longer stands on is given back first, the
    /// one reply comes last.
    pub(super) fn finish(&self, answer: Answer) -> Step {
        let mut effects: Vec<Effect> = self
            .held()
            .filter(|hold| !answer.keeps(hold))
            .map(|hold| Effect::Release { booking_id: hold.id })
            .collect();
        if self.dialogue.with_person && !answer.with_person {
            effects.push(Effect::Resume);
        }
        effects.extend(answer.effects);
        if !answer.lines.is_empty() {
            let text = answer.lines.join("\n");
            effects.push(Effect::Reply { text: text.chars().take(REPLY_MAX).collect() });
        }
        let last = self.dialogue.menu.number;
        let menu = match answer.menu {
            Shown::AsBefore => self.dialogue.menu.clone(),
            Shown::None => Menu::default().numbered(last),
            Shown::New(menu) => menu.numbered(last.wrapping_add(1)),
        };
        let dialogue = Dialogue {
            state: answer.state,
            menu,
            misses: answer.misses,
            with_person: answer.with_person,
            greeted: self.dialogue.greeted || answer.greeted,
            last_turn: Some(self.now),
            ..self.dialogue.clone()
        };
        Step::Turn { dialogue, effects }
    }
}

/// `busy` without what these bookings take, buffers included.
fn less_own(catalogue: &Catalogue, busy: &[Busy], bookings: &[&Booking]) -> Vec<Busy> {
    let mut busy = busy.to_vec();
    for booking in bookings {
        let service = catalogue.service(booking.service_id);
        let before = service.map_or(TimeDelta::zero(), |service| service.buffer_before);
        let after = service.map_or(TimeDelta::zero(), |service| service.buffer_after);
        let own = busy.iter().position(|taken| {
            taken.staff_id == booking.staff_id
                && taken.service_id == booking.service_id
                && taken.start == booking.starts_at - before
                && taken.end == booking.ends_at + after
        });
        if let Some(own) = own {
            busy.remove(own);
        }
    }
    busy
}

/// The time that a line takes of its member of staff.
fn taken_by(catalogue: &Catalogue, line: &Line) -> Option<Busy> {
    let service = catalogue.service(line.service_id)?;
    Some(Busy {
        staff_id: line.staff_id,
        service_id: line.service_id,
        start: line.starts_at - service.buffer_before,
        end: line.starts_at + service.duration + service.buffer_after,
    })
}

/// Whether a booking is this line.
pub(super) fn is_of(booking: &Booking, line: &Line) -> bool {
    (booking.service_id, booking.staff_id, booking.starts_at)
        == (line.service_id, line.staff_id, line.starts_at)
}

/// What was booked before of the same request.
fn earlier(plan: &Plan) -> &[Line] {
    plan.earlier.as_ref().map_or(&[], |earlier| &earlier.lines)
}

fn line_of(service: &Service, slot: &Slot) -> Line {
    Line { service_id: service.id, staff_id: slot.staff_id, starts_at: slot.start }
}

fn visit_of_one(service: &Service, slot: &Slot) -> Visit {
    let line = availability::Line {
        service_id: service.id,
        staff_id: slot.staff_id,
        start: slot.start,
        end: slot.end,
    };
    Visit { lines: vec![line] }
}

/// What a turn comes to, before it is closed.
pub(super) struct Answer {
    pub(super) state: State,
    effects: Vec<Effect>,
    lines: Vec<String>,
    menu: Shown,
    misses: u8,
    with_person: bool,
    greeted: bool,
    /// The words said were not understood.
    unplaced: bool,
    /// To be asked first, in place of this answer.
    question: Option<Box<Question>>,
}

enum Shown {
    None,
    AsBefore,
    New(Menu),
}

impl Answer {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            effects: Vec::new(),
            lines: Vec::new(),
            menu: Shown::None,
            misses: 0,
            with_person: false,
            greeted: false,
            unplaced: false,
            question: None,
        }
    }

    /// State, menu and misses as they were: for what does not move the conversation.
    pub(super) fn unmoved(turn: &Turn<'_>) -> Self {
        Self {
            misses: turn.dialogue.misses,
            menu: Shown::AsBefore,
            ..Self::new(turn.dialogue.state.clone())
        }
    }

    pub(super) fn say(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub(super) fn say_first(mut self, line: Option<String>) -> Self {
        if let Some(line) = line {
            self.lines.insert(0, line);
            // Something was understood, or waited long enough.
            self.question = None;
        }
        self
    }

    /// Says the menu and remembers what its digits mean.
    pub(super) fn ask(mut self, menu: Menu) -> Self {
        self.lines.extend(menu.lines());
        self.menu = Shown::New(menu);
        self
    }

    /// The same in another state.
    pub(super) fn in_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// The last menu stays the one that digits mean.
    pub(super) fn keeping_menu(mut self) -> Self {
        self.menu = Shown::AsBefore;
        self
    }

    pub(super) fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    pub(super) fn missed(mut self, times: u8) -> Self {
        self.misses = times;
        self
    }

    /// A price was told: what is asked next may be another one.
    pub(super) fn priced(mut self) -> Self {
        match &mut self.state {
            State::DateTime(plan) => plan.priced = true,
            State::Greeting
            | State::ServiceSelection(_)
            | State::Confirmation(_)
            | State::Completed(_) => {}
        }
        self
    }

    /// The words said were not understood.
    pub(super) fn unplaced(mut self) -> Self {
        self.unplaced = true;
        self
    }

    pub(super) fn is_unplaced(&self) -> bool {
        self.unplaced
    }

    /// Asks a model first, where there is a question.
    pub(super) fn asking(mut self, question: Option<Question>) -> Self {
        self.question = question.map(Box::new);
        self
    }

    /// What is to be asked in place of this answer.
    pub(super) fn question(&self) -> Option<&Question> {
        self.question.as_deref()
    }

    pub(super) fn greeted(mut self) -> Self {
        self.greeted = true;
        self
    }

    /// Whoever answers goes on to.
    pub(super) fn answered_by_same(mut self, turn: &Turn<'_>) -> Self {
        self.with_person = turn.dialogue.with_person;
        self
    }

    pub(super) fn handed_over(mut self) -> Self {
        self.with_person = true;
        self.effect(Effect::HandOff)
    }

    /// Whether a hold of the conversation goes on after this answer.
    pub(super) fn keeps(&self, hold: &Booking) -> bool {
        let settled = self.effects.iter().any(|effect| match effect {
            Effect::Confirm { booking_id } | Effect::Release { booking_id } => {
                *booking_id == hold.id
            }
            // A new hold takes the place of any other.
            Effect::Hold { .. }
            | Effect::Reply { .. }
            | Effect::Move { .. }
            | Effect::Cancel { .. }
            | Effect::SetLocale { .. }
            | Effect::HandOff
            | Effect::NotifyStaff { .. }
            | Effect::SetTimer { .. }
            | Effect::Interpret { .. }
            | Effect::Resume
            | Effect::ExpectNoAnswer
            | Effect::OptOut
            | Effect::OptIn => false,
        });
        let replaced = self.effects.iter().any(|effect| matches!(effect, Effect::Hold { .. }));
        let asked = match &self.state {
            State::Confirmation(asked) => {
                asked.plan.moving.is_none() && asked.lines.iter().any(|line| is_of(hold, line))
            }
            State::Greeting
            | State::ServiceSelection(_)
            | State::DateTime(_)
            | State::Completed(_) => false,
        };
        settled || (asked && !replaced)
    }
}

/// Whether a hold is over at `now`.
pub(super) fn is_over(hold: &Booking, now: DateTime<Utc>) -> bool {
    hold.hold_expires_at.is_some_and(|until| until <= now)
}

/// Whether the customer may still change a booking by themselves.
pub(super) fn may_change(turn: &Turn<'_>, booking: &Booking) -> bool {
    let notice = turn.known.catalogue.tenant.rules.cancel_notice;
    booking.starts_at - turn.now >= notice.max(TimeDelta::zero())
}
