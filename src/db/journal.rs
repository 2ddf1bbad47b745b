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

/// Busy spans by staff and service, in order, as text: after how long since the one before it each
/// begins (the first: since 1970), and how long it takes, both in minutes; where it is not whole
/// minutes, in microseconds and with a `u`. `29556450+45 30+45 3600000001u+45`. A tenth of their plain
/// JSON, and one value for the database to read instead of thousands.
mod compact {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use chrono::DateTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use uuid::Uuid;

    use crate::domain::catalogue::Busy;

    const MINUTE: i64 = 60_000_000;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spans {
        Text(String),
        /// As an earlier release wrote them: pairs of microseconds.
        Pairs(Vec<(i64, i64)>),
    }

    #[expect(clippy::ref_option, reason = "what serde hands over")]
    pub(super) fn serialize<S: Serializer>(
        busy: &Option<Vec<Busy>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let told = busy.as_ref().map(|busy| {
            let mut spans = BTreeMap::<Uuid, BTreeMap<Uuid, Vec<(i64, i64)>>>::new();
            for taken in busy {
                let of_service = spans.entry(taken.staff_id).or_default();
                let span = (taken.start.timestamp_micros(), taken.end.timestamp_micros());
                of_service.entry(taken.service_id).or_default().push(span);
            }
            let told = |of_service: BTreeMap<Uuid, Vec<_>>| -> BTreeMap<Uuid, String> {
                of_service.into_iter().map(|(service, spans)| (service, written(spans))).collect()
            };
            spans.into_iter().map(|(staff, spans)| (staff, told(spans))).collect::<BTreeMap<_, _>>()
        });
        told.serialize(serializer)
    }

    fn written(mut spans: Vec<(i64, i64)>) -> String {
        spans.sort_unstable();
        let mut text = String::new();
        let mut write = |length: i64, end: &str| {
            let _ = match length % MINUTE {
                0 => write!(text, "{}{end}", length / MINUTE),
                _ => write!(text, "{length}u{end}"),
            };
        };
        let mut before = 0;
        for (start, end) in spans {
            write(start - before, "+");
            write(end - start, " ");
            before = start;
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn read(text: &str) -> Option<Vec<(i64, i64)>> {
        let length = |word: &str| match word.strip_suffix('u') {
            Some(micros) => micros.parse().ok(),
            None => word.parse::<i64>().ok()?.checked_mul(MINUTE),
        };
        let mut before = 0i64;
        let span = |word: &str| {
            let (gap, taken) = word.split_once('+')?;
            before = before.checked_add(length(gap)?)?;
            Some((before, before.checked_add(length(taken)?)?))
        };
        text.split_ascii_whitespace().map(span).collect()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Busy>>, D::Error> {
        let told = Option::<BTreeMap<Uuid, BTreeMap<Uuid, Spans>>>::deserialize(deserializer)?;
        let Some(told) = told else { return Ok(None) };
        let moment = |micros| {
            DateTime::from_timestamp_micros(micros)
                .ok_or_else(|| D::Error::custom("no such moment"))
        };
        let mut busy = Vec::new();
        for (staff_id, of_service) in told {
            for (service_id, spans) in of_service {
                let spans = match spans {
                    Spans::Pairs(spans) => spans,
                    Spans::Text(text) => {
                        read(&text).ok_or_else(|| D::Error::custom("no busy spans"))?
                    }
                };
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

    fn taken(minute: i64, micros: i64, lasts: i64) -> Busy {
        let start = 1_773_147_600_000_000 + minute * 60_000_000 + micros;
        Busy {
            staff_id: Uuid::from_u128(1),
            service_id: Uuid::from_u128(2),
            start: DateTime::from_timestamp_micros(start).unwrap(),
            end: DateTime::from_timestamp_micros(start + lasts).unwrap(),
        }
    }

    #[test]
    fn busy_spans_come_back_as_they_went_to_the_microsecond() {
        const HOUR: i64 = 3_600_000_000;
        // The same span twice is two customers of a class.
        let spans = [taken(0, 0, HOUR), taken(0, 0, HOUR), taken(5, 0, HOUR + 1), taken(5, 1, 2)];
        for busy in [None, Some(Vec::new()), Some(spans.to_vec())] {
            let stored = serde_json::to_value(snapshot(busy.clone())).unwrap();
            let read: Snapshot = serde_json::from_value(stored).unwrap();
            assert_eq!(read.busy, busy);
        }
        let stored = serde_json::to_value(snapshot(Some(spans.to_vec()))).unwrap();
        let [staff, service] = [1, 2].map(|n| Uuid::from_u128(n).to_string());
        let text = "29552460+60 0+60 5+3600000001u 1u+2u";
        assert_eq!(stored["busy"][staff][service], text);
    }

    #[test]
    fn busy_spans_of_an_earlier_release_are_still_read() {
        let mut stored = serde_json::to_value(snapshot(None)).unwrap();
        let (start, end) = (1_773_147_600_000_001_i64, 1_773_147_660_000_001_i64);
        let [staff, service] = [1, 2].map(|n| Uuid::from_u128(n).to_string());
        stored["busy"] = json!({ staff: { service: [[start, end]] } });
        let read: Snapshot = serde_json::from_value(stored).unwrap();
        assert_eq!(read.busy, Some(vec![taken(0, 1, 60_000_000)]));
    }

    #[test]
    fn what_is_no_busy_spans_is_refused() {
        let [staff, service] = [1, 2].map(|n| Uuid::from_u128(n).to_string());
        for text in ["5", "5+", "+5", "a+b", "9223372036854775807+1", "5+5 5"] {
            let mut stored = serde_json::to_value(snapshot(None)).unwrap();
            stored["busy"] = json!({ &staff: { &service: text } });
            assert!(serde_json::from_value::<Snapshot>(stored).is_err(), "{text}");
        }
    }
}
