//! Text to tokens: words with their senses, and numbers in the shapes that dates and times take.
//!
//! One pass over the folded text. Digits and the signs between them are read as one cluster, and a
//! cluster of no known shape (a phone number, a tax number, a code) becomes one opaque token, so that
//! no later rule can read a date into a part of it.

use super::fold::fold;
use super::lexicon::Lexicon;
use super::sense::Sense;
use super::token::{Field, Kind, Token, is_digital_clock, shape};

/// More tokens than a message about one appointment needs; what follows is not looked at.
const MOST_TOKENS: usize = 160;

/// Reads `text` into tokens.
pub(super) fn tokens(text: &str, lexicon: &Lexicon) -> Vec<Token> {
    let folded = fold(text);
    let mut lexer = Lexer {
        text: &folded,
        bytes: folded.as_bytes(),
        at: 0,
        blob: 0,
        poisoned: false,
        spaced: true,
        out: Vec::with_capacity(32),
        lexicon,
    };
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// The first token since the last space.
    blob: usize,
    /// Letters and digits are mixed without sense: all until the next space is opaque.
    poisoned: bool,
    spaced: bool,
    out: Vec<Token>,
    lexicon: &'t Lexicon,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.out.len() >= MOST_TOKENS {
                return;
            }
            match byte {
                b'0'..=b'9' => self.cluster(),
                _ if is_letter(byte) => self.word(),
                b'\n' | b'\r' => {
                    self.push(Kind::Stop);
                    self.space();
                }
                _ if byte.is_ascii_whitespace() => self.space(),
                _ => self.sign(byte),
            }
        }
    }

    fn push(&mut self, kind: Kind) {
        self.push_word(if self.poisoned { Kind::Opaque } else { kind }, &[]);
    }

    fn push_word(&mut self, kind: Kind, senses: &'static [Sense]) {
        self.out.push(Token { kind, senses, glued: !self.spaced });
        self.spaced = false;
    }

    fn space(&mut self) {
        self.at += 1;
        self.spaced = true;
        self.poisoned = false;
        self.blob = self.out.len();
    }

    /// All since the last space, and until the next, belongs to a code.
    fn poison(&mut self) {
        self.poisoned = true;
        for token in &mut self.out[self.blob..] {
            (token.kind, token.senses) = (Kind::Opaque, &[]);
        }
    }

    fn sign(&mut self, byte: u8) {
        let next = self.bytes.get(self.at + 1).copied().unwrap_or(b' ');
        let before = self.at.checked_sub(1).map_or(b' ', |at| self.bytes[at]);
        match byte {
            b'\'' | b'"' | b'_' | b'*' => {}
            b'-' if is_letter(before) && is_letter(next) => {
                if self.is_between_weekdays() {
                    self.push(Kind::Dash);
                } else {
                    self.spaced = true;
                }
            }
            b'-' if before.is_ascii_digit() && self.is_roughly(self.at + 1) => {}
            b'-' | b'/' => self.push(Kind::Dash),
            b',' => self.push(Kind::Comma),
            // The dot of an abbreviation: "Dez.", "seg."
            b'.' if self.is_after_abbreviation() && next != b'\n' => {}
            b'@' | b'~' => self.push_word(Kind::Word, &[Sense::At]),
            b'&' => self.push_word(Kind::Word, &[Sense::And]),
            b'$' => self.money(),
            b'%' => self.previous_number_is_opaque(),
            b'+' | b'#' if next.is_ascii_digit() => {
                self.push(Kind::Opaque);
                self.poisoned = true;
            }
            _ => self.push(Kind::Stop),
        }
        self.at += 1;
    }

    /// "mon-fri", and not "segunda-feira".
    fn is_between_weekdays(&self) -> bool {
        let from = self.at + 1;
        let next = &self.text[from..self.word_end(from)];
        let is_weekday = |senses: &[Sense]| senses.iter().any(|s| matches!(s, Sense::Weekday(_)));
        self.out.last().is_some_and(|token| is_weekday(token.senses))
            && self.lexicon.phrase(next, |_| None).is_some_and(|(senses, _)| is_weekday(senses))
    }

    /// "3-ish"
    fn is_roughly(&self, from: usize) -> bool {
        let senses = self.lexicon.suffix(&self.text[from..self.word_end(from)]);
        senses.is_some_and(|senses| senses.contains(&Sense::Roughly))
    }

    fn is_after_abbreviation(&self) -> bool {
        !self.spaced
            && self.out.last().is_some_and(|token| {
                token
                    .senses
                    .iter()
                    .any(|sense| matches!(sense, Sense::Weekday(_) | Sense::Month(_)))
            })
    }

    /// "$ 45" and "45 $": the number is no time.
    fn money(&mut self) {
        let rest = self.bytes[self.at + 1..].trim_ascii_start();
        if rest.first().is_some_and(u8::is_ascii_digit) {
            let skipped = self.bytes.len() - self.at - 1 - rest.len();
            let digits =
                rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.' || **b == b',');
            let length = digits.count();
            self.at += skipped + length;
            self.push(Kind::Opaque);
        } else {
            self.previous_number_is_opaque();
        }
    }

    fn previous_number_is_opaque(&mut self) {
        if let Some(last) = self.out.last_mut()
            && matches!(last.kind, Kind::Number { .. } | Kind::Pair { .. })
        {
            last.kind = Kind::Opaque;
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let end = self.word_end(start);
        let after_number = matches!(self.out.last(), Some(Token { kind: Kind::Number { .. }, .. }));
        let glued_to_digits = (after_number && !self.spaced)
            || (start > 0 && self.bytes[start - 1].is_ascii_digit())
            || self.bytes.get(end).is_some_and(u8::is_ascii_digit);
        let text = self.text;
        let letters = &text[start..end];
        self.at = end;
        if self.poisoned {
            return self.push(Kind::Opaque);
        }
        if let Some(pm) = self.dotted_meridiem(letters) {
            let senses: &[Sense] =
                if pm { &[Sense::Meridiem(true)] } else { &[Sense::Meridiem(false)] };
            return self.push_word(Kind::Word, senses);
        }
        if glued_to_digits && let Some(senses) = self.lexicon.suffix(letters) {
            // "2morrow": the digit is a syllable.
            if after_number && senses.iter().any(|s| matches!(s, Sense::RelativeDay(_))) {
                self.out.pop();
            }
            return self.push_word(Kind::Word, senses);
        }
        let mut ends = [end; 8];
        let found = {
            let lexer = &*self;
            lexer.lexicon.phrase(letters, |n| {
                let from = lexer.next_word(*ends.get(n)?)?;
                let to = lexer.word_end(from);
                if let Some(slot) = ends.get_mut(n + 1) {
                    *slot = to;
                }
                Some(&text[from..to])
            })
        };
        if let Some((senses, further)) = found {
            self.at = ends[further.min(7)];
            return self.push_word(Kind::Word, senses);
        }
        if glued_to_digits {
            self.poison();
            return self.push(Kind::Opaque);
        }
        let weekday = self.next_word(end).is_some_and(|from| {
            self.lexicon.is_weekday_suffix(&self.text[from..self.word_end(from)])
        });
        match self.lexicon.typo(letters, weekday) {
            Some(senses) => self.push_word(Kind::Word, senses),
            None => self.push(Kind::Unknown),
        }
    }

    /// "a.m.", "p . m", "p m": the letter has been read, the rest follows.
    fn dotted_meridiem(&mut self, letters: &str) -> Option<bool> {
        let pm = match letters {
            "a" => false,
            "p" => true,
            _ => return None,
        };
        let after_time = matches!(
            self.out.last(),
            Some(Token { kind: Kind::Number { .. } | Kind::Clock { .. }, .. })
        );
        let mut at = self.at;
        while self.bytes.get(at).is_some_and(|b| *b == b'.' || *b == b' ') {
            at += 1;
        }
        if at == self.at || self.bytes.get(at) != Some(&b'm') || self.word_end(at) != at + 1 {
            // "9:45 p"
            let is_pm = |senses: &'static [Sense]| senses.contains(&Sense::Meridiem(true));
            return (pm && after_time && self.lexicon.suffix("p").is_some_and(is_pm))
                .then_some(true);
        }
        self.at = at + 1;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
        }
        Some(pm)
    }

    /// Where the word that starts at `at` ends.
    fn word_end(&self, mut at: usize) -> usize {
        while self.bytes.get(at).is_some_and(|byte| is_letter(*byte)) {
            at += 1;
        }
        at
    }

    /// Where the next word starts, if only spaces or one hyphen stand before it.
    fn next_word(&self, mut at: usize) -> Option<usize> {
        let start = at;
        while matches!(self.bytes.get(at), Some(b' ' | b'\t' | b'-')) {
            at += 1;
        }
        (at > start && self.bytes.get(at).is_some_and(|byte| is_letter(*byte))).then_some(at)
    }

    /// Reads digits and the signs between them.
    fn cluster(&mut self) {
        let mut fields = [Field::default(); 6];
        let mut signs = [0u8; 5];
        let mut count = 0;
        loop {
            let start = self.at;
            while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
                self.at += 1;
            }
            let digits = self.at - start;
            if count == fields.len() || digits > 4 {
                // Longer than any year: whatever it is, it is no date.
                self.poison();
                while self
                    .bytes
                    .get(self.at)
                    .is_some_and(|b| b.is_ascii_digit() || b"-./:".contains(b))
                {
                    self.at += 1;
                }
                return self.push(Kind::Opaque);
            }
            let value = self.bytes[start..self.at]
                .iter()
                .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            let zero = digits > 1 && self.bytes[start] == b'0';
            #[expect(clippy::cast_possible_truncation, reason = "at most 4")]
            let digits = digits as u8;
            fields[count] = Field { value, digits, zero };
            count += 1;
            let sign = self.bytes.get(self.at).copied().unwrap_or(b' ');
            let follows = self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit);
            if !follows || !b"-./:,".contains(&sign) {
                break;
            }
            if count <= signs.len() {
                signs[count - 1] = sign;
            }
            self.at += 1;
        }
        self.shape(&fields[..count], &signs[..count - 1]);
        self.skip_ordinal_dot();
        // An ISO moment: 2026-11-25T15:00.
        if count == 3
            && signs[..2] == *b"--"
            && self.bytes.get(self.at) == Some(&b't')
            && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit)
        {
            self.at += 1;
        }
    }

    /// "1.º", "3.er": the dot before the end of an ordinal.
    fn skip_ordinal_dot(&mut self) {
        if self.bytes.get(self.at) != Some(&b'.') {
            return;
        }
        let end = self.word_end(self.at + 1);
        let letters = &self.text[self.at + 1..end];
        if self.lexicon.suffix(letters).is_some_and(|senses| senses.contains(&Sense::Ordinal(0))) {
            self.at += 1;
        }
    }

    /// One token, or three around a dash, for a cluster; opaque if it has no known shape.
    fn shape(&mut self, fields: &[Field], signs: &[u8]) {
        // "9h30-11h": the minutes of one time and the hour of the next.
        let after_hour = !self.spaced
            && self.out.last().is_some_and(|last| last.glued && last.has(Sense::HourMark));
        if after_hour
            && signs.first() == Some(&b'-')
            && fields[0].digits == 2
            && let (Some(minutes), Some(rest)) =
                (shape(&fields[..1], &[]), shape(&fields[1..], &signs[1..]))
        {
            self.push(minutes);
            self.push(Kind::Dash);
            return self.push(rest);
        }
        if let Some(kind) = shape(fields, signs) {
            return self.push(kind);
        }
        // "9:30-11", "29/2-1/3": two of them around the dash.
        let halves = signs.iter().position(|sign| *sign == b'-').and_then(|dash| {
            if signs[dash + 1..].contains(&b'-') {
                return None;
            }
            if signs == b"-" && !fields.iter().copied().all(is_digital_clock) {
                return None;
            }
            let left = shape(&fields[..=dash], &signs[..dash])?;
            let right = shape(&fields[dash + 1..], &signs[dash + 1..])?;
            Some((left, right))
        });
        // "05/31/2024.14:15": a date and a time around the dot.
        let moment =
            signs.iter().position(|sign| *sign == b':').filter(|colon| *colon > 2).and_then(
                |colon| {
                    let date = shape(&fields[..colon], &signs[..colon - 1])?;
                    let clock = shape(&fields[colon..], &signs[colon..])?;
                    Some((date, clock))
                },
            );
        match (halves, moment) {
            (Some((left, right)), _) => {
                self.push(left);
                self.push(Kind::Dash);
                self.push(right);
            }
            (_, Some((date, clock))) => {
                self.push(date);
                self.push(clock);
            }
            _ => {
                self.poison();
                self.push(Kind::Opaque);
            }
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}
