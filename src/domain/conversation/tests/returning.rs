//! Customers who were here before.

use chrono::TimeDelta;

use super::world::{ANA, BRUNO, COLOR, HAIRCUT, World, march};
use crate::domain::conversation::LastVisit;
use crate::domain::locale::Language;

/// Marina had a haircut with Bruno a month ago; he has the times of script 10 free.
fn returning(language: Language) -> World {
    let free = [
        (BRUNO, march(11, 14, 30), 45),
        (BRUNO, march(12, 14, 45), 45),
        (BRUNO, march(14, 9, 0), 90),
    ];
    let mut world = World::new(language).free_only(&free);
    world.history.last_visit = Some(LastVisit {
        services: vec![HAIRCUT],
        staff_id: Some(BRUNO),
        at: world.now - TimeDelta::days(30),
    });
    world
}

#[test]
fn script_10_the_same_as_last_time() {
    let scripts = [
        (
            Language::English,
            "hello",
            "Welcome back, Marina! Same as last time: haircut with Bruno?\n1 Yes, haircut with Bruno\n\
             2 Another service\n3 My bookings\n0 Talk to a person",
            "Bruno's next free times:\n1 Wed 11 Mar, 2:30 PM\n2 Thu 12 Mar, 2:45 PM\n\
             3 Sat 14 Mar, 9:00 AM\n9 More times",
        ),
        (
            Language::Portuguese,
            "olá",
            "Que bom ver você de novo, Marina! Como da última vez: corte com Bruno?\n\
             1 Sim, corte com Bruno\n2 Outro serviço\n3 Meus horários\n0 Falar com alguém",
            "Próximos horários do Bruno:\n1 qua 11/03, 14h30\n2 qui 12/03, 14h45\n\
             3 sáb 14/03, 9h00\n9 Ver mais horários",
        ),
        (
            Language::Spanish,
            "hola",
            "¡Qué bueno verte de nuevo, Marina! ¿Como la última vez: corte con Bruno?\n\
             1 Sí, corte con Bruno\n2 Otro servicio\n3 Mis reservas\n0 Hablar con alguien",
            "Próximas horas de Bruno:\n1 mié 11/03, 14:30\n2 jue 12/03, 14:45\n\
             3 sáb 14/03, 9:00\n9 Ver más horarios",
        ),
    ];
    for (language, hello, welcome, times) in scripts {
        let mut world = returning(language);
        assert_eq!(world.say(hello), welcome);
        assert_eq!(world.say("1"), times);
        world.say("2");
        assert_eq!(world.local(world.bookings[0].starts_at), march(12, 14, 45));
        assert_eq!(world.bookings[0].staff_id, BRUNO);
    }
}

#[test]
fn yes_and_no_answer_whether_it_is_the_same_again() {
    let mut world = returning(Language::Portuguese);
    world.say("oi, tudo bem?");
    assert!(world.say("sim, por favor").starts_with("Próximos horários do Bruno:"));
    let mut world = returning(Language::Portuguese);
    world.say("oi");
    assert!(world.say("não").contains("\n2 Coloração"));
    let mut world = returning(Language::English);
    world.say("hi");
    assert!(world.say("manicure").starts_with("Manicure, 40 min."));
}

#[test]
fn what_is_no_longer_on_offer_is_not_offered_again() {
    let mut world = returning(Language::English);
    world.catalogue.staff.retain(|member| member.id != BRUNO);
    assert!(world.say("hi").starts_with("Hi Marina! I am the booking assistant"));
    let mut world = returning(Language::English);
    world.history.last_visit.as_mut().unwrap().services = vec![COLOR];
    assert!(world.say("hi").starts_with("Hi Marina!"));
    // It goes off the menu between question and answer.
    let mut world = returning(Language::English);
    world.say("hi");
    world.history.last_visit = None;
    assert!(world.say("1").starts_with("What would you like to book?"));
}

#[test]
fn a_visit_by_several_of_the_staff_is_offered_with_anybody() {
    let mut world = returning(Language::English);
    world.history.last_visit.as_mut().unwrap().staff_id = None;
    assert!(world.say("hi").contains("Same as last time: haircut?\n1 Yes, haircut\n"));
    assert!(world.say("1").contains("First free times:"));
    assert!(world.dialogue.state.name() == "date_time");
}

#[test]
fn a_booking_to_come_is_named_first() {
    let texts = [
        (
            Language::English,
            "hi",
            "Welcome back, Marina! You have Thursday 12 March, 2:45 PM.\n\
             1 Change\n2 Cancel\n3 New booking",
        ),
        (
            Language::Portuguese,
            "bom dia!",
            "Que bom ver você de novo, Marina! Você tem \
             quinta-feira, 12 de março, 14h45.\n1 Mudar\n2 Cancelar\n3 Novo horário",
        ),
        (
            Language::Spanish,
            "buenas tardes",
            "¡Qué bueno verte de nuevo, Marina! Tienes el jueves \
             12 de marzo, 14:45.\n1 Cambiar\n2 Cancelar\n3 Nueva reserva",
        ),
    ];
    for (language, hello, welcome) in texts {
        let world = || returning(language).booked(march(12, 14, 45), "K7F29");
        let mut greeted = world();
        assert_eq!(greeted.say(hello), welcome);
        assert!(greeted.say("2").contains("(K7F29)"));
        let mut greeted = world();
        greeted.say(hello);
        greeted.say("1");
        assert_eq!(greeted.dialogue.state.name(), "date_time");
        let mut greeted = world();
        greeted.say(hello);
        greeted.say("3");
        assert_eq!(greeted.dialogue.state.name(), "service_selection");
    }
}

#[test]
fn several_bookings_to_come_are_listed() {
    let mut world = returning(Language::English)
        .booked(march(12, 14, 45), "K7F29")
        .booked(march(16, 9, 0), "M2P4R");
    let answer = world.say("hello");
    assert!(answer.starts_with("Welcome back, Marina!\nYour bookings:\n1 Haircut"), "{answer}");
}

#[test]
fn who_never_came_is_told_who_speaks_before_the_booking_is_named() {
    let mut world = World::new(Language::English).booked(march(12, 14, 45), "K7F29");
    let start = "Hi Marina! I am the booking assistant of Luna Salon. You have Thursday 12 March";
    assert!(world.say("hi").starts_with(start));
    // Greeted once, their name is not said again.
    assert!(world.say("hi").starts_with("You have Thursday"));
}

#[test]
fn the_menu_word_shows_everything_whoever_asks() {
    let mut world = returning(Language::English).booked(march(12, 14, 45), "K7F29");
    assert!(world.say("menu").contains("1 Haircut, 45 min, $40"));
    let mut world = returning(Language::English);
    world.say("color");
    assert!(world.say("start over").contains("1 Haircut, 45 min, $40"));
}

#[test]
fn a_whole_request_goes_before_the_welcome() {
    let mut world = returning(Language::English);
    world.busy.clear();
    let answer = world.say("hi! a manicure tomorrow at 3 pm please");
    assert!(answer.contains("Manicure with Ana"), "{answer}");
    assert_eq!(world.bookings[0].staff_id, ANA);
}
