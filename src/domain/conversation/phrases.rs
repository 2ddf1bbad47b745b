//! What Pontual says, as data: one constant a language.
//!
//! A phrase is a template with values in braces, filled by the method of the same name; the methods
//! are made by the list below, so that a missing text or a wrong number of values does not compile,
//! and a test compares the values that the templates use with those declared. A tenant may put its
//! own templates in place of ours ([`Texts`]).

use std::collections::BTreeMap;

use crate::domain::locale::Language;

mod en;
mod es;
mod formal;
mod overrides;
mod pt_br;
mod render;
mod texts;

pub(crate) use super::words::{Words, words};
pub use overrides::{Replaceable, check, preview, replaceable};
pub(crate) use overrides::{filled, refusals, sample};
pub use texts::Texts;

/// The shipped phrases of a language.
pub(crate) const fn phrases(language: Language) -> &'static Phrases {
    static PHRASES: [Phrases; 3] = [
        Phrases::shipped(Language::English),
        Phrases::shipped(Language::Portuguese),
        Phrases::shipped(Language::Spanish),
    ];
    let [english, portuguese, spanish] = &PHRASES;
    match language {
        Language::English => english,
        Language::Portuguese => portuguese,
        Language::Spanish => spanish,
    }
}

/// The templates of a language as they are shipped.
const fn shipped(language: Language) -> &'static Shipped {
    match language {
        Language::English => &en::PHRASES,
        Language::Portuguese => &pt_br::PHRASES,
        Language::Spanish => &es::PHRASES,
    }
}

/// What a customer may read in one language: the shipped texts, and those a tenant put in their
/// places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phrases {
    language: Language,
    /// Customers are spoken to formally.
    formal: bool,
    /// By key.
    own: BTreeMap<String, String>,
}

impl Phrases {
    const fn shipped(language: Language) -> Self {
        Self { language, formal: false, own: BTreeMap::new() }
    }

    /// A tenant's text that cannot be written out was not checked when it was saved; ours is said
    /// instead, since silence would be worse.
    fn render(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.own
            .get(key)
            .and_then(|template| render::own(template, values).ok())
            .unwrap_or_else(|| render::ours(self.language, self.formal, key, values))
    }
}

macro_rules! phrases {
    ($( $(#[$doc:meta])* $name:ident($($hole:ident),*); )*) => {
        /// The template of every text of a language.
        struct Shipped {
            $( $(#[$doc])* $name: &'static str, )*
        }

        impl Phrases {
            $( pub(crate) fn $name(&self $(, $hole: &str)*) -> String {
                self.render(stringify!($name), &[$((stringify!($hole), $hole)),*])
            } )*
        }

        impl Shipped {
            /// Key, template and declared values of each phrase.
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
    welcome_back();
    welcome_back_named(name);
    /// A customer comes back; `what` is what they came for last time.
    same_as_last(what);
    yes_same(what);
    another_service();
    /// The booking that a greeting names first.
    you_have(day, time);
    change();
    ask_service();
    /// More services match, or several were asked for.
    which_service();
    no_services();
    /// `service` for more than one person, or twice.
    one_person_at_a_time(service);
    /// The entry that books `service` once.
    one_of(service);
    /// More than `count` services were asked for.
    too_many_services(count);
    more_services();

    ask_when(service, duration);
    /// As `ask_when`, for several services.
    ask_when_together(services, duration);
    /// A part of a heading: several services and how long they take together.
    together(services, duration);
    /// No room for two services in a row on a day, …
    no_room_for_both(day);
    /// … for three or more.
    no_room_for_all(day);
    two_separate_times();
    separate_times();
    /// Of services at separate times the first, …
    first_service(service);
    /// … and the one after a booking.
    next_service(service);
    first_free_times();
    /// `of_staff` has the article that Portuguese wants: "do Bruno".
    next_times_with(staff, of_staff);
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
    /// As `not_available`, with `why` from below.
    not_available_because(day, time, at, why);
    why_break();
    why_taken();
    why_closing(time, at);
    why_hours(hours);
    why_notice(day, time, at);
    why_away(staff);
    why_not_working(staff);
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
    in_total(price);
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
    /// After `released`.
    still_free();
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
    /// Asks whether one booking of a visit shall be cancelled.
    cancel_only(what, code);
    canceled_line(what);
    still_booked(what);
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
    was_canceled_when(when);
    /// Nobody of the team cancelled it.
    is_canceled_when(when);
    book_new_time();

    person();
    handed_over();
    /// Booking by chat is switched off; a person answers.
    booking_off();
    /// A person was asked for while nobody is there; `when` they are back.
    team_away(when);
    /// As `team_away`, after the last opening of the day.
    team_away_for_today(when);
    team_away_unknown();
    left_message();
    meanwhile();
    /// Nobody has answered who was waiting for a person.
    nobody_answered();
    write_menu();
    book();
    today_at(at);
    tomorrow_weekday_at(weekday, at);
    day_at(day, at);
    yesterday_at(at);
    open_hours(list);
    hours_untold();
    weekdays_through(from, to);
    address_is(address);
    address_untold();
    staff_are(list);
    team_knows();
    no_hurry();
    /// Whether leaving the chat was meant, or getting no more reminders.
    leave_or_stop();
    end_chat();
    no_reminders();
    chat_ended();
    opted_out(tenant, of_tenant);
    still_on(day, at, time);
    all_still_on(count);
    write_start();
    opted_in(tenant, of_tenant);
    speaking();

    /// Asked after a long silence; `what` was being booked.
    continue_where(what);
    continue_booking();
    go_on();
    start_anew();
    /// Asked once when nothing is said; the open menu follows.
    still_there();
    show_times_again();
    /// What was written came too late to be read in time.
    late();

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
    or();
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
    /// As the two before, of a tenant that keeps service and staff to itself.
    reminder_day_private(name, when, at, place);
    reminder_general_private(name, when, at, place);
    reminder_hour(time, place);
    reminder_quarter(time, place);
    /// A name after a greeting: "Hi **Marina**!"
    after_greeting(name);
    named(name, text);
    confirmed_by_staff(what, code);
    moved_by_staff(day, at);
    canceled_by_staff(day, time);
    /// The customer had it moved or cancelled, elsewhere than in the chat.
    moved_as_asked(day, at);
    canceled_as_asked(day, time);
    arrived();
    thanks_for_visit(tenant);
    missed_visit(day, at);
    /// Long after the last visit, to whom news are welcome.
    recall(name, tenant, of_tenant);
}

/// Parts of sentences, not texts of their own: nobody replaces them one by one.
const PARTICLES: &[&str] = &[
    "heading_with",
    "with_staff",
    "service_with",
    "booking",
    "booking_now",
    "with_code",
    "after_greeting",
    "named",
    "and",
    "or",
    "today",
    "tomorrow",
    "morning",
    "afternoon",
    "evening",
    "night",
    "at",
    "at_one",
    "after",
    "after_one",
    "before",
    "before_one",
    "range",
    "range_one",
    "days_from",
    "days_until",
    "days",
    "until",
    "until_one",
    "tomorrow_at",
    "this_week",
    "next_week",
    "keep",
    "today_at",
    "tomorrow_weekday_at",
    "day_at",
    "yesterday_at",
    "weekdays_through",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in braces of a text.
    fn written(text: &str) -> Vec<&str> {
        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
    }

    #[test]
    fn a_text_uses_no_hole_that_nobody_fills() {
        for language in Language::ALL {
            for (name, text, holes) in shipped(language).all() {
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
        let all = Language::ALL.map(|language| shipped(language).all());
        for (i, (name, _, holes)) in all[0].iter().enumerate() {
            for hole in *holes {
                let used = all.iter().any(|texts| written(texts[i].1).contains(hole));
                assert!(used, "{name}: {hole} is filled for nobody");
            }
        }
    }

    #[test]
    fn braces_of_a_value_are_not_values() {
        let said = phrases(Language::English).booked("{tenant}");
        assert!(said.contains("{tenant}"), "{said}");
    }

    #[test]
    fn every_particle_is_one_of_the_phrases() {
        let all = shipped(Language::English).all();
        for particle in PARTICLES {
            assert!(all.iter().any(|(key, ..)| key == particle), "{particle}");
        }
    }
}
