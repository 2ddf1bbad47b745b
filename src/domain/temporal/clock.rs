//! A time of the day as it was written, and the readings it leaves open.

use chrono::NaiveTime;

use super::DayPart;

/// A time of the day as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub hour: u8,
    pub minute: u8,
    /// 1 to 12, and nothing says which half of the day.
    pub open: bool,
    /// A preposition introduced it, which in some languages also means "to": "das 9 às 11".
    pub at: bool,
}

impl Clock {
    pub(super) fn exact(hour: u8, minute: u8) -> Self {
        Self { hour, minute, open: false, at: false }
    }

    /// As digits or words have it; `zero`: with a leading zero, which nobody writes for the afternoon.
    pub(super) fn written(hour: u8, minute: u8, zero: bool) -> Self {
        Self { hour, minute, open: (1..=12).contains(&hour) && !zero, at: false }
    }

    pub(super) fn time(self) -> NaiveTime {
        NaiveTime::from_hms_opt(self.hour.into(), self.minute.into(), 0).unwrap_or_default()
    }

    /// Minutes after midnight.
    pub(super) fn minutes(self) -> u16 {
        u16::from(self.hour) * 60 + u16::from(self.minute)
    }

    /// Both readings, the one of business hours first: 1 to 7 in the afternoon, 8 to 11 in the
    /// morning, 12 at noon.
    pub(super) fn readings(self) -> (Self, Option<Self>) {
        if !self.open {
            return (self, None);
        }
        let (am, pm) = (self.half(false), self.half(true));
        if (8..12).contains(&self.hour) { (am, Some(pm)) } else { (pm, Some(am)) }
    }

    /// The reading in the given half of the day.
    pub(super) fn half(self, pm: bool) -> Self {
        let hour =
            if self.hour <= 12 { self.hour % 12 + if pm { 12 } else { 0 } } else { self.hour };
        Self { hour, open: false, ..self }
    }

    /// The reading in a part of the day.
    pub(super) fn during(self, part: DayPart) -> Self {
        if !self.open {
            return self;
        }
        match part {
            // "12 de la mañana" is noon where people say so, and nobody books at midnight.
            DayPart::Morning => self.half(self.hour == 12),
            DayPart::Afternoon => self.half(true),
            DayPart::Evening => self.half(self.hour != 12),
            DayPart::Night => self.half((5..12).contains(&self.hour)),
        }
    }
}
