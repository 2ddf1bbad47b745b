//! Times and reasons as the API tells them: with the tenant's offset, and names beside keys.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::availability::{Line, Reason, Slot, Visit};
use crate::domain::catalogue::Catalogue;
use crate::http::api::catalogue::Named;

/// A time at which a service may start.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http::api) struct FreeSlot {
    /// With the tenant's local offset.
    #[schema(example = "2026-03-12T15:00:00-03:00")]
    pub(in crate::http::api) starts_at: DateTime<FixedOffset>,
    /// When the service ends, without its buffer.
    #[schema(example = "2026-03-12T15:45:00-03:00")]
    pub(in crate::http::api) ends_at: DateTime<FixedOffset>,
    pub(in crate::http::api) staff: Named,
}

impl FreeSlot {
    /// None for a member of staff that the catalogue has not.
    pub(in crate::http::api) fn of(slot: &Slot, catalogue: &Catalogue) -> Option<Self> {
        Some(Self {
            starts_at: local(slot.start, catalogue),
            ends_at: local(slot.end, catalogue),
            staff: catalogue.member(slot.staff_id)?.into(),
        })
    }
}

/// A time at which a visit of several services may start.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http::api) struct FreeVisit {
    /// With the tenant's local offset.
    #[schema(example = "2026-03-12T15:00:00-03:00")]
    pub(in crate::http::api) starts_at: DateTime<FixedOffset>,
    #[schema(example = "2026-03-12T16:25:00-03:00")]
    pub(in crate::http::api) ends_at: DateTime<FixedOffset>,
    /// One for each service, in the order in which they were asked for.
    #[schema(min_items = 1)]
    pub(in crate::http::api) lines: Vec<FreeLine>,
}

/// One service of a visit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http::api) struct FreeLine {
    pub(in crate::http::api) service: Named,
    pub(in crate::http::api) staff: Named,
    #[schema(example = "2026-03-12T15:00:00-03:00")]
    pub(in crate::http::api) starts_at: DateTime<FixedOffset>,
    #[schema(example = "2026-03-12T15:45:00-03:00")]
    pub(in crate::http::api) ends_at: DateTime<FixedOffset>,
}

impl FreeVisit {
    /// None for a service or a member of staff that the catalogue has not.
    pub(in crate::http::api) fn of(visit: &Visit, catalogue: &Catalogue) -> Option<Self> {
        let line = |line: &Line| {
            Some(FreeLine {
                service: catalogue.service(line.service_id)?.into(),
                staff: catalogue.member(line.staff_id)?.into(),
                starts_at: local(line.start, catalogue),
                ends_at: local(line.end, catalogue),
            })
        };
        Some(Self {
            starts_at: local(visit.start()?, catalogue),
            ends_at: local(visit.end()?, catalogue),
            lines: visit.lines.iter().map(line).collect::<Option<_>>()?,
        })
    }
}

/// One rule that a booking at some time would break. Which members beside `reason` there are
/// depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ToldReason {
    /// `past`; `notice` (with `earliest`); `horizon` (`latest`); `nobody_does_it`, `unknown_staff`,
    /// `not_their_service`; `closure` and `no_hours` (`date`); `outside_hours` (`opens`, `closes`);
    /// `break`, `time_off` (`start`, `end`); `closing` (`closes`); `booked`, `buffer` (`start`,
    /// `end` of what is in the way); `full` (and `capacity`); `off_grid`, which alone does not keep
    /// a booking from being made.
    #[schema(example = "booked")]
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u16>,
}

impl ToldReason {
    /// The reasons in the same order, their times with the tenant's offset.
    pub(in crate::http::api) fn all(reasons: &[Reason], catalogue: &Catalogue) -> Vec<Self> {
        reasons.iter().filter_map(|reason| Self::of(reason, catalogue)).collect()
    }

    /// By way of the reason's own JSON form. None for a form that this does not know: the tests have
    /// every one.
    fn of(reason: &Reason, catalogue: &Catalogue) -> Option<Self> {
        let mut told: Self = serde_json::from_value(serde_json::to_value(reason).ok()?).ok()?;
        let times = [
            &mut told.earliest,
            &mut told.latest,
            &mut told.opens,
            &mut told.closes,
            &mut told.start,
            &mut told.end,
        ];
        for time in times.into_iter().flatten() {
            *time = local(time.to_utc(), catalogue);
        }
        Some(told)
    }
}

/// A moment with the offset that the tenant's zone has then.
pub(in crate::http::api) fn local(
    moment: DateTime<Utc>,
    catalogue: &Catalogue,
) -> DateTime<FixedOffset> {
    moment.with_timezone(&catalogue.tenant.timezone).fixed_offset()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::catalogue::{BookingRules, Span, Tenant, WeekHours};
    use crate::domain::conversation::Texts;
    use crate::domain::locale::Locale;

    fn catalogue() -> Catalogue {
        let rules: BookingRules = serde_json::from_value(json!({
            "slot_interval": 900, "min_notice": 0, "horizon": 86400, "hold": 600,
            "cancel_notice": 0, "reminders": [],
        }))
        .unwrap();
        Catalogue {
            tenant: Tenant {
                id: Uuid::nil(),
                slug: "studio-lua".to_owned(),
                name: "Studio Lua".to_owned(),
                locale: Locale::PT_BR,
                timezone: chrono_tz::America::Sao_Paulo,
                currency: "BRL".to_owned(),
                address: None,
                rules,
                hours: WeekHours::default(),
            },
            services: Vec::new(),
            staff: Vec::new(),
            closures: Vec::new(),
            texts: Texts::default(),
            features: crate::domain::catalogue::Features::default(),
        }
    }

    #[test]
    fn every_reason_is_told_with_the_tenant_s_offset() {
        let at: DateTime<Utc> = "2026-03-12T18:00:00Z".parse().unwrap();
        let date = at.date_naive();
        let span = Span { start: at, end: at };
        let reasons = [
            Reason::Past,
            Reason::Notice { earliest: at },
            Reason::Horizon { latest: at },
            Reason::NobodyDoesIt,
            Reason::UnknownStaff,
            Reason::NotTheirService,
            Reason::Closure { date },
            Reason::NoHours { date },
            Reason::OutsideHours { opens: at, closes: at },
            Reason::Break(span),
            Reason::Closing { closes: at },
            Reason::TimeOff(span),
            Reason::Booked(span),
            Reason::Full { start: at, end: at, capacity: 3 },
            Reason::Buffer(span),
            Reason::OffGrid,
        ];
        let told = ToldReason::all(&reasons, &catalogue());
        assert_eq!(told.len(), reasons.len());
        let text = serde_json::to_string(&told).unwrap();
        assert!(!text.contains('Z') && !text.contains("null"), "{text}");
        assert_eq!(
            serde_json::to_value(&told[13]).unwrap(),
            json!({"reason": "full", "start": "2026-03-12T15:00:00-03:00",
                   "end": "2026-03-12T15:00:00-03:00", "capacity": 3})
        );
    }
}
