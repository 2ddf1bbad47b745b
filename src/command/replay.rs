//! `pontual replay`: takes the recorded turns of a conversation again and compares.
//!
//! Nothing is sent or written: the machine is pure, and the journal holds all that it saw.

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::journal::{self, Recorded, Snapshot};
use crate::db::{self, TenantTx};
use crate::domain::catalogue::Catalogue;
use crate::domain::conversation::{Dialogue, Effect, Event, Known, Step, step};

/// Take the recorded turns of a conversation again and show what comes out differently
///
/// Sends and writes nothing. Leaves with status 1 if a turn comes out differently, as it may after a
/// change of the program or of its texts.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Id of the conversation, as in `conversations.id`
    conversation: Uuid,
    /// One JSON object a turn and line
    #[arg(long)]
    json: bool,
}

/// How one step came out.
#[derive(Debug, Serialize)]
struct Replayed {
    seq: i64,
    at: chrono::DateTime<chrono::Utc>,
    event: String,
    /// Version of the program that took it.
    version: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Why it could not be taken again.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Same,
    Different,
    /// It cannot be taken again: an earlier release kept less, or in another shape.
    Unreadable,
}

/// A value that is another than the one recorded.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    /// Where, as a JSON pointer into `after` or `effects`; `/asks`: it needs busy times now
    /// that it did not need then.
    path: String,
    recorded: Value,
    computed: Value,
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// No such conversation, no database, or a turn that comes out differently.
pub(super) async fn run(replay: &Replay, database_url: &str, clock: Clock) -> anyhow::Result<()> {
    let pool = db::connect(database_url, 1, clock).await?;
    let Some(tenant) = journal::tenant_of(&pool, replay.conversation).await? else {
        bail!(
            "there is no conversation {}; app.conversations or ops.conversation_timeline show them",
            replay.conversation
        );
    };
    let mut db = TenantTx::begin(&pool, tenant, clock.now()).await?;
    let recorded = journal::of(&mut db, replay.conversation).await;
    db.rollback().await?;
    let replayed: Vec<Replayed> =
        recorded.context("the journal could not be read")?.iter().map(taken_again).collect();
    for turn in &replayed {
        if replay.json {
            println!("{}", serde_json::to_string(turn)?);
        } else {
            print!("{}", shown(turn));
        }
    }
    let count = |wanted| replayed.iter().filter(|turn| turn.outcome == wanted).count();
    let (different, unreadable) = (count(Outcome::Different), count(Outcome::Unreadable));
    if different > 0 {
        bail!("{different} of {} turns come out differently", replayed.len());
    }
    if !replay.json {
        let same = count(Outcome::Same);
        println!(
            "{same} of {} turns come out the same, {unreadable} cannot be taken again",
            replayed.len()
        );
    }
    Ok(())
}

fn taken_again(recorded: &Recorded) -> Replayed {
    let (outcome, differences, reason) = match differences(recorded) {
        Ok(differences) if differences.is_empty() => (Outcome::Same, differences, None),
        Ok(differences) => (Outcome::Different, differences, None),
        Err(reason) => (Outcome::Unreadable, Vec::new(), Some(reason)),
    };
    Replayed {
        seq: recorded.seq,
        at: recorded.at,
        event: recorded.event["event"].as_str().unwrap_or_default().to_owned(),
        version: recorded.version.clone(),
        outcome,
        differences,
        reason,
    }
}

/// What the step comes to now and did not then; an error says why it cannot be taken.
fn differences(recorded: &Recorded) -> Result<Vec<Difference>, String> {
    let known = recorded.known.as_ref().ok_or("what was known was not kept then")?;
    let known: Snapshot = read("known", known)?;
    let catalogue = recorded.catalogue.as_ref().ok_or("its catalogue is not kept any more")?;
    let catalogue: Catalogue = read("catalogue", catalogue)?;
    let event: Event = read("event", &recorded.event)?;
    let before: Dialogue = read("before", &recorded.before)?;
    let known = Known {
        catalogue: &catalogue,
        customer: &known.customer,
        bookings: &known.bookings,
        notice: known.notice.as_ref(),
        history: &known.history,
        busy: known.busy.as_deref(),
        interprets: known.interprets,
    };
    let (dialogue, effects) = match step(&before, &event, recorded.at, &known) {
        Step::Turn { dialogue, effects } => (dialogue, effects),
        Step::Ask(span) => {
            // What was busy then is not known, so the rest cannot be compared.
            let (path, computed) = ("/asks".to_owned(), written(&span)?);
            return Ok(vec![Difference { path, recorded: Value::Null, computed }]);
        }
    };
    // Read and written again, so that a field that is new since then is no difference.
    let after = rewritten::<Dialogue>("after", &recorded.after)?;
    let then = rewritten::<Vec<Effect>>("effects", &recorded.effects)?;
    let mut found = Vec::new();
    compare("/after", &after, &written(&dialogue)?, &mut found);
    compare("/effects", &then, &written(&effects)?, &mut found);
    Ok(found)
}

fn read<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, String> {
    // The error of serde may quote what a customer wrote; where it is says enough.
    T::deserialize(value).map_err(|_| format!("{what} has another shape by now"))
}

fn written(value: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|_| "it cannot be written".to_owned())
}

fn rewritten<T: DeserializeOwned + Serialize>(what: &str, value: &Value) -> Result<Value, String> {
    written(&read::<T>(what, value)?)
}

/// The smallest values that differ.
fn compare(path: &str, recorded: &Value, computed: &Value, found: &mut Vec<Difference>) {
    match (recorded, computed) {
        (Value::Object(then), Value::Object(now)) => {
            for key in then.keys().chain(now.keys().filter(|key| !then.contains_key(*key))) {
                compare(&format!("{path}/{key}"), &recorded[key], &computed[key], found);
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            for at in 0..then.len().max(now.len()) {
                let (then, now) = (then.get(at), now.get(at));
                let or_null = |value: Option<&Value>| value.cloned().unwrap_or_default();
                compare(&format!("{path}/{at}"), &or_null(then), &or_null(now), found);
            }
        }
        _ if recorded == computed => {}
        _ => found.push(Difference {
            path: path.to_owned(),
            recorded: recorded.clone(),
            computed: computed.clone(),
        }),
    }
}

fn shown(turn: &Replayed) -> String {
    use std::fmt::Write as _;
    let outcome = match turn.outcome {
        Outcome::Same => "same",
        Outcome::Different => "DIFFERENT",
        Outcome::Unreadable => "unreadable",
    };
    let at = turn.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut text = format!("{at}  {:<15} {outcome}", turn.event);
    if let Some(reason) = &turn.reason {
        let _ = write!(text, ": {reason} (version {})", turn.version);
    }
    text.push('\n');
    for difference in &turn.differences {
        let _ = writeln!(
            text,
            "  {}\n    recorded {}\n    computed {}",
            difference.path, difference.recorded, difference.computed
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_values_that_differ_are_told_with_their_place() {
        let mut found = Vec::new();
        let then = json!({ "a": [1, { "text": "Oi" }], "gone": true, "same": null });
        let now = json!({ "a": [1, { "text": "Olá" }, 3], "same": null });
        compare("/after", &then, &now, &mut found);
        let told: Vec<_> = found
            .iter()
            .map(|found| format!("{} {} {}", found.path, found.recorded, found.computed))
            .collect();
        assert_eq!(
            told,
            [r#"/after/a/1/text "Oi" "Olá""#, "/after/a/2 null 3", "/after/gone true null",]
        );
    }
}
