//! Single values as versions write them: numbers, times, ids, names.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// Longest provider id taken, in bytes; the gateway's own have up to about 60.
const MAX_ID: usize = 256;
/// Longest name kept, in characters; WhatsApp's own limit is 25.
const MAX_NAME: usize = 100;
/// A time stamp outside of these seconds since 1970 (2009 and 2100) is no time of a message.
const SECONDS: std::ops::Range<i64> = 1_230_768_000..4_102_444_800;

pub(super) fn is_true(value: &Value) -> bool {
    value == true || value == "true" || value == 1
}

/// The id in a message's key.
pub(super) fn id_of(key: &Value) -> Option<String> {
    id(&key["id"])
}

pub(super) fn id(value: &Value) -> Option<String> {
    let id = value.as_str()?.trim();
    (!id.is_empty() && id.len() <= MAX_ID).then(|| id.to_owned())
}

pub(super) fn name(value: &Value) -> Option<String> {
    let name: String = value.as_str()?.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A whole number, however it is written: a number, digits, or the halves of a 64-bit one.
fn integer(value: &Value) -> Option<i64> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and the range is checked")]
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|n| n as i64)),
        Value::String(digits) => digits.trim().parse().ok(),
        Value::Object(halves) => {
            let (low, high) = (halves.get("low")?.as_i64()?, halves.get("high")?.as_i64()?);
            high.checked_mul(1 << 32)?.checked_add(low & 0xffff_ffff)
        }
        _ => None,
    }
}

/// Seconds since 1970; milliseconds are told by their size.
pub(super) fn seconds(value: &Value) -> Option<DateTime<Utc>> {
    let number = integer(value)?;
    let number = if number >= SECONDS.end { number / 1_000 } else { number };
    SECONDS.contains(&number).then(|| DateTime::from_timestamp(number, 0))?
}

pub(super) fn millis(value: &Value) -> Option<DateTime<Utc>> {
    let number = integer(value)?;
    SECONDS.contains(&(number / 1_000)).then(|| DateTime::from_timestamp_millis(number))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_stamp_is_read_in_every_way_it_is_written() {
        let at = DateTime::from_timestamp(1_795_395_711, 0);
        #[rustfmt::skip]
        let cases = [
            (json!(1_795_395_711),                        at),
            (json!("1795395711"),                         at),
            (json!({ "low": 1_795_395_711, "high": 0 }),  at),
            (json!(1_795_395_711_000_i64),                at),
            (json!(1_795_395_711.9),                      at),
            (json!({ "low": -2_085_978_496, "high": 0 }), DateTime::from_timestamp(2_208_988_800, 0)),
            (json!({ "low": -1, "high": 0 }),             None), // 2106
            (json!(0),                                    None),
            (json!(-5),                                   None),
            (json!(i64::MAX),                             None),
            (json!({ "low": 0, "high": i64::MAX }),       None),
            (json!(1e18),                                 None),
            (json!("ontem"),                              None),
            (json!(null),                                 None),
        ];
        for (value, expected) in cases {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(name(&json!(" Ana\n\u{0}\u{7f} ")).as_deref(), Some("Ana"));
        assert_eq!(name(&json!("x".repeat(500))).map(|name| name.len()), Some(MAX_NAME));
        assert_eq!(name(&json!(" \n")), None);
        assert_eq!(name(&json!({ "name": "Ana" })), None);
    }
}
