//! Errors as RFC 9457 problems: `application/problem+json` with a `type` that can be opened.
//!
//! A `type` is `/problems/{kind}`, relative to the server, which answers there what the problem
//! means and what to do ([`explain`], [`KINDS`]). Details never hold what a database said.

use std::collections::BTreeMap;
use std::error::Error;

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// Seconds after which a request that the database could not take is worth another try.
const RETRY_AFTER: u32 = 2;

/// Why a request is not done, for its sender.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// One of [`KINDS`], such as `slot-taken`.
    pub(super) kind: &'static str,
    /// The same for every problem of this kind.
    pub(super) title: &'static str,
    /// What is wrong with this request.
    pub(super) detail: String,
    pub(super) errors: Vec<FieldError>,
    /// Members of this kind alone.
    pub(super) extra: Map<String, Value>,
    /// Seconds, answered as `Retry-After`.
    retry_after: Option<u32>,
}

/// A field or parameter that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Its path in the body, such as `customer.phone`, or the name of the parameter.
    #[schema(example = "customer.phone")]
    pub(super) field: String,
    /// What is wrong, and what would be right.
    #[schema(
        example = "is no phone number; write it with its country code, such as +5511988887777"
    )]
    pub(super) problem: String,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        debug_assert!(meaning(kind).is_some(), "{kind} is missing in KINDS");
        let detail = detail.into();
        Self { status, kind, title, detail, errors: vec![], extra: Map::new(), retry_after: None }
    }

    /// Adds a member; one that cannot be JSON is left out.
    pub(super) fn with(mut self, key: &'static str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.extra.insert(key.to_owned(), value);
        }
        self
    }

    /// Says after how many seconds another try makes sense.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 422: every field that is wrong, at once.
    pub(super) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{} {}.", one.field, one.problem),
            many => format!("{} fields are wrong; errors names them.", many.len()),
        };
        let invalid = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-input",
            "The request has wrong fields",
            detail,
        );
        Self { errors, ..invalid }
    }

    /// 404. `what` is the kind of thing, such as `booking`.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            format!("The tenant of this key has no such {what}."),
        )
    }

    /// 503: the database is away, or too many ask for it at once.
    pub(super) fn unavailable(detail: &'static str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The database cannot take it now",
            detail,
        )
        .retry_after(RETRY_AFTER)
    }

    /// 500: ours to mend. What happened is in the log, by the caller.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is wrong on our side",
            "The request was not done; what happened is in the server's log.",
        )
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) {
            tracing::warn!(error = told(&error), "the database cannot take a request now");
            return Self::unavailable("Nothing was changed. Send the request again in a moment.");
        }
        tracing::error!(error = told(&error), "a request of the API failed in the database");
        Self::internal()
    }
}

/// Whether the same request may succeed in a moment: the database is away, restarting, or somebody
/// holds a lock.
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // 08 connection, 53 resources, 57P0x shutting down or starting, 57014 cancelled, 55P03
            // lock not to be had, 40 deadlock or serialisation, 25006 a standby.
            ["08", "53", "57", "55P03", "40", "25006"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// What a log may hold of it. The server's own message can quote values of rows.
fn told(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => format!(
            "SQLSTATE {}, constraint {}",
            database.code().as_deref().unwrap_or("unknown"),
            database.constraint().unwrap_or("none"),
        ),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// What is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// Where its meaning is told, relative to the server.
    #[schema(example = "/problems/invalid-input")]
    r#type: String,
    #[schema(example = "The request has wrong fields")]
    title: String,
    /// As in the status line.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request, for people.
    #[schema(example = "starts_at is missing.")]
    detail: String,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    #[schema(ignore)]
    extra: Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
            extra: self.extra,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

const MEDIA_TYPE: &str = "application/problem+json";

/// The problems that every request with a key may meet, for the API's description.
pub(super) struct KeyedProblems;

impl IntoResponses for KeyedProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("401", "No key, or one that is unknown, expired or revoked"),
            ("403", "The key lacks the scope that this needs; `scope` names it"),
            ("422", "Fields or parameters are wrong; `errors` names each"),
            ("429", "Too many wrong keys came from this address; see `Retry-After`"),
            ("500", "Something is wrong on our side"),
            ("503", "The database cannot take it now; see `Retry-After`"),
        ])
    }
}

/// The problems that every request with a body may meet, for the API's description.
pub(super) struct BodyProblems;

impl IntoResponses for BodyProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("400", "The body is not a JSON object"),
            ("413", "The body is over 64 KiB"),
            ("415", "The body is said to be something else than JSON"),
        ])
    }
}

/// Responses that are problems: (status, when).
pub(super) fn described(
    list: &[(&str, &str)],
) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let problem = |when: &str| {
        let schema = Ref::from_schema_name(ProblemBody::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(when).content(MEDIA_TYPE, content).build()
    };
    list.iter().map(|&(status, when)| (status.to_owned(), problem(when).into())).collect()
}

/// The schemas that [`described`] refers to.
pub(super) fn schemas() -> Vec<(String, RefOr<utoipa::openapi::Schema>)> {
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    schemas
}

/// `GET /problems/{kind}`: what a problem means and what to do.
pub(super) async fn explain(Path(kind): Path<String>) -> Response {
    if let Some(meaning) = meaning(&kind) {
        return format!("{kind}\n\n{meaning}\n").into_response();
    }
    let known: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let text = format!("There is no such problem. Known are: {}.\n", known.join(", "));
    (StatusCode::NOT_FOUND, text).into_response()
}

fn meaning(kind: &str) -> Option<&'static str> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, meaning)| *meaning)
}

/// Every kind of problem with what it means and what its receiver does about it.
#[rustfmt::skip]
const KINDS: &[(&str, &str)] = &[
    ("unauthorized",
     "The request carries no key that is in use. Send `Authorization: Bearer KEY`; `pontual key create` makes a key, \
      `pontual key list` shows which ones are revoked or over."),
    ("scope-missing",
     "The key is limited to scopes, and this needs another one: `scope` names it. `pontual key create --scope …` makes a \
      key that has it."),
    ("too-many-wrong-keys",
     "More than sixty requests with wrong keys came from this address within a minute. Wait Retry-After seconds, and send \
      a key that is in use. Keys that worked lately are not held up."),
    ("invalid-input",
     "Fields or parameters are wrong. `errors` names every one of them and what would be right; mend all and send again."),
    ("not-json",
     "The body is no JSON text in UTF-8."),
    ("not-an-object",
     "The body is JSON, but no object: write {…} around the fields."),
    ("too-large",
     "The body is larger than a request of this API ever is: 64 KiB."),
    ("unsupported-media-type",
     "The Content-Type names something else than JSON. Send `Content-Type: application/json`."),
    ("not-found",
     "There is nothing at this address, or it belongs to another tenant than the key."),
    ("method-not-allowed",
     "The address exists, but does not know this method. The header Allow lists those it knows."),
    ("slot-taken",
     "Somebody else has the time, wholly or in part, buffers included. Nothing was booked or moved. `alternatives` are \
      free times near the wished one; they are not kept for you."),
    ("not-bookable",
     "The time breaks a rule of the tenant: notice, horizon, hours, closures or time off. `reasons` lists which; \
      `alternatives` are free times near it."),
    ("illegal-status",
     "A booking of this status cannot become what was asked. `may_become` lists what it can."),
    ("inside-notice",
     "The booking starts sooner than the tenant's notice for cancelling and moving allows. Send `override_reason` with \
      the change to do it all the same; the reason is kept with the booking."),
    ("invalid-idempotency-key",
     "An Idempotency-Key is 1 to 255 visible ASCII signs, given once."),
    ("idempotency-key-reused",
     "This Idempotency-Key was used for another request within 24 hours. Use a new key for a new request; use the old \
      one only to repeat the very same request."),
    ("in-progress",
     "The first request with this Idempotency-Key is still running. Repeat it after Retry-After seconds; the answer will \
      be the one of the first."),
    ("precondition-failed",
     "The booking has changed since you read it: If-Match names an older revision. Read it again and decide anew."),
    ("unavailable",
     "The database is away, starting, slow, or somebody holds a lock. Repeat after Retry-After seconds; the detail says \
      whether anything may have been changed."),
    ("internal",
     "Something is wrong on the server's side, and its log says what. Repeating will hardly help; tell whoever runs it."),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The text of every file of the API.
    fn sources() -> Vec<String> {
        let mut texts = Vec::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/api")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    texts.push(std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        texts
    }

    #[test]
    fn every_kind_that_is_used_is_explained() {
        let mut used: Vec<String> = Vec::new();
        for text in sources() {
            used.extend(text.split("StatusCode::").skip(1).filter_map(kind_after_status));
        }
        used.sort();
        used.dedup();
        assert!(used.len() > 5, "{used:?}");
        for kind in used {
            assert!(meaning(&kind).is_some(), "{kind} is missing in KINDS");
        }
    }

    #[test]
    fn no_member_of_one_kind_hides_a_member_of_all() {
        for text in sources() {
            for own in ["type", "title", "status", "detail", "errors"] {
                let with = format!(".with({own:?},");
                assert!(!text.contains(&with), "a problem is made {with} …): choose another name");
            }
        }
    }

    /// `CONFLICT, "slot-taken", …` gives `slot-taken`.
    fn kind_after_status(text: &str) -> Option<String> {
        let (_, rest) = text.split_once(|c: char| !c.is_ascii_uppercase() && c != '_')?;
        let literal = rest.trim_start_matches([',', ' ', '\n']).strip_prefix('"')?;
        let (kind, _) = literal.split_once('"')?;
        kind.chars().all(|c| c.is_ascii_lowercase() || c == '-').then(|| kind.to_owned())
    }

    #[test]
    fn the_database_s_own_words_are_told_to_nobody() {
        let lost = Problem::from(sqlx::Error::PoolTimedOut);
        assert_eq!((lost.status, lost.kind), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
        let bug = Problem::from(sqlx::Error::ColumnNotFound("secret_hash".to_owned()));
        assert_eq!((bug.status, bug.kind), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        assert!(!bug.detail.contains("secret_hash"));
    }

    #[test]
    fn one_wrong_field_is_told_in_the_detail_and_several_are_counted() {
        let error =
            |field: &str| FieldError { field: field.to_owned(), problem: "is missing".to_owned() };
        assert_eq!(Problem::invalid(vec![error("from")]).detail, "from is missing.");
        let two = Problem::invalid(vec![error("from"), error("to")]);
        assert_eq!(two.detail, "2 fields are wrong; errors names them.");
        assert_eq!(two.errors.len(), 2);
    }
}
