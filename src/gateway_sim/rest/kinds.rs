//! What a send puts on the wire, by kind of message and of instance.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Failure;
use super::schema::{Action, items};
use crate::gateway_sim::fault::NO_GRAPH;
use crate::gateway_sim::shape;
use crate::gateway_sim::shape::outbound::context;
use crate::gateway_sim::state::{Menu, MenuKind, MenuOption};
use crate::gateway_sim::version::{Integration, Version};

/// A message as it will be sent.
pub(super) struct Outgoing {
    /// What can be read of it.
    pub(super) text: String,
    /// What the log of sends calls it.
    pub(super) kind: &'static str,
    pub(super) menu: Option<Menu>,
    pub(super) message: Value,
    pub(super) message_type: &'static str,
    /// Whether its context stands beside it.
    pub(super) with_context: bool,
}

impl Outgoing {
    /// Makes it of a body whose fields were checked; refuses what this kind of instance refuses
    /// before it sends anything. `at` is in Unix seconds.
    pub(super) fn read(
        action: Action,
        body: &Value,
        integration: Integration,
        version: Version,
        at: i64,
    ) -> Result<Self, Failure> {
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        match action {
            Action::Text => plain(body, integration),
            Action::List => list(body, integration, version),
            Action::Buttons => buttons(body, integration),
            Action::Poll => Ok(poll(body, version, at)),
            Action::Media => Ok(media(body, integration)),
            Action::Location => {
                let mut inner = json!({
                    "degreesLatitude": body["latitude"], "degreesLongitude": body["longitude"],
                    "name": body["name"], "address": body["address"],
                });
                if integration == Integration::Baileys {
                    inner["contextInfo"] = context(at);
                }
                Ok(Self::of("location", text("name"), "locationMessage", inner))
            }
            Action::Contact => Ok(contact(body, integration, at)),
            Action::Reaction => {
                let mut inner = json!({ "key": body["key"], "text": body["reaction"] });
                if integration == Integration::Baileys {
                    inner["senderTimestampMs"] = json!(at * 1000);
                }
                let mut reaction = Self::of("reaction", text("reaction"), "reactionMessage", inner);
                reaction.with_context = false;
                if integration == Integration::Cloud {
                    reaction.message_type = "conversation";
                }
                Ok(reaction)
            }
            Action::Template => Ok(Self::conversation("template", format!("▶️{}◀️", text("name")))),
        }
    }

    fn of(kind: &'static str, text: &str, message_type: &'static str, inner: Value) -> Self {
        let mut message = json!({});
        message[message_type] = inner;
        let text = text.to_owned();
        Self { text, kind, menu: None, message, message_type, with_context: true }
    }

    fn conversation(kind: &'static str, text: String) -> Self {
        let message = json!({ "conversation": text });
        Self { text, kind, menu: None, message, message_type: "conversation", with_context: true }
    }

    fn with_menu(self, kind: MenuKind, options: Vec<MenuOption>) -> Self {
        Self { menu: Some(Menu { kind, options, chosen: Vec::new() }), ..self }
    }
}

fn plain(body: &Value, integration: Integration) -> Result<Outgoing, Failure> {
    let Some(text) = body["text"].as_str() else {
        return Err(Failure::schema(&["text is not of a type(s) string".to_owned()]));
    };
    match integration {
        Integration::Baileys if text.trim().is_empty() => {
            return Err(Failure::bad_request(json!(["Text is required"])));
        }
        Integration::Cloud if text.is_empty() => {
            return Err(Failure::bad_request(json!([NO_GRAPH])));
        }
        _ => {}
    }
    let mut plain = Outgoing::conversation("text", text.to_owned());
    if integration == Integration::Evolution
        && let Some(id) = body["quoted"]["key"]["id"].as_str()
    {
        plain.message["quoted"] = json!({ "id": id });
    }
    Ok(plain)
}

fn list(body: &Value, integration: Integration, version: Version) -> Result<Outgoing, Failure> {
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    let mut options = Vec::new();
    // What Cloud instances keep of it.
    let mut written = format!("{}\n", text("title"));
    for section in items(&body["sections"]) {
        // Nothing fails while writing into a string.
        let _ = writeln!(written, "{}", section["title"].as_str().unwrap_or_default());
        for row in items(&section["rows"]) {
            let _ = writeln!(written, "{}", row["title"].as_str().unwrap_or_default());
            options.push(option(&row["title"], &row["rowId"], &row["description"]));
        }
    }
    if integration == Integration::Cloud {
        if options.iter().any(|option| option.description.is_none()) {
            let message = "Cannot read properties of undefined (reading 'substring')";
            return Err(Failure::broken(message));
        }
        return Ok(Outgoing::conversation("list", written).with_menu(MenuKind::List, options));
    }
    let inner = json!({
        "title": body["title"],
        "description": body["description"],
        "buttonText": body["buttonText"],
        "footerText": body["footerText"],
        "listType": version.enumerated(1, "SINGLE_SELECT"),
        "sections": body["sections"],
    });
    let list = Outgoing::of("list", text("title"), "listMessage", inner);
    Ok(list.with_menu(MenuKind::List, options))
}

fn buttons(body: &Value, integration: Integration) -> Result<Outgoing, Failure> {
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    let buttons = items(&body["buttons"]);
    let options: Vec<_> = buttons
        .iter()
        .map(|button| option(&button["displayText"], &button["id"], &Value::Null))
        .collect();
    let made = match integration {
        Integration::Evolution => {
            let mut message = body.clone();
            if let Some(fields) = message.as_object_mut() {
                fields.remove("number");
            }
            let text = text("title").to_owned();
            let (kind, message_type) = ("buttons", "buttonMessage");
            Outgoing { text, kind, menu: None, message, message_type, with_context: false }
        }
        Integration::Cloud => {
            let texts = repeats(options.iter().map(|option| Some(&option.label)));
            let ids = repeats(options.iter().map(|option| option.id.as_ref()));
            // Of texts that repeat it says both, whatever the ids are.
            let complaints = match (texts, ids) {
                (true, _) => {
                    json!(["Button texts cannot be repeated", "Button IDs cannot be repeated."])
                }
                (false, true) => json!(["Button IDs cannot be repeated."]),
                (false, false) => Value::Null,
            };
            if !complaints.is_null() {
                return Err(Failure::bad_request(complaints));
            }
            let mut written = format!("{}\n", text("title"));
            for option in &options {
                let _ = writeln!(written, "▶️ {}", option.label);
            }
            Outgoing::conversation("buttons", written)
        }
        Integration::Baileys => native_buttons(body, buttons)?,
    };
    Ok(made.with_menu(MenuKind::Buttons, options))
}

/// Buttons as Baileys sends them. Phones do not show them reliably; here they do.
fn native_buttons(body: &Value, buttons: &[Value]) -> Result<Outgoing, Failure> {
    let replies = buttons.iter().filter(|button| button["type"] == "reply").count();
    let complaint = match (buttons.len(), replies) {
        (0, _) => Some("At least one button is required"),
        (_, 4..) => Some("Maximum of 3 reply buttons allowed"),
        (all, replies) if replies > 0 && replies < all => {
            Some("Reply buttons cannot be mixed with other button types")
        }
        _ => None,
    };
    if let Some(complaint) = complaint {
        return Err(Failure::bad_request(json!([complaint])));
    }
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    let native: Vec<_> = buttons
        .iter()
        .map(|button| {
            let parameters = json!({ "display_text": button["displayText"], "id": button["id"] });
            json!({ "name": "quick_reply", "buttonParamsJson": parameters.to_string() })
        })
        .collect();
    let parameters = json!({ "from": "api", "templateId": uuid::Uuid::new_v4() });
    let heading = format!("*{}*\n\n{}\n", text("title"), text("description"));
    let interactive = json!({
        "body": { "text": heading },
        "footer": { "text": text("footer") },
        "nativeFlowMessage":
            { "buttons": native, "messageParamsJson": parameters.to_string() },
    });
    let inner = json!({ "message": { "interactiveMessage": interactive } });
    let shown = [text("title"), text("description")].join("\n");
    let mut made = Outgoing::of("buttons", shown.trim(), "viewOnceMessage", inner);
    made.with_context = false;
    Ok(made)
}

fn poll(body: &Value, version: Version, at: i64) -> Outgoing {
    let values = items(&body["values"]);
    let names: Vec<_> = values.iter().map(|value| json!({ "optionName": value })).collect();
    let message = json!({
        "messageContextInfo": {
            "messageSecret": version.bytes(&shape::noise::<32>()),
            "contextInfo": context(at),
        },
        "pollCreationMessageV3": {
            "name": body["name"],
            "selectableOptionsCount": body["selectableCount"],
            "options": names,
        },
    });
    let options = values.iter().map(|value| option(value, &Value::Null, &Value::Null)).collect();
    let poll = Outgoing {
        text: body["name"].as_str().unwrap_or_default().to_owned(),
        kind: "poll",
        menu: None,
        message,
        message_type: "pollCreationMessageV3",
        with_context: false,
    };
    poll.with_menu(MenuKind::Poll, options)
}

fn media(body: &Value, integration: Integration) -> Outgoing {
    let message_type = match body["mediatype"].as_str() {
        Some("video") => "videoMessage",
        Some("document") => "documentMessage",
        Some("audio") => "audioMessage",
        _ => "imageMessage",
    };
    let caption = body["caption"].as_str().unwrap_or_default();
    let inner = json!({
        "url": "https://mmg.whatsapp.net/v/t62",
        "mimetype": body["mimetype"],
        "caption": body["caption"],
        "fileName": body["fileName"],
    });
    let mut media = Outgoing::of("media", caption, message_type, inner);
    if integration == Integration::Evolution {
        media.message = json!({ "mediaUrl": null });
    }
    media
}

fn contact(body: &Value, integration: Integration, at: i64) -> Outgoing {
    let first = items(&body["contact"]).first().unwrap_or(&Value::Null);
    let name = first["fullName"].as_str().unwrap_or_default();
    let phone = first["phoneNumber"].as_str().unwrap_or_default();
    let card = format!(
        "BEGIN:VCARD\nVERSION:3.0\nN:{name}\nFN:{name}\n\
         item1.TEL;waid={phone}@s.whatsapp.net:{phone}\nitem1.X-ABLabel:Celular\nEND:VCARD"
    );
    let mut inner = json!({ "displayName": name, "vcard": card });
    if integration == Integration::Baileys {
        inner["contextInfo"] = context(at);
    }
    Outgoing::of("contact", name, "contactMessage", inner)
}

fn option(label: &Value, id: &Value, description: &Value) -> MenuOption {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    MenuOption {
        label: text(label).unwrap_or_default(),
        id: text(id),
        description: text(description),
    }
}

fn repeats<'a>(items: impl Iterator<Item = Option<&'a String>>) -> bool {
    let mut seen = std::collections::HashSet::new();
    items.flatten().any(|item| !seen.insert(item))
}
