//! What a language knows about when: one file a language, with its words and its corpus test.
//!
//! A fourth language is one more file with a [`Source`], and its line in [`lexicon`].

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
