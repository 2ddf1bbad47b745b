//! Spans on their way to a collector: OTLP over HTTP, in batches, by a thread of their own.
//!
//! A collector that is slow or away costs spans and nothing else: what does not fit into the buffer
//! (2,048 spans) is dropped, and the log says once that it is away and once that it is back.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Url;
use tokio::runtime::Handle;

use crate::config::Environment;
use crate::trace;

/// As OpenTelemetry names them: where all signals go, and where traces alone go.
const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const WHOLE: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last batch.
const LAST_BATCH: Duration = Duration::from_secs(2);
/// Of a collector's answer no more than this is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What is still to be delivered at the end.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Starts making spans and delivering them if `OTEL_EXPORTER_OTLP_ENDPOINT` (or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says where to. Needs a runtime of several threads,
    /// which outlives it.
    ///
    /// # Errors
    ///
    /// The address is none.
    pub fn start(environment: &Environment, service: &'static str) -> anyhow::Result<Self> {
        let (whole, base) = (environment.var(WHOLE), environment.var(BASE));
        let Some(endpoint) = endpoint(whole, base)? else { return Ok(Self(None)) };
        let collector = Collector {
            // Does not follow where the collector points: what it is sent is meant for it.
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            runtime: Handle::current(),
            is_away: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()
            .context(BASE)?;
        let service = environment.var("OTEL_SERVICE_NAME").unwrap_or(service).to_owned();
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::now_v7().to_string()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        let scope = InstrumentationScope::builder("pontual")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        trace::start(provider.tracer_with_scope(scope));
        Ok(Self(Some(provider)))
    }

    /// Delivers what is left, or gives it up after two seconds.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        // It blocks, and the collector's client needs the runtime meanwhile.
        let stopping =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_BATCH));
        if tokio::time::timeout(2 * LAST_BATCH, stopping).await.is_err() {
            tracing::debug!("the last spans were not delivered");
        }
    }
}

/// Where spans go; `None`: nowhere.
fn endpoint(whole: Option<&str>, base: Option<&str>) -> anyhow::Result<Option<String>> {
    let (name, value, path) = match (whole, base) {
        (Some(whole), _) => (WHOLE, whole, ""),
        (None, Some(base)) => (BASE, base, "/v1/traces"),
        (None, None) => return Ok(None),
    };
    let url = format!("{}{path}", value.trim().trim_end_matches('/'));
    // The value may hold a key: it is not quoted.
    let is_one = Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    anyhow::ensure!(is_one, "{name} is no http address, such as http://localhost:4318");
    Ok(Some(url))
}

/// The exporter's way to the collector. Its thread knows no runtime, so requests run on ours.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the log says so.
    is_away: AtomicBool,
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let exchange = exchange(self.http.clone(), request);
            let answer = match self.runtime.spawn(exchange).await {
                Ok(answer) => answer,
                Err(stopped) => Err(stopped.into()),
            };
            let is_away = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            if is_away != self.is_away.swap(is_away, Ordering::Relaxed) {
                if is_away {
                    let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
                    tracing::warn!(
                        status,
                        "traces cannot be delivered; they are dropped until the collector takes them"
                    );
                } else {
                    tracing::info!("the collector takes traces again");
                }
            }
            answer
        })
    }
}

async fn exchange(
    http: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err("the answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_where_the_variables_of_opentelemetry_say() {
        assert_eq!(endpoint(None, None).unwrap(), None);
        let local = Some("http://localhost:4318/v1/traces".to_owned());
        assert_eq!(endpoint(None, Some("http://localhost:4318")).unwrap(), local);
        assert_eq!(endpoint(None, Some("http://localhost:4318/")).unwrap(), local);
        let whole = endpoint(Some("https://traces.example/in"), Some("http://localhost:4318"));
        assert_eq!(whole.unwrap().as_deref(), Some("https://traces.example/in"));
        let wrong = endpoint(None, Some("k3y@localhost:4317")).unwrap_err().to_string();
        assert!(wrong.starts_with(BASE) && !wrong.contains("k3y"), "{wrong}");
    }
}
