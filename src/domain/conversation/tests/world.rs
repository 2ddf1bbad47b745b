//! A salon in memory: a catalogue, a calendar, and a database that refuses what overlaps.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use uuid::Uuid;

use crate::domain::catalogue::{
    Booking, BookingRules, Busy, Catalogue, Opening, Service, Span, Staff, Status, Tenant,
    WeekHours,
};
use crate::domain::conversation::{
    Customer, Dialogue, Effect, Event, History, Known, Line, Message, MessageKind, MovedLine,
    SentNotice, Step, Timer, step,
};
use crate::domain::locale::{Language, Locale};

pub(crate) const ANA: Uuid = Uuid::from_u128(0xA);
pub(crate) const BRUNO: Uuid = Uuid::from_u128(0xB);
pub(crate) const HAIRCUT: Uuid = Uuid::from_u128(1);
pub(crate) const COLOR: Uuid = Uuid::from_u128(2);
pub(crate) const MANICURE: Uuid = Uuid::from_u128(3);

/// A local time of March 2026.
pub(crate) fn march(day: u32, hour: u32, minute: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 3, day).unwrap().and_hms_opt(hour, minute, 0).unwrap()
}

/// The salon of the scripts, in one of three countries.
pub(crate) fn catalogue(language: Language) -> Catalogue {
    #[rustfmt::skip]
    let (name, locale, zone, currency, address, names, prices) = match language {
        Language::English => (
            "Luna Salon", Locale::EN_US, "America/New_York", "USD", "120 Flower St.",
            ["Haircut", "Color", "Manicure"], [4_000, 12_000, 2_500],
        ),
        Language::Portuguese => (
            "Studio Lua", Locale::PT_BR, "America/Sao_Paulo", "BRL", "Rua das Flores, 120",
            ["Corte", "Coloração", "Manicure"], [8_000, 22_000, 4_500],
        ),
        Language::Spanish => (
            "Salón Luna", Locale::ES_CL, "America/Santiago", "CLP", "Calle Las Flores 120",
            ["Corte", "Color", "Manicura"], [1_800_000, 6_000_000, 1_200_000],
        ),
    };
    let mut openings = Vec::new();
    for weekday in 1..=5 {
        openings.push(Opening { weekday, opens: 9 * 60, closes: 12 * 60 });
        openings.push(Opening { weekday, opens: 13 * 60, closes: 18 * 60 });
    }
    openings.push(Opening { weekday: 6, opens: 9 * 60, closes: 13 * 60 });
    let service = |index: usize, id, minutes, synonyms: &[&str]| Service {
        id,
        key: names[index].to_lowercase(),
        name: names[index].to_owned(),
        synonyms: synonyms.iter().map(|s| (*s).to_owned()).collect(),
        duration: TimeDelta::minutes(minutes),
        buffer_before: TimeDelta::zero(),
        buffer_after: TimeDelta::zero(),
        price: Some(prices[index]),
        capacity: 1,
    };
    let member = |id, name: &str, services: &[Uuid]| Staff {
        id,
        key: name.to_lowercase(),
        name: name.to_owned(),
        services: services.to_vec(),
        hours: None,
        time_off: Vec::new(),
    };
    Catalogue {
        tenant: Tenant {
            id: Uuid::from_u128(99),
            slug: "salon".to_owned(),
            name: name.to_owned(),
            locale,
            timezone: zone.parse().unwrap(),
            currency: currency.to_owned(),
            address: Some(address.to_owned()),
            rules: BookingRules {
                slot_interval: TimeDelta::minutes(15),
                min_notice: TimeDelta::hours(1),
                horizon: TimeDelta::days(60),
                hold: TimeDelta::minutes(10),
                cancel_notice: TimeDelta::hours(2),
                reminders: vec![TimeDelta::hours(24), TimeDelta::hours(1), TimeDelta::minutes(15)],
            },
            hours: WeekHours { openings },
        },
        services: vec![
            service(0, HAIRCUT, 45, &["cortar o cabelo", "corte de cabelo", "cut"]),
            service(1, COLOR, 120, &["tinte", "tintura"]),
            service(2, MANICURE, 40, &["nails", "unhas", "uñas"]),
        ],
        staff: vec![
            member(ANA, "Ana", &[HAIRCUT, COLOR, MANICURE]),
            member(BRUNO, "Bruno", &[HAIRCUT]),
        ],
        closures: Vec::new(),
        texts: crate::domain::conversation::Texts::default(),
        features: crate::domain::catalogue::Features::default(),
    }
}

/// One customer talking to one salon.
pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) customer: Customer,
    pub(crate) bookings: Vec<Booking>,
    /// What others take.
    pub(crate) busy: Vec<Busy>,
    pub(crate) dialogue: Dialogue,
    pub(crate) now: DateTime<Utc>,
    pub(crate) human: bool,
    pub(crate) effects: Vec<Effect>,
    /// A lost time is told to the dialogue that the refused step came to, not to the one before.
    pub(crate) lost_after: bool,
    /// Sent since the last answer; the next answer takes its place.
    pub(crate) notice: Option<SentNotice>,
    /// What is known of earlier times.
    pub(crate) history: History,
    /// When the customer's silence is looked at.
    pub(crate) idle_at: Option<DateTime<Utc>>,
    /// A model may be asked.
    pub(crate) interprets: bool,
    /// How often staff were told to look.
    pub(crate) notified: u32,
    made: u128,
}

impl World {
    /// Tuesday 10 March 2026, 10:00 local, everything free, a customer called Marina.
    pub(crate) fn new(language: Language) -> Self {
        let catalogue = catalogue(language);
        let customer = Customer {
            id: Uuid::from_u128(7),
            name: Some("Marina".to_owned()),
            locale: None,
            opted_out: false,
            country_differs: false,
        };
        let mut world = Self {
            catalogue,
            customer,
            bookings: Vec::new(),
            busy: Vec::new(),
            dialogue: Dialogue::default(),
            now: DateTime::UNIX_EPOCH,
            human: false,
            effects: Vec::new(),
            lost_after: false,
            notice: None,
            history: History::default(),
            idle_at: None,
            interprets: false,
            notified: 0,
            made: 1_000,
        };
        world.now = world.at(march(10, 10, 0));
        world
    }

    /// Nothing is free but these stretches: who, from, for how many minutes.
    pub(crate) fn free_only(mut self, free: &[(Uuid, NaiveDateTime, i64)]) -> Self {
        for staff_id in [ANA, BRUNO] {
            let mut from = self.now - TimeDelta::days(1);
            let mut free: Vec<(DateTime<Utc>, DateTime<Utc>)> = free
                .iter()
                .filter(|(who, ..)| *who == staff_id)
                .map(|(_, at, minutes)| (self.at(*at), self.at(*at) + TimeDelta::minutes(*minutes)))
                .collect();
            free.sort();
            for (start, end) in free {
                self.block(staff_id, from, start);
                from = end;
            }
            self.block(staff_id, from, self.now + TimeDelta::days(90));
        }
        self
    }

    pub(crate) fn block(&mut self, staff_id: Uuid, start: DateTime<Utc>, end: DateTime<Utc>) {
        // Of no service on offer, so that nothing shares it.
        self.busy.push(Busy { staff_id, service_id: Uuid::nil(), start, end });
    }

    /// With a confirmed haircut with Bruno.
    pub(crate) fn booked(mut self, at: NaiveDateTime, code: &str) -> Self {
        let mut booking = self.row(HAIRCUT, BRUNO, self.at(at));
        code.clone_into(&mut booking.code);
        booking.status = Status::Confirmed;
        self.bookings.push(booking);
        self
    }

    /// Sends a notice about the first booking, after whatever was said last.
    pub(crate) fn notify(&mut self, template: &str, before: Option<i64>) {
        let booking = self.bookings.iter().find(|b| b.status == Status::Confirmed).unwrap().clone();
        let template = template.to_owned();
        let services = self
            .bookings
            .iter()
            .filter(|line| line.visit_id == booking.visit_id)
            .map(|line| line.service_id)
            .collect();
        self.notice = Some(SentNotice { template, before, sent_at: self.now, booking, services });
    }

    pub(crate) fn at(&self, local: NaiveDateTime) -> DateTime<Utc> {
        self.catalogue.tenant.timezone.from_local_datetime(&local).unwrap().to_utc()
    }

    /// Says something and returns the replies, joined.
    pub(crate) fn say(&mut self, text: &str) -> String {
        let kind = MessageKind::Text;
        self.send(&[Message {
            sent_at: self.now,
            kind,
            text: Some(text.to_owned()),
            choice: None,
            quoted: None,
            quoted_at: None,
            received_at: None,
        }])
    }

    pub(crate) fn send_kind(&mut self, kind: MessageKind) -> String {
        self.send(&[Message {
            sent_at: self.now,
            kind,
            text: None,
            choice: None,
            quoted: None,
            quoted_at: None,
            received_at: None,
        }])
    }

    /// One turn, as the shell takes it: ask, decide, apply; once more if a time was lost.
    pub(crate) fn send(&mut self, messages: &[Message]) -> String {
        self.happen(&Event::Said { messages: messages.to_vec() })
    }

    /// An event as the shell has it taken, and the replies to it, joined.
    pub(crate) fn happen(&mut self, event: &Event) -> String {
        self.dialogue.with_person = self.human;
        if matches!(event, Event::Said { .. }) {
            self.idle_at = None;
        }
        let (dialogue, effects) = self.decide(event);
        let (dialogue, effects) = match self.apply(&effects) {
            Ok(()) => (dialogue, effects),
            Err(lost) => {
                if self.lost_after {
                    self.dialogue = dialogue;
                }
                let (dialogue, effects) = self.decide(&lost);
                assert!(self.apply(&effects).is_ok(), "a lost time ends the turn");
                (dialogue, effects)
            }
        };
        self.dialogue = dialogue;
        self.effects = effects;
        if self.effects.iter().any(|effect| matches!(effect, Effect::Reply { .. })) {
            self.notice = None;
        }
        let replies = self.effects.iter().filter_map(|effect| match effect {
            Effect::Reply { text } => Some(text.clone()),
            _ => None,
        });
        replies.collect::<Vec<_>>().join("\n---\n")
    }

    /// That a haircut with this member at this time went to somebody else.
    pub(crate) fn lost(&self, staff_id: Uuid, at: NaiveDateTime) -> Event {
        let line = Line { staff_id, service_id: HAIRCUT, starts_at: self.at(at) };
        Event::Lost { lines: vec![line] }
    }

    /// Decides without keeping anything.
    pub(crate) fn decide(&self, event: &Event) -> (Dialogue, Vec<Effect>) {
        let mut known = Known {
            catalogue: &self.catalogue,
            customer: &self.customer,
            bookings: &self.bookings,
            busy: None,
            notice: self.notice.as_ref(),
            history: &self.history,
            interprets: self.interprets,
        };
        let stored = serde_json::to_string(&self.dialogue).unwrap();
        let dialogue: Dialogue = serde_json::from_str(&stored).unwrap();
        assert_eq!(dialogue, self.dialogue, "a dialogue survives its JSON");
        let first = step(&dialogue, event, self.now, &known);
        assert_eq!(first, step(&dialogue, event, self.now, &known), "a step is pure");
        let span = match first {
            Step::Turn { dialogue, effects } => return (dialogue, effects),
            Step::Ask(span) => span,
        };
        let busy = self.taken(span);
        known.busy = Some(&busy);
        match step(&dialogue, event, self.now, &known) {
            Step::Turn { dialogue, effects } => (dialogue, effects),
            Step::Ask(again) => panic!("asked for {again:?} with the answer at hand"),
        }
    }

    /// What is taken in a span, the customer's own holds left out.
    fn taken(&self, span: Span) -> Vec<Busy> {
        let own = self.bookings.iter().filter(|booking| booking.status == Status::Confirmed);
        let own = own.map(|booking| Busy {
            staff_id: booking.staff_id,
            service_id: booking.service_id,
            start: booking.starts_at,
            end: booking.ends_at,
        });
        let all = self.busy.iter().copied().chain(own);
        all.filter(|taken| taken.start < span.end && taken.end > span.start).collect()
    }

    /// Applies effects in order; a refused one leaves nothing of them.
    fn apply(&mut self, effects: &[Effect]) -> Result<(), Event> {
        let before = (self.bookings.clone(), self.customer.clone(), self.human);
        for effect in effects {
            if let Err(lost) = self.apply_one(effect) {
                (self.bookings, self.customer, self.human) = before;
                return Err(lost);
            }
        }
        self.bookings.sort_by_key(|booking| booking.starts_at);
        Ok(())
    }

    fn apply_one(&mut self, effect: &Effect) -> Result<(), Event> {
        match effect {
            Effect::Reply { text } => {
                assert!(!text.trim().is_empty(), "an empty reply");
                assert!(text.chars().count() <= 4_096, "a reply too long: {text}");
            }
            Effect::Hold { lines, until } => {
                let visit_id = Uuid::from_u128(self.made + 1);
                for line in lines {
                    let mut row = self.row(line.service_id, line.staff_id, line.starts_at);
                    row.visit_id = visit_id;
                    row.hold_expires_at = Some(*until);
                    self.refuse_overlap(&row, lines)?;
                    self.bookings.push(row);
                }
            }
            Effect::Release { booking_id } => {
                let held = self.position(*booking_id, Status::Held);
                self.bookings.remove(held);
            }
            Effect::Confirm { booking_id } => {
                let held = self.position(*booking_id, Status::Held);
                let row = self.bookings[held].clone();
                let visit = self.lines_of(&row);
                self.refuse_overlap(&row, &visit)?;
                self.bookings[held].status = Status::Confirmed;
                self.bookings[held].hold_expires_at = None;
            }
            Effect::Move { lines } => self.move_visit(lines)?,
            Effect::Cancel { booking_id } => {
                let booked = self.position(*booking_id, Status::Confirmed);
                self.bookings.remove(booked);
            }
            Effect::SetLocale { locale } => self.customer.locale = Some(*locale),
            Effect::HandOff => self.human = true,
            Effect::Resume => self.human = false,
            Effect::NotifyStaff { .. } => self.notified += 1,
            Effect::ExpectNoAnswer | Effect::Interpret { .. } => {}
            Effect::SetTimer { timer: Timer::Idle, at } => self.idle_at = Some(*at),
            Effect::OptOut => self.customer.opted_out = true,
            Effect::OptIn => self.customer.opted_out = false,
        }
        Ok(())
    }

    fn position(&self, id: Uuid, status: Status) -> usize {
        let found = self.bookings.iter().position(|b| b.id == id && b.status == status);
        found.unwrap_or_else(|| panic!("no {status:?} booking {id}"))
    }

    /// All at once: no line is in the way of another.
    fn move_visit(&mut self, lines: &[MovedLine]) -> Result<(), Event> {
        let visit: Vec<Line> = lines
            .iter()
            .map(|line| Line {
                service_id: self.bookings[self.position(line.booking_id, Status::Confirmed)]
                    .service_id,
                staff_id: line.staff_id,
                starts_at: line.starts_at,
            })
            .collect();
        for line in lines {
            let old = self.position(line.booking_id, Status::Confirmed);
            let new = self.row(self.bookings[old].service_id, line.staff_id, line.starts_at);
            self.bookings[old] = Booking {
                starts_at: new.starts_at,
                ends_at: new.ends_at,
                staff_id: new.staff_id,
                staff_name: new.staff_name,
                revision: self.bookings[old].revision + 1,
                ..self.bookings[old].clone()
            };
        }
        for line in lines {
            let row = self.bookings[self.position(line.booking_id, Status::Confirmed)].clone();
            self.refuse_overlap(&row, &visit)?;
        }
        Ok(())
    }

    /// The visit that a booking is part of.
    fn lines_of(&self, booking: &Booking) -> Vec<Line> {
        let of_visit = |other: &&Booking| other.visit_id == booking.visit_id;
        let line = |booking: &Booking| Line {
            service_id: booking.service_id,
            staff_id: booking.staff_id,
            starts_at: booking.starts_at,
        };
        self.bookings.iter().filter(of_visit).map(line).collect()
    }

    fn refuse_overlap(&self, row: &Booking, visit: &[Line]) -> Result<(), Event> {
        let own = self.bookings.iter().filter(|other| other.id != row.id);
        let own = own.map(|other| (other.staff_id, other.starts_at, other.ends_at));
        let others = self.busy.iter().map(|taken| (taken.staff_id, taken.start, taken.end));
        let taken = own.chain(others).any(|(staff_id, start, end)| {
            staff_id == row.staff_id && start < row.ends_at && end > row.starts_at
        });
        if taken { Err(Event::Lost { lines: visit.to_vec() }) } else { Ok(()) }
    }

    fn row(&mut self, service_id: Uuid, staff_id: Uuid, starts_at: DateTime<Utc>) -> Booking {
        self.made += 1;
        let service = self.catalogue.service(service_id).unwrap();
        Booking {
            id: Uuid::from_u128(self.made),
            service_id,
            staff_id,
            service_name: service.name.clone(),
            staff_name: self.catalogue.member(staff_id).unwrap().name.clone(),
            starts_at,
            ends_at: starts_at + service.duration,
            status: Status::Held,
            hold_expires_at: None,
            code: "K7F29".to_owned(),
            revision: 0,
            price: service.price,
            visit_id: Uuid::from_u128(self.made),
            cancelled_at: None,
            cancelled_by: None,
        }
    }

    /// Visits that are held.
    pub(crate) fn holds(&self) -> usize {
        let held = self.bookings.iter().filter(|booking| booking.status == Status::Held);
        held.map(|booking| booking.visit_id).collect::<std::collections::HashSet<_>>().len()
    }

    pub(crate) fn local(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        let local = moment.with_timezone(&self.catalogue.tenant.timezone).naive_local();
        assert!(local.year() > 2000);
        local
    }
}
