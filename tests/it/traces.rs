//! What a message sets off is one trace, over all processes, and tells nothing of anybody.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use pontual::clock::Clock;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::database::TestDb;
use crate::support::process::{Deployment, Program, apply_tenants, until};
use crate::support::stack::SECRET;

const SALON: &str = "studio-lua";
/// The caller's span: its trace goes on here.
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector {
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

/// A span, and which service told it.
#[derive(Debug, Clone)]
struct Told {
    service: String,
    span: Span,
}

impl Told {
    fn attribute(&self, name: &str) -> Option<String> {
        let attribute = self.span.attributes.iter().find(|attribute| attribute.key == name)?;
        match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(text) => Some(text.clone()),
            any_value::Value::IntValue(number) => Some(number.to_string()),
            other => Some(format!("{other:?}")),
        }
    }
}

impl Collector {
    /// Starts it; where to send spans.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    fn spans(&self) -> Vec<Told> {
        let requests = self.requests.lock().unwrap();
        let mut told = Vec::new();
        for resource in requests.iter().flat_map(|request| &request.resource_spans) {
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            let service = format!("{:?}", name.value.as_ref().unwrap());
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                told.push(Told { service: service.clone(), span: span.clone() });
            }
        }
        told
    }

    fn named(&self, name: &str) -> Vec<Told> {
        self.spans().into_iter().filter(|told| told.span.name == name).collect()
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    collector.requests.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
    Vec::new()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Web and a worker that tell their spans to this address.
async fn deployment(db: &TestDb, collector: &str) -> Deployment {
    apply_tenants(&db.owner, &[SALON]).await;
    sqlx::query("update app.instances set send_gap = '0'").execute(&db.owner).await.unwrap();
    let mut deployment = Deployment::of(&[SALON]).await;
    let url = db.url_app();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("RUST_LOG", "pontual=debug"),
    ];
    deployment.start_web(&settings).await;
    deployment.start_worker(&settings);
    deployment
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_its_turn_and_its_answer_are_one_trace_over_two_processes() {
    let db = TestDb::new().await;
    let (collector, url) = Collector::start().await;
    let deployment = deployment(&db, &url).await;
    let body = json!({
        "event": "messages.upsert", "instance": SALON,
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": "A1"},
                 "pushName": "Marinalva", "message": {"conversation": "bom dia, xilofone"},
                 "messageTimestamp": Clock::default().now().timestamp()},
    });
    let answer = reqwest::Client::new()
        .post(format!("{}/webhooks/evolution", deployment.base()))
        .header("x-webhook-secret", SECRET)
        .header("traceparent", CALLER)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    // What the gateway tells of the send are traces of their own.
    let ours = |name: &str| {
        let all = collector.named(name).into_iter();
        all.filter(|told| hex(&told.span.trace_id) == CALLER[3..35]).collect::<Vec<_>>()
    };
    let parts =
        ["POST /webhooks/evolution", "process_message", "deliver_messages", "send whatsapp"];
    until("the whole trace", async || parts.iter().all(|name| !ours(name).is_empty())).await;

    let one = |name: &str| {
        let found = ours(name);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found.into_iter().next().unwrap()
    };
    let [request, turn, delivery, send] = parts.map(one);
    assert_eq!(hex(&request.span.parent_span_id), &CALLER[36..52], "the caller's");
    assert_eq!(turn.span.parent_span_id, request.span.span_id);
    assert_eq!(delivery.span.parent_span_id, turn.span.span_id);
    assert_eq!(send.span.parent_span_id, turn.span.span_id, "who wrote it");
    assert_eq!(send.span.links[0].span_id, delivery.span.span_id, "who sends it");
    let kinds = [&request, &turn, &delivery, &send].map(|told| told.span.kind());
    let [server, consumer, client] = [SpanKind::Server, SpanKind::Consumer, SpanKind::Client];
    assert_eq!(kinds, [server, consumer, consumer, client]);
    assert!(request.service.contains("pontual-web"), "{}", request.service);
    assert!(send.service.contains("pontual-worker"), "{}", send.service);
    assert_eq!(request.attribute("http.response.status_code").as_deref(), Some("200"));
    assert_eq!(turn.attribute("job.outcome").as_deref(), Some("done"));
    assert_eq!(send.attribute("send.outcome").as_deref(), Some("sent"));
    assert!(turn.attribute("tenant.id").is_some() && turn.attribute("conversation.id").is_some());

    let all = format!("{:?}", collector.requests.lock().unwrap());
    for word in ["88887777", "Marinalva", "xilofone", "Corte", SECRET] {
        assert!(!all.contains(word), "{word} is in a span");
    }
    // The log names the trace.
    assert!(deployment.logs().contains(&CALLER[3..35]), "{}", deployment.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_begins_a_trace_that_points_to_what_planned_it() {
    let db = TestDb::new().await;
    let (collector, url) = Collector::start().await;
    let deployment = deployment(&db, &url).await;
    // Planned inside a span, by whoever it was, and due at once.
    let mut tx = db.owner.begin().await.unwrap();
    sqlx::query("select set_config('app.traceparent', $1, true)")
        .bind(CALLER)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query(
        "insert into app.scheduled_notifications (tenant_id, kind, due_at, expires_at, recurrence, recurs_from)
         select id, 'recall', app.now() - interval '1 minute', app.now() + interval '1 hour', 'FREQ=DAILY', localtimestamp
           from app.tenants where slug = 'studio-lua'",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    until("a job of the plan", async || !collector.named("send_reminder").is_empty()).await;
    let told = collector.named("send_reminder").remove(0);
    assert!(told.span.parent_span_id.is_empty(), "{told:#?}");
    assert_ne!(hex(&told.span.trace_id), &CALLER[3..35]);
    assert_eq!(hex(&told.span.links[0].trace_id), &CALLER[3..35], "{told:#?}");
    drop(deployment);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_holds_nobody_up() {
    let db = TestDb::new().await;
    // It takes connections and says nothing.
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let deployment = deployment(&db, &url).await;
    let reply = deployment.say(SALON, "+5511988887777", "oi").await;
    assert!(reply.contains("Corte"), "{reply}");
    let logs: Vec<_> = deployment.programs.iter().map(Program::log).collect();
    let stopping = Instant::now();
    drop(deployment);
    // Web drains for a while of its own, and each waits for the last batch two seconds.
    assert!(stopping.elapsed() < Duration::from_secs(30), "{:?}", stopping.elapsed());
    assert!(logs.iter().all(|log| !log.contains("ERROR")), "{logs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_told_of_once_and_changes_nothing() {
    let db = TestDb::new().await;
    let deployment = deployment(&db, "http://127.0.0.1:9").await;
    for text in ["oi", "1"] {
        deployment.say(SALON, "+5511988887777", text).await;
    }
    let told = || deployment.logs().matches("traces cannot be delivered").count();
    // One line of web, one of the worker.
    until("both say so", async || told() == 2).await;
    deployment.say(SALON, "+5511988887777", "menu").await;
    assert_eq!(told(), 2, "{}", deployment.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_nothing_is_traced() {
    let db = TestDb::new().await;
    let deployment = deployment(&db, "").await;
    deployment.say(SALON, "+5511988887777", "oi").await;
    let traced: i64 = sqlx::query_scalar(
        "select (select count(*) from app.outbound_messages where traceparent is not null)
              + (select count(*) from apalis.jobs where metadata is not null)",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(traced, 0);
    assert!(!deployment.logs().contains("trace.id"), "{}", deployment.logs());
}
