//! Numbers in words, and numbers that are none of a date: what is counted, labelled or paid.

use super::sense::Sense;
use super::token::{Field, Kind, Token};

/// Joins number words, and makes opaque the numbers that belong to something else.
pub(super) fn settle(tokens: &mut Vec<Token>) {
    let mut out = 0;
    let mut at = 0;
    while at < tokens.len() {
        let (token, next) = number(tokens, at);
        tokens[out] = token;
        out += 1;
        at = next;
    }
    tokens.truncate(out);
    join_spaced_dates(tokens);
    for at in 0..tokens.len() {
        if is_article(tokens, at) {
            tokens[at].kind = Kind::Word;
        }
        if tokens[at].has(Sense::Counted)
            && at > 0
            && (tokens[at - 1].number().is_some()
                || tokens[at - 1].ordinal().is_some()
                || matches!(tokens[at - 1].kind, Kind::Pair { .. }))
        {
            hide(&mut tokens[at - 1]);
            // "2 or 3 people": neither is a time.
            if at > 2 && tokens[at - 3].number().is_some() && tokens[at - 2].joins_numbers() {
                hide(&mut tokens[at - 3]);
            }
        }
        if tokens[at].has(Sense::Label) && at + 1 < tokens.len() {
            let beside = !matches!(tokens[at + 1].kind, Kind::Word | Kind::Stop);
            let number = if beside { at + 1 } else { at + 2 };
            let between_is_small = beside
                || tokens[at + 1].has(Sense::Filler)
                || (tokens[at + 1].kind == Kind::Stop && tokens[at + 1].glued);
            let is_number = |token: &Token| {
                matches!(token.kind, Kind::Number { .. } | Kind::Pair { .. } | Kind::Triple(_))
            };
            if between_is_small && tokens.get(number).is_some_and(is_number) {
                hide(&mut tokens[number]);
            }
        }
    }
}

/// "06 - 17 - 2014" is one date; three numbers between dashes that are none are a code or a phone
/// number.
fn join_spaced_dates(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at + 4 < tokens.len() {
        if tokens[at + 1].kind == Kind::Dash
            && tokens[at + 3].kind == Kind::Dash
            && let (Some(a), Some(b), Some(c)) =
                (tokens[at].field(), tokens[at + 2].field(), tokens[at + 4].field())
        {
            let date = (a.digits == 4 && b.digits <= 2 && c.digits <= 2)
                || (a.digits <= 2 && b.digits <= 2 && (c.digits == 2 || c.digits == 4));
            if date {
                tokens[at].kind = Kind::Triple([a, b, c]);
                tokens.drain(at + 1..at + 5);
            } else if a.digits > 2 || b.digits > 2 || c.digits > 2 {
                tokens[at..at + 5].iter_mut().for_each(hide);
            }
        }
        at += 1;
    }
}

/// "una cita", "um corte": an article before a thing, where no preposition of a time is before it.
fn is_article(tokens: &[Token], at: usize) -> bool {
    const TIME: [Sense; 10] = [
        Sense::At,
        Sense::The,
        Sense::To,
        Sense::ToHour,
        Sense::Until,
        Sense::And,
        Sense::Or,
        Sense::From,
        Sense::Between,
        Sense::Past,
    ];
    let is_one = tokens[at].has(Sense::Article) && tokens[at].number() == Some(1);
    let introduced = at > 0 && tokens[at - 1].senses.iter().any(|sense| TIME.contains(sense));
    let before_thing = tokens.get(at + 1).is_some_and(|next| {
        next.kind == Kind::Unknown || (next.has(Sense::Filler) && !next.has(Sense::ToHour))
    });
    is_one && !introduced && before_thing
}

impl Token {
    /// A number in digits, as a field of a date.
    fn field(&self) -> Option<Field> {
        match self.kind {
            Kind::Number { value, digits: digits @ 1.., zero } => {
                Some(Field { value, digits, zero })
            }
            _ => None,
        }
    }

    pub(super) fn has(&self, sense: Sense) -> bool {
        self.senses.contains(&sense)
    }

    pub(super) fn number(&self) -> Option<u32> {
        match self.kind {
            Kind::Number { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn ordinal(&self) -> Option<u8> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Ordinal(n) if *n > 0 => Some(*n),
            _ => None,
        })
    }

    fn joins_numbers(&self) -> bool {
        self.kind == Kind::Dash
            || [Sense::And, Sense::Or, Sense::To].iter().any(|sense| self.has(*sense))
    }

    fn word_number(&self) -> Option<u16> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Number(n) => Some(*n),
            _ => None,
        })
    }
}

fn hide(token: &mut Token) {
    (token.kind, token.senses) = (Kind::Opaque, &[]);
}

/// The 20th to the 29th, so that a joined ordinal has senses to point to.
static TWENTIES: [&[Sense]; 10] = [
    &[Sense::Ordinal(20)],
    &[Sense::Ordinal(21)],
    &[Sense::Ordinal(22)],
    &[Sense::Ordinal(23)],
    &[Sense::Ordinal(24)],
    &[Sense::Ordinal(25)],
    &[Sense::Ordinal(26)],
    &[Sense::Ordinal(27)],
    &[Sense::Ordinal(28)],
    &[Sense::Ordinal(29)],
];

/// The token at `at`, joined with what continues its number, and where the next one is.
fn number(tokens: &[Token], at: usize) -> (Token, usize) {
    let first = tokens[at];
    if let Some((ordinal, next)) = suffixed_or_joined_ordinal(tokens, at) {
        return (ordinal, next);
    }
    let Some(mut value) = first.word_number().map(u32::from) else { return (first, at + 1) };
    let mut next = at + 1;
    if matches!(value, 20 | 30 | 40 | 50) {
        let skip = usize::from(tokens.get(next).is_some_and(|token| token.has(Sense::And)));
        if let Some(unit) = tokens.get(next + skip).and_then(Token::word_number)
            && (1..10).contains(&unit)
            && (skip == 1 || !tokens[next + skip].has(Sense::Article))
        {
            value += u32::from(unit);
            next += skip + 1;
        }
    }
    if value < 10 && tokens.get(next).is_some_and(|token| token.has(Sense::Thousand)) {
        value *= 1000;
        next += 1;
        let skip = usize::from(tokens.get(next).is_some_and(|token| token.has(Sense::And)));
        if let Some(token) = tokens.get(next + skip)
            && token.word_number().is_some()
        {
            let (rest, after) = number(tokens, next + skip);
            if let Some(rest) = rest.number().filter(|rest| *rest < 100) {
                value += rest;
                next = after;
            }
        }
    }
    let senses = if next == at + 1 { first.senses } else { &[] };
    (Token { kind: Kind::Number { value, digits: 0, zero: false }, senses, ..first }, next)
}

/// "twenty second", "vigesimo segundo", "22nd", "3º".
fn suffixed_or_joined_ordinal(tokens: &[Token], at: usize) -> Option<(Token, usize)> {
    let first = tokens[at];
    let second = tokens.get(at + 1)?;
    if let Kind::Number { value, digits: 1.., .. } = first.kind {
        let suffix = second.glued && second.has(Sense::Ordinal(0));
        if !suffix {
            return None;
        }
        let senses = *DIGIT_ORDINALS.get(usize::try_from(value).ok()?)?;
        // "2a feira", "6a": where a language numbers its weekdays, the sense says so.
        let senses = if second.has(Sense::WeekdaySuffix) && (2..=6).contains(&value) {
            NUMBERED_WEEKDAYS[value as usize - 2]
        } else {
            senses
        };
        return Some((Token { kind: Kind::Suffixed, senses, ..first }, at + 2));
    }
    let tens = first.word_number().or(first.ordinal().map(u16::from))?;
    let unit = second.ordinal().filter(|unit| (1..10).contains(unit))?;
    let senses: &'static [Sense] = match (tens, unit) {
        (20, _) => TWENTIES[usize::from(unit)],
        (30, 1) => &[Sense::Ordinal(31)],
        _ => return None,
    };
    Some((Token { kind: Kind::Word, senses, ..first }, at + 2))
}

macro_rules! ordinals {
    ($($n:literal)*) => { [&[], $(&[Sense::Ordinal($n)]),*] };
}

static DIGIT_ORDINALS: [&[Sense]; 32] = ordinals!(
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);

/// "2a" to "6a": Monday to Friday, or second to sixth.
static NUMBERED_WEEKDAYS: [&[Sense]; 5] = [
    &[Sense::Weekday(0), Sense::Ordinal(2)],
    &[Sense::Weekday(1), Sense::Ordinal(3)],
    &[Sense::Weekday(2), Sense::Ordinal(4)],
    &[Sense::Weekday(3), Sense::Ordinal(5)],
    &[Sense::Weekday(4), Sense::Ordinal(6)],
];
