//! How a tenant speaks: the shipped texts with its own in their places.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Phrases;
use crate::domain::locale::Language;

/// How a tenant speaks, as `app.catalogue()` gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Texts {
    languages: [Phrases; 3],
    /// Reminders name time and place, and neither service nor staff.
    privacy: bool,
}

/// The JSON form of [`Texts`].
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    formal: bool,
    privacy: bool,
    /// The tenant's own templates: by language, then by key.
    own: BTreeMap<String, BTreeMap<String, String>>,
}

impl Texts {
    /// The shipped texts of a language with the tenant's own in their places.
    pub(crate) fn phrases(&self, language: Language) -> &Phrases {
        let [english, portuguese, spanish] = &self.languages;
        match language {
            Language::English => english,
            Language::Portuguese => portuguese,
            Language::Spanish => spanish,
        }
    }

    /// Whether a reminder keeps service and staff to itself.
    pub(crate) fn privacy(&self) -> bool {
        self.privacy
    }
}

impl Default for Texts {
    fn default() -> Self {
        Stored::default().into()
    }
}

impl From<Stored> for Texts {
    fn from(mut stored: Stored) -> Self {
        let formal = stored.formal;
        let languages = Language::ALL.map(|language| Phrases {
            language,
            formal,
            own: stored.own.remove(language.tag()).unwrap_or_default(),
        });
        Self { languages, privacy: stored.privacy }
    }
}

impl From<Texts> for Stored {
    fn from(texts: Texts) -> Self {
        let formal = texts.languages.iter().any(|phrases| phrases.formal);
        let languages = texts.languages.into_iter();
        let own = languages
            .filter(|phrases| !phrases.own.is_empty())
            .map(|phrases| (phrases.language.tag().to_owned(), phrases.own))
            .collect();
        Self { formal, privacy: texts.privacy, own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_text_takes_the_place_of_ours_in_its_language() {
        let stored =
            r#"{"own": {"pt": {"no_services": "Fechado para balanço."}, "xx": {"a": "b"}}}"#;
        let texts: Texts = serde_json::from_str(stored).unwrap();
        assert_eq!(texts.phrases(Language::Portuguese).no_services(), "Fechado para balanço.");
        assert_eq!(
            texts.phrases(Language::English).no_services(),
            Phrases::shipped(Language::English).no_services()
        );
        let told = serde_json::to_string(&texts).unwrap();
        assert_eq!(
            told,
            r#"{"formal":false,"privacy":false,"own":{"pt":{"no_services":"Fechado para balanço."}}}"#
        );
    }

    #[test]
    fn a_stored_text_that_cannot_be_written_out_gives_way_to_ours() {
        let texts: Texts =
            serde_json::from_str(r#"{"own": {"en": {"booked": "Done {nothing}"}}}"#).unwrap();
        assert!(texts.phrases(Language::English).booked("K7F29").contains("K7F29"));
    }

    #[test]
    fn a_formal_tenant_speaks_formally_where_it_has_no_words_of_its_own() {
        let stored = r#"{"formal": true, "own": {"es": {"check": "A ver:"}}}"#;
        let texts: Texts = serde_json::from_str(stored).unwrap();
        let said = texts.phrases(Language::Spanish);
        assert_eq!(said.ask_service(), "¿Qué desea reservar?");
        assert_eq!(said.check(), "A ver:");
        assert_eq!(said.confirm(), "Confirmar", "what addresses nobody is said as ever");
        assert_eq!(
            Texts::default().phrases(Language::Spanish).ask_service(),
            "¿Qué quieres reservar?"
        );
    }
}
