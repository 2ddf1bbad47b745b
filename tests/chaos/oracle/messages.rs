//! What came in: stored once, heard once, heard in order (P1, P2, P3).

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::Verdict;
use crate::evidence::{Evidence, Heard, Inbox};

/// P1: what was taken is there, once, and nothing else is.
pub(super) fn stored_once(evidence: &Evidence, broken: &mut Verdict) {
    let mut rows: HashMap<&str, Vec<&Inbox>> = HashMap::new();
    for row in &evidence.inbox {
        match &row.id {
            Some(id) => rows.entry(id).or_default().push(row),
            None => {
                broken.add("P1", format!("a row that no customer wrote, from {}", row.instance));
            }
        }
    }
    let taken: HashSet<&str> = evidence
        .carried
        .iter()
        .filter(|carried| carried.is_taken())
        .filter_map(|carried| carried.message.as_deref())
        .collect();
    let mut known = HashSet::new();
    for message in &evidence.written {
        known.insert(&*message.id);
        let stored = rows.get(&*message.id).map_or(&[][..], Vec::as_slice);
        if taken.contains(&*message.id) && stored.is_empty() {
            broken.add("P1", format!("message {} was answered 2xx and is gone", message.id));
        } else if !taken.contains(&*message.id) {
            broken.add("P1", format!("message {} was never answered 2xx", message.id));
        }
        if stored.len() > 1 {
            broken.add("P2", format!("message {} is stored {} times", message.id, stored.len()));
        }
        for row in stored {
            let same = row.instance == message.instance
                && row.text.as_deref() == Some(&*message.text)
                && row.phone.as_ref().is_some_and(|phone| phone[1..] == message.phone);
            if !same {
                broken.add("P1", format!("message {} is stored as something else", message.id));
            }
        }
    }
    for id in rows.keys().filter(|id| !known.contains(*id)) {
        broken.add("P1", format!("message {id} is stored and nobody wrote it"));
    }
    if evidence.webhooks_lost > 0 {
        let lost = evidence.webhooks_lost;
        broken.add("P1", format!("{lost} webhooks were refused or tried in vain to the end"));
    }
}

/// What a turn's message and its row have in common; the time of its arrival tells them apart.
type Key<'a> = (&'a str, DateTime<Utc>, DateTime<Utc>, Option<&'a str>);

fn key_of_row(row: &Inbox) -> Option<Key<'_>> {
    Some((row.conversation.as_deref()?, row.received_at, row.sent_at, row.text.as_deref()))
}

fn key_of_heard(heard: &Heard) -> Key<'_> {
    (&heard.conversation, heard.received_at, heard.sent_at, heard.text.as_deref())
}

/// P2 and P4: each message is processed, and in one turn alone.
pub(super) fn heard_once(evidence: &Evidence, broken: &mut Verdict) {
    let mut rows: HashMap<Key<'_>, (&Inbox, usize)> =
        evidence.inbox.iter().filter_map(|row| Some((key_of_row(row)?, (row, 0)))).collect();
    for heard in &evidence.heard {
        match rows.get_mut(&key_of_heard(heard)) {
            Some((_, times)) => *times += 1,
            None => broken.add("P4", format!("turn {} heard what is not in the inbox", heard.seq)),
        }
    }
    for (row, times) in rows.values() {
        let id = row.id.as_deref().unwrap_or_default();
        match (row.is_processed, times) {
            (true, 1) | (false, 0) => {}
            (true, 0) => broken.add("P4", format!("message {id} is processed, in no turn")),
            (false, _) => broken.add("P4", format!("message {id} was heard and is still open")),
            (true, times) => broken.add("P2", format!("message {id} was heard {times} times")),
        }
        if !row.is_processed {
            broken.add("P9", format!("message {id} waits for ever"));
        }
    }
}

/// P3: who had arrived before the other one left was heard before it.
pub(super) fn heard_in_order(evidence: &Evidence, broken: &mut Verdict) {
    let places: HashMap<Key<'_>, usize> =
        evidence.heard.iter().enumerate().map(|(n, heard)| (key_of_heard(heard), n)).collect();
    // By message: when it was surely stored, and when it had surely not left yet.
    let mut stored: HashMap<&str, DateTime<Utc>> = HashMap::new();
    let mut left: HashMap<&str, DateTime<Utc>> = HashMap::new();
    for carried in &evidence.carried {
        let Some(id) = carried.message.as_deref() else { continue };
        left.entry(id).and_modify(|at| *at = carried.began.min(*at)).or_insert(carried.began);
        if carried.is_taken() {
            stored.entry(id).and_modify(|at| *at = carried.ended.min(*at)).or_insert(carried.ended);
        }
    }
    let mut conversations: HashMap<&str, Vec<(&Inbox, usize)>> = HashMap::new();
    for row in &evidence.inbox {
        if let Some(place) = key_of_row(row).and_then(|key| places.get(&key)) {
            let conversation = row.conversation.as_deref().unwrap_or_default();
            conversations.entry(conversation).or_default().push((row, *place));
        }
    }
    for rows in conversations.values() {
        for (earlier, first) in rows {
            for (later, second) in rows {
                let (Some(one), Some(two)) = (earlier.id.as_deref(), later.id.as_deref()) else {
                    continue;
                };
                let was_there = stored.get(one).zip(left.get(two)).is_some_and(|(a, b)| a < b);
                if earlier.sent_at <= later.sent_at && was_there && first > second {
                    broken.add(
                        "P3",
                        format!("message {two} was heard before {one}, which was there"),
                    );
                }
                let one_turn = evidence.heard[*first].seq == evidence.heard[*second].seq;
                if one_turn && earlier.sent_at < later.sent_at && first > second {
                    broken.add("P3", format!("in one turn {two} was heard before {one}"));
                }
            }
        }
    }
}
