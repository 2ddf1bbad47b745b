//! Tokens to items: what is said about when, piece by piece, in the order of the text.
//!
//! At each token the longest-standing rules are tried in order (lengths and periods before days,
//! days before times), the first that fits takes its tokens. The grammar only knows senses, so it is
//! one for all languages; where they differ, the lexicon's source says how.

use chrono::NaiveDateTime;

use super::DayPart;
use super::calendar::Day;
use super::clock::Clock;
use super::lexicon::Lexicon;
use super::period::{Length, Period};
use super::sense::{Edge, Sense, Unit};
use super::token::{Kind, Token};

/// A piece of what is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    Day(Day),
    Clock(Clock),
    Part {
        part: DayPart,
        today: bool,
    },
    Period(Period),
    /// A moment reckoned from now, or this minute itself.
    Moment(NaiveDateTime),
    /// From one time to another, or with an open end. `sure`: not just two bare numbers.
    Times {
        from: Option<Clock>,
        to: Option<Clock>,
        sure: bool,
    },
    /// From one day to another, or with an open end.
    Days {
        from: Option<Day>,
        to: Option<Day>,
    },
    /// From a time of one day to a time of another.
    Moments {
        from: (Day, Clock),
        to: (Day, Clock),
    },
    /// How long something takes.
    Length(Length),
    /// Hours of the day that have a name: lunch.
    Custom(u8, u8),
    /// A number that is not yet anything; `digits` 0: in words.
    Number {
        value: u32,
        digits: u8,
    },
    /// "3-8": two times, or a day and a month.
    Hyphenated {
        a: u32,
        b: u32,
        introduced: bool,
    },
    Mark(Mark),
    /// There is no such day or time.
    NoSuch,
    Comma,
    Stop,
    Dash,
    /// A word that says nothing about when.
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    From,
    Since,
    To,
    Between,
    And,
    Or,
    After,
    Before,
    Until,
    Onward,
    Not,
    MaybeNot,
    Instead,
}

pub(super) struct Scan<'t> {
    pub(super) tokens: &'t [Token],
    pub(super) lexicon: &'t Lexicon,
    pub(super) month_first: bool,
    /// Local time.
    pub(super) now: NaiveDateTime,
    /// After "between", "and" joins two times and not an hour with its minutes.
    pub(super) between: bool,
}

impl Scan<'_> {
    /// All items of the text.
    pub(super) fn items(mut self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.tokens.len());
        let mut at = 0;
        while at < self.tokens.len() {
            let before = items.iter().rev().find(|item| **item != Item::Comma);
            let (item, next) = self.item(at, before);
            self.between = match item {
                Some(Item::Mark(Mark::Between)) => true,
                Some(Item::Mark(_) | Item::Stop | Item::Word) => false,
                _ => self.between,
            };
            items.extend(item);
            debug_assert!(next > at, "a rule takes at least one token");
            at = next.max(at + 1);
        }
        items
    }

    fn item(&self, at: usize, before: Option<&Item>) -> (Option<Item>, usize) {
        if let Some(next) = self.trap(at) {
            return (Some(Item::Word), next);
        }
        if let Some((item, next)) = self.reckoned(at) {
            return (Some(item), next);
        }
        if let Some((period, next)) = self.period(at) {
            return (Some(Item::Period(period)), next);
        }
        if let Some((part, today, next)) = self.part(at, before) {
            return (Some(Item::Part { part, today }), next);
        }
        if let Some((item, next)) = self.day(at) {
            return (Some(item), next);
        }
        if let Some((item, next)) = self.time(at, before) {
            return (Some(item), next);
        }
        if let Some((length, next)) = self.length(at) {
            return (Some(Item::Length(length)), next);
        }
        self.single(at)
    }

    /// What a token is on its own.
    fn single(&self, at: usize) -> (Option<Item>, usize) {
        let token = self.tokens[at];
        let next = at + 1;
        let item = match token.kind {
            Kind::Number { value, digits, .. } => Some(Item::Number { value, digits }),
            Kind::NoClock => Some(Item::NoSuch),
            Kind::Pair { a, sign: b'-', b } if a.digits <= 2 && b.digits <= 2 => {
                Some(Item::Hyphenated { a: a.value, b: b.value, introduced: false })
            }
            Kind::Comma => Some(Item::Comma),
            Kind::Stop => Some(Item::Stop),
            Kind::Dash => Some(Item::Dash),
            Kind::Word => self.mark(at),
            _ => Some(Item::Word),
        };
        (item, next)
    }

    /// The first of a word's senses that joins or bounds what stands around it.
    fn mark(&self, at: usize) -> Option<Item> {
        for sense in self.tokens[at].senses {
            let mark = match sense {
                Sense::From => Mark::From,
                Sense::Since => Mark::Since,
                Sense::To => Mark::To,
                Sense::Between => Mark::Between,
                Sense::And => Mark::And,
                Sense::Or => Mark::Or,
                Sense::After => Mark::After,
                Sense::Before => Mark::Before,
                Sense::Until => Mark::Until,
                Sense::Onward => Mark::Onward,
                Sense::Not => Mark::Not,
                Sense::MaybeNot => Mark::MaybeNot,
                Sense::Instead => Mark::Instead,
                Sense::Custom(from, to) => return Some(Item::Custom(*from, *to)),
                Sense::AloneNow if self.tokens.len() == 1 => return Some(Item::Moment(self.now)),
                _ => continue,
            };
            return Some(Item::Mark(mark));
        }
        match self.tokens[at].senses {
            // These say nothing on their own, and do not stand between what is around them.
            senses if senses.iter().any(|sense| is_transparent(*sense)) => None,
            _ => Some(Item::Word),
        }
    }

    /// Greetings, names and streets: where they end.
    fn trap(&self, at: usize) -> Option<usize> {
        if self.has(at, Sense::Nothing) {
            return Some(at + 1);
        }
        if self.has(at, Sense::Name) {
            // A name has two words at most that could be a day or a month.
            let end = (at + 1..self.tokens.len()).take(3).take_while(|i| self.is_word(*i)).last();
            return end.map(|end| end + 1);
        }
        if self.has(at, Sense::Place) {
            // "av. 9 de julho"
            let dot =
                usize::from(self.kind(at + 1) == Some(Kind::Stop) && self.tokens[at + 1].glued);
            let start = self.skip(at + 1 + dot, &[Sense::Of, Sense::The]);
            let end = match self.day(start) {
                Some((Item::Day(_), end)) => end,
                _ if self.number(start).is_some() => start + 1,
                _ if self.tokens.get(start).is_some_and(|token| token.ordinal().is_some()) => {
                    start + 1
                }
                _ => return Some(start.max(at + 1)),
            };
            // The house number.
            let comma = self.kind(end) == Some(Kind::Comma);
            let number = end + usize::from(comma);
            let is_house = self.number(number).is_some()
                && !self.has(number + 1, Sense::HourMark)
                && !self.has(number + 1, Sense::Of);
            return Some(if is_house { number + 1 } else { end });
        }
        // "5th avenue": the number comes before the street.
        if self.tokens[at].ordinal().is_some() && self.has(at + 1, Sense::Place) {
            return Some(at + 2);
        }
        None
    }

    /// A part of the day, with what opens or closes it: "late afternoon", "fim da tarde de".
    fn part(&self, at: usize, before: Option<&Item>) -> Option<(DayPart, bool, usize)> {
        let mut start = at;
        let this = self.has(at, Sense::This);
        if self.edge(at).is_some() || this {
            start = self.skip(at + 1, &[Sense::Of, Sense::The, Sense::In, Sense::On, Sense::This]);
            // "this early evening", "later this afternoon".
            if self.edge(start).is_some() {
                start = self.skip(start + 1, &[Sense::Of, Sense::The, Sense::In]);
            }
        }
        // "early monday"
        let early = self.edge(at) == Some(Edge::Start) && start == at + 1;
        if early && (self.weekday_name(start).is_some() || self.is_relative_day(start)) {
            return Some((DayPart::Morning, false, start));
        }
        let this = this || (start > at && self.has(start - 1, Sense::This));
        for sense in self.tokens.get(start).map_or(&[][..], |token| token.senses) {
            match *sense {
                Sense::Part(part) => return Some((part, this, start + 1)),
                // "tuesday pm"
                Sense::Meridiem(pm) if matches!(before, Some(Item::Day(_))) => {
                    let part = if pm { DayPart::Afternoon } else { DayPart::Morning };
                    return Some((part, this, start + 1));
                }
                Sense::PartOfToday(part) => return Some((part, true, start + 1)),
                // "primera hora de mañana" is of tomorrow, "esta mañana" of today.
                Sense::PartAfterDay(part)
                    if this
                        || (start > at && !self.is_relative_day(start))
                        || self.allows_part(at, before) =>
                {
                    return Some((part, this, start + 1));
                }
                _ => {}
            }
        }
        // "a primera hora"
        self.find(at, |sense| match sense {
            Sense::PartAfterDay(part) if start > at => Some((part, false, at + 1)),
            _ => None,
        })
    }

    pub(super) fn is_relative_day(&self, at: usize) -> bool {
        self.find(at, |sense| matches!(sense, Sense::RelativeDay(_)).then_some(())).is_some()
    }

    /// Whether a word that is a part of the day only beside a day stands there, or alone.
    fn allows_part(&self, at: usize, before: Option<&Item>) -> bool {
        let alone = self.tokens.len() == 1 && !self.is_relative_day(at);
        // "tarde de sexta"
        let of = self.skip(at + 1, &[Sense::Of, Sense::The]);
        let of_day = of > at + 1 && self.weekday_name(of).is_some() && !self.is_relative_day(at);
        let beside = match before {
            Some(Item::Day(_) | Item::Moment(_)) => true,
            Some(Item::Mark(Mark::Or)) => !self.is_relative_day(at),
            _ => false,
        };
        alone || beside || of_day
    }

    // What tokens are; all answer for any index.

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    pub(super) fn has(&self, at: usize, sense: Sense) -> bool {
        self.tokens.get(at).is_some_and(|token| token.has(sense))
    }

    pub(super) fn number(&self, at: usize) -> Option<u32> {
        self.tokens.get(at)?.number()
    }

    pub(super) fn ordinal(&self, at: usize) -> Option<u8> {
        self.tokens.get(at)?.ordinal()
    }

    pub(super) fn find<T>(&self, at: usize, wanted: impl Fn(Sense) -> Option<T>) -> Option<T> {
        self.tokens.get(at)?.senses.iter().find_map(|sense| wanted(*sense))
    }

    pub(super) fn unit(&self, at: usize) -> Option<Unit> {
        self.find(at, |sense| match sense {
            Sense::Unit(unit) => Some(unit),
            _ => None,
        })
    }

    pub(super) fn edge(&self, at: usize) -> Option<Edge> {
        self.find(at, |sense| match sense {
            Sense::Edge(edge) => Some(edge),
            _ => None,
        })
    }

    pub(super) fn month(&self, at: usize) -> Option<u8> {
        self.find(at, |sense| match sense {
            Sense::Month(month) => Some(month),
            _ => None,
        })
    }

    pub(super) fn is_word(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Word | Kind::Unknown))
    }

    /// A word of which the lexicon knows nothing: what it follows may be about something else.
    pub(super) fn is_unknown(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Unknown))
    }

    /// The first token from `at` on that has none of `senses`.
    pub(super) fn skip(&self, mut at: usize, senses: &[Sense]) -> usize {
        while let Some(token) = self.tokens.get(at) {
            if !token.senses.iter().any(|sense| senses.contains(sense)) {
                break;
            }
            at += 1;
        }
        at
    }

    /// As [`Self::skip`], over one comma, stop or dash too.
    pub(super) fn past_sign(&self, at: usize) -> usize {
        at + usize::from(matches!(self.kind(at), Some(Kind::Comma | Kind::Stop | Kind::Dash)))
    }
}

fn is_transparent(sense: Sense) -> bool {
    matches!(
        sense,
        Sense::At
            | Sense::On
            | Sense::The
            | Sense::Of
            | Sense::In
            | Sense::This
            | Sense::Filler
            | Sense::Roughly
            | Sense::Article
    )
}
