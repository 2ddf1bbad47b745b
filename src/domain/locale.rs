//! Locales: the language a tenant or a customer writes in, and how the country writes dates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The languages Pontual speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    #[serde(rename = "en")]
    English,
    #[serde(rename = "pt")]
    Portuguese,
    #[serde(rename = "es")]
    Spanish,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::Portuguese, Self::Spanish];

    /// The BCP 47 primary subtag: `en`, `pt` or `es`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
            Self::Spanish => "es",
        }
    }

    /// The region that a bare language means: `en-US`, `pt-BR`, `es-ES`.
    const fn default_region(self) -> [u8; 2] {
        match self {
            Self::English => *b"US",
            Self::Portuguese => *b"BR",
            Self::Spanish => *b"ES",
        }
    }
}

/// A language and a region, such as `pt-BR`. Parsing a bare language gives its default region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale {
    language: Language,
    region: [u8; 2],
}

impl Locale {
    pub const EN_US: Self = Self { language: Language::English, region: *b"US" };
    pub const EN_GB: Self = Self { language: Language::English, region: *b"GB" };
    pub const PT_BR: Self = Self { language: Language::Portuguese, region: *b"BR" };
    pub const ES_ES: Self = Self { language: Language::Spanish, region: *b"ES" };
    pub const ES_CL: Self = Self { language: Language::Spanish, region: *b"CL" };

    pub const fn language(self) -> Language {
        self.language
    }

    /// Whether `04/06` is the sixth of April: only the United States write the month first
    /// (CLDR `yMd` patterns of the locales we speak).
    pub const fn month_first(self) -> bool {
        matches!((self.language, self.region), (Language::English, [b'U', b'S']))
    }

    /// The region's two letters, such as `BR`.
    pub fn region(&self) -> &str {
        std::str::from_utf8(&self.region).unwrap_or("")
    }
}

/// The text is no locale that Pontual speaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a locale Pontual speaks; write en, pt or es and a region, such as pt-BR")]
pub struct UnknownLocale(pub String);

impl FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(text: &str) -> Result<Self, UnknownLocale> {
        let unknown = || UnknownLocale(text.to_owned());
        let (language, region) = match text.split_once(['-', '_']) {
            Some((language, region)) => (language, Some(region)),
            None => (text, None),
        };
        let language = Language::ALL
            .into_iter()
            .find(|known| known.tag().eq_ignore_ascii_case(language))
            .ok_or_else(unknown)?;
        let region = match region.map(str::as_bytes) {
            None => language.default_region(),
            Some([a, b]) if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                [a.to_ascii_uppercase(), b.to_ascii_uppercase()]
            }
            Some(_) => return Err(unknown()),
        };
        Ok(Self { language, region })
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.language.tag(), self.region())
    }
}

impl TryFrom<String> for Locale {
    type Error = UnknownLocale;

    fn try_from(text: String) -> Result<Self, UnknownLocale> {
        text.parse()
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_language_means_its_default_region() {
        let cases = [("en", "en-US"), ("pt", "pt-BR"), ("es", "es-ES"), ("PT-br", "pt-BR")];
        for (written, meant) in cases {
            assert_eq!(written.parse::<Locale>().unwrap().to_string(), meant, "{written}");
        }
    }

    #[test]
    fn an_unknown_locale_is_refused_with_what_to_write() {
        for text in ["fr-FR", "", "pt-", "pt-BRA", "pt-1é"] {
            assert_eq!(text.parse::<Locale>(), Err(UnknownLocale(text.to_owned())), "{text}");
        }
    }
}
