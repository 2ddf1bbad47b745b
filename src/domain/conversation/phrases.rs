//! What Pontual says and the words it knows, as data: one constant a language.
//!
//! A phrase is a text with holes in braces, filled by the method of the same name; the methods are
//! made by the list below, so that a missing text or a wrong number of holes does not compile, and a
//! test compares the holes written in the texts with those declared.

use crate::domain::locale::Language;

mod en;
mod es;
mod pt_br;

/// The phrases of a language.
pub(crate) const fn phrases(language: Language) -> &'static Phrases {
    match language {
        Language::English => &en::PHRASES,
        Language::Portuguese => &pt_br::PHRASES,
        Language::Spanish => &es::PHRASES,
    }
}

/// The words of a language.
pub(crate) const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &en::WORDS,
        Language::Portuguese => &pt_br::WORDS,
        Language::Spanish => &es::WORDS,
    }
}

macro_rules! phrases {
    ($( $(#[$doc:meta])* $name:ident($($hole:ident),*); )*) => {
        /// Every text of a language that a customer may read.
        pub(crate) struct Phrases {
            $( $(#[$doc])* pub(super) $name: &'static str, )*
        }

        impl Phrases {
            $( pub(crate) fn $name(&self $(, $hole: &str)*) -> String {
                fill(self.$name, &[$((stringify!($hole), $hole)),*])
            } )*

            /// Name, text and declared holes of each phrase.
            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, &'static str, &'static [&'static str])> {
                vec![$( (stringify!($name), self.$name, &[$(stringify!($hole)),*]) ),*]
            }
        }
    };
}

phrases! {
    /// Introduces the assistant to somebody whose name is known.
    intro_named(name, of_tenant);
    intro(of_tenant);
    ask_service();
    /// More services match, or several were asked for.
    which_service();
    one_service_first();
    no_services();
    more_services();

    ask_when(service, duration);
    first_free_times();
    next_times_with(staff);
    more_times_follow();
    more_times();
    /// Answers what a service costs, …
    price_of(service, price, duration);
    /// … where its price is not told.
    price_untold(service, duration);
    ask_day();
    no_free_time(service);
    no_more_times();
    /// `staff` does not do `service`.
    staff_does_not(staff, service);
    /// Nobody of that name works here; `list` is who does.
    nobody_called(name, list);
    nothing_free_with(staff);
    /// A part of a heading: `, with Ana`.
    heading_with(staff);
    with_staff(staff);
    tomorrow_at(at);
    /// `day`, `time` (or `at`) of a slot that was asked for and is free.
    is_free(day, time, at, staff);
    not_available(day, time, at);
    nothing_free(what);
    closed_on(day);
    beyond_horizon(day);
    closest();
    passed_today_at(time, at);
    passed_today();
    today_still();
    yesterday_is_past();
    day_is_past(day);
    is_past();
    no_such_day();
    which_weekday(weekday);
    which_weekday_at(weekday, at);
    which_date();
    which_time();
    this_week(day);
    next_week(day);

    check();
    service_with(service, staff);
    holding_until(time);
    confirm();
    change_time();
    cancel();
    booked(code);
    /// `what` is service, staff, day and time of a booking.
    booked_what(what);
    will_remind(list);
    write_any_time();
    write_stop();
    taken(weekday, at, time);
    old_time_stays(what);
    released();
    nothing_booked();
    nothing_to_cancel();

    booking(service, staff, day, time);
    /// A booking that is to move.
    booking_now(service, staff, day, time, at);
    with_code(what, code);
    cancel_this();
    which_to_cancel();
    which_to_change();
    yes_cancel();
    no_keep();
    /// `o` agrees with the service: agendad**o**, agendad**a**.
    canceled(service, the_service, day, at, o);
    kept(what);
    no_bookings();
    your_booking();
    your_bookings();
    too_late(notice);
    new_booking();
    my_bookings();
    /// A heading that starts with what is to move.
    about(what);
    keep(weekday);
    move_to(day, time, at, weekday);
    /// As `move_to`, with other staff than before.
    move_to_with(day, time, at, weekday, staff);
    other_time();
    moved(what, code);
    thanks(what);
    thanks_alone();

    /// What a notice asks: the first entries of its menu.
    i_will_be_there();
    all_right();
    new_time();
    /// A notice was answered whose booking is cancelled by now.
    was_canceled();
    book_new_time();

    person();
    handed_over();
    opted_out(tenant, of_tenant);
    still_on(day, at, time);
    all_still_on(count);
    write_start();
    opted_in(tenant, of_tenant);
    speaking();

    miss_service(example);
    miss_when();
    miss_confirm();
    miss_completed();
    one_number();
    cannot_listen();
    cannot_listen_alone();
    saved_photo();
    saved_video();
    saved_document();
    saved_location();
    saved_contact();
    saved_other();
    question_service();
    question_time();
    question_confirm();
    question_other();
    one_to(last);
    menu_again();

    and();
    today(day);
    tomorrow(day);
    morning();
    afternoon();
    evening();
    night();
    at(time);
    at_one(time);
    after(time);
    after_one(time);
    before(time);
    before_one(time);
    range(from, to, to_at);
    range_one(from, to, to_at);
    days_from(day);
    days_until(day);
    days(from, to);
    until(time);
    until_one(time);

    reminder_day(name, when, at, what, place);
    reminder_general(name, when, at, what, place);
    reminder_hour(time, place);
    reminder_quarter(time, place);
    /// A name after a greeting: "Hi **Marina**!"
    after_greeting(name);
    named(name, text);
    confirmed_by_staff(what, code);
    moved_by_staff(day, at);
    canceled_by_staff(day, time);
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
    /// … a price is asked.
    pub(crate) price_in: &'static [&'static str],
    /// What follows is not wanted, …
    pub(crate) unwanted_in: &'static [&'static str],
    /// Anywhere in a sentence: the time is not the one, as in "no, another time".
    pub(crate) other_time_in: &'static [&'static str],

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

    pub(crate) weekdays: [&'static str; 7],
    pub(crate) weekdays_spoken: [&'static str; 7],
    pub(crate) weekdays_short: [&'static str; 7],
    pub(crate) months: [&'static str; 12],
    pub(crate) months_short: [&'static str; 12],
}

/// `template` with each `{hole}` filled. Braces of a value stay what they are.
fn fill(template: &str, holes: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (hole, after) = after.split_once('}').unwrap_or((after, ""));
        if let Some((_, value)) = holes.iter().find(|(name, _)| *name == hole) {
            text.push_str(value);
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::super::text::folded_words;
    use super::*;

    /// The names in braces of a text.
    fn written(text: &str) -> Vec<&str> {
        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
    }

    #[test]
    fn a_text_uses_no_hole_that_nobody_fills() {
        for language in Language::ALL {
            for (name, text, holes) in phrases(language).all() {
                for hole in written(text) {
                    assert!(holes.contains(&hole), "{language:?} {name}: {hole}");
                }
                assert!(!text.trim().is_empty(), "{language:?} {name} is empty");
                assert_eq!(text.matches('{').count(), text.matches('}').count(), "{name}");
            }
        }
    }

    #[test]
    fn every_hole_is_used_by_some_language() {
        let all = Language::ALL.map(|language| phrases(language).all());
        for (i, (name, _, holes)) in all[0].iter().enumerate() {
            for hole in *holes {
                let used = all.iter().any(|texts| written(texts[i].1).contains(hole));
                assert!(used, "{name}: {hole} is filled for nobody");
            }
        }
    }

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

    #[test]
    fn braces_of_a_value_are_not_holes() {
        assert_eq!(fill("Hi {name}!", &[("name", "{tenant}")]), "Hi {tenant}!");
    }
}
