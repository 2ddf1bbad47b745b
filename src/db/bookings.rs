//! Bookings as the HTTP API reads and writes them.
