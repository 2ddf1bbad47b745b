//! What an address names.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::problem::Problem;

/// The one part of an address that names something. Whatever is no text names nothing: 404.
#[derive(Debug)]
pub(super) struct InPath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            // The database keeps no text with a zero in it, so nothing is called that.
            Ok(Path(name)) if !name.contains('\0') => Ok(Self(name)),
            _ => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not-found",
                "Not found",
                "The address is no text that could name anything.",
            )),
        }
    }
}
