//! Which language a customer writes in, told by the words that only one of ours has.
//!
//! One foreign word may be a name, a loan or a joke: the language changes with a message that has
//! two more of another language than of the one we speak, or with two messages in a row that lean
//! to it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::function_words::function_words;
use super::phrases::words;
use super::text::{Text, folded_words};
use super::{Dialogue, Known, Message, MessageKind};
use crate::domain::catalogue::Catalogue;
use crate::domain::locale::{Language, Locale};

/// Words of another language, beyond those of ours, that settle it at once.
const CLEARLY: usize = 2;

/// Another language than ours, that the last messages seemed to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaning {
    pub language: Language,
    /// It is the one to speak from now on.
    pub sure: bool,
}

/// What the messages of a turn say of their language.
pub(super) struct Heard {
    pub(super) leaning: Option<Leaning>,
    /// To be spoken and remembered from this turn on; none: the language stays.
    pub(super) locale: Option<Locale>,
}

/// Listens to the messages of a turn.
pub(super) fn heard(dialogue: &Dialogue, messages: &[Message], known: &Known<'_>) -> Heard {
    let own = known.customer.locale.unwrap_or(known.catalogue.tenant.locale);
    let unsure = dialogue.leaning.filter(|leaning| leaning.language != own.language());
    let said: Vec<&str> = messages
        .iter()
        .filter(|message| message.kind == MessageKind::Text)
        .filter_map(|message| message.text.as_deref())
        .collect();
    let count = counts(&Text::new(&said.join("\n")), known.catalogue);
    let of = |language: Language| count[language as usize];
    let others = Language::ALL.into_iter().filter(|language| *language != own.language());
    let most = others.max_by_key(|language| of(*language)).filter(|language| of(*language) > 0);
    let leaning = match most {
        None if of(own.language()) > 0 => None,
        None => unsure.map(|leaning| Leaning { sure: false, ..leaning }),
        Some(language) if of(language) >= of(own.language()) + CLEARLY => {
            Some(Leaning { language, sure: true })
        }
        Some(language) if of(own.language()) == 0 => {
            let again = unsure.is_some_and(|leaning| leaning.language == language);
            Some(Leaning { language, sure: again })
        }
        Some(_) => None,
    };
    Heard { leaning, locale: locale_of(leaning, own, known) }
}

/// What was heard in a turn whose effects were refused, so that it counts all the same.
pub(super) fn before(dialogue: &Dialogue, known: &Known<'_>) -> Heard {
    let own = known.customer.locale.unwrap_or(known.catalogue.tenant.locale);
    Heard { leaning: dialogue.leaning, locale: locale_of(dialogue.leaning, own, known) }
}

fn locale_of(leaning: Option<Leaning>, own: Locale, known: &Known<'_>) -> Option<Locale> {
    let sure = leaning.filter(|leaning| leaning.sure && leaning.language != own.language())?;
    Some(in_region(sure.language, known.catalogue.tenant.locale))
}

/// A language as it is written in the tenant's country, which still says how dates are.
pub(super) fn in_region(language: Language, of_tenant: Locale) -> Locale {
    format!("{}-{}", language.tag(), of_tenant.region()).parse().unwrap_or(of_tenant)
}

/// How many words of a text only one language has, by [`Language::ALL`].
fn counts(text: &Text, catalogue: &Catalogue) -> [usize; 3] {
    let services = catalogue.services.iter();
    let named: HashSet<String> = services
        .flat_map(|service| [&service.name, &service.key].into_iter().chain(&service.synonyms))
        .chain(catalogue.staff.iter().map(|member| &member.name))
        .chain([&catalogue.tenant.name])
        .flat_map(|name| folded_words(name))
        .collect();
    let mut counts = [0; 3];
    let mut seen: HashSet<&String> = HashSet::new();
    for (word, spelled) in text.words().iter().zip(text.spelled()) {
        let telling = only_in().get(spelled).filter(|_| !named.contains(word) && seen.insert(word));
        if let Some(language) = telling {
            counts[*language as usize] += 1;
        }
    }
    counts
}

/// The words that one language has and the others have not, small, without accents but with their ñ.
fn only_in() -> &'static HashMap<String, Language> {
    static WORDS: LazyLock<HashMap<String, Language>> = LazyLock::new(|| {
        let mut all: HashMap<String, Option<Language>> = HashMap::new();
        for language in Language::ALL {
            for word in vocabulary(language) {
                all.entry(word)
                    .and_modify(|known| *known = known.filter(|known| *known == language))
                    .or_insert(Some(language));
            }
        }
        // The shortest are slips, names and short forms in all of them.
        let telling = |word: &String| word.chars().count() >= 3;
        all.into_iter()
            .filter(|(word, _)| telling(word))
            .filter_map(|(word, language)| Some((word, language?)))
            .collect()
    });
    &WORDS
}

fn vocabulary(language: Language) -> HashSet<String> {
    let words = words(language);
    let lists = [
        words.cancel,
        words.change,
        words.my_bookings,
        words.hello,
        words.thanks,
        words.book,
        words.first_free,
        words.any_staff,
        words.coming,
        words.not_coming_in,
        words.change_in,
        words.person_in,
        words.price_in,
        words.unwanted_in,
        words.other_time_in,
        words.address_in,
        words.hours_in,
        &words.weekdays,
        &words.weekdays_spoken,
        &words.months,
    ];
    let listed = lists.into_iter().flatten().flat_map(|phrase| super::text::spelled_words(phrase));
    listed.chain(function_words(language).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::world::catalogue;
    use super::*;

    fn count(text: &str) -> [usize; 3] {
        counts(&Text::new(text), &catalogue(Language::Portuguese))
    }

    #[test]
    fn words_that_several_languages_have_tell_nothing() {
        for text in ["ok", "no", "corte", "para", "Marina", "Bruno", "2", "manicure", "abril", ""] {
            assert_eq!(count(text), [0; 3], "{text}");
        }
    }

    #[test]
    fn a_sentence_has_words_of_its_language_alone() {
        let cases = [
            ("I would like a haircut tomorrow", Language::English),
            ("quero marcar um corte amanhã de manhã", Language::Portuguese),
            ("quisiera una cita mañana por la mañana", Language::Spanish),
        ];
        for (text, language) in cases {
            let counts = count(text);
            let own = counts[language as usize];
            assert!(own >= 2 && counts.iter().sum::<usize>() == own, "{text}: {counts:?}");
        }
    }
}
