//! What the provider's answers and reports mean.
//!
//! <https://www.twilio.com/docs/api/errors> and
//! <https://www.twilio.com/docs/messaging/api/message-resource#message-status-values>

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::channel::error::{Misconfiguration, Refusal, Retry, SendError};
use crate::channel::whatsapp::status::DeliveryStatus;
use crate::channel::{Found, Sent};

/// Classifies the answer to a send by its status and JSON body (null if it had none).
pub fn classify(status: u16, body: &Value) -> Result<Sent, SendError> {
    if let 200..=299 = status {
        // Accepted and refused at once: the same codes as in a report.
        if matches!(body["status"].as_str(), Some("failed" | "undelivered" | "canceled")) {
            return Err(failed(code_of(&body["error_code"])));
        }
        return match body["sid"].as_str().filter(|sid| !sid.is_empty()) {
            Some(sid) => Ok(Sent { provider_id: sid.to_owned() }),
            None => Err(SendError::MaybeSent { why: "success without id" }),
        };
    }
    if let Some(what) = misconfiguration(status, body) {
        return Err(SendError::Misconfigured { what });
    }
    Err(match status {
        429 => SendError::NotSent { retry: Retry::Slowly },
        400..=499 => failed(code_of(&body["code"])),
        _ => SendError::MaybeSent { why: "unexpected status" },
    })
}

/// What is wrong with the settings, if that is what the answer says; of any call.
pub(super) fn misconfiguration(status: u16, body: &Value) -> Option<Misconfiguration> {
    match (status, code_of(&body["code"])) {
        (401, _) | (_, Some(20003 | 20005 | 20403 | 30002)) => Some(Misconfiguration::Key),
        (300..=399 | 404 | 405, _) => Some(Misconfiguration::Address),
        (_, Some(21212 | 21603 | 21606 | 21608 | 21659 | 21660 | 21661)) => {
            Some(Misconfiguration::Sender)
        }
        (403, _) => Some(Misconfiguration::Key),
        _ => None,
    }
}

/// What an error code of an answer or of a report means for this message.
fn failed(code: Option<u64>) -> SendError {
    match code {
        // Too many at once, or a full queue of theirs.
        Some(14107 | 20429 | 21611 | 30001 | 30022) => SendError::NotSent { retry: Retry::Slowly },
        // No number; no mobile; a region or a carrier that is not reached; an unknown or dead one.
        Some(
            21211 | 21214 | 21217 | 21219 | 21408 | 21612 | 21614 | 30003 | 30005 | 30006 | 30008,
        ) => SendError::Refused { what: Refusal::Address },
        // STOP was answered, or the phone or its carrier blocks us.
        Some(21610 | 30004) => SendError::Refused { what: Refusal::OptedOut },
        Some(21602 | 21604 | 21605 | 21617) => SendError::OurBug { why: "text" },
        // 30007, filtered as spam, and whatever else.
        _ => SendError::Refused { what: Refusal::Message },
    }
}

/// How far a message has got, in the provider's word; `None`: not yet on its way, or unknown.
pub fn status_of(word: &str) -> Option<DeliveryStatus> {
    match word {
        "sent" => Some(DeliveryStatus::Sent),
        "delivered" => Some(DeliveryStatus::Delivered),
        "read" => Some(DeliveryStatus::Read),
        "failed" | "undelivered" | "canceled" => Some(DeliveryStatus::Failed),
        _ => None,
    }
}

/// Whether a report's error code says that the recipient wants nothing more.
pub fn is_opt_out(code: &str) -> bool {
    code.trim()
        .parse()
        .is_ok_and(|code| failed(Some(code)) == SendError::Refused { what: Refusal::OptedOut })
}

/// A message on record.
pub(super) fn found(message: &Value) -> Option<Found> {
    let at = message["date_sent"].as_str().or(message["date_created"].as_str());
    let at = at.and_then(|at| DateTime::parse_from_rfc2822(at).ok());
    Some(Found {
        provider_id: message["sid"].as_str().filter(|sid| !sid.is_empty())?.to_owned(),
        sent_at: at.map(|at| at.with_timezone(&Utc)),
        status: message["status"].as_str().and_then(status_of),
    })
}

/// Codes come as numbers and as texts.
fn code_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_answer_says_what_to_do_next() {
        use Misconfiguration as M;
        use Refusal as R;
        let maybe = |why| Err(SendError::MaybeSent { why });
        let wrong = |what| Err(SendError::Misconfigured { what });
        let refused = |what| Err(SendError::Refused { what });
        let code = |code: u32| json!({ "code": code, "message": "…", "status": 400 });
        #[rustfmt::skip]
        let cases = [
            (201, json!({ "sid": "SM1", "status": "queued" }),                         Ok(Sent { provider_id: "SM1".into() })),
            (201, json!({ "sid": "SM1", "status": "failed", "error_code": 30006 }),    refused(R::Address)),
            (201, json!({ "sid": "SM1", "status": "failed", "error_code": "21610" }),  refused(R::OptedOut)),
            (200, json!({ "sid": "" }),                    maybe("success without id")),
            (200, json!(null),                             maybe("success without id")),
            (400, code(21211),                             refused(R::Address)),
            (400, code(21614),                             refused(R::Address)),
            (400, code(21610),                             refused(R::OptedOut)),
            (400, code(30007),                             refused(R::Message)),
            (400, code(30003),                             refused(R::Address)),
            (400, code(21606),                             wrong(M::Sender)),
            (400, code(21617),                             Err(SendError::OurBug { why: "text" })),
            (400, code(99999),                             refused(R::Message)),
            (400, code(21611),                             Err(SendError::NotSent { retry: Retry::Slowly })),
            (401, code(20003),                             wrong(M::Key)),
            (403, json!(null),                             wrong(M::Key)),
            (404, code(20404),                             wrong(M::Address)),
            (302, json!(null),                             wrong(M::Address)),
            (429, code(20429),                             Err(SendError::NotSent { retry: Retry::Slowly })),
            (500, json!(null),                             maybe("unexpected status")),
            (503, code(20503),                             maybe("unexpected status")),
        ];
        for (status, body, expected) in cases {
            assert_eq!(classify(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn reports_are_read_in_the_providers_words() {
        use DeliveryStatus as S;
        for (word, expected) in [
            ("queued", None),
            ("sending", None),
            ("sent", Some(S::Sent)),
            ("delivered", Some(S::Delivered)),
            ("undelivered", Some(S::Failed)),
            ("failed", Some(S::Failed)),
            ("nonsense", None),
        ] {
            assert_eq!(status_of(word), expected, "{word}");
        }
        assert!(is_opt_out("21610") && !is_opt_out("30003") && !is_opt_out(""));
    }
}
