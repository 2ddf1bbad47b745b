//! What recurs: an RFC 5545 recurrence rule in a tenant's local time.
//!
//! The rule is read as if there were no zones ("floating", RFC 5545 section 3.3.5) and each local
//! time is then placed in the zone, so that "every day at 7:30" is 7:30 on both sides of a change
//! of the clocks.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use rrule::{RRule, RRuleSet, Unvalidated};
use serde::Deserialize;

/// More occurrences than this, counted from the first, are not looked through: 270 years of days.
const MOST: usize = 100_000;

/// A rule, where it starts, and the zone in which its times are meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recurrence {
    /// Without `RRULE:`, such as `FREQ=DAILY;BYHOUR=7;BYMINUTE=30;BYSECOND=0`.
    pub rule: String,
    /// DTSTART, local time.
    pub from: NaiveDateTime,
    pub zone: Tz,
}

/// Where now stands in a recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrences {
    /// The one that was waited for, or the last of several that were missed.
    pub latest: DateTime<Utc>,
    /// The first one ahead; none: the rule has come to its end.
    pub next: Option<DateTime<Utc>>,
}

/// A text that is no recurrence rule.
#[derive(Debug, thiserror::Error)]
#[error("the recurrence cannot be read")]
pub struct UnreadableRule(#[source] Box<rrule::RRuleError>);

impl Recurrence {
    /// The occurrences around `now`, when the one of `due` has come due.
    ///
    /// A local time that the clocks leap over is taken with the offset before the leap (02:30
    /// becomes 03:30), one that comes twice means the first, as RFC 5545 has it.
    ///
    /// # Errors
    ///
    /// The rule is none, or contradicts itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # use pontual::domain::recurrence::Recurrence;
    /// let agenda = Recurrence {
    ///     rule: "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=7;BYMINUTE=30;BYSECOND=0".to_owned(),
    ///     from: "2026-03-02T07:30:00".parse()?,
    ///     zone: chrono_tz::America::New_York,
    /// };
    /// // Friday, before the clocks change on Sunday.
    /// let friday = "2026-03-06T12:30:00Z".parse()?;
    /// let monday = agenda.around(friday, friday)?.next.unwrap();
    /// assert_eq!(monday.to_rfc3339(), "2026-03-09T11:30:00+00:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn around(
        &self,
        due: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Occurrences, UnreadableRule> {
        let reached = now.max(due);
        let mut latest = due;
        for local in self.read()?.into_iter().take(MOST) {
            let at = self.place(local.naive_utc());
            if at > reached {
                return Ok(Occurrences { latest, next: Some(at) });
            }
            latest = latest.max(at);
        }
        Ok(Occurrences { latest, next: None })
    }

    fn read(&self) -> Result<RRuleSet, UnreadableRule> {
        let start = rrule::Tz::UTC.from_utc_datetime(&self.from);
        let rule: RRule<Unvalidated> = self.rule.parse().map_err(unreadable)?;
        // Limited: a rule without occurrences, such as 30 February, must not be searched for ever.
        Ok(rule.build(start).map_err(unreadable)?.limit())
    }

    fn place(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let found = self.zone.from_local_datetime(&local).earliest();
        found.map_or_else(|| before_leap(self.zone, local), |at| at.to_utc())
    }
}

/// A local time that does not exist, by the offset of a day before.
fn before_leap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let day = TimeDelta::days(1);
    zone.from_local_datetime(&(local - day))
        .earliest()
        .map_or_else(|| local.and_utc(), |at| at.to_utc() + day)
}

fn unreadable(error: rrule::RRuleError) -> UnreadableRule {
    UnreadableRule(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(zone: Tz, at: &str) -> Recurrence {
        let (hour, minute) = at.split_once(':').unwrap();
        let rule = format!("FREQ=DAILY;BYHOUR={hour};BYMINUTE={minute};BYSECOND=0");
        Recurrence { rule, from: format!("2026-01-01T{at}:00").parse().unwrap(), zone }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_of_day_stays_the_same_over_both_changes_of_the_clocks() {
        let new_york = daily(Tz::America__New_York, "07:30");
        let mut due = at("2026-01-01T12:30:00Z");
        for day in 1..365 {
            due = new_york.around(due, due).unwrap().next.unwrap();
            let local = due.with_timezone(&Tz::America__New_York).naive_local();
            let expected = new_york.from + TimeDelta::days(day);
            assert_eq!(local, expected);
        }
    }

    #[test]
    fn a_time_that_the_clocks_leap_over_comes_after_the_leap_and_one_that_comes_twice_once() {
        let early = daily(Tz::America__New_York, "02:30");
        let spring = at("2026-03-07T07:30:00Z");
        let leapt = early.around(spring, spring).unwrap().next.unwrap();
        assert_eq!(leapt, at("2026-03-08T07:30:00Z"), "03:30 EDT");
        assert_eq!(early.around(leapt, leapt).unwrap().next, Some(at("2026-03-09T06:30:00Z")));

        let twice = daily(Tz::America__New_York, "01:30");
        let autumn = at("2026-10-31T05:30:00Z");
        let first = twice.around(autumn, autumn).unwrap().next.unwrap();
        assert_eq!(first, at("2026-11-01T05:30:00Z"), "01:30 EDT");
        assert_eq!(twice.around(first, first).unwrap().next, Some(at("2026-11-02T06:30:00Z")));
    }

    #[test]
    fn of_those_missed_the_latest_is_told_and_the_next_lies_ahead() {
        let agenda = daily(Tz::America__Sao_Paulo, "07:30");
        let (due, now) = (at("2026-03-10T10:30:00Z"), at("2026-03-14T11:00:00Z"));
        let found = agenda.around(due, now).unwrap();
        assert_eq!(found.latest, at("2026-03-14T10:30:00Z"));
        assert_eq!(found.next, Some(at("2026-03-15T10:30:00Z")));
    }

    #[test]
    fn a_rule_that_ends_has_no_next_and_one_without_occurrences_is_not_searched_for_ever() {
        let from = "2026-03-10T07:30:00".parse().unwrap();
        let due = at("2026-03-10T07:30:00Z");
        for rule in ["FREQ=DAILY;COUNT=1", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] {
            let recurrence = Recurrence { rule: rule.to_owned(), from, zone: Tz::UTC };
            let found = recurrence.around(due, due).unwrap();
            assert_eq!(found, Occurrences { latest: due, next: None }, "{rule}");
        }
        for rule in ["", "FREQ=OFTEN", "FREQ=DAILY;BYHOUR=25"] {
            let recurrence = Recurrence { rule: rule.to_owned(), from, zone: Tz::UTC };
            assert!(recurrence.around(due, due).is_err(), "{rule}");
        }
    }
}
