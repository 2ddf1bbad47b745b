//! A tenant's own texts for SMS and e-mail: which there are, what is refused, how they would look.

use super::{Medium, TEXT_MAX, shipped};
use crate::domain::conversation::phrases::{filled, refusals, sample};
use crate::domain::locale::Language;
use crate::domain::segments;

/// Values that every text has; those without one are empty.
pub(super) const VALUES: &[&str] =
    &["tenant", "name", "when", "day", "at", "time", "what", "place", "code", "phone"];
/// What a subject has room for on a phone and off it, in characters.
const SUBJECT_MAX: usize = 150;

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Subject,
    Body,
}

/// A text that a tenant may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub key: String,
    pub place: Place,
    /// The shipped template.
    pub template: &'static str,
    /// Values it may use, each written `{name}`; where there is none it is empty.
    pub values: &'static [&'static str],
}

/// Every text of a medium and language that a tenant may replace.
pub fn texts(medium: Medium, language: Language) -> Vec<Text> {
    let text = |key: String, place, template| Text { key, place, template, values: VALUES };
    let letters = shipped(language).iter();
    letters
        .flat_map(|letter| match medium {
            Medium::Sms => vec![text(letter.key.to_owned(), Place::Body, letter.sms)],
            Medium::Email => vec![
                text(format!("{}_subject", letter.key), Place::Subject, letter.subject),
                text(letter.key.to_owned(), Place::Body, letter.email),
            ],
        })
        .collect()
}

/// Why a template cannot be saved: every reason at once, each a sentence that says what to do.
/// Empty: it can.
pub fn check(medium: Medium, language: Language, key: &str, template: &str) -> Vec<String> {
    let Some(text) = texts(medium, language).into_iter().find(|text| text.key == key) else {
        return vec![format!(
            "there is no {} text with the key {key:?}; `pontual template list --channel {0}` shows them all",
            medium.as_str()
        )];
    };
    let mut refused = refusals(template, VALUES, |used| missing(used, &text));
    if !refused.is_empty() {
        return refused;
    }
    let longest: Vec<_> = VALUES.iter().map(|&value| (value, longest(value))).collect();
    let longest: Vec<_> = longest.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(written) = filled(template, &longest) else {
        return vec!["it cannot be written out".to_owned()];
    };
    let length = written.chars().count();
    match (medium, text.place) {
        (_, Place::Subject) if template.contains('\n') => {
            refused.push("a subject is one line".to_owned());
        }
        (_, Place::Subject) if length > SUBJECT_MAX => refused.push(format!(
            "with long names it comes to {length} characters; a subject has room for {SUBJECT_MAX}"
        )),
        (Medium::Email, Place::Body) if length > TEXT_MAX => refused.push(format!(
            "with long names it comes to {length} characters; a mail has room for {TEXT_MAX}"
        )),
        (Medium::Sms, Place::Body) if segments::least_segments(&written) > segments::MOST => {
            refused.push(format!(
                "with long names it comes to {} SMS; more than {} are not sent",
                segments::least_segments(&written),
                segments::MOST
            ));
        }
        _ => {}
    }
    refused
}

/// What recipients would read, with values as they might be: the shipped text, or `template` in its
/// place. `None`: there is no such text, or [`check`] refuses the template.
pub fn preview(
    medium: Medium,
    language: Language,
    key: &str,
    template: Option<&str>,
) -> Option<String> {
    let text = texts(medium, language).into_iter().find(|text| text.key == key)?;
    let template = match template {
        Some(own) if !check(medium, language, key, own).is_empty() => return None,
        own => own.unwrap_or(text.template),
    };
    let plain = |value| sample(language, value).trim_start_matches([' ', ',']);
    let values: Vec<_> = VALUES.iter().map(|&value| (value, plain(value))).collect();
    filled(template, &values)
}

/// Of a time both day and hour are told, in whichever form; the rest may be left out.
fn missing(used: &[String], text: &Text) -> Option<String> {
    let has = |names: &[&str]| used.iter().any(|used| names.contains(&used.as_str()));
    let told = |names: &[&str]| {
        names.iter().any(|name| text.template.contains(&format!("{{{name}}}"))) && !has(names)
    };
    let lacks: Vec<_> = [
        (told(&["when", "day"]), "{when}"),
        (told(&["at", "time"]) && text.place == Place::Body, "{at}"),
    ]
    .into_iter()
    .filter_map(|(lacks, name)| lacks.then_some(name))
    .collect();
    (!lacks.is_empty()).then(|| format!("customers would miss {}", lacks.join(" and ")))
}

/// A value as long as it will plausibly be. Of an SMS more is cut when it is sent.
fn longest(value: &str) -> String {
    "m".repeat(match value {
        "what" | "place" => 60,
        "when" => 40,
        "tenant" | "day" | "name" => 30,
        "phone" | "at" => 16,
        _ => 8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Language = Language::English;

    fn refused(medium: Medium, key: &str, template: &str) -> String {
        check(medium, EN, key, template).join("; ")
    }

    #[test]
    fn what_is_shipped_could_be_saved_and_says_the_same_in_every_language() {
        let keys = |language| -> Vec<_> { shipped(language).iter().map(|l| l.key).collect() };
        for language in Language::ALL {
            assert_eq!(keys(language), keys(EN), "{language:?}");
            for medium in Medium::ALL {
                for text in texts(medium, language) {
                    let said = check(medium, language, &text.key, text.template);
                    assert_eq!(said, [""; 0], "{medium:?} {language:?} {}", text.key);
                    assert!(preview(medium, language, &text.key, None).is_some(), "{}", text.key);
                }
            }
        }
    }

    #[test]
    fn a_text_without_the_time_or_with_values_that_it_does_not_have_is_refused() {
        let said = refused(Medium::Sms, "reminder", "See you soon, {nickname}!");
        assert!(said.contains("{nickname}") && said.contains("miss {when} and {at}"), "{said}");
        assert_eq!(refused(Medium::Sms, "reminder", "{day} {time}"), "", "in another form");
        assert_eq!(refused(Medium::Sms, "booking_completed", "Thanks!"), "", "tells no time");
        assert!(refused(Medium::Sms, "reminder_subject", "x").contains("--channel sms"));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        let long = format!("{{when}} {{at}} {}", "x".repeat(420));
        assert!(refused(Medium::Sms, "reminder", &long).contains("SMS"));
        assert_eq!(refused(Medium::Email, "reminder", &long), "");
        let subject = format!("{{when}} {}", "x".repeat(120));
        assert!(refused(Medium::Email, "reminder_subject", &subject).contains("room for 150"));
        assert!(refused(Medium::Email, "reminder_subject", "{when}\nx").contains("one line"));
    }

    #[test]
    fn a_preview_is_what_would_be_read() {
        let own = "{% if name %}{name}: {% endif %}{when} {at}";
        assert_eq!(
            preview(Medium::Sms, Language::Portuguese, "reminder", Some(own)).as_deref(),
            Some("Marina: Amanhã, quinta-feira, 12 de março às 15h")
        );
        assert_eq!(preview(Medium::Sms, EN, "reminder", Some("{nonsense}")), None);
        assert_eq!(preview(Medium::Sms, EN, "nonsense", None), None);
    }
}
