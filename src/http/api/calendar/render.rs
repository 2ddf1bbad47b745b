//! iCalendar texts.
//!
//! Times are in UTC, so that no time zone has to be described. DTSTAMP is when the booking was last
//! changed and not when the text was made: what did not change is the same text again.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};

use crate::db::bookings::Booking;

/// In octets, without the line's end.
const LONGEST_LINE: usize = 75;

/// A booking for its customer.
pub(super) fn booking_file(booking: &Booking) -> String {
    // RFC 5546: what PUBLISH put into a calendar, CANCEL takes out.
    let method = if booking.status == "cancelled" { "CANCEL" } else { "PUBLISH" };
    let mut event = event(booking, &format!("{} · {}", booking.service_name, booking.staff_name));
    let place = [Some(booking.tenant_name.as_str()), booking.tenant_address.as_deref()];
    event.location(&clean(&place.into_iter().flatten().collect::<Vec<_>>().join(", ")));
    folded(calendar().append_property(("METHOD", method)).push(event))
}

/// What a member of staff subscribes to: everybody who comes to them, by name.
pub(super) fn feed(name: &str, zone: &str, bookings: &[Booking]) -> String {
    let mut calendar = calendar();
    calendar.append_property(("X-WR-CALNAME", clean(name).as_str()));
    calendar.append_property(("X-WR-TIMEZONE", zone));
    for booking in bookings {
        let who = booking.customer_name.as_deref().unwrap_or(&booking.code);
        calendar.push(event(booking, &format!("{} · {who}", booking.service_name)));
    }
    folded(&calendar)
}

fn calendar() -> Calendar {
    let mut calendar = Calendar::empty();
    calendar.append_property(("VERSION", "2.0"));
    calendar.append_property(("PRODID", "-//Pontual//Bookings//EN"));
    calendar.append_property(("CALSCALE", "GREGORIAN"));
    calendar
}

fn event(booking: &Booking, summary: &str) -> Event {
    let status = match booking.status.as_str() {
        "cancelled" => EventStatus::Cancelled,
        "held" => EventStatus::Tentative,
        _ => EventStatus::Confirmed,
    };
    Event::with_uid(&format!("{}@pontual", booking.id))
        .summary(&clean(summary))
        .description(&booking.code)
        .starts(booking.starts_at)
        .ends(booking.ends_at)
        .status(status)
        .timestamp(booking.updated_at)
        .append_property(Property::new("SEQUENCE", sequence(booking).to_string()))
        .append_property(Property::new("CREATED", utc(booking.created_at)))
        .append_property(Property::new("LAST-MODIFIED", utc(booking.updated_at)))
        .done()
}

/// Rises with every move and with the end: a calendar takes a CANCEL only if it is newer than what it
/// has (RFC 5546, section 2.1.4). Nothing comes after a cancellation, so the number stays free.
fn sequence(booking: &Booking) -> i64 {
    i64::from(booking.revision) + i64::from(booking.status == "cancelled")
}

fn utc(moment: DateTime<Utc>) -> String {
    moment.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The text with lines of at most 75 octets (RFC 5545, section 3.1). icalendar 0.17.17 folds as well,
/// and leaves 76 in the last part of a line that it folds.
fn folded(calendar: &Calendar) -> String {
    let unfolded = calendar.to_string().replace("\r\n ", "");
    let mut text = String::with_capacity(unfolded.len() + unfolded.len() / 32);
    for line in unfolded.split_terminator("\r\n") {
        let mut octets = 0;
        for character in line.chars() {
            octets += character.len_utf8();
            if octets > LONGEST_LINE {
                text.push_str("\r\n ");
                octets = 1 + character.len_utf8();
            }
            text.push(character);
        }
        text.push_str("\r\n");
    }
    text
}

/// Control characters would end a line, and with it the property.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn booking() -> Booking {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Booking {
            id: Uuid::from_u128(7),
            code: "K7F2A".to_owned(),
            visit_id: Uuid::from_u128(7),
            status: "confirmed".to_owned(),
            service_id: Uuid::from_u128(1),
            service_key: "corte".to_owned(),
            service_name: "Corte, lavagem; escova".to_owned(),
            staff_id: Uuid::from_u128(2),
            staff_key: "ines".to_owned(),
            staff_name: "Inês".to_owned(),
            customer_id: Uuid::from_u128(3),
            customer_phone: Some("+5511988887777".to_owned()),
            customer_name: Some("João \\ Conceição".to_owned()),
            starts_at: at("2026-03-12T18:00:00Z"),
            ends_at: at("2026-03-12T18:45:00Z"),
            timezone: "America/Sao_Paulo".to_owned(),
            price: None,
            currency: "BRL".to_owned(),
            revision: 3,
            hold_expires_at: None,
            confirmed_at: None,
            cancel_reason: None,
            override_reason: None,
            created_at: at("2026-03-10T13:00:00Z"),
            updated_at: at("2026-03-11T14:30:15Z"),
            tenant_name: "Studio Lua".to_owned(),
            tenant_address: Some("Rua das Flores, 120".to_owned()),
        }
    }

    fn only_event(text: &str) -> Event {
        let calendar: Calendar = text.parse().unwrap();
        let mut events = calendar.events();
        let event = events.next().unwrap().clone();
        assert!(events.next().is_none());
        event
    }

    #[test]
    fn a_customer_s_entry_says_what_with_whom_where_and_when() {
        let text = booking_file(&booking());
        let event = only_event(&text);
        #[rustfmt::skip]
        let expected = [
            ("UID",           "00000000-0000-0000-0000-000000000007@pontual"),
            ("SUMMARY",       "Corte, lavagem; escova · Inês"),
            ("LOCATION",      "Studio Lua, Rua das Flores, 120"),
            ("DESCRIPTION",   "K7F2A"),
            ("DTSTART",       "20260312T180000Z"),
            ("DTEND",         "20260312T184500Z"),
            ("DTSTAMP",       "20260311T143015Z"),
            ("CREATED",       "20260310T130000Z"),
            ("LAST-MODIFIED", "20260311T143015Z"),
            ("SEQUENCE",      "3"),
            ("STATUS",        "CONFIRMED"),
        ];
        for (property, value) in expected {
            assert_eq!(event.property_value(property), Some(value), "{property}");
        }
        assert!(text.contains("METHOD:PUBLISH\r\n"), "{text}");
        assert!(!text.contains("João") && !text.contains("988887777"), "{text}");
    }

    #[test]
    fn a_cancelled_booking_takes_its_entry_out_of_calendars() {
        let cancelled = Booking { status: "cancelled".to_owned(), ..booking() };
        let text = booking_file(&cancelled);
        assert!(text.contains("METHOD:CANCEL\r\n"), "{text}");
        assert_eq!(only_event(&text).property_value("STATUS"), Some("CANCELLED"));
        assert_eq!(only_event(&text).property_value("SEQUENCE"), Some("4"), "after revision 3");
        assert!(feed("Inês", "America/Sao_Paulo", &[cancelled]).contains("STATUS:CANCELLED\r\n"));
    }

    #[test]
    fn a_feed_names_the_customer_and_is_the_same_text_until_something_changes() {
        let text = feed("Inês", "America/Sao_Paulo", &[booking()]);
        let event = only_event(&text);
        assert_eq!(
            event.property_value("SUMMARY"),
            Some("Corte, lavagem; escova · João \\ Conceição")
        );
        assert!(!text.contains("METHOD"), "a feed is the state of things, not a message");
        assert_eq!(text, feed("Inês", "America/Sao_Paulo", &[booking()]));
        let nameless = Booking { customer_name: None, ..booking() };
        let text = feed("Inês", "America/Sao_Paulo", &[nameless]);
        assert_eq!(
            only_event(&text).property_value("SUMMARY"),
            Some("Corte, lavagem; escova · K7F2A")
        );
    }

    #[test]
    fn lines_end_in_crlf_and_have_75_octets_at_most_whatever_the_name() {
        for length in 0..160 {
            let name = "ação, é; \\ ".chars().cycle().take(length).collect::<String>();
            let text = booking_file(&Booking { service_name: format!("x{name}x"), ..booking() });
            for line in text.split_terminator("\r\n") {
                assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
            }
            assert!(text.ends_with("END:VCALENDAR\r\n"));
            let summary = format!("x{name}x · Inês");
            assert_eq!(only_event(&text).property_value("SUMMARY"), Some(summary.as_str()));
        }
    }

    #[test]
    fn a_name_cannot_bring_in_lines_of_its_own() {
        let staff_name = "Ana\r\nSTATUS:CANCELLED\nX:y".to_owned();
        let text = booking_file(&Booking { staff_name, ..booking() });
        assert_eq!(text.matches("\r\nSTATUS:").count(), 1, "{text}");
        assert_eq!(only_event(&text).property_value("STATUS"), Some("CONFIRMED"));
    }
}
