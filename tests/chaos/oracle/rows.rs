//! What the rows come to: bookings, reminders, tenants, work that went on, and acts by hand
//! (P5, P7, P8, P9, P10).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::TimeDelta;

use super::Verdict;
use crate::customers::tenant_of;
use crate::evidence::{Booking, Evidence};
use crate::monkey::recovery;

/// What a dead process held runs elsewhere within this time.
pub(crate) const RECOVERY: Duration = Duration::from_secs(30);
/// A process may end by itself for so long after the server came back: it found none at its start.
const AFTERMATH: TimeDelta = TimeDelta::seconds(10);
/// A send that was claimed before a booking was changed may arrive a little after.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(3);

/// P5: nobody has more customers at once than the service allows, nor two services.
pub(super) fn nobody_overlaps(evidence: &Evidence, broken: &mut Verdict) {
    let active = |booking: &&Booking| ["held", "confirmed", "arrived"].contains(&&*booking.status);
    let mut staff: HashMap<&str, Vec<&Booking>> = HashMap::new();
    for booking in evidence.bookings.iter().filter(active) {
        staff.entry(&booking.staff).or_default().push(booking);
    }
    for bookings in staff.values() {
        for booking in bookings {
            // The most at once is reached where one of them begins.
            let at_once = bookings.iter().filter(|other| {
                other.busy_from <= booking.busy_from && booking.busy_from < other.busy_until
            });
            let count = at_once.clone().count();
            if count > usize::try_from(booking.capacity).unwrap_or(0) {
                broken.add(
                    "P5",
                    format!("{count} at once with one member of staff at {}", booking.starts_at),
                );
            }
            if at_once.clone().any(|other| other.service != booking.service) {
                broken.add(
                    "P5",
                    format!("two services of one member of staff at {}", booking.starts_at),
                );
            }
        }
    }
}

/// P7: once for each version, never for one that is over, and not forgotten.
pub(super) fn reminders_are_right(evidence: &Evidence, broken: &mut Verdict) {
    let mut told = HashSet::new();
    let arrived: HashMap<&str, _> =
        evidence.arrived.iter().map(|message| (&*message.id, message.at)).collect();
    let rows = evidence.outbox.iter().filter(|row| row.template.as_deref() == Some("reminder"));
    for row in rows.filter(|row| row.provider_id.is_some()) {
        let booking = row.booking.as_deref().unwrap_or_default();
        if !told.insert((booking, row.revision, row.before.as_deref())) {
            broken.add("P7", format!("booking {booking} was reminded of twice"));
        }
        let Some(at) = row.provider_id.as_deref().and_then(|id| arrived.get(id)) else { continue };
        let changed = evidence.deeds.by_hand.iter().find(|deed| {
            // The row of a later version is about what was changed.
            deed.booking == booking && (deed.cancelled || row.revision == Some(1))
        });
        if changed.is_some_and(|deed| row.attempts <= 1 && *at > deed.at + ON_ITS_WAY) {
            broken.add("P7", format!("booking {booking} was reminded of after it was changed"));
        }
        let starts = evidence.bookings.iter().find(|it| it.id == booking).map(|it| it.starts_at);
        if starts.is_none_or(|starts| *at >= starts) {
            broken.add("P7", format!("booking {booking} was reminded of too late"));
        }
    }
    for reminder in &evidence.reminders {
        let (booking, status) = (&reminder.booking, &reminder.status);
        if status == "planned" && (!reminder.is_current || reminder.booking_status != "confirmed") {
            broken.add(
                "P7",
                format!("a reminder of booking {booking}, which changed, is still planned"),
            );
        }
        let is_due = evidence.arrived.iter().map(|message| message.at).max();
        if status == "planned"
            && is_due.is_some_and(|now| reminder.due_at < now - TimeDelta::seconds(30))
        {
            broken.add("P7", format!("a reminder of booking {booking} was forgotten"));
        }
    }
}

/// P8: each tenant's customers, words and rows are its own.
pub(super) fn tenants_are_apart(evidence: &Evidence, broken: &mut Verdict) {
    for (table, rows) in &evidence.seen_across {
        broken.add("P8", format!("a tenant sees {rows} rows of others in {table}"));
    }
    let inbox = evidence
        .inbox
        .iter()
        .filter_map(|row| Some((row.phone.as_deref()?, &row.tenant, &row.instance)));
    let outbox = evidence.outbox.iter().map(|row| (&*row.phone, &row.tenant, &row.instance));
    for (phone, tenant, instance) in inbox.chain(outbox) {
        if tenant_of(phone) != Some(&**tenant) || tenant != instance {
            broken.add("P8", format!("a message of {instance}'s customer is with {tenant}"));
        }
    }
    for message in &evidence.arrived {
        if tenant_of(&message.phone) != Some(&*message.instance) {
            broken.add("P8", format!("message {} went out over {}", message.id, message.instance));
        }
    }
}

/// P9: all came to an end, soon after each death.
pub(super) fn work_went_on(evidence: &Evidence, broken: &mut Verdict) {
    if let Some(what) = &evidence.unsettled {
        broken.add("P9", format!("it never settles: {what}"));
    }
    for kill in &evidence.deeds.kills {
        let took = recovery(kill, &evidence.taken, &evidence.deeds.outages);
        if took > RECOVERY {
            broken.add("P9", format!("what {} held was taken up after {took:.1?}", kill.process));
        }
    }
    for (process, at) in &evidence.fallen {
        let outages = &evidence.deeds.outages;
        if !outages.iter().any(|(from, until)| (*from..*until + AFTERMATH).contains(at)) {
            broken.add("P9", format!("{process} ended by itself"));
        }
    }
    for job in &evidence.dead_jobs {
        broken.add("P9", format!("a job is dead: {job}"));
    }
    for violation in &evidence.violations {
        broken.add("P9", format!("an invariant does not hold: {violation}"));
    }
}

/// P10: what was done by hand was told, and is not reminded of.
pub(super) fn hands_have_consequences(evidence: &Evidence, broken: &mut Verdict) {
    for deed in &evidence.deeds.by_hand {
        let template = if deed.cancelled { "booking_cancelled" } else { "booking_moved" };
        let is_told = evidence.outbox.iter().any(|row| {
            row.booking.as_deref() == Some(&*deed.booking)
                && row.template.as_deref() == Some(template)
        });
        if !is_told {
            broken.add(
                "P10",
                format!("booking {} was changed by hand and nobody was told", deed.booking),
            );
        }
    }
}
