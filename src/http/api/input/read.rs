//! Readers of single values. Those of texts serve parameters, and through [`string`] fields too.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, FixedOffset};
use serde_json::Value;

/// A value, or what is wrong with it: words that follow the field's name.
pub(in crate::http::api) type Read<T> = Result<T, String>;

/// A JSON string, read by a reader of texts.
pub(in crate::http::api) fn string<T>(
    read: impl FnOnce(&str) -> Read<T>,
) -> impl FnOnce(&Value) -> Read<T> {
    |value| match value {
        Value::String(text) => read(text),
        _ => Err("is no string".to_owned()),
    }
}

/// Digits of a number within bounds, for parameters.
pub(in crate::http::api) fn whole_number(
    bounds: RangeInclusive<i64>,
) -> impl FnOnce(&str) -> Read<i64> {
    move |text| {
        text.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| no_number(&bounds))
    }
}

fn no_number(bounds: &RangeInclusive<i64>) -> String {
    format!("is no whole number from {} to {}", bounds.start(), bounds.end())
}

/// A text on one line, of that many signs once the white space around it is taken off.
pub(in crate::http::api) fn text(signs: RangeInclusive<usize>) -> impl Fn(&str) -> Read<String> {
    move |text| {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err("has control characters".to_owned());
        }
        if !signs.contains(&text.chars().count()) {
            return Err(format!("has not {} to {} signs", signs.start(), signs.end()));
        }
        Ok(text.to_owned())
    }
}

/// The key of a service or of a member of staff. Tenant files are stricter than plain SQL is, so this
/// takes whatever a list with commas can hold.
pub(in crate::http::api) fn key(text: &str) -> Read<String> {
    let fits = !text.contains(|c: char| c == ',' || c.is_control());
    if fits && (1..=63).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("is no key: those have 1 to 63 signs, none of them a comma".to_owned())
    }
}

/// A moment: RFC 3339 with an offset, in this century or the last ones that calendars agree on.
///
/// In a parameter `+` means a space, and clients forget to write `%2B`: a space before the offset is
/// read as the plus it was.
pub(in crate::http::api) fn timestamp(text: &str) -> Read<DateTime<FixedOffset>> {
    let mended = match text.rfind(' ') {
        Some(at) if at > 10 => format!("{}+{}", &text[..at], &text[at + 1..]),
        _ => text.to_owned(),
    };
    let read = DateTime::parse_from_rfc3339(&mended).map_err(|_| {
        "is no time with an offset (RFC 3339), such as 2026-03-12T15:00:00-03:00".to_owned()
    })?;
    if (1900..2200).contains(&read.year()) {
        Ok(read)
    } else {
        Err("is not between the years 1900 and 2199".to_owned())
    }
}

/// One of a few words.
pub(in crate::http::api) fn choice(
    words: &'static [&'static str],
) -> impl Fn(&str) -> Read<&'static str> {
    move |text| {
        words
            .iter()
            .find(|word| **word == text)
            .copied()
            .ok_or_else(|| format!("is none of {}", words.join(", ")))
    }
}

/// `true` or `false`, for parameters.
pub(in crate::http::api) fn flag(text: &str) -> Read<bool> {
    text.parse().map_err(|_| "is neither true nor false".to_owned())
}
