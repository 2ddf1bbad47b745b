//! Lists in pages: where one ended, as an opaque text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike};
use uuid::Uuid;

use super::input::Read;
use crate::db::bookings::Position;

/// Entries of a page, unless a request says otherwise.
pub(super) const USUAL: i64 = 50;
pub(super) const MOST: i64 = 200;

/// The text that asks for what comes after `position`.
pub(super) fn cursor(position: Position) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&position.starts_at.timestamp_micros().to_be_bytes());
    bytes[8..].copy_from_slice(position.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`cursor`] wrote.
pub(super) fn position(cursor: &str) -> Read<Position> {
    read(cursor).ok_or_else(|| "is no cursor: take the next_cursor of a page as it is".to_owned())
}

fn read(cursor: &str) -> Option<Position> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
    let (micros, id) = bytes.split_first_chunk::<8>()?;
    let starts_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    // What somebody made up may lie where the database has no time.
    (1900..2300)
        .contains(&starts_at.year())
        .then_some(Position { starts_at, id: Uuid::from_slice(id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_to_the_microsecond() {
        let starts_at = "2026-03-12T18:00:00.000001Z".parse().unwrap();
        let end = Position { starts_at, id: Uuid::now_v7() };
        assert_eq!(position(&cursor(end)), Ok(end));
    }

    #[test]
    fn a_text_that_is_no_cursor_is_refused() {
        let made_up = URL_SAFE_NO_PAD.encode([0x7f; 24]);
        for text in ["", "x", "AAAA", "é", &made_up, &format!("{made_up}A")] {
            assert!(position(text).is_err(), "{text}");
        }
    }
}
