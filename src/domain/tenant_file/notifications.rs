//! What a tenant's customers are told, and when they are invited again.

use chrono::TimeDelta;
use toml::de::DeValue;

use super::reading::{Reader, Section};
use super::values::{self, Read, expected, length};

/// `[notifications]` and `[recall]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// Customers are told that their arrival was noted.
    pub arrived: bool,
    /// They are thanked after a visit.
    pub thanks: bool,
    /// They are told that they were missed.
    pub no_show: bool,
    /// How long after their last visit those who want news are invited again, 7 to 1096 days; none:
    /// never.
    pub recall_after: Option<TimeDelta>,
    /// By which channels they are told, `whatsapp`, `sms` and `email`, the preferred first; each
    /// follows where the one before it fails.
    pub channels: Vec<&'static str>,
    /// How long a message may wait to be sent before the next channel takes it: 1 minute to a day.
    pub fallback_after: TimeDelta,
    /// Where answers to e-mails go; none: nowhere.
    pub reply_to: Option<String>,
}

/// By WhatsApp alone: whoever wants SMS says so, since each costs money.
impl Default for Notifications {
    fn default() -> Self {
        Self {
            arrived: false,
            thanks: false,
            no_show: false,
            recall_after: None,
            channels: vec!["whatsapp"],
            fallback_after: TimeDelta::minutes(10),
            reply_to: None,
        }
    }
}

impl Notifications {
    /// The events that are told only where the tenant wants it, as the database names them.
    pub fn told(&self) -> Vec<&'static str> {
        let events =
            [(self.arrived, "arrived"), (self.thanks, "completed"), (self.no_show, "no_show")];
        events.into_iter().filter_map(|(is_told, event)| is_told.then_some(event)).collect()
    }
}

pub(super) fn notifications(reader: &mut Reader<'_>, parent: &mut Section<'_>) -> Notifications {
    let mut given = Notifications::default();
    if let Some(mut table) = parent.table(reader, "notifications", "[notifications]") {
        let fields = [
            ("arrived", &mut given.arrived),
            ("thanks", &mut given.thanks),
            ("no_show", &mut given.no_show),
        ];
        for (field, is_told) in fields {
            *is_told = table.optional(reader, field, values::flag).unwrap_or_default();
        }
        channels(reader, &mut table, &mut given);
        table.close(reader);
    }
    if let Some(mut table) = parent.table(reader, "recall", "[recall]") {
        let between = length(TimeDelta::days(7), TimeDelta::days(1_096), "180d");
        given.recall_after = table.required(reader, "after", "\"180d\"", between);
        table.close(reader);
    }
    given
}

fn channels(reader: &mut Reader<'_>, table: &mut Section<'_>, given: &mut Notifications) {
    let example = "[\"whatsapp\", \"sms\", \"email\"]";
    if let Some(elements) = table.list(reader, "channels", example) {
        given.channels.clear();
        for element in elements {
            match channel(element.value) {
                Ok(channel) if given.channels.contains(&channel) => {
                    let reason = format!("{channel} is here already; write each channel once");
                    reader.report(Some(element.line), element.path, reason);
                }
                Ok(channel) => given.channels.push(channel),
                Err(reason) => reader.report(Some(element.line), element.path, reason),
            }
        }
        if given.channels.is_empty() {
            let reason = format!("names no channel; write at least one, such as {example}");
            reader.report(table.line_of(reader, "channels"), table.path_of("channels"), reason);
        }
    }
    let waiting = length(TimeDelta::minutes(1), TimeDelta::days(1), "10m");
    if let Some(after) = table.optional(reader, "fallback_after", waiting) {
        given.fallback_after = after;
    }
    given.reply_to = table.optional(reader, "reply_to", values::email);
}

fn channel(value: &DeValue<'_>) -> Read<&'static str> {
    let known = ["whatsapp", "sms", "email"];
    let found = value.as_str().and_then(|text| known.into_iter().find(|name| *name == text));
    found.ok_or_else(|| expected("\"whatsapp\", \"sms\" or \"email\"", value))
}
