//! The words that Pontual knows, as data: one constant a language.

use crate::domain::locale::Language;

mod en;
mod es;
mod pt_br;

/// The words of a language.
pub(crate) const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &en::WORDS,
        Language::Portuguese => &pt_br::WORDS,
        Language::Spanish => &es::WORDS,
    }
}

/// The words of section "Words" of the conversation's design and those around them. Written as
/// people write them; they are compared without accents, case and punctuation.
pub(crate) struct Words {
    pub(crate) opt_out: &'static [&'static str],
    pub(crate) opt_in: &'static [&'static str],
    pub(crate) cancel: &'static [&'static str],
    pub(crate) change: &'static [&'static str],
    pub(crate) my_bookings: &'static [&'static str],
    pub(crate) menu: &'static [&'static str],
    /// Those of `menu` that are greetings as well.
    pub(crate) hello: &'static [&'static str],
    /// What may stand beside a greeting, such as another one.
    pub(crate) hello_beside: &'static [&'static str],
    /// Of `opt_out`: means to leave the chat as well.
    pub(crate) leave: &'static [&'static str],
    pub(crate) back: &'static [&'static str],
    pub(crate) person: &'static [&'static str],
    pub(crate) yes: &'static [&'static str],
    /// What may stand beside a yes without changing it, such as "please".
    pub(crate) yes_beside: &'static [&'static str],
    /// Says to a reminder that the customer will be there.
    pub(crate) coming: &'static [&'static str],
    /// Anywhere in an answer to a reminder: the customer will not be there.
    pub(crate) not_coming_in: &'static [&'static str],
    pub(crate) no: &'static [&'static str],
    pub(crate) thanks: &'static [&'static str],
    /// Starts a new booking.
    pub(crate) book: &'static [&'static str],
    /// More of a list.
    pub(crate) more: &'static [&'static str],
    /// The first time that is free, whenever it is.
    pub(crate) first_free: &'static [&'static str],
    /// No wish for a certain member of staff.
    pub(crate) any_staff: &'static [&'static str],

    /// Anywhere in a sentence: the booking shall move, …
    pub(crate) change_in: &'static [&'static str],
    /// … shall be cancelled, …
    pub(crate) cancel_in: &'static [&'static str],
    /// … shall be shown, …
    pub(crate) my_bookings_in: &'static [&'static str],
    /// … a person is wanted, …
    pub(crate) person_in: &'static [&'static str],
    /// … somebody is wanted to talk to, …
    pub(crate) talk_in: &'static [&'static str],
    /// … a booking is wanted, whatever it is of, …
    pub(crate) book_in: &'static [&'static str],
    /// … a price is asked, …
    pub(crate) price_in: &'static [&'static str],
    /// … the address, …
    pub(crate) address_in: &'static [&'static str],
    /// … when the tenant is open.
    pub(crate) hours_in: &'static [&'static str],
    /// … who works there, …
    pub(crate) staff_in: &'static [&'static str],
    /// … what only the team knows.
    pub(crate) team_in: &'static [&'static str],
    /// The customer needs a moment.
    pub(crate) wait: &'static [&'static str],
    /// The whole message asks when the tenant is open.
    pub(crate) hours: &'static [&'static str],
    /// What follows is not wanted, …
    pub(crate) unwanted_in: &'static [&'static str],
    /// Joins services of one visit.
    pub(crate) joining: &'static [&'static str],
    /// Between services of which one is wanted.
    pub(crate) or: &'static [&'static str],
    /// Anywhere in a sentence: the service comes on top of what was chosen.
    pub(crate) also_in: &'static [&'static str],
    /// Anywhere in a sentence: the service is to be left out.
    pub(crate) without_in: &'static [&'static str],
    /// Two and more, before a plural.
    pub(crate) numbers: &'static [&'static str],
    /// Anywhere in a sentence: the time is not the one, as in "no, another time".
    pub(crate) other_time_in: &'static [&'static str],

    /// Anywhere in a sentence: the service is not the one.
    pub(crate) other_service_in: &'static [&'static str],
    /// Starts a farewell that names the day: "see you Thursday".
    pub(crate) see_you: &'static [&'static str],
    /// May stand around a choice: "quero a 2, por favor".
    pub(crate) pick_beside: &'static [&'static str],
    /// May stand before the number of a choice: "option 2", "la 2".
    pub(crate) before_number: &'static [&'static str],
    /// Words for the first to the eighth choice.
    pub(crate) ordinals: [&'static [&'static str]; 8],
    /// Ordinals that are weekdays as well, such as "segunda": read so only where no day is asked.
    pub(crate) ordinals_like_days: [&'static [&'static str]; 8],
    pub(crate) last: &'static [&'static str],
    /// Joins staff to a wish: "with Ana".
    pub(crate) with: &'static [&'static str],
    /// Words that say nothing about which service is meant.
    pub(crate) filler: &'static [&'static str],

    /// Says nothing by itself, beside whatever is said: greetings, thanks, apologies.
    pub(crate) courtesy: &'static [&'static str],
    /// Anywhere in an answer to whether a booking shall go: it stays as it is.
    pub(crate) keep_in: &'static [&'static str],
    /// Turns around the verb that follows, …
    pub(crate) negators: &'static [&'static str],
    /// … with no other words than these between: "não quero cancelar".
    pub(crate) negated_beside: &'static [&'static str],
    /// Anywhere in a question after a booking was made: when it was, and whether it holds.
    pub(crate) when_is_it_in: &'static [&'static str],
    /// Anywhere in a sentence: reminders and news shall stop, …
    pub(crate) opt_out_in: &'static [&'static str],
    /// … and come again.
    pub(crate) opt_in_in: &'static [&'static str],
    /// The whole message takes whatever was offered.
    pub(crate) any_offered: &'static [&'static str],

    pub(crate) weekdays: [&'static str; 7],
    pub(crate) weekdays_spoken: [&'static str; 7],
    pub(crate) weekdays_short: [&'static str; 7],
    pub(crate) months: [&'static str; 12],
    pub(crate) months_short: [&'static str; 12],
}

#[cfg(test)]
mod tests {
    use super::super::text::folded_words;
    use super::*;

    #[test]
    fn no_word_means_two_things() {
        for language in Language::ALL {
            let words = words(language);
            let lists = [
                words.opt_out,
                words.opt_in,
                words.cancel,
                words.change,
                words.my_bookings,
                words.menu,
                words.back,
                words.person,
                words.yes,
                words.coming,
                words.no,
                words.thanks,
                words.book,
                words.more,
                words.first_free,
                words.any_staff,
                words.last,
            ];
            let mut seen: Vec<Vec<String>> = Vec::new();
            for list in lists {
                let mut own: Vec<_> = list.iter().map(|word| folded_words(word)).collect();
                own.sort();
                own.dedup();
                for word in own {
                    assert!(!word.is_empty() && !seen.contains(&word), "{language:?} {word:?}");
                    seen.push(word);
                }
            }
        }
    }
}
