//! A span around each request: method, route and status, and nothing of what the request says.
//!
//! The route is the pattern, such as `/calendar/{secret}`: paths hold secrets, queries hold phone
//! numbers, bodies hold everything. A failure is logged where it is handled.

use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::time::Instant;
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::TraceLayer;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::{metrics, trace};

/// Traces every request of the router's routes.
pub(super) fn traced<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let layer: TraceLayer<SharedClassifier<ServerErrorsAsFailures>> = TraceLayer::new_for_http();
    router
        .layer(layer.make_span_with(span).on_request(()).on_response(answered).on_failure(()))
        .layer(middleware::from_fn(measured))
}

/// Times the request, and makes it a span of the caller's trace or the first of its own.
async fn measured(request: Request, next: Next) -> Response {
    let route = route_of(&request);
    let method = method_of(request.method());
    let began = Instant::now();
    // What orchestrators and scrapers ask all day sets nothing off.
    let traced = if route.starts_with("/health/") || route == "/metrics" {
        trace::Span::NONE
    } else {
        let caller = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        trace::Span::request(method, &route, caller)
    };
    let response = traced.around(next.run(request)).await;
    let status = response.status();
    traced.note("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        traced.fail("server_error");
    }
    metrics::http_request(method, &route, status.as_u16(), began.elapsed());
    response
}

fn span(request: &Request) -> Span {
    // Tenant and key are known once the request's key has been looked up.
    info_span!(
        "request",
        http.method = %request.method(),
        http.route = &*route_of(request),
        trace.id = trace::trace_id(),
        http.status = Empty,
        tenant.id = Empty,
        key.id = Empty,
    )
}

/// The pattern that the request matched.
fn route_of(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned()
}

/// One of few, whatever a client makes up.
fn method_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn answered<B>(response: &Response<B>, took: Duration, span: &Span) {
    span.record("http.status", response.status().as_u16());
    tracing::debug!(took_ms = took.as_secs_f64() * 1000.0, "answered a request");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use axum::routing::post;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_request_is_logged_by_its_route_and_without_what_it_says() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _default = tracing::subscriber::set_default(subscriber);
        let router =
            Router::new().route("/calendar/{secret}", post(|| async { tracing::info!("inside") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, traced(router)).await });

        // Written by hand, so that no client's own log is among the server's.
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "POST /calendar/s3cret?phone=5511988887777 HTTP/1.1\r\nhost: x\r\n\
                       authorization: Bearer k3y\r\ncontent-length: 4\r\nconnection: close\r\n\r\nb0dy";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let ours: Vec<&str> = log.lines().filter(|line| line.contains("request{")).collect();
        assert!(ours.iter().any(|line| line.contains("inside")), "{log}");
        assert!(
            ours.iter().any(|line| line.contains("answered") && line.contains("status=200")),
            "{log}"
        );
        assert!(log.contains("http.route=\"/calendar/{secret}\""), "{log}");
        for secret in ["s3cret", "5511988887777", "k3y", "b0dy"] {
            assert!(!log.contains(secret), "{secret} is in {log}");
        }
    }
}
