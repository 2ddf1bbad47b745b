//! The journal of a conversation: what each step read, knew and decided, so that it can be taken again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::catalogue::{Booking, Busy};
use crate::domain::conversation::{Customer, Effect, Event, History, SentNotice};

/// One step, as it is saved with its turn.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub event: Event,
    pub before: Value,
    pub after: Value,
    pub effects: Vec<Effect>,
    pub known: Snapshot,
}

/// All that a step could look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// SHA-256 of the catalogue, in hex: it is kept once however many turns see it.
    pub catalogue: String,
    pub customer: Customer,
    pub bookings: Vec<Booking>,
    pub notice: Option<SentNotice>,
    #[serde(default)]
    pub history: History,
    /// A model could be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interprets: bool,
    /// `None`: the step decided without.
    #[serde(with = "compact")]
    pub busy: Option<Vec<Busy>>,
}

/// A step as it was recorded, perhaps by another release: parts are read by whoever takes it again.
#[derive(Debug, sqlx::FromRow)]
pub struct Recorded {
    /// Order of steps.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub event: Value,
    pub before: Value,
    pub after: Value,
    pub effects: Value,
    /// A [`Snapshot`]; `None`: an earlier release kept none.
    pub known: Option<Value>,
    /// The catalogue that `known` names.
    pub catalogue: Option<Value>,
    pub version: String,
}

/// The tenant of a conversation; `None`: nobody has it.
pub async fn tenant_of(pool: &PgPool, conversation: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("select app.tenant_of_conversation($1)")
        .bind(conversation)
        .fetch_one(crate::db::alone(pool))
        .await
}

/// Every step of a conversation, oldest first.
pub async fn of(db: &mut TenantTx, conversation: Uuid) -> sqlx::Result<Vec<Recorded>> {
    sqlx::query_as(
        "select t.seq, t.at, t.event, t.before, t.after, t.effects, t.known, s.body as catalogue, t.version
           from app.conversation_turns t
           left join app.catalogue_snapshots s
             on s.tenant_id = t.tenant_id and s.hash = decode(t.known ->> 'catalogue', 'hex')
          where t.tenant_id = app.tenant_id() and t.conversation_id = $1
          order by t.seq",
    )
    .bind(conversation)
    .fetch_all(db.conn())
    .await
}

/// Busy spans by staff and service as pairs of microseconds: a fifth of their plain JSON.
mod compact {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use uuid::Uuid;

    use crate::domain::catalogue::Busy;

    type Spans = BTreeMap<Uuid, BTreeMap<Uuid, Vec<(i64, i64)>>>;

    #[expect(clippy::ref_option, reason = "what serde hands over")]
    pub(super) fn serialize<S: Serializer>(
        busy: &Option<Vec<Busy>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let spans = busy.as_ref().map(|busy| {
            let mut spans = Spans::new();
            for taken in busy {
                let of_service = spans.entry(taken.staff_id).or_default();
                let span = (taken.start.timestamp_micros(), taken.end.timestamp_micros());
                of_service.entry(taken.service_id).or_default().push(span);
            }
            spans
        });
        spans.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Busy>>, D::Error> {
        let Some(spans) = Option::<Spans>::deserialize(deserializer)? else { return Ok(None) };
        let moment = |micros| {
            DateTime::from_timestamp_micros(micros)
                .ok_or_else(|| D::Error::custom("no such moment"))
        };
        let mut busy = Vec::new();
        for (staff_id, of_service) in spans {
            for (service_id, spans) in of_service {
                for (start, end) in spans {
                    let (start, end) = (moment(start)?, moment(end)?);
                    busy.push(Busy { staff_id, service_id, start, end });
                }
            }
        }
        Ok(Some(busy))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(busy: Option<Vec<Busy>>) -> Snapshot {
        let customer =
            json!({ "id": Uuid::nil(), "name": null, "locale": null, "opted_out": false });
        Snapshot {
            catalogue: "00".to_owned(),
            customer: serde_json::from_value(customer).unwrap(),
            bookings: Vec::new(),
            notice: None,
            history: History::default(),
            interprets: false,
            busy,
        }
    }

    #[test]
    fn busy_spans_come_back_as_they_went_to_the_microsecond() {
        let taken = |minute: i64| Busy {
            staff_id: Uuid::from_u128(1),
            service_id: Uuid::from_u128(2),
            start: DateTime::from_timestamp_micros(1_773_147_600_000_001 + minute * 60_000_000)
                .unwrap(),
            end: DateTime::from_timestamp_micros(1_773_147_660_000_001 + minute * 60_000_000)
                .unwrap(),
        };
        // The same span twice is two customers of a class.
        for busy in [None, Some(Vec::new()), Some(vec![taken(0), taken(0), taken(5)])] {
            let stored = serde_json::to_value(snapshot(busy.clone())).unwrap();
            let read: Snapshot = serde_json::from_value(stored).unwrap();
            assert_eq!(read.busy, busy);
        }
    }
}
