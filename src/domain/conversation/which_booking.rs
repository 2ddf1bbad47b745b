//! Which of several bookings a text means, told by service, staff, day or time.

use super::act::said_before;
use super::menu::Choice;
use super::service_selection::is_named;
use super::text::Text;
use super::turn::{Answer, Ask, Turn};
use super::{bookings, date_time};
use crate::domain::catalogue::Booking;

/// What the last menu asks of each of the bookings it lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Cancel,
    Change,
    Show,
}

/// Answers a text that names one or some of the bookings that the last menu lists; `None`: it does
/// not.
pub(super) fn of_menu(turn: &Turn<'_>, text: &Text) -> Result<Option<Answer>, Ask> {
    let Some((asked, rows)) = rows(turn) else { return Ok(None) };
    if asked == Asked::Show && text.has_any(turn.words.book_in) {
        return Ok(None);
    }
    let named = by_name(turn, &rows, text);
    let at_time = by_time(turn, if named.is_empty() { &rows } else { &named }, text);
    let meant = match (named.as_slice(), at_time.is_empty()) {
        (_, false) => at_time,
        // "The manicure tomorrow" is another one than that of Friday.
        ([_, ..], true) if asked == Asked::Show && !date_time::wishes(turn, text).is_empty() => {
            return Ok(None);
        }
        (_, true) => named.clone(),
    };
    match meant.as_slice() {
        [] => Ok(None),
        [one] => match asked {
            Asked::Cancel => Ok(Some(bookings::ask_cancel(turn, one.id))),
            Asked::Show => Ok(Some(bookings::show_one(turn, one, None))),
            Asked::Change => {
                // What does not say when it is says when it shall be.
                let is_when = by_time(turn, &meant, text).is_empty();
                let before = said_before(turn).map(Text::new);
                let when = if is_when && !date_time::wishes(turn, text).is_empty() {
                    Some(text.clone())
                } else {
                    before
                };
                bookings::reschedule(turn, one.id, when.as_ref()).map(Some)
            }
        },
        several => Ok(Some(match asked {
            Asked::Cancel => bookings::which_to_cancel(turn, several),
            Asked::Change => {
                bookings::which_to_change(turn, several, said_before(turn).map(str::to_owned))
            }
            Asked::Show => bookings::show_these(turn, several),
        })),
    }
}

/// Of several bookings those that a text names by service, staff, day or time; empty: none.
pub(super) fn among<'a>(turn: &Turn<'a>, all: &[&'a Booking], text: &Text) -> Vec<&'a Booking> {
    let named = by_name(turn, all, text);
    let at_time = by_time(turn, if named.is_empty() { all } else { &named }, text);
    if at_time.is_empty() { named } else { at_time }
}

/// The bookings that the last menu lists, at least two, and what it asks of them.
fn rows<'a>(turn: &Turn<'a>) -> Option<(Asked, Vec<&'a Booking>)> {
    if turn.notice_menu {
        return None;
    }
    let mut asked = None;
    let mut rows: Vec<&Booking> = Vec::new();
    for choice in turn.dialogue.menu.choices().filter(|choice| **choice != Choice::Person) {
        let (own, booking_id) = match *choice {
            Choice::AskCancel { booking_id } => (Asked::Cancel, booking_id),
            Choice::Reschedule { booking_id } => (Asked::Change, booking_id),
            Choice::Show { booking_id } => (Asked::Show, booking_id),
            _ => return None,
        };
        if *asked.get_or_insert(own) != own {
            return None;
        }
        rows.extend(turn.booking(booking_id));
    }
    asked.filter(|_| rows.len() > 1).map(|asked| (asked, rows))
}

/// Those with all of the services and staff that a text names; empty where it names none.
fn by_name<'a>(turn: &Turn<'a>, all: &[&'a Booking], text: &Text) -> Vec<&'a Booking> {
    let catalogue = turn.known.catalogue;
    let services: Vec<_> =
        catalogue.services.iter().filter(|service| is_named(service, text)).collect();
    let staff: Vec<_> = catalogue.staff.iter().filter(|member| text.has(&member.name)).collect();
    if services.is_empty() && staff.is_empty() {
        return Vec::new();
    }
    let fits = |booking: &&&Booking| {
        let lines = turn.visit_of(booking);
        services.iter().all(|service| lines.iter().any(|line| line.service_id == service.id))
            && staff.iter().all(|member| lines.iter().any(|line| line.staff_id == member.id))
    };
    all.iter().filter(fits).copied().collect()
}

/// Those at the time that a text says; empty where it says none.
fn by_time<'a>(turn: &Turn<'a>, all: &[&'a Booking], text: &Text) -> Vec<&'a Booking> {
    let wishes = date_time::wishes(turn, text);
    let fits = |booking: &&&Booking| {
        let start = turn.local(booking.starts_at);
        wishes.iter().any(|wish| !wish.is_open() && wish.allows(start))
    };
    all.iter().filter(fits).copied().collect()
}
