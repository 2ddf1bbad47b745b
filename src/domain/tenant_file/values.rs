//! Single values of a tenant file. Each reader gives the value, or the reason why it is none.

use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use toml::de::DeValue;

use super::QuietHours;
use crate::domain::locale::Locale;

/// A value, or what was expected instead of it.
pub(super) type Read<T> = Result<T, String>;

/// The largest price the database keeps, in hundredths.
const LARGEST_PRICE: i64 = 999_999_999_999;

/// What each unit of a length is called, with its milliseconds; longest first.
const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The reason against `found`.
pub(super) fn expected(what: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(text) if text.chars().count() <= 60 => format!("{text:?}"),
        DeValue::String(text) => format!("a text of {} characters", text.chars().count()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    format!("expected {what}, found {found}")
}

/// One line of 1 to `most` characters, spaces around it taken off.
pub(super) fn line(most: usize, example: &str) -> impl Fn(&DeValue<'_>) -> Read<String> {
    move |value| {
        let text = value.as_str().map(str::trim).filter(|text| {
            !text.is_empty() && text.chars().count() <= most && !text.contains(char::is_control)
        });
        text.map(str::to_owned).ok_or_else(|| {
            expected(&format!("one line of 1 to {most} characters, such as {example:?}"), value)
        })
    }
}

/// A business's or a person's name.
pub(super) fn name(example: &str) -> impl Fn(&DeValue<'_>) -> Read<String> {
    line(120, example)
}

pub(super) fn slug(value: &DeValue<'_>) -> Read<String> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let text = value.as_str().filter(|text| text.len() <= 63 && text.split('-').all(is_word));
    text.map(str::to_owned).ok_or_else(|| {
        let what = "lower-case letters a to z and digits in words joined by hyphens, at most 63 \
                    characters, such as \"studio-lua\"";
        expected(what, value)
    })
}

/// A stable name inside the file.
pub(super) fn key(value: &DeValue<'_>) -> Read<String> {
    let fits = |text: &&str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    value.as_str().filter(fits).map(str::to_owned).ok_or_else(|| {
        let what = "1 to 63 letters a to z, digits, hyphens, underscores or full stops, such as \
                    \"corte\"";
        expected(what, value)
    })
}

pub(super) fn locale(value: &DeValue<'_>) -> Read<Locale> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| expected("en, pt or es and a region, such as \"pt-BR\"", value))
}

pub(super) fn timezone(value: &DeValue<'_>) -> Read<Tz> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| expected("an IANA time zone, such as \"America/Sao_Paulo\"", value))
}

pub(super) fn currency(value: &DeValue<'_>) -> Read<String> {
    let fits = |text: &&str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    value
        .as_str()
        .filter(fits)
        .map(str::to_owned)
        .ok_or_else(|| expected("the three capital letters of a currency, such as \"BRL\"", value))
}

/// Whether customers are spoken to formally.
pub(super) fn tone(value: &DeValue<'_>) -> Read<bool> {
    match value.as_str() {
        Some("informal") => Ok(false),
        Some("formal") => Ok(true),
        _ => Err(expected("\"informal\" or \"formal\"", value)),
    }
}

pub(super) fn phone(value: &DeValue<'_>) -> Read<String> {
    let fits = |text: &&str| {
        text.strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|b| b.is_ascii_digit())
        })
    };
    value.as_str().filter(fits).map(str::to_owned).ok_or_else(|| {
        let what = "a number with + and country code, 7 to 15 digits without spaces, such as \
                    \"+5511999990000\"";
        expected(what, value)
    })
}

/// The name of an environment variable.
pub(super) fn variable(value: &DeValue<'_>) -> Read<String> {
    let fits = |text: &&str| {
        (1..=100).contains(&text.len())
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    // What was found is not repeated: it may be the key itself, and errors end up in logs.
    value.as_str().filter(fits).map(str::to_owned).ok_or_else(|| {
        "expected the name of the environment variable that holds the key, such as \
         \"STUDIO_LUA_KEY\", not the key itself"
            .to_owned()
    })
}

pub(super) fn flag(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// A length of time in whole seconds, both bounds allowed.
pub(super) fn length(
    least: TimeDelta,
    most: TimeDelta,
    example: &str,
) -> impl Fn(&DeValue<'_>) -> Read<TimeDelta> {
    bounded(&UNITS[..4], least, most, example)
}

/// A length of time in whole milliseconds, both bounds allowed.
pub(super) fn short_length(
    least: TimeDelta,
    most: TimeDelta,
    example: &str,
) -> impl Fn(&DeValue<'_>) -> Read<TimeDelta> {
    bounded(&UNITS, least, most, example)
}

fn bounded(
    units: &'static [(&str, i64)],
    least: TimeDelta,
    most: TimeDelta,
    example: &str,
) -> impl Fn(&DeValue<'_>) -> Read<TimeDelta> {
    move |value| {
        let read = value.as_str().and_then(|text| length_in(text, units));
        read.filter(|length| (least..=most).contains(length)).ok_or_else(|| {
            let (least, most) = (written(least), written(most));
            let what = format!("a length of time from {least} to {most}, such as {example:?}");
            expected(&what, value)
        })
    }
}

/// Numbers each with its unit, longest unit first, none twice: `1h30m`.
fn length_in(text: &str, units: &[(&str, i64)]) -> Option<TimeDelta> {
    let (mut rest, mut units, mut total) = (text, units, 0_i64);
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let place = units.iter().position(|&(name, _)| name == unit)?;
        let count: i64 = digits.parse().ok()?;
        total = total.checked_add(count.checked_mul(units[place].1)?)?;
        units = &units[place + 1..];
        rest = after;
    }
    TimeDelta::try_milliseconds(total).filter(|_| !text.is_empty())
}

/// A length of time as a file would say it: `1h30m`.
fn written(length: TimeDelta) -> String {
    let mut rest = length.num_milliseconds();
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest / size > 0 && (unit != "d" || rest % size == 0 && rest > size) {
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A price in hundredths.
pub(super) fn price(value: &DeValue<'_>) -> Read<i64> {
    value.as_str().and_then(hundredths).filter(|&price| price <= LARGEST_PRICE).ok_or_else(|| {
        let what = "a price in quotes, with a point and two decimals or none and no currency \
                    sign, such as \"80.00\"";
        expected(what, value)
    })
}

fn hundredths(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() != 2 {
        return None;
    }
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(decimals.parse().ok()?)
}

pub(super) fn capacity(value: &DeValue<'_>) -> Read<u16> {
    let number = value
        .as_integer()
        .and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
    number.filter(|number| (1..=1000).contains(number)).ok_or_else(|| {
        expected("how many customers at once, a whole number from 1 to 1000, such as 1", value)
    })
}

/// An address for e-mail: something on both sides of one `@`, and a domain with a dot.
pub(super) fn email(value: &DeValue<'_>) -> Read<String> {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| {
                c.is_control() || c.is_whitespace() || r#"@,;:<>()"\"#.contains(c)
            })
    };
    let fits = |text: &&str| {
        text.len() <= 254
            && text.split_once('@').is_some_and(|(local, domain)| {
                let labels = domain.rsplit_once('.');
                is_plain(local) && labels.is_some_and(|(name, top)| is_plain(name) && is_plain(top))
            })
    };
    value
        .as_str()
        .filter(fits)
        .map(str::to_owned)
        .ok_or_else(|| expected("an e-mail address, such as \"ana@example.org\"", value))
}

/// A local time of day, before midnight.
pub(super) fn time(value: &DeValue<'_>) -> Read<NaiveTime> {
    let read = value
        .as_str()
        .and_then(minutes)
        .and_then(|total| NaiveTime::from_hms_opt(u32::from(total / 60), u32::from(total % 60), 0));
    read.ok_or_else(|| expected("a time of day, such as \"07:30\"", value))
}

/// A stretch of a day, in minutes after midnight; it may end at `24:00`.
pub(super) fn opening(value: &DeValue<'_>) -> Read<(u16, u16)> {
    let (opens, closes) = value
        .as_str()
        .and_then(stretch)
        .ok_or_else(|| expected("opening and closing time, such as \"09:00-12:00\"", value))?;
    if opens < closes {
        return Ok((opens, closes));
    }
    let what = "an opening before its closing, such as \"09:00-12:00\"; over midnight, end one \
                day at 24:00 and begin the next at 00:00";
    Err(expected(what, value))
}

/// `false`, or a stretch that may go over midnight.
pub(super) fn quiet_hours(value: &DeValue<'_>) -> Read<Option<QuietHours>> {
    if value.as_bool() == Some(false) {
        return Ok(None);
    }
    let time = |minutes: u16| {
        NaiveTime::from_hms_opt(u32::from(minutes / 60 % 24), u32::from(minutes % 60), 0)
    };
    value
        .as_str()
        .and_then(stretch)
        .and_then(|(from, until)| Some(QuietHours { from: time(from)?, until: time(until)? }))
        .filter(|quiet| quiet.from != quiet.until)
        .map(Some)
        .ok_or_else(|| expected("two different times, such as \"21:00-08:00\", or false", value))
}

/// Two times of day joined by a hyphen, in minutes after midnight.
fn stretch(text: &str) -> Option<(u16, u16)> {
    let (from, until) = text.split_once('-')?;
    Some((minutes(from.trim_end())?, minutes(until.trim_start())?)).filter(|&(from, _)| from < 1440)
}

/// A time of day as minutes after midnight, 0 to 1440.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        let fits = lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours, 1..=2)?, number(minutes, 2..=2)?);
    Some(hours * 60 + minutes).filter(|&total| minutes < 60 && total <= 1440)
}

/// A day, quoted or as TOML's own local date.
pub(super) fn date(value: &DeValue<'_>) -> Read<NaiveDate> {
    written_moment(value)
        .filter(|text| text.len() == 10)
        .and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok())
        .ok_or_else(|| expected("a day that exists, such as \"2026-12-25\"", value))
}

/// A local time on a whole minute, quoted or as TOML's own local date-time.
pub(super) fn local_time(value: &DeValue<'_>) -> Read<NaiveDateTime> {
    let read = written_moment(value).and_then(|text| {
        let text = text.replacen(' ', "T", 1);
        let text = text.strip_suffix(":00").filter(|text| text.len() == 16).unwrap_or(&text);
        (text.len() == 16).then(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok())?
    });
    read.ok_or_else(|| {
        expected("a local day and time without offset, such as \"2026-12-24T12:00\"", value)
    })
}

fn written_moment(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        DeValue::Datetime(moment) => Some(moment.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_numbers_with_units_longest_first() {
        let cases = [
            ("45m", Some(2_700)),
            ("1h30m", Some(5_400)),
            ("24h", Some(86_400)),
            ("60d", Some(5_184_000)),
            ("1d2h3m4s", Some(93_784)),
            ("0m", Some(0)),
            ("90m", Some(5_400)),
            ("", None),
            ("45", None),
            ("m", None),
            ("30m1h", None),
            ("1h1h", None),
            ("1h 30m", None),
            ("-5m", None),
            ("5ms", None),
            ("5min", None),
            ("99999999999999999999d", None),
            ("9999999999999d", None),
            ("५m", None),
        ];
        for (text, seconds) in cases {
            let length = length_in(text, &UNITS[..4]).map(|length| length.num_seconds());
            assert_eq!(length, seconds, "{text:?}");
        }
        assert_eq!(length_in("1s500ms", &UNITS), Some(TimeDelta::milliseconds(1_500)));
    }

    #[test]
    fn bounds_are_told_as_a_file_would_write_them() {
        let cases = [
            (TimeDelta::zero(), "0s"),
            (TimeDelta::minutes(1), "1m"),
            (TimeDelta::hours(24), "24h"),
            (TimeDelta::days(731), "731d"),
            (TimeDelta::minutes(90), "1h30m"),
        ];
        for (length, text) in cases {
            assert_eq!(written(length), text);
        }
    }

    #[test]
    fn a_price_is_kept_in_hundredths_and_never_rounded() {
        let cases = [
            ("80.00", Some(8_000)),
            ("18000", Some(1_800_000)),
            ("0.05", Some(5)),
            ("9999999999.99", Some(LARGEST_PRICE)),
            ("80.5", None),
            ("80.005", None),
            ("80,00", None),
            ("$80", None),
            ("-1", None),
            ("", None),
            (".50", None),
            ("92233720368547758.08", None),
        ];
        for (text, price) in cases {
            assert_eq!(hundredths(text), price, "{text:?}");
        }
    }

    #[test]
    fn a_stretch_of_a_day_may_end_at_midnight_but_not_later() {
        let cases = [
            ("09:00-12:00", Some((540, 720))),
            ("9:00 - 12:30", Some((540, 750))),
            ("00:00-24:00", Some((0, 1_440))),
            ("24:00-08:00", None),
            ("09:00-24:01", None),
            ("09:60-12:00", None),
            ("09-12", None),
            ("9am-12pm", None),
            ("09:00", None),
            ("09:00–12:00", None),
        ];
        for (text, minutes) in cases {
            assert_eq!(stretch(text), minutes, "{text:?}");
        }
    }
}
