//! What a text says about when: "amanhã às 15h" + now + time zone → candidates.
//!
//! A text becomes tokens (`lexer`), each with the senses (`sense`) that its language's lexicon gives
//! it; the `grammar` reads tokens into items (a day, a time, "between"), `span` joins items into
//! ranges and takes back what was taken back, and `reading` makes of them what is meant, with every
//! choice named.
//!
//! The grammar knows no word of any language, and no rule runs backwards: the work is bounded by the
//! length of the text, of which only the first 500 characters are looked at.
//!
//! What lost: one pattern table a language, as other date parsers have it. It repeats the grammar of
//! "day, then time" for each language, and its rules meet each other in ways no one foresees.

mod bare;
mod calendar;
mod clock;
mod day;
mod fold;
mod grammar;
mod group;
mod lexer;
mod lexicon;
mod month;
mod numbers;
mod period;
mod reading;
mod sense;
mod span;
mod time;
mod token;
mod weekday;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::domain::catalogue::WeekHours;
use crate::domain::language;
use crate::domain::locale::Locale;

pub use lexicon::{Lexicon, Source};
pub use sense::{Edge, Feast, Sense, Unit};

/// Reads what `text`, written at `now` by someone whose clock is in `zone`, says about when.
///
/// Total: any text gives an answer. The same arguments give the same answer. Days and times are
/// local to `zone`, and of a day that daylight saving cuts short no hour is missing: whether a time
/// exists there is for the calendar of slots to say. Of an hour of 12 with neither am, pm nor a part
/// of the day the reading inside `hints.hours` is taken, without hours the one of business hours
/// (1 to 7 in the afternoon, 8 to 11 in the morning, 12 at noon); both are candidates where both are
/// open.
///
/// # Examples
///
/// ```
/// use chrono::{NaiveDate, Utc};
/// use pontual::domain::locale::Locale;
/// use pontual::domain::temporal::{Hints, Meaning, understand};
///
/// let now = "2026-11-23T13:15:00Z".parse::<chrono::DateTime<Utc>>()?;
/// let zone = chrono_tz::America::Sao_Paulo;
/// let said = understand("amanhã às 15h", now, zone, Locale::PT_BR, &Hints::default());
/// let meant = NaiveDate::from_ymd_opt(2026, 11, 24).and_then(|day| day.and_hms_opt(15, 0, 0));
/// assert_eq!(said.candidates[0].meaning, Meaning::DateTime(meant.expect("a real moment")));
/// # Ok::<(), chrono::ParseError>(())
/// ```
pub fn understand(
    text: &str,
    now: DateTime<Utc>,
    zone: Tz,
    locale: Locale,
    hints: &Hints<'_>,
) -> Understanding {
    let now = now.with_timezone(&zone).naive_local();
    let lexicon = language::lexicon(locale.language());
    let mut tokens = lexer::tokens(text, lexicon);
    numbers::settle(&mut tokens);
    let month_first = locale.month_first();
    let scan = grammar::Scan { tokens: &tokens, lexicon, month_first, now, between: false };
    let items = scan.items();
    let mut items = span::ranges(&items, lexicon.source.at_means_to);
    span::withdraw(&mut items);
    reading::read(&items, now, hints, month_first)
}

/// What a text says about when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Understanding {
    /// Readings that are open, the most likely first; more than one: ask. Empty: nothing was said
    /// about when, or `problem` says what is wrong with it.
    pub candidates: Vec<Candidate>,
    /// Something was said about when that cannot be: there is no such day or time, or it is over.
    pub problem: Option<Problem>,
}

/// One reading of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub meaning: Meaning,
    /// The rule that made it, for people and logs, such as `weekday+time`.
    pub rule: &'static str,
    /// Where a choice was made that the customer did not write.
    pub choices: Vec<Choice>,
}

/// A date, a time, or both, or a stretch of them. All local to the zone given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Date(NaiveDate),
    /// A time with no day.
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    Part {
        part: DayPart,
        date: Option<NaiveDate>,
    },
    /// From one time to another of one day; an open end is `None`, not both.
    Times {
        date: Option<NaiveDate>,
        from: Option<NaiveTime>,
        to: Option<NaiveTime>,
    },
    /// Days, the last one included; an open end is `None`, not both.
    Dates {
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    },
    /// From one moment to another on different days; an open end is `None`, not both.
    Moments {
        from: Option<NaiveDateTime>,
        to: Option<NaiveDateTime>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayPart {
    Morning,
    Afternoon,
    Evening,
    Night,
}

/// What had to be chosen to arrive at a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// "às 3" read as 15:00.
    AmPm,
    /// "sexta que vem": this week's or the next one's.
    NextWeekday,
    /// 04/06: day or month first.
    DayMonthOrder,
    /// "Friday 13th" when the 13th is no Friday.
    WeekdayAgainstDate,
    /// A bare number or the like, readable only as the answer to a question.
    Latent,
}

/// Why what was said cannot be a time to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// 31/02, 25h.
    NoSuchDate,
    /// "ontem", or a time of today that is over; the reading where there is one.
    InThePast(Option<Meaning>),
}

/// What the conversation knows that helps to read a text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// Opening hours decide between morning and afternoon: "às 3" is 15:00 where 03:00 is closed.
    pub hours: Option<&'a WeekHours>,
    /// What was just asked, so that a bare number is readable.
    pub expecting: Expecting,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expecting {
    #[default]
    Nothing,
    /// "Which day?": "25" is a day of the month.
    Day,
    /// "At what time?": "3" is an hour.
    Time,
    /// "Which day and time?"
    DayAndTime,
}
