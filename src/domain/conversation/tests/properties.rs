//! What holds whatever a customer sends, and whatever others do meanwhile.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::world::{ANA, BRUNO, World, march};
use crate::domain::catalogue::{Booking, Status};
use crate::domain::conversation::{Effect, Event, Message, MessageKind};
use crate::domain::locale::Language;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Act {
    Says(Vec<String>),
    Sends(MessageKind),
    Taps(u8, u8),
    /// Minutes pass.
    Waits(i64),
    /// Somebody else takes an hour of a member's time.
    Rival(bool, i64),
    /// Staff confirms a booking of this customer.
    Booked(u32, u32),
    /// Staff switches the bot on again, where a person was called.
    BackFromPerson,
    /// Staff cancels the first booking.
    CancelledByStaff,
    /// The customer is told something about their first booking.
    Notified(&'static str, Option<i64>),
    /// A timer comes due, or the team leaves the conversation to the bot.
    Happens(Event),
    /// Said a while ago, read now.
    SaidBefore(String, i64),
    /// Somebody of the team writes, from whatever phone.
    PersonWrites,
}

/// How many conversations each property is tried with.
fn sequences() -> u32 {
    std::env::var("SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(240)
}

fn text() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let known = prop::sample::select(vec![
        "1", "2", "3", "4", "5", "8", "9", "0", "7", "2️⃣", "opção 2", "la 2", "second", "último",
        "menu", "hi", "oi", "hola", "back", "voltar", "cancel", "cancelar", "desmarcar", "anular",
        "change", "remarcar", "cambiar", "my bookings", "meus horários", "mis citas", "person",
        "english", "português", "español", "yes", "sim", "sí", "no", "não", "👍", "ok", "thanks",
        "obrigada", "book", "agendar", "reservar", "stop", "sair", "baja", "start", "ativar",
        "haircut", "corte", "manicure", "color", "haircut and manicure", "corte amanhã às 15h",
        "haircut tomorrow 3pm", "corte mañana a las 15:00", "thursday afternoon",
        "quinta depois das 14h", "viernes por la mañana", "next friday at 3", "04/06", "31/02",
        "yesterday", "hoje às 9", "sunday", "with Bruno", "com a Ana", "con Bruno el jueves",
        "tomorrow", "at 10", "any time", "qualquer um", "more", "mais", "can I move it to friday?",
        "dá pra passar pra sexta de manhã?", "cancel K7F29", "quanto custa?", "asdf", "??", " ", "cancel", "change",
        "from 2 to 4", "after 5", "1 and 3", "corte e manicure no sábado", "and a manicure too",
        "only the haircut", "sem manicure", "cancel the manicure", "dois cortes", "23/12 15:00",
    ]);
    prop_oneof![
        8 => known.prop_map(str::to_owned),
        1 => "\\PC{0,40}",
    ]
}

fn act() -> impl Strategy<Value = Act> {
    #[rustfmt::skip]
    let kinds = prop::sample::select(vec![
        MessageKind::Audio, MessageKind::Image, MessageKind::Video, MessageKind::Document,
        MessageKind::Location, MessageKind::Contact, MessageKind::Sticker, MessageKind::Reaction,
        MessageKind::Other,
    ]);
    let notices = prop::sample::select(vec![
        ("reminder", Some(86_400)),
        ("reminder", Some(3_600)),
        ("booking_moved", None),
        ("booking_cancelled", None),
        ("booking_confirmed", None),
    ]);
    prop_oneof![
        16 => prop::collection::vec(text(), 1..2).prop_map(Act::Says),
        2 => prop::collection::vec(text(), 2..4).prop_map(Act::Says),
        // The digits lead deepest; they come often.
        24 => (1..4_u8).prop_map(|digit| Act::Says(vec![digit.to_string()])),
        1 => kinds.prop_map(Act::Sends),
        1 => (0..40_u8, 0..10_u8).prop_map(|(menu, digit)| Act::Taps(menu, digit)),
        2 => prop_oneof![0..5_i64, 8..13_i64, 15..16_i64, 50..700_i64].prop_map(Act::Waits),
        4 => (any::<bool>(), 0..80_i64).prop_map(|(ana, hours)| Act::Rival(ana, hours)),
        1 => (10..14_u32, 9..17_u32).prop_map(|(day, hour)| Act::Booked(day, hour)),
        1 => Just(Act::CancelledByStaff),
        2 => notices.prop_map(|(template, before)| Act::Notified(template, before)),
        6 => Just(Act::BackFromPerson),
        3 => prop::sample::select(vec![Event::Nudge, Event::NobodyAnswered, Event::Resumed])
            .prop_map(Act::Happens),
        2 => (text(), 0..90_i64).prop_map(|(text, minutes)| Act::SaidBefore(text, minutes)),
        1 => Just(Act::PersonWrites),
    ]
}

fn message(
    world: &World,
    kind: MessageKind,
    text: Option<&str>,
    choice: Option<String>,
) -> Message {
    Message {
        sent_at: world.now,
        kind,
        text: text.map(str::to_owned),
        choice,
        quoted: None,
        quoted_at: None,
        received_at: None,
    }
}

fn happen(world: &mut World, act: &Act) {
    match act {
        Act::Says(texts) => {
            let kind = MessageKind::Text;
            let said: Vec<Message> =
                texts.iter().map(|text| message(world, kind, Some(text), None)).collect();
            let with_person = world.human;
            let notified = world.notice.is_some();
            let answer = world.send(&said);
            // A notice in between is no question that a yes could settle.
            let settles = |e: &Effect| {
                matches!(e, Effect::Confirm { .. } | Effect::Cancel { .. } | Effect::Move { .. })
            };
            assert!(!notified || !world.effects.iter().any(settles), "{act:?}: {answer}");
            let menu = |text: &String| ["menu", "menú"].contains(&text.trim());
            if with_person && !texts.iter().any(menu) {
                // At most that the team is away.
                let only_said =
                    |e: &Effect| matches!(e, Effect::Reply { .. } | Effect::ExpectNoAnswer);
                assert!(world.human && world.effects.iter().all(only_said), "{act:?}: {answer}");
            } else {
                let silent = texts.iter().all(|text| text.trim().is_empty());
                assert_eq!(answer.is_empty(), silent, "{act:?}: {answer}");
            }
            sound(world, &answer);
        }
        Act::Sends(kind) => {
            let answer = world.send_kind(*kind);
            sound(world, &answer);
        }
        Act::Taps(menu, digit) => {
            let id = format!("{menu}.{digit}");
            let tap = message(world, MessageKind::Choice, Some("tapped"), Some(id));
            let answer = world.send(&[tap]);
            sound(world, &answer);
        }
        Act::Waits(minutes) => world.now += TimeDelta::minutes(*minutes),
        Act::Rival(ana, hours) => {
            // The time that is asked about is the one most worth taking.
            let asked = world.dialogue.state.asked().filter(|_| hours % 2 == 0);
            let (staff_id, start) = match asked.and_then(|asked| asked.lines.last()) {
                Some(last) => (last.staff_id, last.starts_at),
                None => (if *ana { ANA } else { BRUNO }, world.now + TimeDelta::hours(*hours)),
            };
            world.block(staff_id, start, start + TimeDelta::hours(1));
        }
        Act::BackFromPerson => {
            world.human = false;
            world.dialogue.with_person = false;
        }
        Act::Happens(event) => {
            if *event == Event::Resumed {
                world.human = false;
            }
            let asked = (world.holds(), world.dialogue.state.clone());
            let answer = world.happen(event);
            sound(world, &answer);
            // Nothing is booked, moved or given away while nobody says anything.
            let harmless = |e: &Effect| {
                matches!(e, Effect::Reply { .. } | Effect::Release { .. } | Effect::Resume)
            };
            assert!(world.effects.iter().all(harmless), "{act:?} {asked:?}: {:?}", world.effects);
        }
        Act::SaidBefore(text, minutes) => {
            let kind = MessageKind::Text;
            let mut said = message(world, kind, Some(text), None);
            said.sent_at = world.now - TimeDelta::minutes(*minutes);
            let answer = world.send(&[said]);
            sound(world, &answer);
        }
        Act::PersonWrites => {
            world.human = true;
            world.history.last_person_at = Some(world.now);
        }
        Act::CancelledByStaff => {
            let confirmed = world.bookings.iter().position(|b| b.status == Status::Confirmed);
            if let Some(first) = confirmed {
                let gone = world.bookings.remove(first);
                if let Some(notice) = world.notice.as_mut().filter(|n| n.booking.id == gone.id) {
                    notice.booking.status = Status::Cancelled;
                }
            }
        }
        Act::Notified(template, before) => {
            if world.bookings.iter().any(|b| b.status == Status::Confirmed) {
                world.notify(template, *before);
            }
        }
        Act::Booked(day, hour) => {
            let at = march(*day, *hour, 0);
            if world.bookings.len() < 4 {
                let now = std::mem::replace(world, World::new(Language::English));
                *world = now.booked(at, "M2P4R");
            }
        }
    }
}

/// What every turn keeps.
fn sound(world: &World, answer: &str) {
    assert!(world.holds() <= 1, "two holds: {:?}", world.bookings);
    for booking in &world.bookings {
        let of_visit = || world.bookings.iter().filter(|b| b.visit_id == booking.visit_id);
        let one = of_visit().all(|b| (b.status, &b.code) == (booking.status, &booking.code));
        assert!(one, "part of a visit: {:?}", world.bookings);
        let apart = |b: &Booking| b.ends_at <= booking.starts_at || b.starts_at >= booking.ends_at;
        assert!(of_visit().all(|b| b.id == booking.id || apart(b)), "two lines at one time");
    }
    let replies = world.effects.iter().filter(|e| matches!(e, Effect::Reply { .. })).count();
    assert!(replies <= 1, "one message a turn: {answer}");
    let last = world.effects.last();
    assert!(replies == 0 || matches!(last, Some(Effect::Reply { .. })), "the reply comes last");
    let done = |wanted: fn(&Effect) -> bool| world.effects.iter().any(wanted);
    for word in ["Booked ✅", "Agendado ✅", "Reservado ✅"] {
        assert!(
            !answer.contains(word) || done(|e| matches!(e, Effect::Confirm { .. })),
            "{answer}"
        );
    }
    for word in ["Moved ✅", "Remarcado ✅", "Cambiado ✅"] {
        assert!(!answer.contains(word) || done(|e| matches!(e, Effect::Move { .. })), "{answer}");
    }
    for word in ["Canceled.", "Cancelado.", "Cancelada."] {
        assert!(!answer.contains(word) || done(|e| matches!(e, Effect::Cancel { .. })), "{answer}");
    }
}

fn menu_leads_out(world: &mut World) {
    let answer = world.say("menu");
    assert_eq!(world.dialogue.state.name(), "service_selection", "{answer}");
    assert_eq!((world.holds(), world.human, world.dialogue.misses), (0, false, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: sequences(), failure_persistence: None, ..ProptestConfig::default() })]

    /// 240 conversations of 50 events, or as many as `SEQUENCES` says (`just properties`: 10,000).
    #[test]
    fn a_conversation_stays_sound_whatever_happens(
        language in prop::sample::select(Language::ALL.to_vec()),
        acts in prop::collection::vec(act(), 50),
    ) {
        let mut world = World::new(language).booked(march(13, 14, 45), "K7F29");
        world.catalogue.tenant.rules.horizon = TimeDelta::days(6);
        for (i, act) in acts.iter().enumerate() {
            happen(&mut world, act);
            if i % 10 == 9 {
                menu_leads_out(&mut world);
            }
        }
    }
}
