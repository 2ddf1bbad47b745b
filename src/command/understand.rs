//! `pontual understand`: what the understanding of dates and times makes of a text, as JSON.

use std::io::{BufRead, Write};

use anyhow::bail;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
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
/// If lines of `--jsonl` could not be read, how many, once all are answered; or if standard input or
/// output fails.
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
#[derive(Debug)]
struct Line {
    text: String,
    locale: Option<Locale>,
    tz: Option<Tz>,
    reference: Option<DateTime<FixedOffset>>,
}

impl Line {
    /// Reads a line's fields; a language may also be called a locale, which counts first.
    fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let locale = optional(fields, "locale")?;
        let lang = optional(fields, "lang")?;
        Ok(Self {
            text: optional(fields, "text")?.ok_or("text: is missing")?,
            locale: locale.or(lang),
            tz: optional(fields, "tz")?,
            reference: optional(fields, "ref")?,
        })
    }
}

/// A field that may be left out, or be null.
fn optional<T: DeserializeOwned>(
    fields: &Map<String, Value>,
    name: &str,
) -> Result<Option<T>, String> {
    let value = fields.get(name).unwrap_or(&Value::Null);
    Option::<T>::deserialize(value).map_err(|error| format!("{name}: {error}"))
}

/// Answers every line, also one that cannot be read: what follows it is none of its fault.
fn lines(
    input: impl BufRead,
    out: &mut impl Write,
    args: &Understand,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let (mut read, mut odd) = (0_u64, 0_u64);
    // By bytes: a line that is no UTF-8 is as odd as one that is no JSON.
    for (number, line) in (1_u64..).zip(input.split(b'\n')) {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        read += 1;
        let answer = answer(&line, number, args, now);
        odd += u64::from(answer.get("error").is_some());
        writeln!(out, "{answer}")?;
    }
    if odd > 0 {
        bail!("{odd} of {read} lines could not be read; the answer to each says why");
    }
    Ok(())
}

/// `{"id", "got"}`; or `{"id", "error"}`, with `line` for the id where there is none.
fn answer(line: &[u8], number: u64, args: &Understand, now: DateTime<Utc>) -> Value {
    let nameless = |error: String| json!({ "line": number, "error": error });
    let fields = match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return nameless("no JSON object".to_owned()),
        Err(error) => return nameless(format!("no JSON: {error}")),
    };
    let id = match fields.get("id") {
        None => return nameless("id: is missing".to_owned()),
        Some(Value::Array(_) | Value::Object(_)) => {
            return nameless("id: expected a string or a number".to_owned());
        }
        Some(id) => id,
    };
    match Line::read(&fields) {
        Ok(line) => {
            let locale = line.locale.unwrap_or(args.lang);
            let now = line.reference.map_or(now, |reference| reference.to_utc());
            let zone = line.tz.unwrap_or(args.tz);
            let said = understand(&line.text, now, zone, locale, &Hints::default());
            json!({ "id": id, "got": got(&said) })
        }
        Err(error) => json!({ "id": id, "error": error }),
    }
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

    /// What is written, and what the command ends with.
    fn run_on(input: &[u8]) -> (String, anyhow::Result<()>) {
        let args = Understand {
            lang: Locale::PT_BR,
            tz: chrono_tz::America::Sao_Paulo,
            now: None,
            jsonl: true,
            text: None,
        };
        let now = "2026-11-23T13:15:00Z".parse().unwrap();
        let mut out = Vec::new();
        let ended = lines(input, &mut out, &args, now);
        (String::from_utf8(out).unwrap(), ended)
    }

    fn answer_to(line: &str) -> String {
        let (out, ended) = run_on(line.as_bytes());
        ended.unwrap();
        out.trim_end().to_owned()
    }

    #[test]
    fn a_line_is_answered_in_its_own_locale_zone_and_time() {
        let line = r#"{"id":"a","text":"3/4 at 5pm","lang":"en","locale":"en-GB","tz":"Europe/London","ref":"2020-01-01T10:00:00+00:00"}"#;
        assert_eq!(
            answer_to(line),
            r#"{"got":{"date":"2020-04-03","kind":"datetime","time":"17:00"},"id":"a"}"#
        );
    }

    #[test]
    fn what_is_over_is_shown_and_what_says_nothing_is_none() {
        let over = answer_to(r#"{"id":"b","text":"ontem"}"#);
        assert_eq!(over, r#"{"got":{"date":"2026-11-22","kind":"date"},"id":"b"}"#);
        let nothing = answer_to(r#"{"id":"c","text":"obrigada!"}"#);
        assert_eq!(nothing, r#"{"got":{"kind":"none"},"id":"c"}"#);
    }

    #[test]
    fn an_id_of_any_kind_comes_back_as_it_is() {
        for id in ["7", "-0.5", "true", "null", "\"7\""] {
            let line = format!(r#"{{"id":{id},"text":"oi","lang":null}}"#);
            assert_eq!(answer_to(&line), format!(r#"{{"got":{{"kind":"none"}},"id":{id}}}"#));
        }
    }

    #[test]
    fn an_odd_line_is_answered_by_its_reason_and_the_next_ones_are_read() {
        let odd: [(&[u8], &str, &str); 9] = [
            (
                br#"{"id":7,"text":"oi","lang":"xx"}"#,
                r#""id":7"#,
                r#"lang: \"xx\" is not a locale"#,
            ),
            (br#"{"id":"a","text":"oi","tz":"Mars"}"#, r#""id":"a""#, "tz: "),
            (br#"{"id":"a","text":"oi","ref":"today"}"#, r#""id":"a""#, "ref: "),
            (br#"{"id":"a","text":3}"#, r#""id":"a""#, "text: invalid type"),
            (br#"{"id":"a"}"#, r#""id":"a""#, "text: is missing"),
            (br#"{"text":"oi"}"#, r#""line":1"#, "id: is missing"),
            (br#"{"id":[1],"text":"oi"}"#, r#""line":1"#, "id: expected"),
            (b"not json", r#""line":1"#, "no JSON: "),
            (b"\"ol\xe1\"", r#""line":1"#, "no JSON: "),
        ];
        for (line, named, reason) in odd {
            let input = [line, b"\r\n\n{\"id\":\"z\",\"text\":\"oi\"}"].concat();
            let (out, ended) = run_on(&input);
            let answers: Vec<&str> = out.lines().collect();
            assert_eq!(answers.len(), 2, "{out}");
            assert!(answers[0].starts_with(&format!("{{\"error\":\"{reason}")), "{out}");
            assert!(answers[0].ends_with(&format!(",{named}}}")), "{out}");
            assert_eq!(answers[1], r#"{"got":{"kind":"none"},"id":"z"}"#);
            let told = ended.unwrap_err().to_string();
            assert!(told.starts_with("1 of 2 lines could not be read"), "{told}");
        }
    }
}
