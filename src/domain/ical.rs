//! iCalendar texts.
//!
//! Times are in UTC, so that no time zone has to be described. DTSTAMP is when the booking was last
//! changed and not when the text was made: what did not change is the same text again.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use uuid::Uuid;

/// In octets, without the line's end.
const LONGEST_LINE: usize = 75;

/// A booking as calendars see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: Uuid,
    pub code: &'a str,
    /// As the database names it, such as `confirmed`.
    pub status: &'a str,
    pub service_name: &'a str,
    pub staff_name: &'a str,
    pub customer_name: Option<&'a str>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub revision: i32,
    /// None: not told.
    pub created_at: Option<DateTime<Utc>>,
    /// When it became as it is here.
    pub updated_at: DateTime<Utc>,
    pub tenant_name: &'a str,
    pub tenant_address: Option<&'a str>,
}

/// What a file does to the calendar that takes it in (RFC 5546): what `PUBLISH` put there, `CANCEL`
/// takes out.
pub fn method(entries: &[Entry<'_>]) -> &'static str {
    if entries.iter().all(|entry| entry.status == "cancelled") { "CANCEL" } else { "PUBLISH" }
}

/// Bookings for their customer. `private`: neither service nor staff is named, as for a calendar
/// that others see.
pub fn file(entries: &[Entry<'_>], private: bool) -> String {
    let mut calendar = calendar();
    calendar.append_property(("METHOD", method(entries)));
    for entry in entries {
        let mut event = if private {
            event(entry, entry.tenant_name)
        } else {
            event(entry, &format!("{} · {}", entry.service_name, entry.staff_name))
        };
        let place = [Some(entry.tenant_name), entry.tenant_address];
        event.location(&clean(&place.into_iter().flatten().collect::<Vec<_>>().join(", ")));
        calendar.push(event);
    }
    folded(&calendar)
}

/// What a member of staff subscribes to: everybody who comes to them, by name.
pub fn feed(name: &str, zone: &str, bookings: &[Entry<'_>]) -> String {
    let mut calendar = calendar();
    calendar.append_property(("X-WR-CALNAME", clean(name).as_str()));
    calendar.append_property(("X-WR-TIMEZONE", zone));
    for booking in bookings {
        let who = booking.customer_name.unwrap_or(booking.code);
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

fn event(booking: &Entry<'_>, summary: &str) -> Event {
    let status = match booking.status {
        "cancelled" => EventStatus::Cancelled,
        "held" => EventStatus::Tentative,
        _ => EventStatus::Confirmed,
    };
    let mut event = Event::with_uid(&format!("{}@pontual", booking.id));
    event
        .summary(&clean(summary))
        .description(booking.code)
        .starts(booking.starts_at)
        .ends(booking.ends_at)
        .status(status)
        .timestamp(booking.updated_at)
        .append_property(Property::new("SEQUENCE", sequence(booking).to_string()))
        .append_property(Property::new("LAST-MODIFIED", utc(booking.updated_at)));
    if let Some(created_at) = booking.created_at {
        event.append_property(Property::new("CREATED", utc(created_at)));
    }
    event.done()
}

/// Rises with every move and with the end: a calendar takes a CANCEL only if it is newer than what it
/// has (RFC 5546, section 2.1.4). Nothing comes after a cancellation, so the number stays free.
fn sequence(booking: &Entry<'_>) -> i64 {
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
    use super::*;

    fn booking() -> Entry<'static> {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Entry {
            id: Uuid::from_u128(7),
            code: "K7F2A",
            status: "confirmed",
            service_name: "Corte, lavagem; escova",
            staff_name: "Inês",
            customer_name: Some("João \\ Conceição"),
            starts_at: at("2026-03-12T18:00:00Z"),
            ends_at: at("2026-03-12T18:45:00Z"),
            revision: 3,
            created_at: Some(at("2026-03-10T13:00:00Z")),
            updated_at: at("2026-03-11T14:30:15Z"),
            tenant_name: "Studio Lua",
            tenant_address: Some("Rua das Flores, 120"),
        }
    }

    fn booking_file(entry: &Entry<'_>) -> String {
        file(std::slice::from_ref(entry), false)
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
        let cancelled = Entry { status: "cancelled", ..booking() };
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
        let nameless = Entry { customer_name: None, ..booking() };
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
            let text = booking_file(&Entry { service_name: &format!("x{name}x"), ..booking() });
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
        let staff_name = "Ana\r\nSTATUS:CANCELLED\nX:y";
        let text = booking_file(&Entry { staff_name, ..booking() });
        assert_eq!(text.matches("\r\nSTATUS:").count(), 1, "{text}");
        assert_eq!(only_event(&text).property_value("STATUS"), Some("CONFIRMED"));
    }

    #[test]
    fn a_visit_is_one_file_and_is_cancelled_only_when_all_of_it_is() {
        let second = Entry { id: Uuid::from_u128(8), ..booking() };
        let cancelled = Entry { status: "cancelled", ..second };
        let text = file(&[booking(), cancelled], false);
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 2, "{text}");
        assert_eq!((method(&[booking(), cancelled]), method(&[cancelled])), ("PUBLISH", "CANCEL"));
    }

    #[test]
    fn a_private_entry_names_neither_service_nor_staff() {
        let text = file(&[booking()], true);
        assert_eq!(only_event(&text).property_value("SUMMARY"), Some("Studio Lua"));
        assert!(!text.contains("Corte") && !text.contains("Inês"), "{text}");
    }
}
