//! Bookings as iCalendar.
