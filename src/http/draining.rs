//! A server that is about to end: it says so before it refuses.
//!
//! A balancer learns from `/health/ready` that it is to send nothing more here, which takes it a look
//! or two. Until then everything is served as ever, but each answer closes its connection: a client
//! that kept it for its next request would otherwise meet the end in the middle of that.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http::Version};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The routes of a process that leaves once `leaving` is cancelled.
pub fn draining(router: Router, leaving: CancellationToken) -> Router {
    router.layer(from_fn_with_state(leaving, answer))
}

async fn answer(
    State(leaving): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let version = request.version();
    let mut response = if leaving.is_cancelled() && request.uri().path() == "/health/ready" {
        let body = json!({ "status": "unavailable", "checks": { "process": "is stopping" } });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    } else {
        next.run(request).await
    };
    // It may have begun before the signal and ended after. HTTP/2 has its own way to say it.
    if leaving.is_cancelled() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
