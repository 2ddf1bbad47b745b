//! What a language knows about when: one file a language, with its words and its corpus test.
//!
//! A fourth language is one more file with a [`Source`](crate::domain::temporal::Source), and its line in [`lexicon`].

use std::sync::LazyLock;

use crate::domain::locale::Language;
use crate::domain::temporal::Lexicon;

mod en;
mod es;
mod pt_br;

/// The words of a language, indexed once.
pub fn lexicon(language: Language) -> &'static Lexicon {
    static ENGLISH: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(&en::SOURCE));
    static PORTUGUESE: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(&pt_br::SOURCE));
    static SPANISH: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(&es::SOURCE));
    match language {
        Language::English => &ENGLISH,
        Language::Portuguese => &PORTUGUESE,
        Language::Spanish => &SPANISH,
    }
}

/// What a text means, written briefly: candidates with commas between, ranges with two dots.
#[cfg(test)]
fn meant(tag: &str, text: &str) -> String {
    use crate::domain::temporal::{Hints, Meaning, understand};

    fn or_open<T>(end: Option<T>, write: impl Fn(T) -> String) -> String {
        end.map(write).unwrap_or_default()
    }
    let now = "2026-11-23T10:15:00Z".parse().unwrap();
    let said = understand(text, now, chrono_tz::UTC, tag.parse().unwrap(), &Hints::default());
    let clock = |time: chrono::NaiveTime| time.format("%H:%M").to_string();
    let day = |date: chrono::NaiveDate| date.to_string();
    let moment = |at: chrono::NaiveDateTime| at.format("%Y-%m-%d %H:%M").to_string();
    let written = said.candidates.iter().map(|candidate| match candidate.meaning {
        Meaning::Date(date) => day(date),
        Meaning::Time(time) => clock(time),
        Meaning::DateTime(at) => moment(at),
        Meaning::Part { part, date } => {
            format!("{} {part:?}", or_open(date, day)).to_lowercase().trim().to_owned()
        }
        Meaning::Times { date, from, to } => {
            let times = format!("{}..{}", or_open(from, clock), or_open(to, clock));
            format!("{} {times}", or_open(date, day)).trim().to_owned()
        }
        Meaning::Dates { from, to } => format!("{}..{}", or_open(from, day), or_open(to, day)),
        Meaning::Moments { from, to } => {
            format!("{}..{}", or_open(from, moment), or_open(to, moment))
        }
    });
    written.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_word_is_listed_twice_in_a_language() {
        for language in Language::ALL {
            let mut seen = HashSet::new();
            let words = lexicon(language).source.words.iter();
            for word in words.flat_map(|(_, words)| words.split('|')) {
                assert!(seen.insert(word), "{language:?}: {word:?}");
            }
        }
    }

    #[test]
    fn words_are_written_as_folded_text_has_them() {
        for language in Language::ALL {
            let words = lexicon(language).source.words.iter();
            for word in words.flat_map(|(_, words)| words.split('|')) {
                let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ');
                assert!(plain && word.trim() == word && !word.is_empty(), "{language:?}: {word:?}");
            }
        }
    }

    #[test]
    fn what_typos_are_looked_for_are_words_with_one_meaning() {
        for language in Language::ALL {
            let lexicon = lexicon(language);
            for word in lexicon.source.typos.split('|') {
                assert!(lexicon.phrase(word, |_| None).is_some(), "{language:?}: {word:?}");
            }
        }
    }
}
