//! How fast free times are found, for a salon of ten with 2,000 bookings in the next 30 days.
//!
//! `cargo bench --bench availability`

use std::hint::black_box;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::America::Sao_Paulo;
use criterion::{Criterion, criterion_group, criterion_main};
use pontual::domain::availability::{
    Wish, explain, explain_visit, free_slots, free_visits, one_each_start, visit_at,
};
use pontual::domain::catalogue::{
    BookingRules, Busy, Catalogue, Opening, Service, Span, Staff, Tenant, WeekHours,
};
use pontual::domain::locale::Locale;
use uuid::Uuid;

const STAFF: u128 = 10;
const DAYS: i64 = 30;
const BOOKINGS: usize = 2_000;

fn service(id: u128, duration: i64, buffer: i64) -> Service {
    Service {
        id: Uuid::from_u128(id),
        key: format!("service-{id}"),
        name: format!("Service {id}"),
        synonyms: Vec::new(),
        duration: TimeDelta::minutes(duration),
        buffer_before: TimeDelta::zero(),
        buffer_after: TimeDelta::minutes(buffer),
        price: None,
        capacity: 1,
    }
}

/// Everybody does both services, every day but Sunday from 9 to 13 and from 14 to 19; every third
/// member of staff has hours of their own.
fn catalogue() -> Catalogue {
    let openings = |opens: u16, closes: u16| {
        let parts = [(opens, 780), (840, closes)];
        (1..=6)
            .flat_map(|weekday| parts.map(|(opens, closes)| Opening { weekday, opens, closes }))
            .collect()
    };
    let services = vec![service(1, 45, 5), service(2, 40, 0)];
    let member = |id: u128| Staff {
        id: Uuid::from_u128(100 + id),
        key: format!("member-{id}"),
        name: format!("Member {id}"),
        services: services.iter().map(|service| service.id).collect(),
        hours: id.is_multiple_of(3).then(|| WeekHours { openings: openings(480, 1080) }),
        time_off: Vec::new(),
    };
    Catalogue {
        tenant: Tenant {
            id: Uuid::nil(),
            slug: "salon".to_owned(),
            name: "Salon".to_owned(),
            locale: Locale::PT_BR,
            timezone: Sao_Paulo,
            currency: "BRL".to_owned(),
            address: None,
            rules: BookingRules {
                slot_interval: TimeDelta::minutes(15),
                min_notice: TimeDelta::hours(1),
                horizon: TimeDelta::days(60),
                hold: TimeDelta::minutes(10),
                cancel_notice: TimeDelta::hours(2),
                reminders: Vec::new(),
            },
            hours: WeekHours { openings: openings(540, 1140) },
        },
        staff: (0..STAFF).map(member).collect(),
        services,
        closures: Vec::new(),
        texts: pontual::domain::conversation::Texts::default(),
        features: pontual::domain::catalogue::Features::default(),
    }
}

/// Bookings as they might have come in: one after the other at one of the first free times of some
/// member of staff on some day.
fn bookings(catalogue: &Catalogue, now: DateTime<Utc>) -> Vec<Busy> {
    let mut busy: Vec<Busy> = Vec::with_capacity(BOOKINGS);
    // The same in every run.
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    while busy.len() < BOOKINGS {
        let member = &catalogue.staff[draw(catalogue.staff.len())];
        let service = &catalogue.services[draw(catalogue.services.len())];
        let start = now + TimeDelta::days(i64::try_from(draw(30)).unwrap_or(0));
        let day = Span { start, end: start + TimeDelta::days(1) };
        let free = free_slots(catalogue, service, Some(member.id), day, now, &busy);
        if let Some(slot) = free.get(draw(3)) {
            busy.push(Busy {
                staff_id: slot.staff_id,
                service_id: service.id,
                start: slot.start - service.buffer_before,
                end: slot.end + service.buffer_after,
            });
        }
    }
    busy
}

fn bench(criterion: &mut Criterion) {
    let catalogue = catalogue();
    let morning = Sao_Paulo.with_ymd_and_hms(2026, 3, 9, 6, 0, 0).single();
    let now = morning.expect("a time that exists").to_utc();
    let busy = bookings(&catalogue, now);
    let [cut, nails] = [&catalogue.services[0], &catalogue.services[1]];
    let month = Span { start: now, end: now + TimeDelta::days(DAYS) };
    let day = Span { start: now + TimeDelta::days(3), end: now + TimeDelta::days(4) };
    let slots = free_slots(&catalogue, cut, None, month, now, &busy);
    let wishes = [cut, nails].map(|service| Wish { service, staff: None });
    let visits = free_visits(&catalogue, &wishes, month, now, &busy);
    println!("{} bookings leave {} slots, {} visits", busy.len(), slots.len(), visits.len());
    let slots = free_slots(&catalogue, cut, None, month, now, &busy[..200]);
    println!("200 bookings leave {} slots", slots.len());
    let six: Vec<Wish<'_>> = wishes.iter().copied().cycle().take(6).collect();
    let start = busy[BOOKINGS / 2].start;

    let mut group = criterion.benchmark_group("availability");
    group.bench_function("free slots, 30 days", |bencher| {
        bencher.iter(|| free_slots(&catalogue, cut, None, month, now, black_box(&busy)));
    });
    // The fewer the bookings, the more slots there are to make.
    group.bench_function("free slots, 30 days with 200 bookings", |bencher| {
        bencher.iter(|| free_slots(&catalogue, cut, None, month, now, black_box(&busy[..200])));
    });
    group.bench_function("one each start, 30 days", |bencher| {
        bencher.iter(|| one_each_start(black_box(&slots), Sao_Paulo));
    });
    group.bench_function("free slots, one day", |bencher| {
        bencher.iter(|| free_slots(&catalogue, cut, None, day, now, black_box(&busy)));
    });
    group.bench_function("explain", |bencher| {
        bencher.iter(|| explain(&catalogue, cut, None, start, now, black_box(&busy)));
    });
    group.bench_function("visits of two services, 30 days", |bencher| {
        bencher.iter(|| free_visits(&catalogue, &wishes, month, now, black_box(&busy)));
    });
    group.bench_function("visits of two services, one day", |bencher| {
        bencher.iter(|| free_visits(&catalogue, &wishes, day, now, black_box(&busy)));
    });
    group.bench_function("visits of six services, one day", |bencher| {
        bencher.iter(|| free_visits(&catalogue, &six, day, now, black_box(&busy)));
    });
    group.bench_function("visit of two services at a time", |bencher| {
        bencher.iter(|| visit_at(&catalogue, &wishes, start, now, black_box(&busy)));
    });
    group.bench_function("explain a visit", |bencher| {
        bencher.iter(|| explain_visit(&catalogue, &wishes, start, now, black_box(&busy)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
