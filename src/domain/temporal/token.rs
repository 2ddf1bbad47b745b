//! Tokens: what a lexer makes of words and of numbers with signs between them.

use super::sense::Sense;

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    /// Empty for all but words.
    pub senses: &'static [Sense],
    /// Nothing stands between it and the token before.
    pub glued: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// Digits with the end of an ordinal: "2nd", "4ª".
    Suffixed,
    Unknown,
    /// `digits` is 0 for a number in words; `zero`: written with a leading zero.
    Number {
        value: u32,
        digits: u8,
        zero: bool,
    },
    /// Written with a colon; there is such a time.
    Clock {
        hour: u8,
        minute: u8,
        zero: bool,
    },
    /// Written like a time, and there is no such time.
    NoClock,
    /// Two numbers and the sign between them.
    Pair {
        a: Field,
        sign: u8,
        b: Field,
    },
    /// Three numbers with the same sign between them.
    Triple([Field; 3]),
    /// A dash, or a slash beside a word.
    Dash,
    Comma,
    /// The end of a sentence or of a line, a bracket, a colon.
    Stop,
    /// A number that is none of a date or time: money, a phone number, a code.
    Opaque,
}

/// A number of a cluster as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Field {
    pub value: u32,
    pub digits: u8,
    pub zero: bool,
}
pub(super) fn shape(fields: &[Field], signs: &[u8]) -> Option<Kind> {
    match (fields, signs) {
        ([only], []) => {
            Some(Kind::Number { value: only.value, digits: only.digits, zero: only.zero })
        }
        ([hour, minute], b":") => clock(*hour, *minute),
        ([hour, minute, second], b"::") if second.digits == 2 => clock(*hour, *minute),
        // Rather a part of a phone number; 0730-0930 is read as two.
        ([a, b], b"-") if a.digits >= 3 && b.digits >= 3 => None,
        ([a, b], [sign]) if *sign != b':' => Some(Kind::Pair { a: *a, sign: *sign, b: *b }),
        ([a, b, c], [first, second]) if first == second && b"-./".contains(first) => {
            Some(Kind::Triple([*a, *b, *c]))
        }
        _ => None,
    }
}

/// 0730 or 1415, and not a year.
pub(super) fn is_digital_clock(field: Field) -> bool {
    field.digits == 4
        && field.value <= 2400
        && field.value % 100 < 60
        && !(1900..2100).contains(&field.value)
}

fn clock(hour: Field, minute: Field) -> Option<Kind> {
    // 4:3 is a ratio.
    if hour.digits > 2 || minute.digits != 2 {
        return None;
    }
    Some(match (u8::try_from(hour.value), u8::try_from(minute.value)) {
        (Ok(hours @ 0..=24), Ok(minutes @ 0..=59)) if hours < 24 || minutes == 0 => {
            Kind::Clock { hour: hours % 24, minute: minutes, zero: hour.zero }
        }
        _ => Kind::NoClock,
    })
}
