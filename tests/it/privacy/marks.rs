//! What cannot be mistaken for anything else, and how it may be written.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const PHONE: &str = "+5511987651234";
pub(super) const NAME: &str = "Zuleika";

/// Words that nobody else says.
pub(super) struct Words {
    given: Cell<usize>,
}

const WORDS: [&str; 14] = [
    "xibolete",
    "quixotesco",
    "zabumbar",
    "jabuticabal",
    "wolframio",
    "kriptonita",
    "esdruxulo",
    "ziguezagueante",
    "txucarramae",
    "yorkshireano",
    "otorrino",
    "paralelepipedo",
    "inconstitucional",
    "zarabatana",
];

impl Words {
    pub(super) fn new() -> Self {
        Self { given: Cell::new(0) }
    }

    /// One that was not said yet.
    pub(super) fn next(&self) -> &'static str {
        self.given.set(self.given.get() + 1);
        WORDS[self.given.get() - 1]
    }

    /// Those that were.
    pub(super) fn all(&self) -> &'static [&'static str] {
        &WORDS[..self.given.get()]
    }
}

pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// Every way in which a mark is found: as it is, its digits in each form that WhatsApp has, as
/// Postgres writes bytes, and inside base64 at each of the three places it can begin at.
fn forms(mark: &str) -> Vec<String> {
    let mut plain = vec![mark.to_owned()];
    if mark == PHONE {
        let digits = &PHONE[1..];
        plain = vec![
            digits.to_owned(),
            digits[2..].to_owned(),
            format!("{}{}", &digits[..4], &digits[5..]),
            digits[5..].to_owned(),
            "98765-1234".to_owned(),
        ];
    }
    let mut forms = Vec::new();
    for text in plain {
        let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        for skipped in 0..3 {
            let padded = [&vec![b'.'; skipped][..], text.as_bytes()].concat();
            let encoded = STANDARD.encode(padded);
            // What depends on its neighbours is cut off at both ends.
            let (first, last) =
                ([0, 2, 3][skipped], encoded.trim_end_matches('=').len().saturating_sub(1));
            forms.push(encoded[first..last].to_owned());
        }
        forms.extend([text, hex]);
    }
    // Short ones would be found in anything.
    forms.retain(|form| form.len() >= 6);
    forms
}

/// Which marks a text holds, in which form.
pub(super) fn found_in(text: &str, words: &Words) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut found = Vec::new();
    for mark in words.all().iter().copied().chain([NAME, PHONE]) {
        for form in forms(mark) {
            if text.contains(&form) || lower.contains(&form) {
                let at = text.find(&form).unwrap_or_default();
                let around: String = text
                    .get(at.saturating_sub(60)..(at + 40).min(text.len()))
                    .unwrap_or_default()
                    .to_owned();
                found.push(format!("{mark} as {form}: {around}"));
            }
        }
    }
    found
}

#[test]
fn a_number_inside_base64_and_bytes_is_found() {
    let words = Words::new();
    for text in [
        base64("x5511987651234y"),
        base64("xy5511987651234"),
        base64("5511987651234"),
        "\\x35353131393837363531323334".to_owned(),
    ] {
        assert!(!found_in(&text, &words).is_empty(), "{text}");
    }
    assert!(found_in("5511977776666", &words).is_empty());
}
