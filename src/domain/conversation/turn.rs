//! One turn: what a step looks at, and the answer it builds.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::format::Format;
use super::menu::Menu;
use super::phrases::{Phrases, Words, phrases, words};
use super::state::{Plan, State};
use super::{Dialogue, Effect, Known, Step};
use crate::domain::availability::{Slot, bookable_span, free_slots, one_each_start};
use crate::domain::catalogue::{Booking, Busy, Service, Span, Staff, Status};
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
    pub(super) phrases: &'static Phrases,
    pub(super) words: &'static Words,
    /// A time somebody else just got: whatever the busy spans say, it is not offered again now.
    pub(super) lost: Option<(Uuid, DateTime<Utc>)>,
    /// The last menu is the one of `known.notice`, in place of the dialogue's own.
    pub(super) notice_menu: bool,
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
            phrases: phrases(locale.language()),
            words: words(locale.language()),
            lost: None,
            notice_menu: false,
        }
    }

    /// The same turn in another language.
    pub(super) fn speaking(self, locale: Locale) -> Self {
        Self {
            format: Format::new(locale),
            phrases: phrases(locale.language()),
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

    /// The customer's booking of this id, as long as it stands.
    pub(super) fn booking(&self, id: Uuid) -> Option<&'a Booking> {
        self.active().find(|booking| booking.id == id)
    }

    /// Confirmed bookings to come, soonest first.
    pub(super) fn active(&self) -> impl Iterator<Item = &'a Booking> + use<'a> {
        let now = self.now;
        let bookings = self.known.bookings.iter();
        bookings.filter(move |b| b.status == Status::Confirmed && b.starts_at > now)
    }

    /// The hold of this conversation on exactly this time.
    pub(super) fn hold(&self, staff_id: Uuid, starts_at: DateTime<Utc>) -> Option<&'a Booking> {
        self.held().find(|hold| hold.staff_id == staff_id && hold.starts_at == starts_at)
    }

    fn held(&self) -> impl Iterator<Item = &'a Booking> + use<'a> {
        self.known.bookings.iter().filter(|booking| booking.status == Status::Held)
    }

    /// Free slots for a plan, one a start; the booking that moves is not in its own way.
    pub(super) fn slots(&self, service: &Service, plan: &Plan) -> Result<Vec<Slot>, Ask> {
        let span = bookable_span(self.known.catalogue, self.now);
        let busy = self.known.busy.ok_or(Ask(span))?;
        let moving = plan.moving.and_then(|id| self.booking(id));
        let without;
        let busy = match moving {
            Some(booking) => {
                without = less_own(busy, booking, service);
                &without
            }
            None => busy,
        };
        let within = Span { start: self.now, end: span.end };
        let catalogue = self.known.catalogue;
        let mut slots = free_slots(catalogue, service, plan.staff_id, within, self.now, busy);
        slots.retain(|slot| {
            self.lost != Some((slot.staff_id, slot.start))
                && moving.is_none_or(|b| (b.staff_id, b.starts_at) != (slot.staff_id, slot.start))
        });
        Ok(one_each_start(&slots, self.zone()))
    }

    /// Service, staff, day and time of a booking.
    pub(super) fn describe(&self, booking: &Booking) -> String {
        let start = self.local(booking.starts_at);
        self.phrases.booking(
            &booking.service_name,
            &booking.staff_name,
            &self.format.day(start.date()),
            &self.format.time(start.time()),
        )
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
        };
        Step::Turn { dialogue, effects }
    }
}

/// `busy` without what one booking takes, buffers included.
fn less_own(busy: &[Busy], booking: &Booking, service: &Service) -> Vec<Busy> {
    let own = busy.iter().position(|taken| {
        taken.staff_id == booking.staff_id
            && taken.service_id == booking.service_id
            && taken.start == booking.starts_at - service.buffer_before
            && taken.end == booking.ends_at + service.buffer_after
    });
    let others = busy.iter().enumerate().filter(|(i, _)| Some(*i) != own);
    others.map(|(_, taken)| *taken).collect()
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
        }
        self
    }

    /// Says the menu and remembers what its digits mean.
    pub(super) fn ask(mut self, menu: Menu) -> Self {
        self.lines.extend(menu.lines());
        self.menu = Shown::New(menu);
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

    pub(super) fn greeted(mut self) -> Self {
        self.greeted = true;
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
            | Effect::Resume
            | Effect::OptOut
            | Effect::OptIn => false,
        });
        let replaced = self.effects.iter().any(|effect| matches!(effect, Effect::Hold { .. }));
        let asked = match &self.state {
            State::Confirmation(asked) => {
                asked.plan.moving.is_none()
                    && asked.staff_id == hold.staff_id
                    && asked.plan.service_id == hold.service_id
                    && asked.starts_at == hold.starts_at
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
