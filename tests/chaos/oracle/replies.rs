//! What went out: whole turns, each reply once and in order, and nothing told that is not so (P4, P6, P11).

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::Value;

use super::Verdict;
use crate::evidence::{Booking, Entry, Evidence, Outbox};

/// How a text begins that says: booked.
const BOOKED: [&str; 3] = ["Booked ✅ Code ", "Agendado ✅ Código ", "Reservado ✅ Código "];
/// How far clocks of processes are apart, and more.
const CLOCKS: TimeDelta = TimeDelta::seconds(10);

/// P4: what a turn decided is there, all of it, and nothing that no turn decided.
pub(super) fn turns_are_whole(evidence: &Evidence, broken: &mut Verdict) {
    let mut decided: HashMap<&str, Vec<&str>> = HashMap::new();
    let bookings: HashMap<&str, &Booking> =
        evidence.bookings.iter().map(|booking| (&*booking.id, booking)).collect();
    let mut held: HashMap<&str, usize> = HashMap::new();
    for entry in applied(&evidence.journal) {
        let effects = entry.effects.as_array().map_or(&[][..], Vec::as_slice);
        for effect in effects {
            let booking = effect["booking_id"].as_str();
            let row = booking.and_then(|id| bookings.get(id));
            match effect["effect"].as_str().unwrap_or_default() {
                "reply" => decided
                    .entry(&entry.conversation)
                    .or_default()
                    .push(effect["text"].as_str().unwrap_or_default()),
                "hold" => *held.entry(&entry.conversation).or_default() += lines(effect),
                "confirm" if row.is_none_or(|row| row.confirmed_at.is_none()) => {
                    broken.add("P4", format!("booking {booking:?} was to be confirmed and is not"));
                }
                "cancel" | "release" if row.is_none_or(|row| row.status != "cancelled") => {
                    broken.add("P4", format!("booking {booking:?} was to be cancelled and is not"));
                }
                _ => {}
            }
        }
    }
    let mut queued: HashMap<&str, Vec<&str>> = HashMap::new();
    for row in evidence.outbox.iter().filter(|row| row.template.is_none() && row.is_ours) {
        queued.entry(&row.conversation).or_default().push(row.body.as_deref().unwrap_or_default());
    }
    let all: std::collections::BTreeSet<&str> =
        decided.keys().chain(queued.keys()).copied().collect();
    for conversation in all {
        let [decided, queued] =
            [&decided, &queued].map(|of| of.get(conversation).map_or(&[][..], Vec::as_slice));
        if decided != queued {
            let (turns, rows) = (decided.len(), queued.len());
            broken.add("P4", format!("conversation {conversation}: its turns said {turns} replies, the outbox has {rows}, or others"));
        }
    }
    let mut made: HashMap<&str, usize> = HashMap::new();
    for conversation in evidence.bookings.iter().filter_map(|row| row.conversation.as_deref()) {
        *made.entry(conversation).or_default() += 1;
    }
    if held != made {
        broken.add(
            "P4",
            format!(
                "turns held {} times, bookings of conversations are {}",
                sum(&held),
                sum(&made)
            ),
        );
    }
}

/// Entries whose effects were kept: those after which nothing was lost.
fn applied(journal: &[Entry]) -> impl Iterator<Item = &Entry> {
    let mut next: HashMap<&str, &Entry> = HashMap::new();
    let mut kept: Vec<&Entry> = Vec::new();
    for entry in journal.iter().rev() {
        let after = next.insert(&entry.conversation, entry);
        if after.is_none_or(|after| after.event != "lost") {
            kept.push(entry);
        }
    }
    kept.into_iter().rev()
}

fn lines(effect: &Value) -> usize {
    effect["lines"].as_array().map_or(1, Vec::len)
}

fn sum(counts: &HashMap<&str, usize>) -> usize {
    counts.values().sum()
}

/// Sent, as the row has it.
fn is_sent(row: &Outbox) -> bool {
    ["sent", "delivered", "read"].contains(&&*row.status)
}

/// P6: each message arrived once and after those before it, or its row says that it failed.
pub(super) fn sent_once_and_in_order(evidence: &Evidence, broken: &mut Verdict) {
    let rows = evidence.by_provider_id();
    let arrived: HashMap<&str, &str> =
        evidence.arrived.iter().map(|message| (&*message.id, &*message.phone)).collect();
    for row in &evidence.outbox {
        let what = row.template.as_deref().unwrap_or("reply");
        match (&*row.status, row.provider_id.as_deref()) {
            ("failed", _) if row.error.is_some() => {}
            ("failed", _) => broken.add("P6", format!("a {what} failed without a reason")),
            (_, Some(id)) if is_sent(row) => {
                if arrived.get(id).is_none_or(|phone| *phone != &row.phone[1..]) {
                    broken.add("P6", format!("{what} {id} is told to be sent and never arrived"));
                }
            }
            // A short run does not wait for it.
            ("queued" | "unknown", _) if row.is_held => {}
            (status, id) => broken.add("P6", format!("a {what} is {status}, its id {id:?}")),
        }
    }
    let mut last: HashMap<&str, usize> = HashMap::new();
    for message in &evidence.arrived {
        let Some((place, row)) = rows.get(&*message.id) else { continue };
        let before = last.insert(&row.conversation, *place);
        if before.is_some_and(|before| before > *place) {
            broken.add("P6", format!("message {} overtook an earlier one", message.id));
        }
    }
    // By phone and text: how often it was to arrive and did; copies that left no trace are excused.
    let mut balance: HashMap<(&str, &str), i64> = HashMap::new();
    for row in evidence.outbox.iter().filter(|row| is_sent(row)) {
        *balance.entry((&row.phone[1..], row.body.as_deref().unwrap_or_default())).or_default() +=
            1;
    }
    for message in evidence.arrived.iter().filter(|m| !m.is_traceless || rows.contains_key(&*m.id))
    {
        *balance.entry((&message.phone, &message.text)).or_default() -= 1;
    }
    for ((phone, _), left) in balance.into_iter().filter(|(_, left)| *left < 0) {
        broken.add("P6", format!("a text arrived {} times too often at …{}", -left, tail(phone)));
    }
}

fn tail(phone: &str) -> &str {
    &phone[phone.len().saturating_sub(4)..]
}

/// P11: who was told of a booking has one.
pub(super) fn told_only_what_is(evidence: &Evidence, broken: &mut Verdict) {
    let by_code: HashMap<&str, &Booking> =
        evidence.bookings.iter().map(|booking| (&*booking.code, booking)).collect();
    for message in &evidence.arrived {
        let Some(code) = code_told(&message.text) else { continue };
        let is_true = by_code.get(code).is_some_and(|booking| {
            booking.phone[1..] == message.phone
                && booking.confirmed_at.is_some_and(|at| at <= message.at + CLOCKS)
        });
        if !is_true {
            broken.add("P11", format!("a customer was told of booking {code}, which is not"));
        }
    }
}

/// The code in a text that says: booked.
pub(crate) fn code_told(text: &str) -> Option<&str> {
    let after = BOOKED.iter().find_map(|booked| Some(text.split_once(booked)?.1))?;
    after.split(['.', '\n', ' ']).next()
}
