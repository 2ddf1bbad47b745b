//! The scripts of the conversation's design, played word for word in three languages.

use chrono::TimeDelta;

use super::world::{ANA, BRUNO, World, march};
use crate::domain::conversation::MessageKind;
use crate::domain::locale::Language;

/// The transcript of one script: what the customer says and what the bot has to answer.
fn script(language: Language, number: u8) -> Vec<(String, String)> {
    let all = match language {
        Language::English => include_str!("scripts/en.txt"),
        Language::Portuguese => include_str!("scripts/pt_br.txt"),
        Language::Spanish => include_str!("scripts/es.txt"),
    };
    let wanted = format!("{number}. ");
    let section = all.split("# ").find(|section| section.starts_with(&wanted)).unwrap();
    let mut turns: Vec<(String, String)> = Vec::new();
    for line in section.lines().skip(1).filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix("C: ") {
            turns.push((said.to_owned(), String::new()));
        } else {
            let answer = &mut turns.last_mut().unwrap().1;
            let line = line.strip_prefix("B: ").or(line.strip_prefix("   ")).unwrap();
            if !answer.is_empty() {
                answer.push('\n');
            }
            answer.push_str(line);
        }
    }
    turns
}

fn say(world: &mut World, said: &str) -> String {
    let answer = match said {
        _ if said.starts_with("[voice") || said.starts_with("[á") || said.starts_with("[au") => {
            world.send_kind(MessageKind::Audio)
        }
        _ if said.starts_with("[photo") || said.starts_with("[foto") => {
            world.send_kind(MessageKind::Image)
        }
        _ => world.say(said),
    };
    world.now += TimeDelta::seconds(40);
    answer
}

fn play(world: &mut World, language: Language, number: u8) {
    for (said, expected) in script(language, number) {
        let answer = say(world, &said);
        let label = format!("{language:?}, script {number}, after {said:?}");
        // "…" stands for what another script shows.
        match expected.strip_suffix(" …") {
            Some(start) => assert!(answer.starts_with(start), "{label}:\n{answer}"),
            None => assert_eq!(answer, expected, "{label}"),
        }
    }
}

/// Plays a script in every language, each in a world of its own.
fn play_all(number: u8, world: impl Fn(Language) -> World) {
    for language in Language::ALL {
        play(&mut world(language), language, number);
    }
}

/// The free times of script 1.
fn week(language: Language) -> World {
    World::new(language).free_only(&[
        (ANA, march(11, 9, 0), 45),
        (BRUNO, march(11, 14, 30), 45),
        (ANA, march(12, 10, 15), 45),
        (ANA, march(12, 14, 0), 45),
        (BRUNO, march(12, 14, 45), 45),
        (ANA, march(12, 16, 15), 45),
        (BRUNO, march(12, 17, 0), 45),
    ])
}

fn greeted(mut world: World, said: &[&str]) -> World {
    say(&mut world, "menu");
    for said in said {
        say(&mut world, said);
    }
    world
}

#[test]
fn script_1_books_a_time() {
    for language in Language::ALL {
        let mut world = week(language);
        play(&mut world, language, 1);
        assert_eq!(world.dialogue.state.name(), "completed");
        assert_eq!((world.bookings.len(), world.holds()), (1, 0));
        assert_eq!(world.local(world.bookings[0].starts_at), march(12, 14, 45));
    }
}

#[test]
fn script_2_asks_which_friday() {
    play_all(2, |language| {
        let free = [(ANA, march(13, 15, 0), 45), (ANA, march(20, 15, 0), 45)];
        greeted(World::new(language).free_only(&free), &["1"])
    });
}

#[test]
fn script_3_offers_what_is_closest_when_the_time_was_taken() {
    for language in Language::ALL {
        let mut world = World::new(language).free_only(&[
            (BRUNO, march(12, 14, 45), 90),
            (ANA, march(12, 16, 15), 45),
            (BRUNO, march(13, 14, 45), 45),
            (ANA, march(16, 9, 0), 45),
        ]);
        let when = match language {
            Language::English => "thursday at 2:45 pm",
            Language::Portuguese => "quinta às 14h45",
            Language::Spanish => "jueves a las 14:45",
        };
        world = greeted(world, &["1", when]);
        assert_eq!(world.holds(), 1, "{language:?}");
        let (start, end) = (world.at(march(12, 14, 45)), world.at(march(12, 15, 30)));
        world.block(BRUNO, start, end);
        play(&mut world, language, 3);
        assert_eq!(world.dialogue.state.name(), "date_time");
        assert_eq!(world.bookings.len(), 0);
    }
}

#[test]
fn script_4_cancels_a_booking() {
    for language in Language::ALL {
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        play(&mut world, language, 4);
        assert!(world.bookings.is_empty());
    }
}

#[test]
fn script_5_moves_a_booking() {
    for language in Language::ALL {
        let free = [(BRUNO, march(13, 9, 0), 90), (BRUNO, march(13, 11, 15), 45)];
        let mut world = World::new(language).free_only(&free).booked(march(12, 14, 45), "K7F29");
        play(&mut world, language, 5);
        assert_eq!(world.local(world.bookings[0].starts_at), march(13, 9, 45));
        assert_eq!(world.dialogue.state.name(), "completed");
    }
}

#[test]
fn script_6_leads_to_a_person_after_three_misses() {
    for language in Language::ALL {
        let mut world = greeted(World::new(language), &[]);
        play(&mut world, language, 6);
        assert!(world.human);
        say(&mut world, "menu");
        assert!(!world.human, "the menu word calls the bot back");
    }
}

#[test]
fn script_7_keeps_the_question_open_when_a_medium_comes() {
    play_all(7, |language| greeted(week(language), &["1"]));
}

#[test]
fn script_9_stops_reminders_and_keeps_the_visit() {
    for language in Language::ALL {
        let mut world = World::new(language).booked(march(12, 14, 45), "K7F29");
        play(&mut world, language, 9);
        assert!(world.customer.opted_out);
        assert_eq!(world.bookings.len(), 1);
    }
}

#[test]
fn script_11_holds_two_services_as_one_visit() {
    for language in Language::ALL {
        let free = [(BRUNO, march(14, 9, 0), 45), (ANA, march(14, 9, 45), 100)];
        let mut world = greeted(World::new(language).free_only(&free), &[]);
        play(&mut world, language, 11);
        assert_eq!((world.bookings.len(), world.holds()), (2, 1), "{language:?}");
        let starts: Vec<_> = world.bookings.iter().map(|b| world.local(b.starts_at)).collect();
        assert_eq!(starts, [march(14, 9, 0), march(14, 9, 45)]);
    }
}

#[test]
fn script_12_offers_what_is_left_of_today() {
    play_all(12, |language| {
        let free = [
            (ANA, march(10, 14, 0), 45),
            (BRUNO, march(10, 16, 15), 45),
            (ANA, march(11, 9, 0), 45),
            (ANA, march(12, 10, 15), 45),
        ];
        greeted(World::new(language).free_only(&free), &["1"])
    });
}
