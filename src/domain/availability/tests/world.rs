//! Small calendars in the night in which a clock changes, as proptest draws them.

use chrono::Datelike;
use proptest::prelude::*;

use super::*;

/// The grain of these calendars.
pub(super) const TICK: TimeDelta = TimeDelta::minutes(15);

pub(super) const CLARA: Uuid = Uuid::from_u128(0xC);
/// The service that [`SERVICE`] shares its staff with.
pub(super) const OTHER: Uuid = Uuid::from_u128(2);

/// A night with its staff, bookings and the time it is.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) catalogue: Catalogue,
    pub(super) busy: Vec<Busy>,
    pub(super) now: DateTime<Utc>,
    /// 32 ticks; starts outside of them are not asked about.
    pub(super) within: Span,
}

impl World {
    pub(super) fn oracle(&self) -> oracle::Oracle<'_> {
        // Openings may begin before and bookings end after; there are ticks for them too.
        let around = (self.within.start - minutes(180), self.within.end + minutes(480));
        oracle::Oracle::new(&self.catalogue, &self.busy, self.now, TICK, around)
    }

    /// So many ticks of it, from some tick on.
    pub(super) fn part(&self, from: i32, count: i32) -> Span {
        let start = self.within.start + TICK * from;
        Span { start, end: start + TICK * count }
    }
}

pub(super) fn ticks(span: Span) -> impl Iterator<Item = DateTime<Utc>> {
    std::iter::successors(Some(span.start), |at| Some(*at + TICK))
        .take_while(move |at| *at < span.end)
}

/// Nights in which clocks change, and one in which none does; by the date of the morning.
fn nights() -> impl Strategy<Value = (Tz, NaiveDate)> {
    prop_oneof![
        Just((chrono_tz::America::New_York, date(2026, 3, 8))),
        Just((chrono_tz::America::New_York, date(2026, 11, 1))),
        Just((chrono_tz::America::Santiago, date(2026, 9, 6))),
        Just((chrono_tz::America::Santiago, date(2026, 4, 5))),
        Just((chrono_tz::America::Havana, date(2026, 11, 1))),
        Just((chrono_tz::Australia::Lord_Howe, date(2026, 4, 5))),
        Just((chrono_tz::Australia::Lord_Howe, date(2026, 10, 4))),
        Just((chrono_tz::America::Sao_Paulo, date(2026, 3, 10))),
    ]
}

/// Whether it is of the evening, and its times in ticks of its day.
fn openings(most: usize) -> impl Strategy<Value = Vec<(bool, u16, u16)>> {
    let opening = prop_oneof![
        (Just(true), 80..96_u16, 1..16_u16),
        (Just(false), 0..24_u16, 1..24_u16),
        (Just(false), 0..8_u16, 8..24_u16),
    ];
    proptest::collection::vec(opening, 0..most)
}

/// Whose, of which service, when, how long, in ticks.
fn stretches(most: usize) -> impl Strategy<Value = Vec<(usize, usize, i32, i32)>> {
    proptest::collection::vec((0..3_usize, 0..3_usize, -4..34_i32, 0..5_i32), 0..most)
}

fn service(id: Uuid) -> impl Strategy<Value = Service> {
    (1..5_i32, 0..3_i32, 0..3_i32, 1..4_u16).prop_map(move |(duration, before, after, capacity)| {
        Service {
            id,
            duration: TICK * duration,
            buffer_before: TICK * (before / 2),
            buffer_after: TICK * after,
            capacity,
            ..catalogue(Tz::UTC).services.remove(0)
        }
    })
}

/// Two services and two or three members of staff, who do not all do both.
pub(super) fn worlds() -> impl Strategy<Value = World> {
    let staff = proptest::collection::vec(
        (proptest::option::weighted(0.3, openings(4)), (0..8_u8).prop_map(|n| n.min(3))),
        2..4,
    );
    let rules = (1..5_i32, -12..16_i32, 0..8_i32, 8..60_i32);
    (
        (nights(), openings(5), staff),
        (service(SERVICE), service(OTHER), rules),
        (stretches(8), stretches(3), prop::bool::weighted(0.08)),
    )
        .prop_map(|((night, hours, staff), (one, other, rules), (busy, off, closed))| {
            let mut world = empty(night);
            let weekdays = [night.1.pred_opt().unwrap(), night.1]
                .map(|day| u8::try_from(day.weekday().number_from_monday()).unwrap());
            let week = |openings: Vec<(bool, u16, u16)>| WeekHours {
                openings: openings
                    .into_iter()
                    .map(|(evening, opens, length)| Opening {
                        weekday: weekdays[usize::from(!evening)],
                        opens: opens * 15,
                        closes: ((opens + length) * 15).min(1440),
                    })
                    .collect(),
            };
            let catalogue = &mut world.catalogue;
            catalogue.tenant.hours = week(hours);
            catalogue.services = vec![one, other];
            let people = [(ANA, "Ana"), (BRUNO, "Bruno"), (CLARA, "Clara")];
            catalogue.staff = staff
                .into_iter()
                .zip(people)
                .map(|((own, skills), (id, name))| Staff {
                    id,
                    key: name.to_owned(),
                    name: name.to_owned(),
                    services: match skills {
                        0 => vec![],
                        1 => vec![SERVICE],
                        2 => vec![OTHER],
                        _ => vec![SERVICE, OTHER],
                    },
                    hours: own.map(week),
                    time_off: Vec::new(),
                })
                .collect();
            let (interval, now, notice, horizon) = rules;
            catalogue.tenant.rules.slot_interval = TICK * interval;
            catalogue.tenant.rules.min_notice = TICK * notice;
            catalogue.tenant.rules.horizon = TICK * horizon;
            world.now = world.within.start + TICK * now;
            if closed {
                catalogue.closures.push(night.1);
            }
            let span = |from: i32, length: i32| {
                let start = world.within.start + TICK * from;
                Span { start, end: start + TICK * length }
            };
            for (who, _, from, length) in off {
                let count = catalogue.staff.len();
                catalogue.staff[who % count].time_off.push(span(from, length));
            }
            world.busy = busy
                .into_iter()
                .map(|(who, what, from, length)| {
                    let Span { start, end } = span(from, length);
                    let (staff_id, service_id) =
                        ([ANA, BRUNO, CLARA][who], [SERVICE, OTHER, Uuid::nil()][what]);
                    Busy { staff_id, service_id, start, end }
                })
                .collect();
            world
        })
}

/// From 22:00 on of the evening before `date`, without hours.
fn empty((zone, date): (Tz, NaiveDate)) -> World {
    let evening = date.pred_opt().unwrap().and_hms_opt(22, 0, 0).unwrap();
    let start = moment_or_after(zone, evening);
    let within = Span { start, end: start + minutes(480) };
    World { catalogue: catalogue(zone), busy: Vec::new(), now: start, within }
}
