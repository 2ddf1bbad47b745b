//! What the gateway's answer to a send means.
//!
//! The status alone does not tell: 400 stands for a bad request, an unknown number, a closed
//! connection, a time-out after the message may have left, and a limit; 500 for some of the same;
//! a failure at Meta comes as 201. So the text of the answer decides. What is not known is taken
//! for a message that may have been sent, as the gateway reports a failure after sending alike.

use serde_json::Value;

use crate::channel::Sent;
use crate::channel::error::{Misconfiguration, Refusal, Retry, SendError};

/// The words of a thrown error, and what they mean where the status makes no difference.
const THROWN: [(&str, SendError); 6] = [
    ("Connection Closed", NOT_CONNECTED),
    ("rate-overlimit", SendError::NotSent { retry: Retry::Slowly }),
    ("this.isZero is not a function", SendError::Refused { what: Refusal::Kind }),
    ("Method not available", SendError::Refused { what: Refusal::Kind }),
    // A list row without description, on a Cloud instance.
    ("(reading 'substring')", SendError::OurBug { why: "row without description" }),
    ("Timed Out", SendError::MaybeSent { why: "timed out" }),
];

const NOT_CONNECTED: SendError = SendError::NotSent { retry: Retry::WhenConnected };

/// How the gateway's own checks of a request begin, where they are not those of a schema.
const CHECKS: [&str; 9] = [
    "Text is required",
    "Owned media must be",
    "For base64 the file name",
    "Maximum of 3 reply buttons",
    "Reply buttons cannot be mixed",
    "At least one button",
    "Button texts cannot be repeated",
    "Button IDs cannot be repeated",
    "Reaction must be",
];

/// Classifies the answer to a send by its status and JSON body (null if it had none).
pub fn classify(status: u16, body: &Value) -> Result<Sent, SendError> {
    if let 200..=299 = status {
        return accepted(body);
    }
    if let Some(what) = misconfiguration(status, body) {
        return Err(SendError::Misconfigured { what });
    }
    let message = message_of(body);
    Err(match status {
        429 => SendError::NotSent { retry: Retry::Slowly },
        400 | 500 => thrown(status, message),
        413 | 415 | 422 => SendError::OurBug { why: "request refused" },
        _ => SendError::MaybeSent { why: "unexpected status" },
    })
}

/// What is wrong with the settings, if that is what the answer says; of any call.
pub(super) fn misconfiguration(status: u16, body: &Value) -> Option<Misconfiguration> {
    match status {
        401 | 403 => Some(Misconfiguration::Key),
        404 => {
            let texts = texts_of(message_of(body));
            let unknown_instance =
                texts.iter().any(|text| text.contains("instance does not exist"));
            Some(if unknown_instance {
                Misconfiguration::Instance
            } else {
                Misconfiguration::Address
            })
        }
        503 if is_licence(body) => Some(Misconfiguration::Licence),
        300..=399 | 405 => Some(Misconfiguration::Address),
        _ => None,
    }
}

fn is_licence(body: &Value) -> bool {
    let required = |code: &Value| code == "LICENSE_REQUIRED";
    required(&body["code"]) || required(&body["error"]) || required(&body["response"]["code"])
}

/// A success, or a failure at Meta, which the gateway hands on as a success.
fn accepted(body: &Value) -> Result<Sent, SendError> {
    let id = body["key"]["id"].as_str().filter(|id| !id.is_empty());
    if let Some(id) = id {
        return Ok(Sent { provider_id: id.to_owned() });
    }
    // https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
    Err(match body["code"].as_i64() {
        Some(0 | 3 | 10 | 190 | 200..=299) => {
            SendError::Misconfigured { what: Misconfiguration::MetaToken }
        }
        Some(4 | 80_007 | 130_429 | 131_048 | 131_056) => {
            SendError::NotSent { retry: Retry::Slowly }
        }
        Some(1 | 2 | 131_000 | 131_016 | 131_057) => SendError::NotSent { retry: Retry::Soon },
        Some(131_026 | 131_030) => SendError::Refused { what: Refusal::Number },
        Some(_) => SendError::Refused { what: Refusal::Message },
        None => SendError::MaybeSent { why: "success without id" },
    })
}

fn thrown(status: u16, message: &Value) -> SendError {
    if let Some(items) = message.as_array() {
        if items.iter().any(|item| item["exists"] == false) {
            return SendError::Refused { what: Refusal::Number };
        }
        if items.iter().any(Value::is_array) {
            return SendError::OurBug { why: "schema" };
        }
    }
    let texts = texts_of(message);
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    if status == 500 {
        // The number is looked up first, outside of what reports 400.
        if says("Timed Out") {
            return SendError::NotSent { retry: Retry::Soon };
        }
        if says("Cannot read properties of undefined") && !says("(reading 'substring')") {
            return NOT_CONNECTED;
        }
    }
    if let Some((_, error)) = THROWN.iter().find(|(words, _)| says(words)) {
        return *error;
    }
    if texts.iter().any(|text| CHECKS.iter().any(|check| text.starts_with(check))) {
        return SendError::OurBug { why: "checks" };
    }
    // A body that is no JSON is answered by the parser, with a bare text.
    if status == 400 && message.is_string() {
        return SendError::OurBug { why: "malformed JSON" };
    }
    SendError::MaybeSent { why: "unknown error" }
}

/// `response.message`, or `message` where the answer has the other shape.
fn message_of(body: &Value) -> &Value {
    let message = &body["response"]["message"];
    if message.is_null() { &body["message"] } else { message }
}

fn texts_of(message: &Value) -> Vec<&str> {
    match message {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Answers of which there is no recording; the recorded ones are in the integration tests.
    #[test]
    fn answers_that_nobody_recorded_are_taken_with_care() {
        use Misconfiguration as M;
        let message = |text: &str| json!({ "response": { "message": [text] } });
        let maybe = |why| Err(SendError::MaybeSent { why });
        let wrong = |what| Err(SendError::Misconfigured { what });
        #[rustfmt::skip]
        let cases = [
            (503, json!({ "code": "LICENSE_REQUIRED" }),    wrong(M::Licence)),
            (503, json!(null),                              maybe("unexpected status")),
            (502, json!(null),                              maybe("unexpected status")),
            (504, json!("<html>"),                          maybe("unexpected status")),
            (429, json!(null),                              Err(SendError::NotSent { retry: Retry::Slowly })),
            (301, json!(null),                              wrong(M::Address)),
            (404, json!(null),                              wrong(M::Address)),
            (403, json!(null),                              wrong(M::Key)),
            (201, json!(null),                              maybe("success without id")),
            (201, json!({ "key": { "id": "" } }),           maybe("success without id")),
            (201, json!({ "code": 131_049 }),               Err(SendError::Refused { what: Refusal::Message })),
            (200, json!({ "key": { "id": "3EB0" } }),       Ok(Sent { provider_id: "3EB0".into() })),
            (400, message("[object Object]"),               maybe("unknown error")),
            (500, message("Error: the database is gone"),   maybe("unknown error")),
            (400, json!(null),                              maybe("unknown error")),
        ];
        for (status, body, expected) in cases {
            assert_eq!(classify(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_others_would_meet_too_pauses_the_instance() {
        use SendError as E;
        for (error, pauses) in [
            (E::NotSent { retry: Retry::Soon }, false),
            (E::NotSent { retry: Retry::WhenConnected }, true),
            (E::NotSent { retry: Retry::Slowly }, true),
            (E::Misconfigured { what: Misconfiguration::Key }, true),
            (E::Refused { what: Refusal::Number }, false),
            (E::MaybeSent { why: "x" }, false),
            (E::OurBug { why: "x" }, false),
        ] {
            assert_eq!(error.pauses_instance(), pauses, "{error}");
        }
    }
}
