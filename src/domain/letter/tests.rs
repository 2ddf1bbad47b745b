use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::catalogue::{BookingRules, Catalogue, Status, Tenant, WeekHours};
use crate::domain::conversation::Customer;

/// Two services in a row on Thursday 12 March 2026 from 14:45 in São Paulo.
fn facts(locale: &str) -> Facts {
    let none = TimeDelta::zero();
    let line = |service: &str, staff: &str, starts_at: &str| Booking {
        id: Uuid::nil(),
        service_id: Uuid::nil(),
        staff_id: Uuid::nil(),
        service_name: service.to_owned(),
        staff_name: staff.to_owned(),
        starts_at: starts_at.parse().unwrap(),
        ends_at: starts_at.parse().unwrap(),
        status: Status::Confirmed,
        hold_expires_at: None,
        code: "K7F29".to_owned(),
        revision: 1,
        price: None,
        visit_id: Uuid::nil(),
        cancelled_at: None,
        cancelled_by: None,
    };
    let customer = json!({
        "id": Uuid::nil(), "name": "Marina", "locale": locale, "opted_out": false, "country_differs": false,
    });
    Facts {
        customer: Some(serde_json::from_value::<Customer>(customer).unwrap()),
        catalogue: Catalogue {
            tenant: Tenant {
                id: Uuid::nil(),
                slug: "studio".to_owned(),
                name: "Studio Lua".to_owned(),
                locale: "pt-BR".parse().unwrap(),
                timezone: chrono_tz::America::Sao_Paulo,
                currency: "BRL".to_owned(),
                address: Some("Rua das Flores, 120.".to_owned()),
                rules: BookingRules {
                    slot_interval: none,
                    min_notice: none,
                    horizon: none,
                    hold: none,
                    cancel_notice: none,
                    reminders: Vec::new(),
                },
                hours: WeekHours::default(),
            },
            services: Vec::new(),
            staff: Vec::new(),
            closures: Vec::new(),
            texts: crate::domain::conversation::Texts::default(),
            features: crate::domain::catalogue::Features::default(),
        },
        lines: vec![
            line("Corte", "Bruno", "2026-03-12T17:45:00Z"),
            line("Manicure", "Ana", "2026-03-12T18:30:00Z"),
        ],
        others: Vec::new(),
        agenda: None,
    }
}

fn wednesday() -> DateTime<Utc> {
    "2026-03-11T17:45:00Z".parse().unwrap()
}

fn written(medium: Medium, template: &str, facts: &Facts) -> Letter {
    let own = OwnTexts::new();
    write(medium, template, &json!({}), facts, &own, Some("+5511999990000"), wednesday()).unwrap()
}

#[test]
fn a_reminder_is_told_in_the_recipients_language_with_the_day_as_it_is_when_it_leaves() {
    #[rustfmt::skip]
    let cases = [
        ("pt-BR", "Studio Lua: Amanhã, quinta-feira, 12 de março, às 14h45, corte (Bruno), 15h30 manicure (Ana), Rua das Flores, 120. Outro horário? +5511999990000"),
        ("en-US", "Studio Lua: Tomorrow, Thursday 12 March at 2:45 PM, corte (Bruno), 3:30 PM manicure (Ana), Rua das Flores, 120. Another time? +5511999990000"),
        ("es-CL", "Studio Lua: Mañana, jueves 12 de marzo a las 14:45, corte (Bruno), 15:30 manicure (Ana), Rua das Flores, 120. ¿Otra hora? +5511999990000"),
    ];
    for (locale, expected) in cases {
        assert_eq!(written(Medium::Sms, "reminder", &facts(locale)).text, expected);
    }
    let mail = written(Medium::Email, "reminder", &facts("es-CL"));
    assert_eq!(mail.subject, "Mañana, jueves 12 de marzo a las 14:45: Studio Lua");
    assert!(mail.text.starts_with("¡Hola, Marina!\n\nMañana, jueves 12 de marzo"), "{}", mail.text);
}

#[test]
fn what_is_missing_leaves_no_gap() {
    let mut facts = facts("en-US");
    facts.catalogue.tenant.address = None;
    facts.catalogue.texts = serde_json::from_value(json!({ "privacy": true })).unwrap();
    facts.customer.as_mut().unwrap().name = None;
    let own = OwnTexts::new();
    let say = |medium| {
        write(medium, "reminder", &json!({}), &facts, &own, None, wednesday()).unwrap().text
    };
    assert_eq!(say(Medium::Sms), "Studio Lua: Tomorrow, Thursday 12 March at 2:45 PM.");
    assert_eq!(say(Medium::Email), "Hi!\n\nTomorrow, Thursday 12 March at 2:45 PM\n\nCode K7F29.");
}

#[test]
fn every_notification_of_a_booking_can_be_written_in_every_language() {
    for locale in ["pt-BR", "en-GB", "es-ES"] {
        let facts = facts(locale);
        for shipped in shipped(locale_of(&facts).language()) {
            for medium in Medium::ALL {
                let letter = written(medium, shipped.key, &facts);
                let label = format!("{medium:?} {locale} {}: {letter:?}", shipped.key);
                assert!(!letter.text.contains(['{', '}']), "{label}");
                assert_eq!(letter.subject.is_empty(), medium == Medium::Sms, "{label}");
                assert!(!letter.subject.contains('\n'), "{label}");
                if medium == Medium::Sms {
                    assert!(segments::segments(&letter.text) <= segments::MOST, "{label}");
                }
            }
        }
    }
}

#[test]
fn a_tenants_own_text_is_said_and_one_that_cannot_be_is_not() {
    let say = |own: &str| {
        let texts = BTreeMap::from([("reminder".to_owned(), own.to_owned())]);
        let own = OwnTexts::from([("pt".to_owned(), texts)]);
        let facts = facts("pt-BR");
        write(Medium::Sms, "reminder", &json!({}), &facts, &own, None, wednesday()).unwrap().text
    };
    assert_eq!(say("{when} {at}!"), "Amanhã, quinta-feira, 12 de março às 14h45!");
    assert!(say("{nonsense}").starts_with("Studio Lua: Amanhã"));
}

#[test]
fn a_template_of_another_version_and_a_booking_that_is_gone_say_nothing() {
    let own = OwnTexts::new();
    let mut facts = facts("pt-BR");
    let params = json!({});
    assert_eq!(write(Medium::Sms, "astrology", &params, &facts, &own, None, wednesday()), None);
    facts.lines.clear();
    assert_eq!(write(Medium::Sms, "reminder", &params, &facts, &own, None, wednesday()), None);
}
