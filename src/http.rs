//! The HTTP server: the gateway's webhook, the API, health, and in demonstrations the chat simulator.

mod admission;
mod api;
mod client_address;
mod draining;
mod health;
mod metrics;
pub mod sim;
pub mod sms;
mod trace;
mod unsubscribe;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use sqlx::PgPool;
use tower_http::catch_panic::CatchPanicLayer;

use crate::clock::Clock;

pub use self::client_address::{NoProxy, Proxies};
pub use self::draining::draining;

/// What handlers work with.
#[derive(Clone)]
pub struct App {
    pub pool: PgPool,
    pub clock: Clock,
    /// Any of these authenticates a webhook.
    pub webhook_secrets: Arc<[String]>,
}

/// The routes every server has, for clients that connect to it directly.
pub fn router(app: App) -> Router {
    router_behind(app, Proxies::default())
}

/// The routes every server has, behind proxies. Wrong keys are counted by address only where the
/// server is told who connects (`into_make_service_with_connect_info`).
pub fn router_behind(app: App, proxies: Proxies) -> Router {
    let router = Router::new()
        .merge(webhook::router(&app))
        .merge(health_routes(&app.pool))
        .merge(api::router(&app, proxies))
        .route("/unsubscribe/{token}", get(unsubscribe::page).post(unsubscribe::act))
        .layer(CatchPanicLayer::new());
    trace::traced(router).with_state(app)
}

/// Health alone: what a worker serves.
pub fn health_router(pool: &PgPool) -> Router {
    health_routes(pool)
}

fn health_routes<S: Clone + Send + Sync + 'static>(pool: &PgPool) -> Router<S> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready).with_state(pool.clone()))
        .route("/metrics", get(metrics::tell).with_state(pool.clone()))
}
