//! What a word can mean when it is about time, whatever the language.
//!
//! A lexicon gives each word or phrase one or more of these; the grammar knows no words at all, only
//! senses. That is why a language is one file.

use super::DayPart;

/// One thing a word can mean. Words with two meanings have two senses ("segunda": Monday, second).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// A day of the week, 0 is Monday.
    Weekday(u8),
    /// A weekday's abbreviation that is also another word ("ter", "sun", "mar"): it counts only
    /// beside other words about time, or alone.
    ShortWeekday(u8),
    /// Follows an ordinal to make it a weekday: "2a feira".
    WeekdaySuffix,
    /// 1 to 12.
    Month(u8),
    /// Days from today: yesterday is -1.
    RelativeDay(i8),
    /// Days from today, if it stands apart: "mañana o pasado".
    LoneDay(i8),
    Feast(Feast),

    /// This minute.
    Now,
    /// "já", "ya": now, if it is all that was written.
    AloneNow,
    Noon,
    Midnight,
    Part(DayPart),
    /// A part of today: "tonight", "esta tarde".
    PartOfToday(DayPart),
    /// A part of the day only after a day: "mañana tarde", "amanhã cedo".
    PartAfterDay(DayPart),
    /// A time that has a span by custom, in hours of the day: lunch is 12 to 14.
    Custom(u8, u8),
    /// `true` is pm.
    Meridiem(bool),
    /// "h", "horas", "o'clock": the number before is an hour.
    HourMark,
    Half,
    Quarter,
    /// "half past 3".
    Past,
    /// "quarter to 3", "quinze para as três".
    ToHour,
    /// "las tres menos cuarto".
    Less,
    /// "3ish", "ampm": the number before is a time, roughly.
    Roughly,

    Number(u16),
    /// Multiplies the number before: "dois mil".
    Thousand,
    Ordinal(u8),
    /// "a", "um", "una": one, before a unit of time.
    Article,
    Unit(Unit),

    At,
    On,
    The,
    Of,
    In,
    /// A start that may also just be "of": "das 9".
    From,
    /// A start that needs no end: "desde", "starting".
    Since,
    To,
    Between,
    And,
    Or,
    After,
    Before,
    Until,
    /// "em diante", "onwards".
    Onward,
    /// "3 days later", "from now".
    Later,
    /// "2 days ago", "há 2 anos".
    Ago,
    This,
    Next,
    /// The nearest one to come: "this coming friday".
    Coming,
    /// The second to come: "the week after next".
    AfterNext,
    /// The one that is over: "sexta passada".
    Previous,
    /// The last of several: "último dia de outubro".
    Final,
    Rest,
    Edge(Edge),

    Not,
    /// As [`Self::Not`], but also asks: "não tem sábado?" is about Saturday.
    MaybeNot,
    /// What follows replaces what came before: "ou melhor", "I mean".
    Instead,
    /// Nothing about when, whatever its words are: greetings, "segunda via".
    Nothing,
    /// A street or a square: the date after it is its name.
    Place,
    /// A person's name follows.
    Name,
    /// A number before counts these: "2 personas", "second floor".
    Counted,
    /// A number after belongs to it: "sala 3", "page 12".
    Label,
    /// Says nothing and separates nothing: "please", "por favor".
    Filler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Fortnight,
    Month,
    Year,
    Weekend,
    /// Monday to Friday.
    WorkWeek,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Start,
    Middle,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feast {
    /// Month and day.
    Fixed(u8, u8),
    /// Days from Easter Sunday.
    Easter(i8),
}
