//! What the webhooks lost: the gateway's own record against ours.
//!
//! A message is known by its provider id, so that one which both a webhook and this bring is
//! stored once. What is found enters by the same door as if delivered: the same reading, order by
//! the time it was written, no automatic answer to what is old, the owner's own hand noted.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::super::Context;
use crate::channel::whatsapp::inbound::{self, Content};
use crate::channel::whatsapp::status::DeliveryStatus;
use crate::db::TenantTx;
use crate::db::inbox::Received;
use crate::db::instances::{self, Seen};
use crate::intake;
use crate::metrics;

/// What is dated before the end of the last sweep may have been stored after it.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// What is younger may be on its way; the gateway tells whole seconds.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(15);
/// Between two sweeps.
const EVERY: Duration = Duration::from_mins(3);
/// The shortest stretch asked for, if even an hour holds too much.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);

/// Compares from where the last sweep ended up to a moment ago, and takes in what is missing.
pub(super) async fn sweep(
    cx: &Context,
    tenant: Uuid,
    instance: Uuid,
    seen: &Seen,
    key: &str,
) -> anyhow::Result<()> {
    let now = cx.clock.now();
    let (from, end) = (seen.swept_until - OVERLAP, now - ON_ITS_WAY);
    let mut until = end;
    let records = loop {
        match cx.gateway.recorded(&seen.name, key, from, until).await? {
            Some(records) => break records,
            // Too many at once: the first half now, the rest in the next sweep.
            None if until - from > SHORTEST => until = from + (until - from) / 2,
            None => {
                tracing::error!(
                    tenant.id = %tenant, instance.id = %instance,
                    "the gateway has more messages of one minute than are looked through; what its webhooks lost of them stays lost"
                );
                break Vec::new();
            }
        }
    };
    let missed = take_in(cx, tenant, instance, &seen.name, records).await?;
    if missed > 0 {
        tracing::warn!(
            tenant.id = %tenant, instance.id = %instance, messages = missed,
            "messages were found that no webhook had brought"
        );
    }
    let again_in = if until < end { Duration::ZERO } else { EVERY };
    let mut db = TenantTx::begin(&cx.pool, tenant, cx.clock.now()).await?;
    instances::record_sweep(&mut db, instance, until, missed, again_in).await?;
    db.commit().await?;
    metrics::recovered(missed as u64);
    Ok(())
}

/// Stores what is not known yet, oldest first, and how far our own messages have got; how many
/// messages of customers were new.
async fn take_in(
    cx: &Context,
    tenant: Uuid,
    instance: Uuid,
    name: &str,
    records: Vec<Value>,
) -> anyhow::Result<usize> {
    let ids: Vec<String> = records.iter().filter_map(id_of).map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let mut db = TenantTx::begin(&cx.pool, tenant, cx.clock.now()).await?;
    let known = instances::known_messages(&mut db, instance, &ids).await?;
    let unconfirmed = instances::unconfirmed(&mut db, &known).await?;
    db.rollback().await?;

    let is_in = |ids: &[String], record: &Value| {
        id_of(record).is_some_and(|id| ids.iter().any(|i| i == id))
    };
    let mut new: Vec<(Option<DateTime<Utc>>, Content)> = records
        .iter()
        .filter(|record| !is_in(&known, record))
        .map(inbound::read_record)
        .filter_map(|content| match &content {
            Content::Message(message) => Some((message.sent_at, content)),
            Content::Own(own) => Some((own.sent_at, content)),
            // What cannot be read was either told when it came, or is nobody's words.
            _ => None,
        })
        .collect();
    new.sort_by_key(|(sent_at, _)| *sent_at);
    let mut missed = 0;
    for (_, content) in new {
        if intake::take_found(&cx.pool, cx.clock.now(), name, content).await? == Received::Accepted
        {
            missed += 1;
        }
    }
    for record in records.iter().filter(|record| is_in(&unconfirmed, record)) {
        if let (Some(id), Some(status)) = (id_of(record), furthest(record)) {
            let content = Content::Status { provider_id: id.to_owned(), status };
            intake::take_found(&cx.pool, cx.clock.now(), name, content).await?;
        }
    }
    Ok(missed)
}

fn id_of(record: &Value) -> Option<&str> {
    record["key"]["id"].as_str().filter(|id| !id.is_empty())
}

/// The furthest stage on record.
fn furthest(record: &Value) -> Option<DeliveryStatus> {
    let updates = record["MessageUpdate"].as_array()?;
    updates.iter().filter_map(|update| DeliveryStatus::read(&update["status"])).max()
}
