//! Other libraries beside ours on the English texts of the corpus, by its relaxed rule.
//!
//! `cargo bench --bench peers` prints a table. The peers read English alone and a text that is
//! nothing but a date; they cannot say whether a day or a time was named, so kinds are not compared,
//! save that nothing matches only nothing and a range only a range. A part of the day is taken from
//! the hour they give.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Timelike};
use chrono_tz::Tz;
use pontual::command::understand::got;
use pontual::domain::locale::Locale;
use pontual::domain::temporal::{Hints, understand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Case {
    text: String,
    locale: Locale,
    tz: Tz,
    #[serde(rename = "ref")]
    reference: DateTime<FixedOffset>,
    expect: Map<String, Value>,
    #[serde(default)]
    alt: Vec<Map<String, Value>>,
}

impl Case {
    fn now(&self) -> NaiveDateTime {
        self.reference.naive_local()
    }
}

type Parser = fn(&Case) -> Value;

fn ours(case: &Case) -> Value {
    let now = case.reference.to_utc();
    got(&understand(&case.text, now, case.tz, case.locale, &Hints::default()))
}

fn interim(case: &Case) -> Value {
    let dialect =
        if case.locale.month_first() { interim::Dialect::Us } else { interim::Dialect::Uk };
    let local = case.now().and_utc();
    match interim::parse_date_string(&case.text, local, dialect) {
        Ok(moment) => at(moment.naive_utc()),
        Err(_) => nothing(),
    }
}

fn fuzzydate(case: &Case) -> Value {
    fuzzydate::parse_relative_to(case.text.as_str(), case.now()).map_or_else(|_| nothing(), at)
}

fn two_timer(case: &Case) -> Value {
    let config = two_timer::Config::new().now(case.now()).default_to_past(false);
    match two_timer::parse(&case.text, Some(config)) {
        Ok((start, end, _)) => {
            let mut got = at(start);
            let whole_days =
                start.num_seconds_from_midnight() == 0 && end.num_seconds_from_midnight() == 0;
            (got["from"], got["to"]) = if whole_days {
                let last = end.date().pred_opt().unwrap_or(end.date());
                (json!(start.date()), json!(last))
            } else {
                (json!(start.format("%H:%M").to_string()), json!(end.format("%H:%M").to_string()))
            };
            got
        }
        Err(_) => nothing(),
    }
}

fn nothing() -> Value {
    json!({ "kind": "none" })
}

fn at(moment: NaiveDateTime) -> Value {
    let part = match moment.hour() {
        4..12 => "morning",
        12..17 => "afternoon",
        _ => "night",
    };
    json!({
        "kind": "some",
        "date": moment.date(),
        "time": moment.format("%H:%M").to_string(),
        "part": part,
    })
}

/// The relaxed rule.
fn is_right(expect: &Map<String, Value>, got: &Value) -> bool {
    let is_none = |kind: Option<&Value>| kind.and_then(Value::as_str) == Some("none");
    if is_none(expect.get("kind")) || is_none(got.get("kind")) {
        return is_none(expect.get("kind")) && is_none(got.get("kind"));
    }
    let night = |value: &Value| if value == "evening" { json!("night") } else { value.clone() };
    expect
        .iter()
        .filter(|(field, _)| *field != "kind")
        .all(|(field, value)| got.get(field).map(night) == Some(night(value)))
}

fn main() {
    let cases: Vec<Case> = include_str!("../tests/fixtures/datetime-corpus/en.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a corpus line"))
        .collect();
    // A peer that panics has no answer; what it says of it is not shown.
    std::panic::set_hook(Box::new(|_| {}));
    let parsers: [(&str, Parser); 4] = [
        ("pontual", ours),
        ("two_timer", two_timer),
        ("fuzzydate", fuzzydate),
        ("interim", interim),
    ];
    println!("{:10} {:>12} {:>8} {:>12} {:>8}", "", "right", "", "median", "panics");
    for (name, parser) in parsers {
        let (mut right, mut panics) = (0, 0);
        let mut took: Vec<Duration> = Vec::with_capacity(cases.len());
        for case in &cases {
            let start = Instant::now();
            let got = catch_unwind(|| parser(case));
            took.push(start.elapsed());
            panics += usize::from(got.is_err());
            let got = got.unwrap_or_else(|_| nothing());
            let met = |expect: &Map<String, Value>| is_right(expect, &got);
            right += usize::from(met(&case.expect) || case.alt.iter().any(met));
        }
        took.sort_unstable();
        let share = 100.0 * f64::from(u32::try_from(right).unwrap_or(0))
            / f64::from(u32::try_from(cases.len()).unwrap_or(1));
        let median = took[took.len() / 2];
        println!(
            "{name:10} {right:>6} of {} {share:>7.1}% {median:>12.1?} {panics:>8}",
            cases.len()
        );
    }
}
