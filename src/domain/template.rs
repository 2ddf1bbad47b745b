//! The texts that a tenant may put its own in place of, on every channel.

use super::conversation;
use super::letter::{self, Medium};
use super::locale::Language;

/// Where a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    WhatsApp,
    Sms,
    Email,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::WhatsApp, Self::Sms, Self::Email];

    /// As `message_templates.channel` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
            Self::Sms => Medium::Sms.as_str(),
            Self::Email => Medium::Email.as_str(),
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }

    /// None: a conversation.
    fn medium(self) -> Option<Medium> {
        match self {
            Self::WhatsApp => None,
            Self::Sms => Some(Medium::Sms),
            Self::Email => Some(Medium::Email),
        }
    }
}

/// A text that a tenant may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub key: String,
    /// As it is shipped.
    pub shipped: &'static str,
    /// Values it may use, each written `{name}`.
    pub values: &'static [&'static str],
}

/// Every text of a channel and language.
pub fn all(channel: Channel, language: Language) -> Vec<Template> {
    match channel.medium() {
        None => conversation::replaceable(language)
            .into_iter()
            .map(|text| Template {
                key: text.key.to_owned(),
                shipped: text.template,
                values: text.values,
            })
            .collect(),
        Some(medium) => letter::texts(medium, language)
            .into_iter()
            .map(|text| Template { key: text.key, shipped: text.template, values: text.values })
            .collect(),
    }
}

/// Why a template cannot be saved: every reason at once, each a sentence that says what to do.
/// Empty: it can.
pub fn check(channel: Channel, language: Language, key: &str, template: &str) -> Vec<String> {
    match channel.medium() {
        None => conversation::check_text(language, key, template),
        Some(medium) => letter::check(medium, language, key, template),
    }
}

/// What would be read, with values as they might be: the shipped text, or `template` in its place.
/// `None`: there is no such text, or [`check`] refuses the template.
pub fn preview(
    channel: Channel,
    language: Language,
    key: &str,
    template: Option<&str>,
) -> Option<String> {
    match channel.medium() {
        None => conversation::preview_text(language, key, template),
        Some(medium) => letter::preview(medium, language, key, template),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_every_channel_and_language_can_be_looked_at() {
        for channel in Channel::ALL {
            assert_eq!(Channel::of(channel.as_str()), Some(channel));
            for language in Language::ALL {
                for text in all(channel, language) {
                    let seen = preview(channel, language, &text.key, None);
                    let seen = seen.unwrap_or_else(|| panic!("{channel:?} {}", text.key));
                    assert!(!seen.contains(['{', '}']), "{channel:?} {}: {seen}", text.key);
                }
            }
        }
    }
}
