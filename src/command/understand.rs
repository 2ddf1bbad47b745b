//! `pontual understand`: what the understanding of dates and times makes of a text, as JSON.

use std::io::{BufRead, Write};

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::domain::locale::Locale;
use crate::domain::temporal::{
    Candidate, Choice, DayPart, Hints, Meaning, Problem, Understanding, understand,
};

/// Show what is understood of a date or a time in a message
#[derive(Debug, clap::Args)]
pub struct Understand {
    /// Language or locale of the text, such as pt-BR
    #[arg(long, default_value = "pt-BR")]
    lang: Locale,
    /// Time zone of whoever wrote it
    #[arg(long, default_value = "America/Sao_Paulo")]
    tz: Tz,
    /// When it was written, RFC 3339; otherwise now
    #[arg(long)]
    now: Option<DateTime<Utc>>,
    /// Read objects {"id", "text", "lang" or "locale", "tz", "ref"} from stdin, one a line
    #[arg(long, conflicts_with = "text")]
    jsonl: bool,
    /// The message
    #[arg(required_unless_present = "jsonl")]
    text: Option<String>,
}

/// Answers on standard output; `now` is the time for texts that bring none.
///
/// # Errors
///
/// If a line of `--jsonl` is no such object, with its number; or if standard input or output fails.
pub fn run(args: &Understand, now: DateTime<Utc>) -> anyhow::Result<()> {
    let now = args.now.unwrap_or(now);
    let mut out = std::io::stdout().lock();
    if args.jsonl {
        return lines(std::io::stdin().lock(), &mut out, args, now);
    }
    let text = args.text.as_deref().unwrap_or_default();
    let said = understand(text, now, args.tz, args.lang, &Hints::default());
    let answer = json!({
        "text": text,
        "now": now.with_timezone(&args.tz).to_rfc3339(),
        "locale": args.lang,
        "candidates": said.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "problem": said.problem.map(problem),
    });
    writeln!(out, "{answer:#}")?;
    Ok(())
}

/// One text of `--jsonl`.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    text: String,
    /// A language or a locale; the first that is there of `locale` and `lang` counts.
    lang: Option<Locale>,
    locale: Option<Locale>,
    tz: Option<Tz>,
    #[serde(rename = "ref")]
    reference: Option<DateTime<chrono::FixedOffset>>,
}

fn lines(
    input: impl BufRead,
    out: &mut impl Write,
    args: &Understand,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    for (number, line) in (1..).zip(input.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&line).with_context(|| format!("line {number} of the input"))?;
        let locale = line.locale.or(line.lang).unwrap_or(args.lang);
        let now = line.reference.map_or(now, |reference| reference.to_utc());
        let said =
            understand(&line.text, now, line.tz.unwrap_or(args.tz), locale, &Hints::default());
        writeln!(out, "{}", json!({ "id": line.id, "got": got(&said) }))?;
    }
    Ok(())
}

/// The likeliest reading in the corpus's form, also one that is over; `none` if there is no reading.
pub fn got(said: &Understanding) -> Value {
    let over = match said.problem {
        Some(Problem::InThePast(meaning)) => meaning,
        _ => None,
    };
    match said.candidates.first().map(|first| first.meaning).or(over) {
        Some(meaning) => Value::Object(fields(meaning)),
        None => json!({ "kind": "none" }),
    }
}

fn candidate(candidate: &Candidate) -> Value {
    let mut fields = fields(candidate.meaning);
    fields.insert("rule".to_owned(), candidate.rule.into());
    if !candidate.choices.is_empty() {
        let choices: Vec<_> = candidate.choices.iter().copied().map(choice).collect();
        fields.insert("choices".to_owned(), choices.into());
    }
    Value::Object(fields)
}

fn problem(problem: Problem) -> Value {
    match problem {
        Problem::NoSuchDate => json!({ "problem": "no such date or time" }),
        Problem::InThePast(meaning) => {
            json!({ "problem": "in the past", "meaning": meaning.map(fields) })
        }
    }
}

fn choice(choice: Choice) -> &'static str {
    match choice {
        Choice::AmPm => "am-pm",
        Choice::NextWeekday => "next-weekday",
        Choice::DayMonthOrder => "day-month-order",
        Choice::WeekdayAgainstDate => "weekday-against-date",
        Choice::Latent => "latent",
    }
}

fn fields(meaning: Meaning) -> Map<String, Value> {
    let (kind, fields): (&str, Vec<(&str, Value)>) = match meaning {
        Meaning::Date(date) => ("date", vec![("date", day(date))]),
        Meaning::Time(time) => ("time", vec![("time", clock(time))]),
        Meaning::DateTime(moment) => {
            ("datetime", vec![("date", day(moment.date())), ("time", clock(moment.time()))])
        }
        Meaning::Part { part: which, date } => (
            "daypart",
            date.map(|date| ("date", day(date)))
                .into_iter()
                .chain([("part", part(which).into())])
                .collect(),
        ),
        Meaning::Times { date, from, to } => (
            "range",
            date.map(|date| ("date", day(date)))
                .into_iter()
                .chain([
                    ("from", from.map_or(Value::Null, clock)),
                    ("to", to.map_or(Value::Null, clock)),
                ])
                .collect(),
        ),
        Meaning::Dates { from, to } => (
            "range",
            vec![("from", from.map_or(Value::Null, day)), ("to", to.map_or(Value::Null, day))],
        ),
        Meaning::Moments { from, to } => (
            "range",
            vec![
                ("from", from.map_or(Value::Null, moment)),
                ("to", to.map_or(Value::Null, moment)),
            ],
        ),
    };
    std::iter::once(("kind", Value::from(kind)))
        .chain(fields)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn part(part: DayPart) -> &'static str {
    match part {
        DayPart::Morning => "morning",
        DayPart::Afternoon => "afternoon",
        DayPart::Evening => "evening",
        DayPart::Night => "night",
    }
}

fn day(date: NaiveDate) -> Value {
    date.to_string().into()
}

fn clock(time: NaiveTime) -> Value {
    time.format("%H:%M").to_string().into()
}

fn moment(moment: NaiveDateTime) -> Value {
    moment.format("%Y-%m-%dT%H:%M").to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> anyhow::Result<String> {
        let args = Understand {
            lang: Locale::PT_BR,
            tz: chrono_tz::America::Sao_Paulo,
            now: None,
            jsonl: true,
            text: None,
        };
        let now = "2026-11-23T13:15:00Z".parse()?;
        let mut out = Vec::new();
        lines(line.as_bytes(), &mut out, &args, now)?;
        Ok(String::from_utf8(out)?.trim_end().to_owned())
    }

    #[test]
    fn a_line_is_answered_in_its_own_locale_zone_and_time() {
        let line = r#"{"id":"a","text":"3/4 at 5pm","lang":"en","locale":"en-GB","tz":"Europe/London","ref":"2020-01-01T10:00:00+00:00"}"#;
        assert_eq!(
            answer(line).unwrap(),
            r#"{"got":{"date":"2020-04-03","kind":"datetime","time":"17:00"},"id":"a"}"#
        );
    }

    #[test]
    fn what_is_over_is_shown_and_what_says_nothing_is_none() {
        let over = answer(r#"{"id":"b","text":"ontem"}"#).unwrap();
        assert_eq!(over, r#"{"got":{"date":"2026-11-22","kind":"date"},"id":"b"}"#);
        let nothing = answer(r#"{"id":"c","text":"obrigada!"}"#).unwrap();
        assert_eq!(nothing, r#"{"got":{"kind":"none"},"id":"c"}"#);
    }

    #[test]
    fn a_line_that_is_no_object_is_named_by_its_number() {
        let error = answer("{\"id\":\"a\",\"text\":\"oi\"}\nnot json").unwrap_err();
        assert!(format!("{error:#}").starts_with("line 2 of the input"), "{error:#}");
    }
}
