//! Days as people name them, and the calendar days they come to.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::Choice;
use super::sense::Feast;

/// A day by the marks that were written; several mentions of one day join into one.
#[expect(clippy::struct_field_names, reason = "the day of the month is called a day")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Day {
    /// 0 is Monday.
    pub weekday: Option<u8>,
    /// Which of the weekdays of that name, where more was said than the name.
    pub which: Which,
    /// Weeks from this one, of which the weekday is meant.
    pub week: Option<i8>,
    /// 1 to 31.
    pub day: Option<u8>,
    pub month: Option<u8>,
    pub year: Option<i32>,
    /// Months from this one.
    pub month_offset: Option<i8>,
    /// Known without more ado: "tomorrow", "Easter".
    pub fixed: Option<NaiveDate>,
    /// "22/04" read as the month first or the day first because only that is a date, or the other
    /// way round.
    pub swapped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Which {
    #[default]
    Plain,
    /// "this friday".
    This,
    /// "next friday": this week's or next week's.
    Next,
    /// "last friday".
    Previous,
}

/// The days a [`Day`] may be, the likeliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dates {
    pub first: Option<(NaiveDate, Option<Choice>)>,
    pub second: Option<(NaiveDate, Option<Choice>)>,
}

impl Dates {
    fn just(date: NaiveDate) -> Self {
        Self { first: Some((date, None)), second: None }
    }

    fn either(first: NaiveDate, second: NaiveDate, choice: Choice) -> Self {
        Self { first: Some((first, Some(choice))), second: Some((second, Some(choice))) }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (NaiveDate, Option<Choice>)> {
        self.first.into_iter().chain(self.second)
    }
}

/// How far ahead a weekday and a day of the month are looked for together.
const YEARS_AHEAD: u32 = 8;

/// Days after which a date that fits its weekday is less likely than one that does not.
const FAR_AHEAD: i64 = 2 * 366;

impl Day {
    pub(super) fn fixed(date: NaiveDate) -> Self {
        Self { fixed: Some(date), ..Self::default() }
    }

    /// Whether it names a day, and not only a month of it.
    pub(super) fn is_whole(&self) -> bool {
        self.weekday.is_some() || self.day.is_some() || self.fixed.is_some()
    }

    /// One day said in two pieces ("quarta", "dia 13"), if they do not contradict each other.
    pub(super) fn join(self, other: Self) -> Option<Self> {
        fn one<T: PartialEq + Copy>(a: Option<T>, b: Option<T>) -> Result<Option<T>, ()> {
            match (a, b) {
                (Some(a), Some(b)) if a != b => Err(()),
                (a, b) => Ok(a.or(b)),
            }
        }
        let joined = Self {
            weekday: one(self.weekday, other.weekday).ok()?,
            which: if self.which == Which::Plain { other.which } else { self.which },
            week: one(self.week, other.week).ok()?,
            day: one(self.day, other.day).ok()?,
            month: one(self.month, other.month).ok()?,
            year: one(self.year, other.year).ok()?,
            month_offset: one(self.month_offset, other.month_offset).ok()?,
            fixed: one(self.fixed, other.fixed).ok()?,
            swapped: self.swapped || other.swapped,
        };
        if let Some(fixed) = joined.fixed {
            let same_weekday = joined.weekday.is_none_or(|weekday| weekday == weekday_of(fixed));
            let same_day = joined.day.is_none_or(|day| u32::from(day) == fixed.day());
            let same_month = joined.month.is_none_or(|month| u32::from(month) == fixed.month());
            return (same_weekday && same_day && same_month).then_some(Self::fixed(fixed));
        }
        Some(joined)
    }

    /// What the other end of a range leaves unsaid: "13 to 15 July", "August 10 to 22, 2012".
    fn borrow(self, other: Self) -> Self {
        if self.fixed.is_some() || self.day.is_none() {
            return Self { week: self.week.or(other.week), ..self };
        }
        Self {
            month: self.month.or(if self.month_offset.is_none() { other.month } else { None }),
            month_offset: self.month_offset.or(if self.month.is_none() {
                other.month_offset
            } else {
                None
            }),
            year: self.year.or(other.year),
            ..self
        }
    }

    /// Both ends of a range, each with what only the other says; of "30 December to 2 January 2027"
    /// the start is in 2026.
    pub(super) fn ends(from: Self, to: Self) -> (Self, Self) {
        let (mut first, mut last) = (from.borrow(to), to.borrow(from));
        if first.year == last.year && first.month > last.month {
            if from.year.is_none() {
                first.year = first.year.map(|year| year - 1);
            } else if to.year.is_none() {
                last.year = last.year.map(|year| year + 1);
            }
        }
        (first, last)
    }

    /// The days it may be, seen from `today`; none: there is no such day.
    pub(super) fn dates(self, today: NaiveDate) -> Dates {
        if let Some(fixed) = self.fixed {
            return Dates::just(fixed);
        }
        match (self.day, self.weekday) {
            (Some(day), weekday) => self.day_of_month(day, weekday, today),
            (None, Some(weekday)) => self.of_week(weekday, today),
            (None, None) => Dates::default(),
        }
    }

    fn day_of_month(self, day: u8, weekday: Option<u8>, today: NaiveDate) -> Dates {
        let fits = |date: &NaiveDate| weekday.is_none_or(|weekday| weekday == weekday_of(*date));
        if let Some(year) = self.year {
            let Some(month) = self.month.map(u32::from) else { return Dates::default() };
            return match NaiveDate::from_ymd_opt(year, month, day.into()) {
                Some(date) if fits(&date) => self.one(date),
                Some(date) => {
                    Dates { first: Some((date, Some(Choice::WeekdayAgainstDate))), second: None }
                }
                None => Dates::default(),
            };
        }
        let first_of_month = today - Days::new(u64::from(today.day0()));
        let mut months: Box<dyn Iterator<Item = u32>> = match (self.month, self.month_offset) {
            (Some(month), _) => {
                let ahead = (u32::from(month) + 12 - today.month()) % 12;
                Box::new((0..=YEARS_AHEAD).map(move |year| ahead + year * 12))
            }
            (None, Some(offset)) if offset < 0 => {
                let back = Months::new(u32::from(offset.unsigned_abs()));
                let first = first_of_month.checked_sub_months(back);
                let date = first.and_then(|first| first.with_day(day.into()));
                return date.map_or_else(Dates::default, Dates::just);
            }
            (None, Some(offset)) => Box::new(std::iter::once(u32::from(offset.unsigned_abs()))),
            (None, None) => Box::new(0..YEARS_AHEAD * 12),
        };
        let dates = months
            .by_ref()
            .filter_map(|ahead| {
                first_of_month.checked_add_months(Months::new(ahead))?.with_day(day.into())
            })
            .filter(|date| *date >= today || self.month_offset.is_some());
        let mut plain = None;
        for date in dates {
            if fits(&date) {
                return match plain {
                    None => self.one(date),
                    // Nobody books so far ahead: rather a slip in the weekday.
                    Some(plain) if (date - today).num_days() > FAR_AHEAD => {
                        Dates::either(plain, date, Choice::WeekdayAgainstDate)
                    }
                    Some(plain) => Dates::either(date, plain, Choice::WeekdayAgainstDate),
                };
            }
            plain = plain.or(Some(date));
        }
        match plain {
            Some(date) => {
                Dates { first: Some((date, Some(Choice::WeekdayAgainstDate))), second: None }
            }
            None => Dates::default(),
        }
    }

    fn one(self, date: NaiveDate) -> Dates {
        Dates { first: Some((date, self.swapped.then_some(Choice::DayMonthOrder))), second: None }
    }

    fn of_week(self, weekday: u8, today: NaiveDate) -> Dates {
        let of_this_week = monday(today) + Days::new(weekday.into());
        let upcoming = if of_this_week > today { of_this_week } else { of_this_week + WEEK };
        if let Some(week) = self.week {
            return Dates::just(shift(of_this_week, i64::from(week) * 7));
        }
        match self.which {
            Which::Previous => {
                Dates::just(if of_this_week < today { of_this_week } else { of_this_week - WEEK })
            }
            Which::Next if of_this_week > today => {
                Dates::either(of_this_week + WEEK, of_this_week, Choice::NextWeekday)
            }
            Which::Plain | Which::This | Which::Next => Dates::just(upcoming),
        }
    }
}

pub(super) const WEEK: Days = Days::new(7);

pub(super) fn monday(date: NaiveDate) -> NaiveDate {
    date - Days::new(date.weekday().num_days_from_monday().into())
}

pub(super) fn weekday_of(date: NaiveDate) -> u8 {
    u8::try_from(date.weekday().num_days_from_monday()).unwrap_or_default()
}

/// `date` and so many days; the date itself where the calendar ends.
pub(super) fn shift(date: NaiveDate, days: i64) -> NaiveDate {
    chrono::TimeDelta::try_days(days).and_then(|days| date.checked_add_signed(days)).unwrap_or(date)
}

/// First and last day of the month that is `ahead` months from that of `today`.
pub(super) fn month_span(today: NaiveDate, ahead: u32) -> Option<(NaiveDate, NaiveDate)> {
    let first =
        (today - Days::new(u64::from(today.day0()))).checked_add_months(Months::new(ahead))?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    Some((first, last))
}

/// The next time that feast comes round.
pub(super) fn feast(feast: Feast, year: Option<i32>, today: NaiveDate) -> Option<NaiveDate> {
    let on = |year: i32| match feast {
        Feast::Fixed(month, day) => NaiveDate::from_ymd_opt(year, month.into(), day.into()),
        Feast::Easter(days) => Some(shift(easter(year)?, days.into())),
    };
    match year {
        Some(year) => on(year),
        None => on(today.year()).filter(|date| *date >= today).or_else(|| on(today.year() + 1)),
    }
}

/// Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876).
fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let century = year.div_euclid(100);
    let in_century = year.rem_euclid(100);
    let skipped = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - skipped + 15).rem_euclid(30);
    let weekday =
        (32 + 2 * (century % 4) + 2 * (in_century / 4) - epact - in_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let days = epact + weekday - 7 * late + 114;
    NaiveDate::from_ymd_opt(
        year,
        u32::try_from(days / 31).ok()?,
        u32::try_from(days % 31 + 1).ok()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn easter_moves_with_the_moon() {
        for text in ["2013-03-31", "2024-03-31", "2026-04-05", "2027-03-28", "2038-04-25"] {
            assert_eq!(easter(date(text).year()), Some(date(text)));
        }
    }

    #[test]
    fn a_day_of_the_month_skips_the_months_that_lack_it() {
        let day = Day { day: Some(31), ..Day::default() };
        assert_eq!(day.dates(date("2026-11-23")), Dates::just(date("2026-12-31")));
    }

    #[test]
    fn a_weekday_that_does_not_fall_on_the_date_leaves_both_readings_open() {
        let friday_13 = Day { weekday: Some(4), day: Some(13), ..Day::default() };
        let dates = friday_13.dates(date("2021-03-15"));
        assert_eq!(dates.first.unwrap().0, date("2021-08-13"));
        assert_eq!(dates.second, Some((date("2021-04-13"), Some(Choice::WeekdayAgainstDate))));
    }
}
