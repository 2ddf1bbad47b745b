//! The templates of the conversation's design, in three languages.

use chrono::{NaiveDate, TimeZone};
use uuid::Uuid;

use super::*;
use crate::domain::catalogue::{BookingRules, Status, Tenant, WeekHours};
use crate::domain::locale::Locale;

/// A haircut with Bruno on Thursday 12 March 2026 at 14:45, and the moment it starts.
fn booking(zone: Tz) -> (Booking, DateTime<Utc>) {
    let local = NaiveDate::from_ymd_opt(2026, 3, 12).unwrap().and_hms_opt(14, 45, 0).unwrap();
    let starts_at = zone.from_local_datetime(&local).unwrap().to_utc();
    let booking = Booking {
        id: Uuid::nil(),
        service_id: Uuid::nil(),
        staff_id: Uuid::nil(),
        service_name: "Corte".to_owned(),
        staff_name: "Bruno".to_owned(),
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(45),
        status: Status::Confirmed,
        hold_expires_at: None,
        code: "K7F29".to_owned(),
        revision: 1,
        price: None,
        visit_id: Uuid::nil(),
        cancelled_at: None,
        cancelled_by: None,
    };
    (booking, starts_at)
}

fn catalogue(locale: Locale) -> Catalogue {
    let hours = WeekHours::default();
    let none = TimeDelta::zero();
    let rules = BookingRules {
        slot_interval: none,
        min_notice: none,
        horizon: none,
        hold: none,
        cancel_notice: none,
        reminders: Vec::new(),
    };
    Catalogue {
        tenant: Tenant {
            id: Uuid::nil(),
            slug: "studio".to_owned(),
            name: "Studio".to_owned(),
            locale,
            timezone: chrono_tz::America::Sao_Paulo,
            currency: "BRL".to_owned(),
            address: Some("Rua das Flores, 120".to_owned()),
            rules,
            hours,
        },
        services: Vec::new(),
        staff: Vec::new(),
        closures: Vec::new(),
        texts: crate::domain::conversation::Texts::default(),
        features: crate::domain::catalogue::Features::default(),
    }
}

fn written(notice: Notice, locale: Locale, before: TimeDelta) -> String {
    let catalogue = catalogue(locale);
    let (booking, starts_at) = booking(catalogue.tenant.timezone);
    let name = Some("Marina".to_owned());
    let customer =
        Customer { id: Uuid::nil(), name, locale: None, opted_out: false, country_differs: false };
    render(notice, &booking, &catalogue, &customer, starts_at - before)
}

fn reminder(before: TimeDelta) -> Notice {
    Notice::Reminder { before }
}

#[test]
fn notices_are_those_of_the_templates() {
    let (day, hour) = (TimeDelta::hours(24), TimeDelta::hours(1));
    let (quarter, week) = (TimeDelta::minutes(15), TimeDelta::days(7));
    #[rustfmt::skip]
    let cases = [
        (reminder(day), day, Locale::EN_US, "Hi Marina! Tomorrow, Thursday 12 March at 2:45 PM: Corte with Bruno, Rua das Flores, 120. 1 I will be there, 2 Change time, 3 Cancel"),
        (reminder(day), day, Locale::PT_BR, "Oi, Marina! Amanhã, quinta-feira, 12 de março, às 14h45: Corte com Bruno, Rua das Flores, 120. 1 Estarei lá, 2 Mudar horário, 3 Cancelar"),
        (reminder(day), day, Locale::ES_CL, "¡Hola, Marina! Mañana, jueves 12 de marzo a las 14:45: Corte con Bruno, Rua das Flores, 120. 1 Ahí estaré, 2 Cambiar hora, 3 Cancelar"),
        (reminder(hour), hour, Locale::EN_US, "Marina, see you in 1 hour: 2:45 PM, Rua das Flores, 120."),
        (reminder(hour), hour, Locale::PT_BR, "Marina, até daqui a 1 hora: 14h45, Rua das Flores, 120."),
        (reminder(hour), hour, Locale::ES_CL, "Marina, nos vemos en 1 hora: 14:45, Rua das Flores, 120."),
        (reminder(quarter), quarter, Locale::EN_US, "Marina, your time is in 15 minutes: 2:45 PM, Rua das Flores, 120."),
        (reminder(quarter), quarter, Locale::PT_BR, "Marina, o seu horário é em 15 minutos: 14h45, Rua das Flores, 120."),
        (reminder(quarter), quarter, Locale::ES_CL, "Marina, tu hora es en 15 minutos: 14:45, Rua das Flores, 120."),
        (reminder(week), week, Locale::EN_US, "Hi Marina! Thursday 12 March at 2:45 PM: Corte with Bruno, Rua das Flores, 120. Write CHANGE or CANCEL if you need another time."),
        (Notice::Confirmed, day, Locale::EN_US, "Your booking is confirmed: Corte with Bruno, Thursday 12 March, 2:45 PM. Code K7F29."),
        (Notice::Confirmed, day, Locale::PT_BR, "O seu horário está confirmado: Corte com Bruno, quinta-feira, 12 de março, 14h45. Código K7F29."),
        (Notice::Confirmed, day, Locale::ES_CL, "Tu reserva está confirmada: Corte con Bruno, jueves 12 de marzo, 14:45. Código K7F29."),
        (Notice::MovedByStaff, day, Locale::EN_US, "We had to move your booking: now Thursday 12 March at 2:45 PM. 1 OK, 2 Other time, 3 Cancel"),
        (Notice::MovedByStaff, day, Locale::PT_BR, "Precisamos mudar o seu horário: agora quinta-feira, 12 de março, às 14h45. 1 OK, 2 Outro horário, 3 Cancelar"),
        (Notice::MovedByStaff, day, Locale::ES_CL, "Tuvimos que mover tu reserva: ahora jueves 12 de marzo a las 14:45. 1 OK, 2 Otra hora, 3 Cancelar"),
        (Notice::CancelledByStaff, day, Locale::EN_US, "Sorry, we must cancel Thursday 12 March, 2:45 PM. 1 New time, 0 Talk to a person"),
        (Notice::CancelledByStaff, day, Locale::PT_BR, "Sentimos muito, precisamos cancelar quinta-feira, 12 de março, 14h45. 1 Novo horário, 0 Falar com alguém"),
        (Notice::CancelledByStaff, day, Locale::ES_CL, "Lo sentimos, debemos cancelar jueves 12 de marzo, 14:45. 1 Nueva hora, 0 Hablar con alguien"),
        (Notice::MovedByCustomer, day, Locale::EN_US, "Moved, as you asked: now Thursday 12 March at 2:45 PM. 1 OK, 2 Other time, 3 Cancel"),
        (Notice::MovedByCustomer, day, Locale::PT_BR, "Horário mudado, como pedido: agora quinta-feira, 12 de março, às 14h45. 1 OK, 2 Outro horário, 3 Cancelar"),
        (Notice::CancelledByCustomer, day, Locale::ES_CL, "Cancelada, como pediste: jueves 12 de marzo, 14:45. 1 Nueva hora, 0 Hablar con alguien"),
        (Notice::CancelledByCustomer, day, Locale::PT_BR, "Cancelado, como pedido: quinta-feira, 12 de março, 14h45. 1 Novo horário, 0 Falar com alguém"),
        (Notice::Arrived, day, Locale::PT_BR, "Boas-vindas! A equipe já sabe da sua chegada."),
        (Notice::Completed, day, Locale::EN_US, "Thank you for your visit to Studio! Write BOOK when you want a new time."),
        (Notice::NoShow, day, Locale::ES_CL, "Te esperábamos el jueves 12 de marzo a las 14:45. Escribe RESERVAR cuando quieras una nueva hora."),
        (Notice::NoShow, day, Locale::PT_BR, "Sentimos a sua falta no horário de quinta-feira, 12 de março, às 14h45. Escreva AGENDAR quando quiser um novo horário."),
        (Notice::Recall, day, Locale::EN_US, "Hi Marina! It has been a while since your last visit to Studio. Write BOOK when you want a time, STOP to get no more messages like this."),
        (Notice::Recall, day, Locale::PT_BR, "Oi, Marina! Aqui é a assistente do Studio. Faz um tempo desde a sua última visita. Escreva AGENDAR quando quiser um horário, SAIR para não receber mais mensagens como esta."),
    ];
    for (notice, before, locale, expected) in cases {
        assert_eq!(written(notice, locale, before), expected, "{notice:?} {locale}");
    }
}

#[test]
fn tomorrow_is_counted_from_when_the_reminder_leaves() {
    let day_before = reminder(TimeDelta::hours(24));
    // Quiet hours moved it: the words follow.
    let cases = [(30, "Tomorrow, Thursday"), (6, "Today, Thursday"), (40, "Thursday")];
    for (hours, when) in cases {
        let text = written(day_before, Locale::EN_US, TimeDelta::hours(hours));
        let start = format!("Hi Marina! {when} 12 March at 2:45 PM:");
        assert!(text.starts_with(&start), "{hours} h before: {text}");
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut catalogue = catalogue(Locale::EN_US);
    catalogue.tenant.address = None;
    let (booking, starts_at) = booking(catalogue.tenant.timezone);
    let mut customer = Customer {
        id: Uuid::nil(),
        name: None,
        locale: None,
        opted_out: false,
        country_differs: false,
    };
    let say = |customer: &Customer, hours| {
        let before = TimeDelta::hours(hours);
        render(reminder(before), &booking, &catalogue, customer, starts_at - before)
    };
    assert_eq!(say(&customer, 1), "See you in 1 hour: 2:45 PM.");
    assert!(
        say(&customer, 24)
            .starts_with("Hi! Tomorrow, Thursday 12 March at 2:45 PM: Corte with Bruno. 1")
    );
    customer.locale = Some(Locale::PT_BR);
    assert_eq!(say(&customer, 1), "Até daqui a 1 hora: 14h45.", "their language, not the tenant's");
}

/// Saturday 14 March 2026 from nine on: a cut with Bruno, a manicure with Ana, and color with Ana.
fn visit() -> [Booking; 3] {
    let zone = chrono_tz::America::Sao_Paulo;
    [(9, 0, "Corte", "Bruno"), (9, 45, "Manicure", "Ana"), (10, 25, "Cor", "Ana")].map(
        |(hour, minute, service, staff)| {
            let local =
                NaiveDate::from_ymd_opt(2026, 3, 14).unwrap().and_hms_opt(hour, minute, 0).unwrap();
            let starts_at = zone.from_local_datetime(&local).unwrap().to_utc();
            Booking {
                service_name: service.to_owned(),
                staff_name: staff.to_owned(),
                starts_at,
                ..booking(zone).0
            }
        },
    )
}

fn written_of(notice: Notice, lines: &[Booking], others: &[Booking], locale: Locale) -> String {
    let catalogue = catalogue(locale);
    let customer = Customer {
        id: Uuid::nil(),
        name: None,
        locale: None,
        opted_out: false,
        country_differs: false,
    };
    let now = visit()[0].starts_at - TimeDelta::hours(24);
    render_visit(notice, Visit { lines, others }, &catalogue, &customer, now).unwrap()
}

/// Notice, lines, others, locale, text.
type Case<'a> = (Notice, &'a [Booking], &'a [Booking], Locale, &'a str);

#[test]
fn all_of_a_visit_is_one_message() {
    let [cut, manicure, color] = visit();
    let (both, only_cut) = ([cut.clone(), manicure.clone()], [cut.clone()]);
    let (only_manicure, rest) = ([manicure.clone()], [cut, color]);
    let day = reminder(TimeDelta::hours(24));
    let hour = reminder(TimeDelta::hours(1));
    #[rustfmt::skip]
    let cases: [Case<'_>; 15] = [
        (Notice::Confirmed, &both, &[], Locale::EN_US, "Your booking is confirmed: Saturday 14 March, 9:00 AM corte (Bruno), 9:45 AM manicure (Ana). Code K7F29."),
        (Notice::Confirmed, &both, &[], Locale::PT_BR, "O seu horário está confirmado: sábado, 14 de março, 9h00 corte (Bruno), 9h45 manicure (Ana). Código K7F29."),
        (Notice::Confirmed, &both, &[], Locale::ES_CL, "Tu reserva está confirmada: sábado 14 de marzo, 9:00 corte (Bruno), 9:45 manicure (Ana). Código K7F29."),
        (Notice::MovedByStaff, &both, &[], Locale::EN_US, "We had to move your booking: now Saturday 14 March at 9:00 AM: corte (Bruno), 9:45 AM manicure (Ana). 1 OK, 2 Other time, 3 Cancel"),
        (Notice::MovedByStaff, &only_manicure, &only_cut, Locale::PT_BR, "Precisamos mudar o seu horário: agora sábado, 14 de março, às 9h: corte (Bruno), 9h45 manicure (Ana). 1 OK, 2 Outro horário, 3 Cancelar"),
        (Notice::MovedByStaff, &both, &[], Locale::ES_CL, "Tuvimos que mover tu reserva: ahora sábado 14 de marzo a las 9:00: corte (Bruno), 9:45 manicure (Ana). 1 OK, 2 Otra hora, 3 Cancelar"),
        (Notice::CancelledByStaff, &both, &[], Locale::EN_US, "Sorry, we must cancel Saturday 14 March, 9:00 AM: corte (Bruno), 9:45 AM manicure (Ana). 1 New time, 0 Talk to a person"),
        (Notice::CancelledByStaff, &only_manicure, &only_cut, Locale::EN_US, "Sorry, we must cancel Saturday 14 March, 9:45 AM: manicure (Ana). Your booking on Saturday 14 March, 9:00 AM is still on. 1 New time, 0 Talk to a person"),
        (Notice::CancelledByStaff, &only_manicure, &only_cut, Locale::PT_BR, "Sentimos muito, precisamos cancelar sábado, 14 de março, 9h45: manicure (Ana). O seu horário de sábado, 14 de março, 9h00 continua marcado. 1 Novo horário, 0 Falar com alguém"),
        (Notice::CancelledByStaff, &only_manicure, &only_cut, Locale::ES_CL, "Lo sentimos, debemos cancelar sábado 14 de marzo, 9:45: manicure (Ana). Tu reserva del sábado 14 de marzo a las 9:00 sigue en pie. 1 Nueva hora, 0 Hablar con alguien"),
        (Notice::CancelledByStaff, &only_manicure, &rest, Locale::EN_US, "Sorry, we must cancel Saturday 14 March, 9:45 AM: manicure (Ana). Your 2 bookings are still on. 1 New time, 0 Talk to a person"),
        (Notice::Confirmed, &only_manicure, &only_cut, Locale::EN_US, "Your booking is confirmed: Manicure with Ana, Saturday 14 March, 9:45 AM. Code K7F29."),
        (day, &both, &[], Locale::EN_US, "Hi! Tomorrow, Saturday 14 March at 9:00 AM: corte (Bruno), 9:45 AM manicure (Ana), Rua das Flores, 120. 1 I will be there, 2 Change time, 3 Cancel"),
        (day, &both, &[], Locale::PT_BR, "Oi! Amanhã, sábado, 14 de março, às 9h: corte (Bruno), 9h45 manicure (Ana), Rua das Flores, 120. 1 Estarei lá, 2 Mudar horário, 3 Cancelar"),
        (hour, &both, &[], Locale::EN_US, "See you in 1 hour: 9:00 AM, Rua das Flores, 120."),
    ];
    for (notice, lines, others, locale, expected) in cases {
        assert_eq!(written_of(notice, lines, others, locale), expected, "{notice:?} {locale}");
    }
}

#[test]
fn a_line_on_another_day_says_which() {
    let [cut, mut manicure, _] = visit();
    manicure.starts_at += TimeDelta::days(1);
    let text = written_of(Notice::MovedByStaff, &[manicure], &[cut], Locale::EN_US);
    assert!(
        text.contains("at 9:00 AM: corte (Bruno), Sun 15 Mar, 9:45 AM manicure (Ana)."),
        "{text}"
    );
}

#[test]
fn of_no_booking_there_is_nothing_to_say() {
    let catalogue = catalogue(Locale::EN_US);
    let (_, now) = booking(catalogue.tenant.timezone);
    let customer = Customer {
        id: Uuid::nil(),
        name: None,
        locale: None,
        opted_out: false,
        country_differs: false,
    };
    let nothing = Visit { lines: &[], others: &[] };
    assert_eq!(render_visit(Notice::Confirmed, nothing, &catalogue, &customer, now), None);
}
