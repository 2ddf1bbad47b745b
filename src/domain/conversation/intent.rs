//! What a message means before any state looks at it: menu picks, words that work everywhere, yes
//! and no.

use chrono::NaiveTime;

use super::menu::{Choice, Pick};
use super::phrases::{Words, words as words_of};
use super::service_selection;
use super::state::State;
use super::text::Text;
use super::turn::Turn;
use crate::domain::locale::Language;
use crate::domain::temporal::{self, Expecting, Hints, Meaning};

/// Words that work in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Menu,
    Back,
    Cancel,
    Change,
    MyBookings,
    Person,
    Speak(Language),
    Book,
    Thanks,
    Price,
}

/// A message as the states see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Input {
    /// An entry of the last menu.
    Chosen(Choice),
    /// A number or tap that the last menu does not have.
    OffMenu,
    Intent(Intent),
    /// A yes where no menu says what it means.
    Yes,
    No,
    /// Anything else; the state reads the text.
    Free,
}

impl Input {
    /// In the order of the design: the menu and its words, then what works everywhere.
    pub(super) fn read(turn: &Turn<'_>, text: &Text, tap: Option<&str>) -> Self {
        let menu = &turn.dialogue.menu;
        let days = matches!(turn.dialogue.state, State::DateTime(_));
        let pick = tap
            .and_then(|id| menu.tapped(id))
            .or_else(|| menu.typed(text, turn.words, days || turn.notice_menu))
            .or_else(|| politely_picked(turn, text, days))
            .or_else(|| offered_at(turn, text).map(Pick::On));
        if let Some(pick) = pick {
            return match pick {
                Pick::On(choice) => Self::Chosen(choice),
                // The convention holds where the menu did not write it out.
                Pick::Off(0) => Self::Chosen(Choice::Person),
                Pick::Off(9) if days && !turn.notice_menu => Self::Chosen(Choice::MoreTimes),
                Pick::Off(_) | Pick::Stale => Self::OffMenu,
            };
        }
        let confirms = menu.yes() == Some(&Choice::Confirm) && text.is_any(turn.words.coming);
        if confirms || text.is_any_beside(turn.words.yes, turn.words.yes_beside) {
            return menu.yes().map_or(Self::Yes, |choice| Self::Chosen(*choice));
        }
        if text.is_any(turn.words.no) {
            return menu.no().map_or(Self::No, |choice| Self::Chosen(*choice));
        }
        if days && text.is_any(turn.words.more) {
            return Self::Chosen(Choice::MoreTimes);
        }
        Intent::whole(text, turn)
            .or_else(|| Intent::within(text, turn))
            .map_or(Self::Free, Self::Intent)
    }
}

impl Intent {
    /// The whole message is one of the words, in the conversation's language or another.
    fn whole(text: &Text, turn: &Turn<'_>) -> Option<Self> {
        if let Some(language) = spoken(text) {
            return Some(Self::Speak(language));
        }
        let own = turn.locale().language();
        let others = Language::ALL.into_iter().filter(|language| *language != own);
        std::iter::once(own).chain(others).find_map(|language| {
            let words = words_of(language);
            if text.is_any_beside(words.hello, words.hello_beside) {
                return Some(Self::Menu);
            }
            let table: [(&[&str], Self); 8] = [
                (words.menu, Self::Menu),
                (words.back, Self::Back),
                (words.cancel, Self::Cancel),
                (words.change, Self::Change),
                (words.my_bookings, Self::MyBookings),
                (words.person, Self::Person),
                (words.book, Self::Book),
                (words.thanks, Self::Thanks),
            ];
            table.into_iter().find(|(all, _)| text.is_any(all)).map(|(_, intent)| intent)
        })
    }

    /// A sentence says so, in the conversation's language.
    fn within(text: &Text, turn: &Turn<'_>) -> Option<Self> {
        let words: &Words = turn.words;
        let table: [(&[&str], Self); 6] = [
            (words.talk_in, Self::Person),
            (words.person_in, Self::Person),
            (words.cancel_in, Self::Cancel),
            // "I need to change my booking" does not ask to see it.
            (words.change_in, Self::Change),
            (words.my_bookings_in, Self::MyBookings),
            (words.price_in, Self::Price),
        ];
        let said = table.into_iter().find(|(all, _)| text.has_any(all)).map(|(_, intent)| intent);
        said.or_else(|| Self::of_settled(text, turn)).or_else(|| {
            // "Não quero mais corte", and nothing instead.
            let refused = service_selection::names_unwanted(turn, text)
                && service_selection::services_in(turn, text).is_empty()
                && !service_selection::says_when(turn, text);
            refused.then_some(Self::Cancel)
        })
    }
}

impl Intent {
    /// What a sentence says where nothing is being booked: elsewhere the same words are part of an
    /// answer.
    fn of_settled(text: &Text, turn: &Turn<'_>) -> Option<Self> {
        let settled = matches!(turn.dialogue.state, State::Greeting | State::Completed(_));
        if settled && turn.active().next().is_some() && text.has_any(turn.words.not_coming_in) {
            return Some(Self::Cancel);
        }
        let names_none = service_selection::services_in(turn, text).is_empty();
        let choosing = settled || matches!(turn.dialogue.state, State::ServiceSelection(_));
        let books = choosing
            && text.has_any(turn.words.book_in)
            && names_none
            && !service_selection::says_when(turn, text);
        if books {
            return Some(Self::Book);
        }
        // "Can I come later?"
        let moves = settled
            && names_none
            && turn.active().next().is_some()
            && text.has_any(turn.words.other_time_in);
        moves.then_some(Self::Change)
    }
}

/// Whether a text is a greeting and nothing else, in whatever language.
pub(super) fn is_greeting(text: &Text) -> bool {
    let mut all = Language::ALL.into_iter().map(words_of);
    all.any(|words| text.is_any_beside(words.hello, words.hello_beside))
}

/// A choice with polite words around it: "quero a 2, por favor".
fn politely_picked(turn: &Turn<'_>, text: &Text, days: bool) -> Option<Pick> {
    let menu = &turn.dialogue.menu;
    let bare = text.without(turn.words.pick_beside);
    if bare.words().len() == text.words().len() {
        return None;
    }
    match menu.typed(&bare, turn.words, days || turn.notice_menu)? {
        Pick::On(choice) => Some(Pick::On(choice)),
        // What is left may be a time, or how many they are.
        Pick::Off(_) | Pick::Stale => None,
    }
}

/// The one time of the menu that a text names by its clock: "o das 14h45".
fn offered_at(turn: &Turn<'_>, text: &Text) -> Option<Choice> {
    let named = || !service_selection::services_in(turn, text).is_empty();
    if turn.notice_menu || !matches!(turn.dialogue.state, State::DateTime(_)) || named() {
        return None;
    }
    let hints =
        Hints { hours: Some(&turn.known.catalogue.tenant.hours), expecting: Expecting::DayAndTime };
    let understood = temporal::understand(&text.raw, turn.now, turn.zone(), turn.locale(), &hints);
    let times: Option<Vec<NaiveTime>> = understood
        .candidates
        .iter()
        .map(|candidate| match candidate.meaning {
            Meaning::Time(time) => Some(time),
            Meaning::Date(_)
            | Meaning::DateTime(_)
            | Meaning::Part { .. }
            | Meaning::Times { .. }
            | Meaning::Dates { .. }
            | Meaning::Moments { .. } => None,
        })
        .collect();
    let times = times?;
    let mut fitting = turn.dialogue.menu.choices().filter(|choice| {
        matches!(choice, Choice::Slot { starts_at, .. }
            if times.contains(&turn.local(*starts_at).time()))
    });
    let one = fitting.next().copied()?;
    // Whoever is named as well is found by the search.
    let with_nobody = !turn.known.catalogue.staff.iter().any(|member| text.has(&member.name));
    (fitting.next().is_none() && with_nobody).then_some(one)
}

/// The language that a message asks for by its name.
fn spoken(text: &Text) -> Option<Language> {
    let names: [(Language, &[&str]); 3] = [
        (Language::English, &["english", "inglês", "inglés"]),
        (Language::Portuguese, &["português", "portuguese", "portugués"]),
        (Language::Spanish, &["español", "spanish", "espanhol", "castellano"]),
    ];
    names.into_iter().find(|(_, names)| text.is_any(names)).map(|(language, _)| language)
}

/// Whether the whole message stops or starts reminders and news.
pub(super) fn subscription(text: &Text, words: &Words) -> Option<bool> {
    // Who wants to be left alone is understood in any language, whatever we speak to them.
    let leaves = |language: &Language| text.is_any(words_of(*language).opt_out);
    if Language::ALL.iter().any(leaves) {
        Some(false)
    } else if text.is_any(words.opt_in) {
        Some(true)
    } else {
        None
    }
}
