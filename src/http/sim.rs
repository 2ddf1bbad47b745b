//! The chat simulator, `/sim`: a phone on the simulated gateway, and beside it what the database
//! makes of the conversation.
//!
//! The page writes to the gateway's control API as a customer would and reads its answers there;
//! this module serves its files and the look behind the scenes. It shows tenants' data to whoever
//! can reach it, so it is mounted only where the gateway is simulated too.

mod transcript;
mod watch;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::TenantTx;

/// What the page needs: the database, and what time it is there.
#[derive(Debug, Clone)]
pub struct SimPage {
    pub pool: PgPool,
    pub clock: Clock,
}

/// `GET /sim`, its files, `GET /sim/tenants`, and of a chat (`?tenant=SLUG&phone=E164`)
/// `GET /sim/watch`, which follows it, and `GET /sim/transcript`, which saves it as a test.
///
/// The page expects the simulated gateway on the same origin below `/gateway-sim`.
pub fn router(page: SimPage) -> Router {
    let watchers = Arc::new(Semaphore::new(watch::MOST_WATCHERS));
    let state = SimState { pool: page.pool, clock: page.clock, watchers };
    let mut router = Router::new()
        .route("/sim/", get(|| async { Redirect::permanent("/sim") }))
        .route("/sim/tenants", get(tenants))
        .route("/sim/watch", get(watch::watch))
        .route("/sim/transcript", get(transcript::download))
        .with_state(state);
    for &(path, kind, body) in FILES {
        router =
            router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], body) }));
    }
    router.layer(axum::middleware::map_response(guard))
}

const FILES: &[(&str, &str, &str)] = &[
    ("/sim", "text/html; charset=utf-8", include_str!("sim/page.html")),
    ("/sim/page.css", "text/css; charset=utf-8", include_str!("sim/page.css")),
    ("/sim/panel.css", "text/css; charset=utf-8", include_str!("sim/panel.css")),
    ("/sim/acts.css", "text/css; charset=utf-8", include_str!("sim/acts.css")),
    ("/sim/icon.svg", "image/svg+xml", include_str!("sim/icon.svg")),
    ("/sim/page.js", SCRIPT, include_str!("sim/page.js")),
    ("/sim/chat.js", SCRIPT, include_str!("sim/chat.js")),
    ("/sim/bubble.js", SCRIPT, include_str!("sim/bubble.js")),
    ("/sim/others.js", SCRIPT, include_str!("sim/others.js")),
    ("/sim/gateway.js", SCRIPT, include_str!("sim/gateway.js")),
    ("/sim/menu.js", SCRIPT, include_str!("sim/menu.js")),
    ("/sim/panel.js", SCRIPT, include_str!("sim/panel.js")),
    ("/sim/people.js", SCRIPT, include_str!("sim/people.js")),
    ("/sim/dom.js", SCRIPT, include_str!("sim/dom.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing from elsewhere and nothing inline: what a customer writes can never become code.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

async fn guard(mut response: Response) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

#[derive(Clone)]
struct SimState {
    pool: PgPool,
    clock: Clock,
    watchers: Arc<Semaphore>,
}

/// Why a request is not served; each is answered with a sentence.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("phone is a number with its country code, such as +5511988887777")]
    NoPhone,
    #[error("there is no tenant {0:?}; GET /sim/tenants lists them")]
    NoTenant(String),
    #[error("{} pages watch already; close one and try again", watch::MOST_WATCHERS)]
    Crowded,
    #[error("the database does not answer; try again in a moment")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Database(error) = &self {
            report(error);
        }
        let sentence = format!("{self}\n");
        match self {
            Self::NoPhone => (StatusCode::BAD_REQUEST, sentence).into_response(),
            Self::NoTenant(_) => (StatusCode::NOT_FOUND, sentence).into_response(),
            Self::Crowded | Self::Database(_) => {
                let later = [(header::RETRY_AFTER, "5")];
                (StatusCode::SERVICE_UNAVAILABLE, later, sentence).into_response()
            }
        }
    }
}

fn report(error: &sqlx::Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the simulator's page cannot read the database"
    );
}

/// A tenant as the page offers it.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Tenant {
    slug: String,
    name: String,
    locale: String,
    timezone: String,
    /// The name of its first instance; none: it cannot be written to.
    instance: Option<String>,
    /// Names of what it offers, in the order of its menu: the page suggests first messages of them.
    services: Vec<String>,
}

/// All tenants, in order of their slugs.
async fn tenants(State(sim): State<SimState>) -> Result<Json<Vec<Tenant>>, Refusal> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select app.tenant_ids()")
        .fetch_all(crate::db::alone(&sim.pool))
        .await?;
    let mut tenants = Vec::with_capacity(ids.len());
    for id in ids {
        let mut db = TenantTx::begin(&sim.pool, id, sim.clock.now()).await?;
        tenants.extend(
            sqlx::query_as::<_, Tenant>(
                "select t.slug, t.name, t.locale, t.timezone,
                        (select i.name from app.instances i order by i.created_at limit 1) as instance,
                        array(select s.name from app.services s
                               where s.retired_at is null order by s.position, s.key) as services
                   from app.tenants t",
            )
            .fetch_optional(db.conn())
            .await?,
        );
        db.rollback().await?;
    }
    Ok(Json(tenants))
}
