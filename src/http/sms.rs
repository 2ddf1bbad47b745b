//! `POST /webhooks/sms`: what became of an SMS, as the provider reports it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use reqwest::Url;
use serde::Deserialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::channel::Channels;
use crate::channel::sms::Sms;
use crate::channel::sms::answer::{is_opt_out, status_of};
use crate::channel::sms::signature::is_signed;
use crate::channel::whatsapp::status::DeliveryStatus;
use crate::clock::Clock;
use crate::db::{TenantTx, direct};

/// Reports have a few hundred bytes.
const MAX_BODY: usize = 64 * 1024;

/// Who may report, and where they do.
#[derive(Clone)]
struct SmsReports {
    pool: PgPool,
    clock: Clock,
    /// The account's token, with which reports are signed.
    token: String,
    /// Where the provider was told to report: the signature covers it. Proxies may have changed
    /// what a request says of itself.
    address: Url,
}

/// Which message a report is about: its query, which we wrote.
#[derive(Deserialize)]
struct About {
    tenant: Uuid,
    message: Uuid,
}

/// The route, where SMS are sent and reports asked for.
pub fn routes(channels: &Channels, pool: &PgPool, clock: Clock) -> Router {
    let Some((address, token)) = channels.sms.as_ref().and_then(Sms::reports) else {
        return Router::new();
    };
    let (pool, token, address) = (pool.clone(), token.to_owned(), address.clone());
    router(SmsReports { pool, clock, token, address })
}

fn router(reports: SmsReports) -> Router {
    Router::new()
        .route("/webhooks/sms", post(receive))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(reports)
}

async fn receive(
    State(reports): State<SmsReports>,
    uri: Uri,
    headers: HeaderMap,
    about: Query<About>,
    body: Bytes,
) -> StatusCode {
    let mut address = reports.address.clone();
    address.set_query(uri.query());
    let parameters: Vec<(String, String)> = match Url::parse("form:").map(|mut form| {
        form.set_query(std::str::from_utf8(&body).ok());
        form.query_pairs().into_owned().collect()
    }) {
        Ok(parameters) => parameters,
        Err(_) => return StatusCode::BAD_REQUEST,
    };
    let given = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    if !is_signed(&reports.token, address.as_str(), &parameters, given.unwrap_or_default()) {
        return StatusCode::FORBIDDEN;
    }
    let value = |name: &str| {
        let found = parameters.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let status = match status_of(value("MessageStatus")) {
        Some(DeliveryStatus::Sent) => "sent",
        Some(DeliveryStatus::Delivered) => "delivered",
        Some(DeliveryStatus::Read | DeliveryStatus::Played) => "read",
        Some(DeliveryStatus::Failed) => "failed",
        // Not on its way yet: nothing new.
        Some(DeliveryStatus::Pending) | None => return StatusCode::NO_CONTENT,
    };
    let recorded = async {
        let mut db = TenantTx::begin(&reports.pool, about.tenant, reports.clock.now()).await?;
        let opted_out = is_opt_out(value("ErrorCode"));
        let known = direct::record_sms_status(&mut db, about.message, status, opted_out).await?;
        db.commit().await?;
        Ok::<_, sqlx::Error>(known)
    };
    match recorded.await {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a report of an SMS could not be stored; the provider is asked to bring it again"
            );
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
