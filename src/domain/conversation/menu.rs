//! Numbered menus, and what each number of the last one meant.
//!
//! One convention everywhere: 1 to 8 are choices, 9 is more, 0 a person. A menu therefore fits ten
//! rows of an interactive list as well, and cannot be built larger.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::phrases::Words;
use super::text::{Text, folded_words};
use super::wish::Wish;

/// Choices of one menu beside "more" and "person".
pub const CHOICES_MAX: usize = 8;
/// Characters of an entry: the title and the description of a list row together.
const LABEL_MAX: usize = 24 + 72;

/// The last menu sent: digits mean this and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Menu {
    /// Counts the menus of a conversation, so that a tap on an older one is recognised.
    pub number: u32,
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    digit: u8,
    label: String,
    choice: Choice,
}

/// What an entry of a menu does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Choice {
    Service {
        service_id: Uuid,
    },
    /// The services from this one on, counted from 0.
    MoreServices {
        from: usize,
    },
    Slot {
        staff_id: Uuid,
        starts_at: DateTime<Utc>,
    },
    /// One of the visits of several services that the plan offered, counted from 0.
    Visit {
        index: usize,
    },
    MoreTimes,
    /// Each service of the visit at a time of its own.
    Separately,
    /// One reading of an ambiguous date.
    Reading {
        wish: Wish,
    },
    /// Yes to the time asked about.
    Confirm,
    ChangeTime,
    /// Give up the booking that is being made.
    Abandon,
    Reschedule {
        booking_id: Uuid,
    },
    AskCancel {
        booking_id: Uuid,
    },
    CancelNow {
        booking_id: Uuid,
    },
    /// Cancel one booking of a visit, the others stay.
    CancelLine {
        booking_id: Uuid,
    },
    /// Leave the booking as it is.
    Keep {
        booking_id: Uuid,
    },
    Show {
        booking_id: Uuid,
    },
    /// What was told of the booking is read and agreed to.
    Acknowledge {
        booking_id: Uuid,
    },
    NewBooking,
    MyBookings,
    Person,
    /// Go on with what was open before a long silence.
    Continue,
    StartAnew,
    /// Times for the plan that is open, its held one given back.
    ShowTimes,
    /// What the customer came for last time.
    SameAsLast,
    EndChat,
    StopReminders,
}

/// A number or tap against the last menu.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pick {
    On(Choice),
    /// A number or tap that the last menu does not have.
    Off(u8),
    /// A tap on a menu that is no longer the last.
    Stale,
}

impl Menu {
    /// Adds the next choice; `false`: eight are in already, and nothing was added.
    pub(super) fn choice(&mut self, label: &str, choice: Choice) -> bool {
        let taken = self.items.iter().filter(|item| (1..=8).contains(&item.digit)).count();
        let Some(digit) = u8::try_from(taken + 1).ok().filter(|_| taken < CHOICES_MAX) else {
            return false;
        };
        self.put(digit, label, choice);
        true
    }

    /// Sets what 9 does.
    pub(super) fn more(&mut self, label: &str, choice: Choice) {
        self.put(9, label, choice);
    }

    /// Sets what 0 does.
    pub(super) fn person(&mut self, label: &str) {
        self.put(0, label, Choice::Person);
    }

    fn put(&mut self, digit: u8, label: &str, choice: Choice) {
        let label = label.chars().take(LABEL_MAX).collect();
        self.items.retain(|item| item.digit != digit);
        self.items.push(Item { digit, label, choice });
        // 0 stands last: it leads out.
        self.items.sort_by_key(|item| if item.digit == 0 { 10 } else { item.digit });
    }

    /// The same menu as the `number`th of its conversation.
    pub(super) fn numbered(self, number: u32) -> Self {
        Self { number, ..self }
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The lines of the menu, each with its number first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("{} {}", item.digit, item.label)).collect()
    }

    /// Each digit with its label, in the order of the lines.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u8, &str)> {
        self.items.iter().map(|item| (item.digit, item.label.as_str()))
    }

    /// The digit of the last plain choice; none where there is none.
    pub(super) fn last_digit(&self) -> Option<u8> {
        self.items.iter().map(|item| item.digit).filter(|digit| (1..=8).contains(digit)).max()
    }

    /// The same choices without "more", leading to a person: the form that asks for a number.
    pub(super) fn with_person(&self, label: &str) -> Self {
        let mut menu = self.clone();
        menu.items.retain(|item| item.digit != 9);
        menu.person(label);
        menu
    }

    pub(super) fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.items.iter().map(|item| &item.choice)
    }

    /// The choice that a plain yes means, where the menu asks a yes/no question.
    pub(super) fn yes(&self) -> Option<&Choice> {
        self.choices().find(|choice| {
            matches!(
                choice,
                Choice::Confirm
                    | Choice::CancelNow { .. }
                    | Choice::CancelLine { .. }
                    | Choice::Acknowledge { .. }
                    | Choice::Continue
                    | Choice::SameAsLast
            )
        })
    }

    /// The choice that a plain no means.
    pub(super) fn no(&self) -> Option<&Choice> {
        if let Choice::Acknowledge { booking_id } = *self.yes()? {
            // Not to come is asked about, never done at once.
            let ask = Choice::AskCancel { booking_id };
            return self.choices().find(|choice| **choice == ask);
        }
        let no = |choice: &&Choice| matches!(choice, Choice::Keep { .. } | Choice::StartAnew);
        let other = |choice: &&Choice| matches!(choice, Choice::ChangeTime | Choice::NewBooking);
        self.choices().find(no).or_else(|| self.choices().find(other))
    }

    fn at(&self, digit: u8) -> Pick {
        match self.items.iter().find(|item| item.digit == digit) {
            Some(item) => Pick::On(item.choice),
            None => Pick::Off(digit),
        }
    }

    /// Reads a tap: `<menu number>.<digit>` is the id of a row.
    pub(super) fn tapped(&self, id: &str) -> Option<Pick> {
        let (number, digit) = id.split_once('.')?;
        let (number, digit): (u32, u8) = (number.parse().ok()?, digit.parse().ok()?);
        Some(if number == self.number { self.at(digit) } else { Pick::Stale })
    }

    /// Reads a typed choice: a digit, "option 2", "2️⃣", an ordinal word, or the words of an entry.
    /// With `days`, ordinals that are weekdays as well are left to the reading of dates.
    pub(super) fn typed(&self, text: &Text, words: &Words, days: bool) -> Option<Pick> {
        if let Some(digit) = bare_digit(text, words) {
            return Some(self.at(digit));
        }
        let typed = text.words();
        if let Some(item) = self.items.iter().find(|item| folded_words(&item.label) == typed) {
            return Some(Pick::On(item.choice));
        }
        let last = self.last_digit()?;
        if text.is_any(words.last) {
            return Some(self.at(last));
        }
        let ordinal = |of: &[&[&str]; 8]| of.iter().position(|all| text.is_any(all));
        let index = ordinal(&words.ordinals)
            .or_else(|| ordinal(&words.ordinals_like_days).filter(|_| !days))?;
        let digit = u8::try_from(index + 1).ok().filter(|digit| *digit <= last)?;
        Some(self.at(digit))
    }
}

/// The digit of a message that is nothing else: "2", "2.", "2️⃣", "option 2", "la 2".
pub(super) fn bare_digit(text: &Text, words: &Words) -> Option<u8> {
    let number = match text.words() {
        [number] => number,
        [before, number]
            if words.before_number.iter().any(|b| folded_words(b) == [before.clone()]) =>
        {
            number
        }
        [article, before, number]
            if [article, before].iter().all(|word| {
                words.before_number.iter().any(|b| folded_words(b) == [(*word).clone()])
            }) =>
        {
            number
        }
        _ => return None,
    };
    match number.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::phrases::words;
    use super::*;
    use crate::domain::locale::Language;

    fn menu() -> Menu {
        let mut menu = Menu { number: 7, ..Menu::default() };
        assert!(menu.choice("Confirm", Choice::Confirm));
        assert!(menu.choice("Change time", Choice::ChangeTime));
        menu.person("Talk to a person");
        menu.more("More times", Choice::MoreTimes);
        menu
    }

    #[test]
    fn a_menu_takes_eight_choices_and_no_more() {
        let mut menu = Menu::default();
        let taken = (0..12).filter(|_| menu.choice("x", Choice::NewBooking)).count();
        assert_eq!((taken, menu.lines().len()), (8, 8));
    }

    #[test]
    fn an_entry_is_cut_to_what_a_list_row_holds() {
        let mut menu = Menu::default();
        menu.choice(&"é".repeat(500), Choice::NewBooking);
        assert_eq!(menu.lines()[0].chars().count(), 2 + 96);
    }

    #[test]
    fn zero_stands_last_and_nine_before_it() {
        let lines = ["1 Confirm", "2 Change time", "9 More times", "0 Talk to a person"];
        assert_eq!(menu().lines(), lines);
    }

    #[test]
    fn a_choice_may_be_written_in_many_ways() {
        let cases = [
            (Language::English, "option 2"),
            (Language::English, "2."),
            (Language::English, "2️⃣"),
            (Language::English, "the second one"),
            (Language::English, "CHANGE TIME"),
            (Language::English, "last"),
            (Language::Portuguese, "opção 2"),
            (Language::Portuguese, "a opção 2"),
            (Language::Portuguese, "o segundo"),
            (Language::Spanish, "la 2"),
            (Language::Spanish, "la segunda"),
        ];
        for (language, text) in cases {
            let picked = menu().typed(&Text::new(text), words(language), false);
            assert_eq!(picked, Some(Pick::On(Choice::ChangeTime)), "{text}");
        }
        for text in ["12", "2 pm", "change", "segundas", ""] {
            assert_eq!(
                menu().typed(&Text::new(text), words(Language::English), false),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn a_portuguese_ordinal_is_a_weekday_where_days_are_asked() {
        let (text, words) = (Text::new("segunda"), words(Language::Portuguese));
        assert_eq!(menu().typed(&text, words, true), None);
        assert_eq!(menu().typed(&text, words, false), Some(Pick::On(Choice::ChangeTime)));
    }

    #[test]
    fn a_tap_on_an_older_menu_is_stale() {
        assert_eq!(menu().tapped("7.1"), Some(Pick::On(Choice::Confirm)));
        assert_eq!(menu().tapped("6.1"), Some(Pick::Stale));
        assert_eq!(menu().tapped("7.5"), Some(Pick::Off(5)));
        assert_eq!(menu().tapped("haircut"), None);
    }
}
