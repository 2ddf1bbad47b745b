//! What a message means before any state looks at it: menu picks, words that work everywhere, yes
//! and no.

use chrono::NaiveTime;
use uuid::Uuid;

use super::menu::{Choice, Pick};
use super::phrases::{Words, words as words_of};
use super::state::State;
use super::text::Text;
use super::turn::Turn;
use super::{negation, service_selection};
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
        let days = turn.dialogue.state.asks_when();
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
        if let Some(choice) = whether_it_goes(turn, text).or_else(|| any_offered(turn, text)) {
            return Self::Chosen(choice);
        }
        let words = turn.words;
        let confirms = menu.yes() == Some(&Choice::Confirm) && text.is_any(words.coming);
        let beside = [words.yes_beside, words.courtesy].concat();
        // "Is it confirmed?"
        let asks = turn.dialogue.state.is_settled()
            && text.raw.contains('?')
            && text.has_any(words.when_is_it_in);
        if confirms || (!asks && text.is_any_beside(words.yes, &beside)) {
            return menu.yes().map_or(Self::Yes, |choice| Self::Chosen(*choice));
        }
        if text.is_any_beside(words.no, words.courtesy) {
            return menu.no().map_or(Self::No, |choice| Self::Chosen(*choice));
        }
        if days && text.is_any_beside(words.more, words.courtesy) {
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
            if text.is_any(words.menu) {
                return Some(Self::Menu);
            }
            let table: [(&[&str], Self); 7] = [
                (words.back, Self::Back),
                (words.cancel, Self::Cancel),
                (words.change, Self::Change),
                (words.my_bookings, Self::MyBookings),
                (words.person, Self::Person),
                (words.book, Self::Book),
                (words.thanks, Self::Thanks),
            ];
            let says = |all: &[&str]| text.is_any_beside(all, words.courtesy);
            table.into_iter().find(|(all, _)| says(all)).map(|(_, intent)| intent)
        })
    }

    /// A sentence says so, in the conversation's language.
    fn within(text: &Text, turn: &Turn<'_>) -> Option<Self> {
        let words: &Words = turn.words;
        // "I will talk to my husband and let you know" is no wish for a person.
        let talks = text.has_any(words.talk_in) && !text.has_any(words.wait);
        // "Change it to a manicure" is about what is being booked.
        let swaps = !turn.dialogue.state.is_settled()
            && moving(turn).is_none()
            && !service_selection::services_in(turn, text).is_empty();
        let table = [
            (talks, Self::Person),
            (text.has_any(words.person_in), Self::Person),
            (negation::says(turn, text, words.cancel_in), Self::Cancel),
            // "I need to change my booking" does not ask to see it.
            (negation::says(turn, text, words.change_in) && !swaps, Self::Change),
            (text.has_any(words.my_bookings_in), Self::MyBookings),
            (text.has_any(words.price_in), Self::Price),
        ];
        let said = table.into_iter().find(|(said, _)| *said).map(|(_, intent)| intent);
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
        let words = turn.words;
        let settled = turn.dialogue.state.is_settled();
        let has_booking = turn.active().next().is_some();
        // "Não vou cancelar" is no "não vou".
        let goes =
            text.has_any(words.not_coming_in) && !negation::denies(turn, text, words.cancel_in);
        if settled && has_booking && goes {
            return Some(Self::Cancel);
        }
        let names_none = service_selection::services_in(turn, text).is_empty();
        if settled && has_booking && names_none && is_coming(turn, text) {
            return Some(Self::Thanks);
        }
        let asks_for_it = text.has_any(words.when_is_it_in)
            && (names_none || !service_selection::says_when(turn, text));
        if settled && has_booking && (asks_for_it || is_to_stay(turn, text)) {
            return Some(Self::MyBookings);
        }
        let choosing = settled || turn.dialogue.state.asks_service();
        let books = choosing
            && text.has_any(words.book_in)
            && names_none
            && !service_selection::says_when(turn, text);
        if books {
            return Some(Self::Book);
        }
        // "Can I come later?"
        let moves = settled && names_none && has_booking && text.has_any(words.other_time_in);
        if moves {
            return Some(Self::Change);
        }
        says_thanks(turn, text).then_some(Self::Thanks)
    }
}

/// Of a text that ends what was settled: longer ones may ask for something.
const THANKS_WORDS_MAX: usize = 9;

/// After a booking was settled: thanks in a sentence, a farewell, or a picture alone.
fn says_thanks(turn: &Turn<'_>, text: &Text) -> bool {
    let words = turn.words;
    let settled = match &turn.dialogue.state {
        State::Completed(_) => true,
        State::Greeting => turn.notice_menu,
        State::ServiceSelection(_) | State::DateTime(_) | State::Confirmation(_) => false,
    };
    if !settled || text.raw.contains('?') || text.words().len() > THANKS_WORDS_MAX {
        return false;
    }
    // The shortest are whole messages only.
    let telling: Vec<&str> =
        words.thanks.iter().copied().filter(|phrase| phrase.chars().count() >= 5).collect();
    let grateful = text.has_any(&telling)
        && service_selection::services_in(turn, text).is_empty()
        && !service_selection::says_when(turn, text);
    let agreed = [words.yes, words.thanks].concat();
    let beside = [words.yes_beside, words.courtesy].concat();
    // "Perfect, see you Thursday."
    let leaves = (1..text.words().len()).any(|at| {
        let (first, rest) = text.words().split_at(at);
        Text::new(&rest.join(" ")).begins_with_any(words.see_you)
            && Text::new(&first.join(" ")).is_any_beside(&agreed, &beside)
    });
    grateful || leaves || (text.words().is_empty() && !text.raw.is_empty())
}

/// "I will be there on Thursday."
fn is_coming(turn: &Turn<'_>, text: &Text) -> bool {
    let phrases = turn.words.coming.iter().copied().filter(|phrase| phrase.contains(' '));
    !text.raw.contains('?') && text.has_any(&phrases.collect::<Vec<_>>())
}

/// The booking that a new time is looked for.
fn moving(turn: &Turn<'_>) -> Option<Uuid> {
    match &turn.dialogue.state {
        _ if turn.notice_menu => None,
        State::DateTime(plan) => plan.moving,
        State::Confirmation(asked) => asked.plan.moving,
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => None,
    }
}

/// "Keep it", "don't cancel it".
fn is_to_stay(turn: &Turn<'_>, text: &Text) -> bool {
    let words = turn.words;
    let stays = text.has_any(words.keep_in) || negation::denies(turn, text, words.cancel_in);
    stays && !negation::says(turn, text, words.change_in)
}

/// What a text says to whether a booking shall be cancelled, moved or come to: "yes, cancel it",
/// "keep it", "no, don't cancel".
fn whether_it_goes(turn: &Turn<'_>, text: &Text) -> Option<Choice> {
    let (menu, words) = (&turn.dialogue.menu, turn.words);
    let stays = is_to_stay(turn, text);
    let beside = [words.yes_beside, words.pick_beside, words.courtesy].concat();
    if let Some(booking_id) = moving(turn) {
        // "Move it to Friday?" "Move it."
        let agreed = [words.yes, words.change_in].concat();
        let moves = menu.yes() == Some(&Choice::Confirm)
            && !text.is_any_beside(words.change, words.courtesy)
            && text.is_any_beside(&agreed, &beside);
        return if stays {
            Some(Choice::Keep { booking_id })
        } else {
            moves.then_some(Choice::Confirm)
        };
    }
    let yes = *menu.yes()?;
    if matches!(yes, Choice::Acknowledge { .. }) {
        return stays.then_some(yes);
    }
    if !matches!(yes, Choice::CancelNow { .. } | Choice::CancelLine { .. }) {
        return None;
    }
    let gives_up = text.is_any_beside(words.cancel, words.courtesy)
        && !text.has_any(words.cancel_in)
        && !text.is_any_beside(words.yes, words.yes_beside);
    if stays || gives_up {
        return menu.no().copied();
    }
    // The command alone may be the same message once more.
    let commands: Vec<&str> = words.cancel.iter().copied().take(2).collect();
    let agreed = [words.yes, words.cancel, words.cancel_in].concat();
    (!text.is_any(&commands) && text.is_any_beside(&agreed, &beside)).then_some(yes)
}

/// The first of what was offered, where any of it will do: "any of them".
fn any_offered(turn: &Turn<'_>, text: &Text) -> Option<Choice> {
    let words = turn.words;
    let beside = [words.pick_beside, words.courtesy].concat();
    let asked = turn.dialogue.state.asks_when() && !turn.notice_menu;
    if !asked || !text.is_any_beside(words.any_offered, &beside) {
        return None;
    }
    let time = |choice: &&Choice| matches!(choice, Choice::Slot { .. } | Choice::Visit { .. });
    turn.dialogue.menu.choices().find(time).copied()
}

/// Whether a text is a greeting and nothing else, in whatever language.
pub(super) fn is_greeting(text: &Text) -> bool {
    let mut all = Language::ALL.into_iter().map(words_of);
    all.any(|words| text.is_any_beside(words.hello, words.hello_beside))
}

/// A choice with polite words around it: "quero a 2, por favor".
fn politely_picked(turn: &Turn<'_>, text: &Text, days: bool) -> Option<Pick> {
    let menu = &turn.dialogue.menu;
    let courtesies = turn.words.courtesy.iter().filter(|phrase| !phrase.contains(' '));
    let beside: Vec<&str> = turn.words.pick_beside.iter().chain(courtesies).copied().collect();
    let bare = text.without(&beside);
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
    if turn.notice_menu || !turn.dialogue.state.asks_when() || named() {
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

/// All that may stand beside a word that stops or starts reminders: "stop" in a sentence does not.
const PLEASE: &[&str] = &["please", "por favor", "porfa", "favor"];

/// Whether a message stops or starts reminders and news: by the word alone, or a sentence that names
/// them.
pub(super) fn subscription(text: &Text, words: &Words) -> Option<bool> {
    // Who wants to be left alone is understood in any language, whatever we speak to them.
    let leaves = |language: &Language| {
        let own = words_of(*language);
        text.is_any_beside(own.opt_out, PLEASE) || text.has_any(own.opt_out_in)
    };
    if text.is_any(words.opt_in) || text.has_any(words.opt_in_in) {
        Some(true)
    } else if Language::ALL.iter().any(leaves) {
        Some(false)
    } else if text.is_any_beside(words.opt_in, PLEASE) {
        Some(true)
    } else {
        None
    }
}
