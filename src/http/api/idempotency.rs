//! Requests that may be sent twice (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
//!
//! The key is taken in the transaction of the request's effects, so effects and answer are kept
//! together or not at all. A second request waits for the first one and is answered as it was. A
//! request that failed keeps nothing: its key may be used again.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::input::JsonObject;
use super::patience::Failure;
use super::problem::Problem;
use crate::db::TenantTx;
use crate::db::bookings::requests::{self, Claim};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request with effects, and the key it may carry.
#[derive(Debug)]
pub(super) struct Once {
    key: Option<String>,
    path: String,
    hash: Vec<u8>,
}

/// What a request made: the answer that is sent, and kept for its repetition.
#[derive(Debug)]
pub(super) struct Made {
    body: String,
    /// Where what was made is found, from the root of the server; none where it has no address.
    location: Option<String>,
}

impl Once {
    /// `path` is the request's, such as `/api/v1/bookings`.
    ///
    /// # Errors
    ///
    /// 400 for a key that is not 1 to 255 visible ASCII signs, or that comes several times.
    pub(super) fn read(
        headers: &HeaderMap,
        path: &str,
        body: &JsonObject,
    ) -> Result<Self, Problem> {
        let mut given = headers.get_all(KEY).iter();
        let key = match (given.next(), given.next()) {
            (None, _) => None,
            (Some(key), None) => Some(readable(key).ok_or_else(bad_key)?),
            (Some(_), Some(_)) => return Err(bad_key()),
        };
        // Objects are sorted by their fields, so that spaces and order make no other request.
        let body = serde_json::to_vec(&body.0).map_err(|_| Problem::internal())?;
        let mut hash = Sha256::new();
        hash.update(b"POST ");
        hash.update(path.as_bytes());
        hash.update(b"\n");
        hash.update(&body);
        Ok(Self { key, path: path.to_owned(), hash: hash.finalize().to_vec() })
    }

    /// Takes the key, first thing in the transaction; an answer, where the request came before.
    pub(super) async fn claim(&self, db: &mut TenantTx) -> Result<Option<Response>, Failure> {
        let Some(key) = &self.key else { return Ok(None) };
        match requests::claim(db, key, &self.hash).await {
            Ok(Claim::Ours) => Ok(None),
            Ok(Claim::Answered { status, body }) => {
                let location = self.location_of(&body);
                let mut answer = Made { body, location }.into_response();
                *answer.status_mut() = answered(status)?;
                answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(Some(answer))
            }
            Ok(Claim::OtherRequest) => Err(Failure::Told(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key belongs to another request",
                "Another request was answered under this key. Use a new key for a new request.",
            ))),
            Err(error) if is_waiting(&error) => Err(Failure::InProgress),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the answer, last thing in the transaction.
    pub(super) async fn keep(&self, db: &mut TenantTx, body: String) -> sqlx::Result<Made> {
        if let Some(key) = &self.key {
            requests::answer(db, key, StatusCode::CREATED.as_u16(), &body).await?;
        }
        let location = self.location_of(&body);
        Ok(Made { body, location })
    }

    /// What is made under a path is found below it by its `id`; messages are found in the timeline
    /// of their conversation alone.
    fn location_of(&self, body: &str) -> Option<String> {
        if self.path.ends_with("/messages") {
            return None;
        }
        let body: serde_json::Value = serde_json::from_str(body).ok()?;
        Some(format!("{}/{}", self.path, body.get("id")?.as_str()?))
    }
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut answer = (StatusCode::CREATED, json, self.body).into_response();
        if let Some(Ok(location)) = self.location.map(HeaderValue::try_from) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        answer
    }
}

fn answered(status: i16) -> Result<StatusCode, Problem> {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(Problem::internal)
}

fn readable(key: &HeaderValue) -> Option<String> {
    let bytes = key.as_bytes();
    let fits = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    fits.then(|| String::from_utf8_lossy(bytes).into_owned())
}

fn bad_key() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid-idempotency-key",
        "The Idempotency-Key is no key",
        "Send one key of 1 to 255 visible ASCII signs; a UUID does well.",
    )
}

fn is_waiting(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|told| told.code().as_deref() == Some("55P03"))
}
