//! Features that are switched on and off while the program runs: all there are.
//!
//! The database holds what is switched (`app.feature_flags`: a default, and values of tenants), so that
//! a flip holds from the next transaction on, in every process. One that is off here by default is off
//! for everybody until somebody switches it on.

/// A feature flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    InteractiveMenus,
    Llm,
    Reminders,
    WhatsappBooking,
}

impl Flag {
    /// By name.
    pub const ALL: [Self; 4] =
        [Self::InteractiveMenus, Self::Llm, Self::Reminders, Self::WhatsappBooking];

    /// The name that the database, the API and the command line know.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InteractiveMenus => "interactive_menus",
            Self::Llm => "llm",
            Self::Reminders => "reminders",
            Self::WhatsappBooking => "whatsapp_booking",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    /// What holds where nobody has switched it: what a new database starts with.
    pub const fn is_on_by_default(self) -> bool {
        match self {
            Self::Reminders | Self::WhatsappBooking => true,
            Self::InteractiveMenus | Self::Llm => false,
        }
    }

    /// What it does, in a line for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::InteractiveMenus => {
                "menus go as polls, lists or buttons where the gateway can; off: as numbered text"
            }
            Self::Llm => "a language model reads what nothing else understands, if one is set up",
            Self::Reminders => {
                "customers are reminded of bookings; off: what is planned is called off"
            }
            Self::WhatsappBooking => {
                "customers book, move and cancel by chat; off: a person answers them"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_found_by_its_name_and_they_stand_in_order() {
        for flag in Flag::ALL {
            assert_eq!(Flag::named(flag.name()), Some(flag));
        }
        assert!(Flag::ALL.is_sorted_by_key(|flag| flag.name()));
        assert_eq!(Flag::named("no_such_flag"), None);
    }
}
