//! What the server asks of the fields of a send, and its words where they are wrong.

use serde_json::{Value, json};

use super::Failure;

/// A call of `/message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Text,
    List,
    Buttons,
    Poll,
    Media,
    Location,
    Contact,
    Reaction,
    Template,
}

impl Action {
    /// The one of this path; `None` for what the server, or this one, does not have.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sendText" => Self::Text,
            "sendList" => Self::List,
            "sendButtons" => Self::Buttons,
            "sendPoll" => Self::Poll,
            "sendMedia" => Self::Media,
            "sendLocation" => Self::Location,
            "sendContact" => Self::Contact,
            "sendReaction" => Self::Reaction,
            "sendTemplate" => Self::Template,
            _ => return None,
        })
    }

    fn required(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["number", "text"],
            Self::List => &["number", "title", "footerText", "buttonText", "sections"],
            Self::Buttons => &["number"],
            Self::Poll => &["number", "name", "selectableCount", "values"],
            Self::Media => &["number", "mediatype"],
            Self::Location => &["number", "latitude", "longitude", "name", "address"],
            Self::Contact => &["number", "contact"],
            Self::Reaction => &["key", "reaction"],
            Self::Template => &["name", "language"],
        }
    }

    /// Whether it is answered by tapping.
    pub(super) fn is_menu(self) -> bool {
        matches!(self, Self::List | Self::Buttons | Self::Poll)
    }

    /// Checks the fields as the server does, before it looks at the instance.
    pub(super) fn check(self, body: &Value) -> Result<(), Failure> {
        required(body, self.required())?;
        if !body["number"].is_null() && !body["number"].is_string() {
            return wrong("Invalid format");
        }
        if !body["delay"].is_null() && !body["delay"].is_u64() {
            return wrong("Enter a value in milliseconds");
        }
        let is_number = |value: &Value| {
            value.as_str().is_some_and(|text| text.chars().all(|c| c.is_ascii_digit()))
        };
        if let Some(mentioned) = body["mentioned"].as_array()
            && !mentioned.iter().all(is_number)
        {
            return wrong("\"mentioned\" must be an array of numeric strings");
        }
        match self {
            Self::List => sections(&body["sections"]),
            Self::Buttons => button_types(&body["buttons"]),
            Self::Poll => options(&body["values"]),
            Self::Reaction => reaction(&body["reaction"]),
            Self::Media => media(body),
            Self::Text | Self::Location | Self::Contact | Self::Template => Ok(()),
        }
    }
}

/// Complains of all fields that are missing.
pub(super) fn required(body: &Value, fields: &[&str]) -> Result<(), Failure> {
    let missing: Vec<_> = fields
        .iter()
        .filter(|field| body[**field].is_null())
        .map(|field| format!("instance requires property \"{field}\""))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::schema(&missing)) }
}

fn wrong(message: &str) -> Result<(), Failure> {
    Err(Failure::schema(&[message.to_owned()]))
}

fn sections(sections: &Value) -> Result<(), Failure> {
    let sections = items(sections);
    if sections.is_empty() {
        return wrong("sections does not meet minimum length of 1");
    }
    for (at, section) in sections.iter().enumerate() {
        let rows = items(&section["rows"]);
        if rows.is_empty() {
            return wrong(&format!("sections[{at}].rows does not meet minimum length of 1"));
        }
        if rows.iter().any(|row| row["rowId"] == "") {
            return wrong("The \"rowId\" cannot be empty");
        }
        if has_duplicates(rows) {
            return wrong(&format!("sections[{at}].rows contains duplicate item"));
        }
    }
    Ok(())
}

fn button_types(buttons: &Value) -> Result<(), Failure> {
    const KNOWN: [&str; 5] = ["reply", "copy", "url", "call", "pix"];
    let is_known = |button: &Value| KNOWN.iter().any(|kind| button["type"] == *kind);
    match items(buttons).iter().position(|button| !is_known(button)) {
        Some(at) => {
            let known = KNOWN.join(",");
            wrong(&format!("buttons[{at}].type is not one of enum values: {known}"))
        }
        None => Ok(()),
    }
}

fn options(values: &Value) -> Result<(), Failure> {
    let values = items(values);
    match values.len() {
        0..2 => wrong("values does not meet minimum length of 2"),
        2..=10 if has_duplicates(values) => wrong("values contains duplicate item"),
        2..=10 => Ok(()),
        _ => wrong("values does not meet maximum length of 10"),
    }
}

fn reaction(reaction: &Value) -> Result<(), Failure> {
    // One that is seen as one may be several characters.
    let is_emoji = reaction
        .as_str()
        .is_some_and(|text| text.chars().count() <= 8 && !text.chars().any(|c| c.is_ascii()));
    if is_emoji {
        return Ok(());
    }
    Err(Failure::bad_request(json!(["Reaction must be a single emoji or empty string"])))
}

fn media(body: &Value) -> Result<(), Failure> {
    let media = body["media"].as_str().unwrap_or_default();
    let is_url = media.starts_with("http://") || media.starts_with("https://");
    let is_base64 = !media.is_empty()
        && media.len().is_multiple_of(4)
        && media.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
    let complaint = if is_base64 && body["mediatype"] == "document" && body["fileName"].is_null() {
        "For base64 the file name must be informed."
    } else if !is_url && !is_base64 {
        "Owned media must be a url or base64"
    } else {
        return Ok(());
    };
    Err(Failure::bad_request(json!([complaint])))
}

fn has_duplicates(items: &[Value]) -> bool {
    items.iter().enumerate().any(|(at, item)| items[..at].contains(item))
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
