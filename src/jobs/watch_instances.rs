//! Looks at every instance from outside: how it is connected, what its webhooks lost, and whether
//! somebody should know.
//!
//! No job of the queue: it is never finished, has no arguments, and its rows are
//! `app.instance_health`, which say when to look next. Whoever takes one moves its time ahead, so
//! that one process looks; nothing is asked while nothing is due. Webhooks tell most of this
//! sooner. But a webhook can be lost, a drop is often not told at all, and a gateway that is gone
//! tells nothing.

mod alarms;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Context;
use crate::channel::error::{CallError, Misconfiguration};
use crate::channel::whatsapp::status::InstanceState;
use crate::db::TenantTx;
use crate::db::instances::{self, Look, Seen};
use crate::metrics;

/// How often it is asked whether an instance is due.
const EVERY: Duration = Duration::from_secs(5);
/// Longer than a look and a sweep take: within it nobody else looks.
const LEASE: Duration = Duration::from_secs(90);
/// A look that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(75);
/// Instances taken at once, and looked at at the same time.
const MOST: i32 = 64;
const AT_ONCE: usize = 8;
/// Seconds between two looks at what works, and at what does not: its return is waited for.
const WHILE_OPEN: f64 = 30.0;
const WHILE_DOWN: f64 = 10.0;

/// Looks at what is due until told to stop.
pub(super) async fn keep(cx: Arc<Context>, stop: CancellationToken) {
    loop {
        let more = match stop.run_until_cancelled(watch_instances(&cx)).await {
            None => return,
            Some(Ok(looked)) => looked >= usize::try_from(MOST).unwrap_or(usize::MAX),
            Some(Err(error)) => {
                tracing::warn!(
                    error = error.as_ref() as &dyn std::error::Error,
                    "could not look after the instances; trying again in {EVERY:?}"
                );
                false
            }
        };
        if !more && stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Looks once at every instance that is due; how many there were.
///
/// # Errors
///
/// That the database did not answer. What goes wrong with one instance is logged and kept with it.
pub async fn watch_instances(cx: &Context) -> anyhow::Result<usize> {
    let due = instances::due(&cx.pool, cx.clock.now(), LEASE, MOST).await?;
    let looked = due.len();
    futures::stream::iter(due)
        .for_each_concurrent(AT_ONCE, |(tenant, instance)| async move {
            let look = tokio::time::timeout(PATIENCE, look_at(cx, tenant, instance)).await;
            let failed = match look {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => anyhow::anyhow!("it took longer than {PATIENCE:?}"),
            };
            tracing::warn!(
                tenant.id = %tenant, instance.id = %instance,
                error = failed.as_ref() as &dyn std::error::Error,
                "could not look at an instance"
            );
        })
        .await;
    alarms::tell(cx).await;
    Ok(looked)
}

async fn look_at(cx: &Context, tenant: Uuid, instance: Uuid) -> anyhow::Result<()> {
    let mut db = TenantTx::begin(&cx.pool, tenant, cx.clock.now()).await?;
    let seen = instances::seen(&mut db, instance).await?;
    db.rollback().await?;
    let Some(seen) = seen else { return Ok(()) };
    let key = cx.keys.of(seen.api_key_env.as_deref());
    let look = match key {
        Some(key) => ask(cx, &seen, key).await,
        None => Look { problem: Some("no_key"), ..Look::default() },
    };
    let works = look.problem.is_none() && look.state == Some(InstanceState::Open.as_str());
    let again_in = if works { WHILE_OPEN } else { WHILE_DOWN };
    let look = Look { again_in, ..look };
    let mut db = TenantTx::begin(&cx.pool, tenant, cx.clock.now()).await?;
    let news = instances::record_look(&mut db, instance, &look).await?;
    db.commit().await?;
    for news in news {
        alarms::log(tenant, &seen.name, &news);
    }
    match key.filter(|_| works && seen.sweep_at <= cx.clock.now()) {
        Some(key) => sweep::sweep(cx, tenant, instance, &seen, key)
            .await
            .context("what webhooks lost could not be looked for"),
        None => Ok(()),
    }
}

/// Asks the gateway how the instance is connected, and now and then what it is.
async fn ask(cx: &Context, seen: &Seen, key: &str) -> Look {
    let state = match cx.gateway.connection_state(&seen.name, key).await {
        Ok(state) => state,
        Err(error) => return unanswered(error),
    };
    let look = Look { state: Some(state.as_str()), ..Look::default() };
    if !seen.learn {
        return look;
    }
    // It counts the messages on record, so it is asked rarely.
    let info = cx.gateway.instance(&seen.name, key).await.ok().flatten();
    let (id, integration) = info.map(|info| (info.id, info.integration)).unwrap_or_default();
    Look {
        integration,
        provider_instance_id: id,
        server_version: cx.gateway.version().await.ok(),
        learnt: true,
        ..look
    }
}

fn unanswered(error: CallError) -> Look {
    let problem = match error {
        CallError::Unreachable => "unreachable",
        CallError::Misconfigured { what } => match what {
            Misconfiguration::Key => "wrong_key",
            Misconfiguration::Instance => "unknown_instance",
            Misconfiguration::Licence => "licence",
            Misconfiguration::Address | Misconfiguration::MetaToken | Misconfiguration::Sender => {
                "failing"
            }
        },
        CallError::Failed { .. } | CallError::Unreadable => "failing",
    };
    metrics::gateway_error(problem);
    let gone = problem == "unknown_instance";
    let state = gone.then(|| InstanceState::Unknown.as_str());
    Look { state, problem: Some(problem), ..Look::default() }
}
