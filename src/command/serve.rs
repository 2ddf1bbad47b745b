//! `pontual web` and `pontual worker`: the processes of a deployment.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use clap::Args;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use crate::channel::whatsapp::client::Gateway;
use crate::config::Environment;
use crate::db::{self, Pooler};
use crate::http::{self, App, Proxies};
use crate::jobs::{self, Settings, Workers};

/// How long connections to the database are waited for at the end: what still runs on them then has
/// no one to tell its outcome to.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long requests may go on at the end of what nobody depends on: pages that watch are open then.
pub(super) const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// Connections of the web process: each webhook holds one for a few milliseconds. All that were ever
/// opened are used in turn, and each plans everything anew whenever a table has been analyzed
/// (docs/decisions.md has what that costs).
const WEB_CONNECTIONS: u32 = 8;

/// `pontual worker`
#[derive(Debug, Args)]
pub(super) struct Worker {
    /// Jobs of one kind at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    concurrency: u32,
}

/// Runs the HTTP server until asked to stop.
pub(super) async fn web(environment: &Environment) -> anyhow::Result<()> {
    let clock = environment.clock()?;
    let listen = environment.listen()?;
    let secrets = environment.webhook_secrets()?;
    let proxies = trusted_proxies(environment)?;
    let (drain, limit) = (environment.drain()?, environment.stop_timeout()?);
    let pool = runtime_pool(environment, WEB_CONNECTIONS).await?;
    let app = App { pool: pool.clone(), clock, webhook_secrets: secrets.into() };
    let router = http::router_behind(app, proxies).merge(http::sms::routes(
        &environment.channels()?,
        &pool,
        clock,
    ));
    let listener = bind(listen).await?;
    tracing::info!(address = %listen, "listening");
    let (leaving, stop) = (CancellationToken::new(), CancellationToken::new());
    let router = http::draining(router, leaving.clone());
    let serving = tokio::spawn(serve(listener, router, stop.clone(), limit));
    asked_to_stop().await?;
    leaving.cancel();
    tracing::info!("stopping: not ready any more, serving for another {drain:?}");
    tokio::time::sleep(drain).await;
    stop.cancel();
    serving.await??;
    close(&pool).await;
    Ok(())
}

/// Runs workers until asked to stop; serves health where `PONTUAL_LISTEN` is set.
pub(super) async fn worker(worker: Worker, environment: &Environment) -> anyhow::Result<()> {
    let concurrency = worker.concurrency;
    // Jobs wait for the network between transactions, so half as many connections as jobs of a kind;
    // one more for listening, and two for what is shared. Jobs are taken on one beside them.
    let pool = runtime_pool(environment, concurrency / 2 + 3).await?;
    let cx = jobs::Context {
        pool: pool.clone(),
        clock: environment.clock()?,
        gateway: Gateway::new(environment.gateway_url()?).context("EVOLUTION_API_URL")?,
        keys: environment.gateway_keys()?,
        channels: environment.channels()?,
        copies: environment.copies()?,
        model: environment.model()?,
    };
    let limit = environment.stop_timeout()?;
    let (leaving, stop) = (CancellationToken::new(), CancellationToken::new());
    let health = if environment.var("PONTUAL_LISTEN").is_some() {
        let listener = bind(environment.listen()?).await?;
        let router = http::draining(http::health_router(&pool), leaving.clone());
        Some(tokio::spawn(serve(listener, router, stop.clone(), LAST_REQUESTS)))
    } else {
        None
    };
    let direct = match environment.direct_database_url() {
        Some(url) => Some(db::connect(url, 1, cx.clock).await.context("DATABASE_DIRECT_URL")?),
        None => None,
    };
    let settings = Settings { concurrency: concurrency as usize };
    let workers = Workers::start_listening_on(direct, cx, settings).watching();
    tracing::info!(concurrency, "working");
    asked_to_stop().await?;
    leaving.cancel();
    tracing::info!("stopping: no more jobs are taken");
    workers.stop(limit).await;
    stop.cancel();
    if let Some(health) = health {
        health.await??;
    }
    close(&pool).await;
    Ok(())
}

/// Proxies whose `X-Forwarded-For` is believed; none unless `PONTUAL_TRUSTED_PROXIES` lists them.
pub(super) fn trusted_proxies(environment: &Environment) -> anyhow::Result<Proxies> {
    environment
        .var("PONTUAL_TRUSTED_PROXIES")
        .unwrap_or_default()
        .parse()
        .context("PONTUAL_TRUSTED_PROXIES lists addresses and networks, with commas between them")
}

/// A pool for the runtime, refused if its login could see past row-level security.
async fn runtime_pool(environment: &Environment, most: u32) -> anyhow::Result<PgPool> {
    let (url, clock) = (environment.database_url()?, environment.clock()?);
    let pooler = if environment.pools_transactions()? { Pooler::Transaction } else { Pooler::None };
    let pool = db::connect_through(url, most, clock, pooler).await?;
    db::refuse_unsafe_role(&pool).await?;
    Ok(pool)
}

/// # Errors
///
/// The address is taken: says so, and how to choose another.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another with PONTUAL_LISTEN (dev: --port)")
    })
}

/// Serves until `stop`; then takes no more connections and lets requests end, at most for so long.
/// Streams that watch have no end, and are cut off.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    limit: Duration,
) -> anyhow::Result<()> {
    let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    tokio::select! {
        served = serving => served.context("the server ended"),
        () = async { stop.cancelled().await; tokio::time::sleep(limit).await; } => Ok(()),
    }
}

/// Closes what is idle, and waits a little for the rest.
pub(super) async fn close(pool: &PgPool) {
    if tokio::time::timeout(GOODBYE, pool.close()).await.is_err() {
        tracing::debug!("the database still works on something that nobody waits for");
    }
}
