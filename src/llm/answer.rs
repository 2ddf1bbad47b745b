//! What an answer means, if it is one: whoever answers may be wrong, broken or hostile.

use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Usage};
use crate::domain::catalogue::Catalogue;
use crate::domain::conversation::{Interpretation, Purpose};
use crate::domain::locale::Locale;

/// More than one visit has.
const SERVICES_MAX: usize = 8;
/// Above this a figure is no count of tokens.
const TOKENS_MAX: u64 = 10_000_000;
/// Above this a figure is no price of an answer, in credits.
const COST_MAX: f64 = 1_000.0;

/// The fields of the schema, and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    intent: String,
    services: Vec<String>,
    staff: Option<String>,
    date: Option<String>,
    time: Option<String>,
}

/// What the model made of the words; `None`: nothing that we could do.
///
/// # Errors
///
/// [`Failure::Nonsense`] for whatever is not what was asked for: cut off, refused, of another shape,
/// with a name that is in no list.
pub fn read(
    body: &Value,
    catalogue: &Catalogue,
    locale: Locale,
) -> Result<Option<Interpretation>, Failure> {
    let choice = &body["choices"][0];
    if matches!(choice["finish_reason"].as_str(), Some("length" | "content_filter" | "error")) {
        return Err(Failure::Nonsense);
    }
    let content = choice["message"]["content"].as_str().ok_or(Failure::Nonsense)?;
    let said: Said = serde_json::from_str(content.trim()).map_err(|_| Failure::Nonsense)?;
    if said.intent == "none" {
        return Ok(None);
    }
    let purpose =
        Purpose::deserialize(Value::String(said.intent)).map_err(|_| Failure::Nonsense)?;
    if said.services.len() > SERVICES_MAX {
        return Err(Failure::Nonsense);
    }
    let (services, staff, date, time) = (said.services, said.staff, said.date, said.time);
    let interpretation = Interpretation { purpose, services, staff, date, time };
    interpretation.closed(catalogue, locale).map(Some).ok_or(Failure::Nonsense)
}

/// What the answer says it cost; what it does not say, or cannot be, is nothing.
pub fn usage(body: &Value) -> Usage {
    let tokens = |field: &str| {
        let count = body["usage"][field].as_u64().unwrap_or(0);
        i64::try_from(count.min(TOKENS_MAX)).unwrap_or(0)
    };
    let cost = body["usage"]["cost"].as_f64().filter(|cost| cost.is_finite()).unwrap_or(0.0);
    Usage {
        prompt_tokens: tokens("prompt_tokens"),
        completion_tokens: tokens("completion_tokens"),
        cost: cost.clamp(0.0, COST_MAX),
    }
}

/// The code of an error that came with status 200; 502 where it has none.
pub fn error_code(body: &Value) -> Option<u16> {
    let error =
        [&body["error"], &body["choices"][0]["error"]].into_iter().find(|e| !e.is_null())?;
    Some(error["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(502))
}
