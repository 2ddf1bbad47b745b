//! `/api/v1`: the JSON API of a tenant, and the texts that explain its problems.
//!
//! Each part below has its handlers and gives them as `routes()`; the description at
//! `/api/v1/openapi.json` is made of the same handlers, so that no path is served undescribed.

mod availability;
mod bookings;
mod calendar;
mod catalogue;
mod conversations;
mod failures;
mod flags;
mod free;
mod idempotency;
mod in_path;
mod input;
mod instances;
mod key;
mod notifications;
mod page;
mod patience;
mod problem;
mod scope;
mod share;
mod templates;
mod visits;

use std::any::Any;

use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use self::failures::Failures;
use self::key::Uses;
use self::problem::Problem;
use super::{App, Proxies};

/// The routes of the API, its description, and `/problems/{kind}`.
pub(super) fn router(app: &App, proxies: Proxies) -> Router<App> {
    let (described, description) = described().split_for_parts();
    let text = description.to_json().unwrap_or_default();
    let openapi =
        get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text.clone()) });
    let all = described
        .route("/api/v1/openapi.json", openapi)
        .route("/problems/{kind}", get(problem::explain))
        .merge(calendar::feeds())
        .route("/api/v1", axum::routing::any(nothing_here))
        .route("/api/v1/", axum::routing::any(nothing_here))
        .route("/api/v1/{*rest}", axum::routing::any(nothing_here))
        .method_not_allowed_fallback(other_method)
        .layer(Extension(Uses::default()))
        .layer(Extension(Failures::new(proxies)));
    let all = all.layer(from_fn_with_state(share::of(&app.pool), share::admitted));
    with_panics_told(all)
}

/// Answers what a handler's panic leaves unanswered.
fn with_panics_told<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked))
}

/// Every part under its path, with its description.
fn described() -> OpenApiRouter<App> {
    let parts = OpenApiRouter::default()
        .merge(catalogue::routes())
        .merge(availability::routes())
        .merge(bookings::routes())
        .merge(visits::routes())
        .merge(calendar::routes())
        .merge(conversations::routes())
        .merge(notifications::routes())
        .merge(templates::routes())
        .merge(instances::routes())
        .merge(flags::routes());
    let mut api = OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", parts);
    scope::describe(api.get_openapi_mut());
    let components = api.get_openapi_mut().components.get_or_insert_default();
    components.schemas.extend(problem::schemas());
    components.add_security_scheme(
        "key",
        SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "A key of the tenant, from `pontual key create`. The role that an operation \
                     names is the scope its key needs: read, write or operate.",
                ))
                .build(),
        ),
    );
    api
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pontual",
        description = "Bookings of one tenant: what it offers, when it has time, who comes. \
            Times are RFC 3339 with an offset, in answers the tenant's own. Every problem is \
            `application/problem+json` (RFC 9457) with a `type` that explains itself.",
    ),
    security(("key" = [])),
)]
struct Description;

/// What a caught panic is answered. Its message stays here: it may quote what a request said.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler of the API panicked");
    Problem::internal().into_response()
}

async fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "Not found",
        "The API has no such address; GET /api/v1/openapi.json lists those it has.",
    )
}

async fn other_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The method is not known here",
        format!("{} does not take {method}; the header Allow lists what it takes.", uri.path()),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn quotes_the_request() {
        panic!("no customer +5511988887777");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_like_any_other_and_keeps_its_message() {
        let router = with_panics_told(Router::new().route("/", get(quotes_the_request)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        assert!(answer.contains("content-type: application/problem+json"), "{answer}");
        assert!(answer.contains("\"type\":\"/problems/internal\""), "{answer}");
        assert!(!answer.contains("5511988887777"), "{answer}");
    }
}
