//! What notifications say by SMS and e-mail, where nobody can answer with a digit.
//!
//! As on WhatsApp, a text is written when it is sent ([`crate::domain::notice`]), in the recipient's
//! language, and a tenant may put its own in place of each shipped one. Unlike there, a service is
//! left out of all of them where the tenant keeps it to itself: mails and SMS are read by others.

mod en;
mod es;
mod pt_br;
mod templates;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

pub use self::templates::{Place, Text, check, preview, texts};
use crate::domain::catalogue::Booking;
use crate::domain::conversation::format::{Format, capitalized, in_sentence};
use crate::domain::conversation::phrases::filled;
use crate::domain::locale::{Language, Locale};
use crate::domain::notice::{Facts, compose};
use crate::domain::segments;

/// Characters of a mail's text, at most.
const TEXT_MAX: usize = 4_096;

/// A way to tell something that is read and not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Sms,
    Email,
}

impl Medium {
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// As `message_templates.channel` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// A notification as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line; of an SMS empty.
    pub subject: String,
    /// Of an SMS at most three segments.
    pub text: String,
}

/// A tenant's own texts of one medium: by language (`en`, `pt`, `es`), then by key.
pub type OwnTexts = BTreeMap<String, BTreeMap<String, String>>;

/// One notification in one language, as it is shipped.
struct Shipped {
    /// The template of the outbox; the subject's is this with `_subject`.
    key: &'static str,
    subject: &'static str,
    sms: &'static str,
    email: &'static str,
}

fn shipped(language: Language) -> &'static [Shipped] {
    match language {
        Language::English => &en::LETTERS,
        Language::Portuguese => &pt_br::LETTERS,
        Language::Spanish => &es::LETTERS,
    }
}

/// Writes a notification, by the `template` and `params` of its row in the outbox.
///
/// `contact` is how to reach the tenant; `now` when it leaves. `None`: a template of another version,
/// or nothing is left to speak of.
pub fn write(
    medium: Medium,
    template: &str,
    params: &Value,
    facts: &Facts,
    own: &OwnTexts,
    contact: Option<&str>,
    now: DateTime<Utc>,
) -> Option<Letter> {
    let language = locale_of(facts).language();
    let Some(shipped) = shipped(language).iter().find(|letter| letter.key == template) else {
        return as_written(medium, &compose(template, params, facts, now)?);
    };
    let values = Values::of(facts, contact, now)?;
    let own = own.get(language.tag());
    let say = |key: &str, ours: &str| {
        let own = own.and_then(|own| own.get(key));
        // One that was not checked before it was saved; ours is better than silence.
        own.and_then(|own| values.fill(own)).or_else(|| values.fill(ours))
    };
    Some(match medium {
        Medium::Sms => {
            let text = say(template, shipped.sms)?;
            Letter { subject: String::new(), text: segments::shortened(&text).into_owned() }
        }
        Medium::Email => Letter {
            subject: say(&format!("{template}_subject"), shipped.subject)?,
            text: cut(&say(template, shipped.email)?),
        },
    })
}

/// What is said under a link that ends the mails of a tenant.
pub fn unsubscribe_words(locale: Locale, tenant: &str) -> String {
    let template = match locale.language() {
        Language::English => en::UNSUBSCRIBE,
        Language::Portuguese => pt_br::UNSUBSCRIBE,
        Language::Spanish => es::UNSUBSCRIBE,
    };
    template.replace("{tenant}", tenant)
}

/// In what language, and with what forms of dates, they are written to.
pub fn locale_of(facts: &Facts) -> Locale {
    let theirs = facts.customer.as_ref().and_then(|customer| customer.locale);
    theirs.unwrap_or(facts.catalogue.tenant.locale)
}

/// What has one wording on all channels, such as an agenda; its first line is the subject.
fn as_written(medium: Medium, text: &str) -> Option<Letter> {
    Some(match medium {
        Medium::Sms => {
            Letter { subject: String::new(), text: segments::shortened(text).into_owned() }
        }
        Medium::Email => {
            let subject = text.lines().next()?.trim_end_matches(':').to_owned();
            Letter { subject, text: cut(text) }
        }
    })
}

/// The values that every text of this module has; empty: there is none.
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn of(facts: &Facts, contact: Option<&str>, now: DateTime<Utc>) -> Option<Self> {
        let first = facts.lines.first()?;
        let tenant = &facts.catalogue.tenant;
        let format = Format::new(locale_of(facts));
        let local = |at: DateTime<Utc>| at.with_timezone(&tenant.timezone).naive_local();
        let start = local(first.starts_at);
        let what = match (facts.catalogue.texts.privacy(), facts.lines.as_slice()) {
            (true, _) => String::new(),
            (false, lines) => what(lines, format, local),
        };
        let name = facts.customer.as_ref().and_then(|customer| customer.name.as_deref());
        let own = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        Some(Self(vec![
            ("tenant", tenant.name.clone()),
            ("name", own(name)),
            ("when", capitalized(&format.day_from(start.date(), local(now).date()))),
            ("day", format.day(start.date())),
            ("at", format.at(start.time())),
            ("time", format.time(start.time())),
            ("what", what),
            // Ends a sentence with its own full stop or none.
            ("place", own(tenant.address.as_deref()).trim_end_matches('.').to_owned()),
            ("code", first.code.clone()),
            ("phone", own(contact)),
        ]))
    }

    fn fill(&self, template: &str) -> Option<String> {
        let values: Vec<_> = self.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
        filled(template, &values)
    }
}

/// `haircut with Ana`, or of a visit `haircut (Ana), 15:45 manicure (Bruno)`.
fn what(
    lines: &[Booking],
    format: Format,
    local: impl Fn(DateTime<Utc>) -> NaiveDateTime,
) -> String {
    let mut told = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let service = in_sentence(&line.service_name);
        let service = format!("{service} ({})", line.staff_name);
        let time = (at > 0).then(|| format.time(local(line.starts_at).time()));
        told.push(time.map_or(service.clone(), |time| format!("{time} {service}")));
    }
    told.join(", ")
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests;
