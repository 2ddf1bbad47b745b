//! Answers without typing: taps on menus, votes, reactions.

use serde_json::Value;

use super::super::json;
use super::super::values::{id_of, millis};
use super::{Reading, Said, text_of};
use crate::domain::conversation::MessageKind;

/// The one reaction that may be an answer: to a question that a yes answers.
const THUMB: &str = "👍";

/// A tap on a list row, a button or a poll, if it is one.
pub(super) fn tapped(
    message: &Value,
    data: &Value,
    said: &impl Fn(MessageKind, Option<String>, Option<String>, &Value) -> Reading,
) -> Option<Reading> {
    let choice = |inner: &Value, id: &Value, title: &Value| {
        Some(said(MessageKind::Choice, text_of(title), text_of(id), inner))
    };
    let inner = &message["listResponseMessage"];
    if inner.is_object() {
        let title = [&inner["title"], &inner["description"]];
        let title =
            title.into_iter().find(|title| text_of(title).is_some()).unwrap_or(&Value::Null);
        return choice(inner, &inner["singleSelectReply"]["selectedRowId"], title);
    }
    let inner = &message["buttonsResponseMessage"];
    if inner.is_object() {
        return choice(inner, &inner["selectedButtonId"], &inner["selectedDisplayText"]);
    }
    let inner = &message["templateButtonReplyMessage"];
    if inner.is_object() {
        return choice(inner, &inner["selectedId"], &inner["selectedDisplayText"]);
    }
    let inner = &message["interactiveResponseMessage"];
    if inner.is_object() {
        let params = inner["nativeFlowResponseMessage"]["paramsJson"].as_str().unwrap_or_default();
        let params: Value = json::parse(params.as_bytes()).unwrap_or_default();
        return choice(inner, &params["id"], &inner["body"]["text"]);
    }
    let inner = &message["pollUpdateMessage"];
    inner.is_object().then(|| voted(inner, data))
}

/// A vote. Options are known by name; where the gateway could not decrypt them there are none,
/// and the tap is reported without words, so that the customer can be asked to write.
fn voted(inner: &Value, data: &Value) -> Reading {
    let selected: Option<Vec<String>> = inner["vote"]["selectedOptions"]
        .as_array()
        .map(|options| options.iter().filter_map(text_of).collect())
        .or_else(|| {
            let with_voters = |update: &&Value| {
                update["voters"].as_array().is_some_and(|voters| !voters.is_empty())
            };
            let updates = data["pollUpdates"].as_array()?;
            Some(updates.iter().filter(with_voters).filter_map(|u| text_of(&u["name"])).collect())
        });
    let poll = id_of(&inner["pollCreationMessageKey"]);
    let option = match (selected.as_deref(), poll.as_ref()) {
        (Some([]), Some(poll)) => {
            return Reading::Reaction { quoted: poll.clone(), emoji: None };
        }
        (Some([]), None) => return Reading::Nothing("vote withdrawn"),
        (Some([first, ..]), _) => Some(first.clone()),
        (None, _) => None,
    };
    Reading::Said(Said {
        kind: MessageKind::Choice,
        text: option.clone(),
        choice: option,
        quoted: poll,
        vote: true,
        cast_at: millis(&inner["senderTimestampMs"]),
    })
}

/// A reaction: the thumb is said, anything else is merely there.
pub(super) fn reacted(inner: &Value) -> Reading {
    let Some(quoted) = id_of(&inner["key"]) else { return Reading::Nothing("reaction") };
    let emoji = text_of(&inner["text"]);
    // With any colour of skin.
    if emoji.as_deref().is_some_and(|emoji| emoji.trim().starts_with(THUMB)) {
        return Reading::Said(Said {
            kind: MessageKind::Reaction,
            text: Some(THUMB.to_owned()),
            choice: None,
            quoted: Some(quoted),
            vote: false,
            cast_at: None,
        });
    }
    Reading::Reaction { quoted, emoji }
}
