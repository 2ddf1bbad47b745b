//! The API's share of the server: what a client asks for, however much, leaves the webhook its own.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sqlx::PgPool;

use super::problem::Problem;
use crate::http::admission::{Admission, Bounds};

/// Requests that wait or are at work.
const PLACES: usize = 512;
/// Bodies are read once their request is at work, so its turns bound them.
const BYTES: usize = usize::MAX;
/// As long as a crowd on one time is waited for, see [`super::patience`].
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any request takes whose database answers.
const LONGEST: Duration = Duration::from_secs(30);

/// Three eighths of the connections; the webhook has half, health and metrics what remains.
pub(super) fn of(pool: &PgPool) -> Admission {
    let connections = pool.options().get_max_connections() as usize;
    let turns = (connections * 3 / 8).max(1);
    Admission::new(Bounds { places: PLACES, bytes: BYTES, turns, patience: PATIENCE })
}

/// Lets a request in when its turn comes.
pub(super) async fn admitted(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response {
    let busy = || {
        let detail =
            "Too many requests wait for it, and this one was not begun. Send it again in a moment.";
        Problem::unavailable(detail).into_response()
    };
    let Ok(place) = admission.enter(0) else { return busy() };
    let Ok(_turn) = place.turn().await else { return busy() };
    tokio::time::timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
        let detail = "It took too long, and may have been done or not. Look before you send it again, \
                      or send it with an Idempotency-Key.";
        Problem::unavailable(detail).into_response()
    })
}
