//! Each rule of the oracle meets a world in which it is broken by hand.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::judge;
use crate::evidence::{Arrived, Booking, Entry, Evidence, Heard, Inbox, Outbox, Reminder, Written};
use crate::monkey::{HandMade, Kill};
use crate::road::Carried;

const PHONE: &str = "5511980000001";
const TALK: &str = "a conversation";
const BOOKED: &str = "Agendado ✅ Código K7R2M.\nCorte com Ana.";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

fn carried(message: &str, second: i64) -> Carried {
    Carried {
        message: Some(message.to_owned()),
        began: at(second),
        ended: at(second) + TimeDelta::milliseconds(20),
        status: Some(200),
    }
}

fn inbox(id: &str, text: &str, second: i64) -> Inbox {
    Inbox {
        id: Some(id.to_owned()),
        instance: "studio-lua".to_owned(),
        tenant: "studio-lua".to_owned(),
        phone: Some(format!("+{PHONE}")),
        conversation: Some(TALK.to_owned()),
        text: Some(text.to_owned()),
        sent_at: at(second),
        received_at: at(second),
        is_processed: true,
    }
}

fn heard(seq: i64, text: &str, second: i64) -> Heard {
    let text = Some(text.to_owned());
    Heard { conversation: TALK.to_owned(), seq, text, sent_at: at(second), received_at: at(second) }
}

fn entry(event: &str, effects: serde_json::Value) -> Entry {
    Entry { conversation: TALK.to_owned(), event: event.to_owned(), effects }
}

fn outbox(id: &str, text: &str) -> Outbox {
    Outbox {
        conversation: TALK.to_owned(),
        instance: "studio-lua".to_owned(),
        tenant: "studio-lua".to_owned(),
        phone: format!("+{PHONE}"),
        body: Some(text.to_owned()),
        template: None,
        is_ours: true,
        is_held: false,
        booking: None,
        revision: None,
        before: None,
        status: "read".to_owned(),
        error: None,
        provider_id: Some(id.to_owned()),
        attempts: 1,
    }
}

fn arrived(id: &str, text: &str, second: i64) -> Arrived {
    Arrived {
        instance: "studio-lua".to_owned(),
        phone: PHONE.to_owned(),
        id: id.to_owned(),
        text: text.to_owned(),
        at: at(second),
        is_traceless: false,
    }
}

fn booking(id: &str, code: &str, hour: i64) -> Booking {
    Booking {
        id: id.to_owned(),
        code: code.to_owned(),
        phone: format!("+{PHONE}"),
        staff: "ana".to_owned(),
        service: "corte".to_owned(),
        capacity: 1,
        status: "confirmed".to_owned(),
        conversation: Some(TALK.to_owned()),
        confirmed_at: Some(at(20)),
        starts_at: at(hour * 3_600),
        busy_from: at(hour * 3_600),
        busy_until: at(hour * 3_600 + 2_700),
    }
}

fn reminder_row(id: &str) -> Outbox {
    Outbox {
        template: Some("reminder".to_owned()),
        booking: Some("two".to_owned()),
        revision: Some(1),
        before: Some("01:00:00".to_owned()),
        ..outbox(id, "Até já")
    }
}

/// Somebody writes twice and has a booking; somebody at psql has made another one, reminded of, and
/// a third one, cancelled. A worker was killed, and what it held was done by another one.
fn a_good_world() -> Evidence {
    let written = |id: &str, text: &str| Written {
        instance: "studio-lua".to_owned(),
        phone: PHONE.to_owned(),
        id: id.to_owned(),
        text: text.to_owned(),
    };
    let mut evidence = Evidence {
        written: vec![written("m1", "Oi"), written("m2", "1")],
        carried: vec![carried("m1", 10), carried("m2", 20), carried("m2", 21)],
        inbox: vec![inbox("m1", "Oi", 10), inbox("m2", "1", 20)],
        heard: vec![heard(1, "Oi", 10), heard(3, "1", 20)],
        journal: vec![
            entry("said", json!([{"effect": "reply", "text": "Olá"}, {"effect": "hold"}])),
            // What a step lost was not kept.
            entry("said", json!([{"effect": "hold"}, {"effect": "reply", "text": "nie"}])),
            entry(
                "lost",
                json!([{"effect": "confirm", "booking_id": "one"}, {"effect": "reply", "text": BOOKED}]),
            ),
        ],
        outbox: vec![outbox("o1", "Olá"), outbox("o2", BOOKED), reminder_row("o3")],
        arrived: vec![
            arrived("o1", "Olá", 11),
            arrived("o2", BOOKED, 22),
            arrived("o3", "Até já", 30),
        ],
        bookings: vec![
            booking("one", "K7R2M", 48),
            Booking { conversation: None, ..booking("two", "AAAA2", 1) },
            Booking {
                conversation: None,
                status: "cancelled".to_owned(),
                ..booking("three", "BBBB2", 48)
            },
        ],
        reminders: vec![Reminder {
            booking: "two".to_owned(),
            status: "sent".to_owned(),
            due_at: at(29),
            booking_status: "confirmed".to_owned(),
            is_current: true,
        }],
        ..Evidence::default()
    };
    let told = Outbox {
        template: Some("booking_cancelled".to_owned()),
        booking: Some("three".to_owned()),
        ..outbox("o4", "Cancelado")
    };
    evidence.outbox.push(told);
    evidence.arrived.push(arrived("o4", "Cancelado", 40));
    evidence.deeds.by_hand =
        vec![HandMade { booking: "three".to_owned(), cancelled: true, at: at(35) }];
    let (process, jobs) = ("worker-1.1".to_owned(), vec!["job".to_owned()]);
    evidence.deeds.kills = vec![Kill { process, at: at(15), jobs }];
    evidence.taken = vec![("job".to_owned(), Some("worker-2.1".to_owned()), at(28))];
    evidence
}

/// The promises that are named once the good world was changed.
fn named(change: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = a_good_world();
    change(&mut evidence);
    let mut promises: Vec<_> = judge(&evidence).into_iter().map(|one| one.promise).collect();
    promises.dedup();
    promises
}

#[test]
fn nothing_is_said_against_a_good_world() {
    assert_eq!(judge(&a_good_world()), []);
}

#[test]
fn p1_a_message_that_was_taken_and_is_gone() {
    let gone = named(|world| {
        world.inbox.remove(1);
        world.heard.remove(1);
    });
    assert_eq!(gone, ["P1"]);
    assert_eq!(named(|world| world.carried.remove(0).status = None), ["P1"], "never taken");
    assert_eq!(named(|world| world.webhooks_lost = 1), ["P1"]);
    assert_eq!(named(|world| world.inbox[0].text = Some("Tchau".to_owned())), ["P1", "P4"]);
}

#[test]
fn p1_a_message_that_nobody_wrote() {
    let made_up = named(|world| {
        world.inbox.push(inbox("m3", "9", 25));
        world.heard.push(heard(4, "9", 25));
    });
    assert_eq!(made_up, ["P1"]);
}

#[test]
fn p2_a_message_that_is_stored_or_heard_twice() {
    let stored = named(|world| {
        world.inbox.push(inbox("m1", "Oi", 12));
        world.heard.push(heard(4, "Oi", 12));
    });
    assert_eq!(stored, ["P2", "P3"]);
    assert_eq!(named(|world| world.heard.push(heard(4, "1", 20))), ["P2"]);
}

#[test]
fn p3_a_message_that_was_heard_before_one_that_was_there() {
    assert_eq!(named(|world| world.heard.swap(0, 1)), ["P3"]);
    let unknown = named(|world| {
        world.heard.swap(0, 1);
        // The first one arrived only when the second was already on its way.
        world.carried[0] = carried("m1", 20);
    });
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn p4_a_turn_that_was_kept_in_part() {
    assert_eq!(named(|world| world.heard.truncate(1)), ["P4"]);
    let no_reply = named(|world| {
        world.outbox.remove(0);
        world.arrived.remove(0);
    });
    assert_eq!(no_reply, ["P4"]);
    let no_hold = named(|world| world.bookings[0].conversation = None);
    assert_eq!(no_hold, ["P4"]);
    let unconfirmed = named(|world| world.bookings[0].confirmed_at = None);
    assert_eq!(unconfirmed, ["P4", "P11"]);
    assert_eq!(named(|world| world.journal.truncate(1)), ["P4"]);
}

#[test]
fn p5_two_at_once_where_there_is_room_for_one() {
    let overlapping = |service: &str, capacity| {
        named(|world| {
            world.bookings[1] = Booking {
                conversation: None,
                busy_from: at(48 * 3_600 + 600),
                service: service.to_owned(),
                ..booking("two", "AAAA2", 48)
            };
            for booking in &mut world.bookings {
                booking.capacity = capacity;
            }
        })
    };
    assert_eq!(overlapping("corte", 1), ["P5"]);
    assert_eq!(overlapping("cor", 2), ["P5"]);
    assert!(overlapping("corte", 2).is_empty());
}

#[test]
fn p6_a_reply_that_is_lost_doubled_or_late() {
    assert_eq!(named(|world| drop(world.arrived.remove(0))), ["P6"], "told to be sent");
    let open = named(|world| {
        world.outbox[0].status = "queued".to_owned();
        world.outbox[0].provider_id = None;
        world.arrived.remove(0);
    });
    assert_eq!(open, ["P6"]);
    assert_eq!(named(|world| world.arrived.swap(0, 1)), ["P6"], "overtaken");
    assert_eq!(named(|world| world.arrived.push(arrived("x", "Olá", 12))), ["P6"], "twice");
    let excused = named(|world| {
        world.arrived.push(Arrived { is_traceless: true, ..arrived("x", "Olá", 12) });
    });
    assert!(excused.is_empty(), "{excused:?}");
    let failed = |error: Option<&str>| {
        named(|world| {
            world.outbox[0].status = "failed".to_owned();
            world.outbox[0].provider_id = None;
            world.outbox[0].error = error.map(str::to_owned);
            world.arrived.remove(0);
        })
    };
    assert!(failed(Some("no such number")).is_empty());
    assert_eq!(failed(None), ["P6"]);
}

#[test]
fn p7_a_reminder_that_comes_twice_too_late_or_never() {
    let twice = named(|world| {
        world.outbox.push(reminder_row("o5"));
        world.arrived.push(arrived("o5", "Até já", 50));
    });
    assert_eq!(twice, ["P7"]);
    assert_eq!(named(|world| world.bookings[1].starts_at = at(30)), ["P7"]);
    let after_the_end = named(|world| {
        world.deeds.by_hand[0] =
            HandMade { booking: "two".to_owned(), cancelled: true, at: at(20) };
        world.outbox[3].booking = Some("two".to_owned());
    });
    assert_eq!(after_the_end, ["P7"]);
    let reminder = |change: fn(&mut Reminder)| named(|world| change(&mut world.reminders[0]));
    let forgotten = reminder(|it| (it.status, it.due_at) = ("planned".to_owned(), at(1)));
    assert_eq!(forgotten, ["P7"]);
    let outlived = reminder(|it| {
        (it.status, it.booking_status) = ("planned".to_owned(), "cancelled".to_owned());
    });
    assert_eq!(outlived, ["P7"]);
}

#[test]
fn p8_a_row_that_is_with_another_tenant() {
    assert_eq!(named(|world| world.seen_across.push(("app.bookings".to_owned(), 3))), ["P8"]);
    assert_eq!(named(|world| world.inbox[0].tenant = "luna-salon".to_owned()), ["P8"]);
    assert_eq!(named(|world| world.arrived[0].instance = "luna-salon".to_owned()), ["P8"]);
}

#[test]
fn p9_work_that_does_not_go_on() {
    assert_eq!(named(|world| world.taken[0].2 = at(46)), ["P9"], "too late");
    let was_away = named(|world| {
        world.taken[0].2 = at(46);
        world.deeds.outages.push((at(14), at(17)));
    });
    assert!(was_away.is_empty(), "{was_away:?}");
    assert_eq!(named(|world| world.unsettled = Some("a job".to_owned())), ["P9"]);
    assert_eq!(named(|world| world.dead_jobs.push("a job".to_owned())), ["P9"]);
    assert_eq!(named(|world| world.violations.push("overlap".to_owned())), ["P9"]);
    assert_eq!(named(|world| world.fallen.push(("web-0.1".to_owned(), at(1)))), ["P9"]);
    let found_no_server = named(|world| {
        world.fallen.push(("web-0.1".to_owned(), at(5)));
        world.deeds.outages.push((at(1), at(2)));
    });
    assert!(found_no_server.is_empty(), "{found_no_server:?}");
}

#[test]
fn p10_an_act_by_hand_of_which_nobody_was_told() {
    let untold = named(|world| {
        world.outbox.pop();
        world.arrived.pop();
    });
    assert_eq!(untold, ["P10"]);
}

#[test]
fn p11_a_customer_who_is_told_of_a_booking_that_is_not() {
    let of_nobody = named(|world| world.bookings[0].code = "ZZZZ2".to_owned());
    assert_eq!(of_nobody, ["P11"]);
    let of_another = named(|world| world.bookings[0].phone = "+5511980000002".to_owned());
    assert_eq!(of_another, ["P11"]);
    let too_early = named(|world| world.bookings[0].confirmed_at = Some(at(60)));
    assert_eq!(too_early, ["P11"]);
}
