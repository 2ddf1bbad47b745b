use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::catalogue::Opening;

const SEEDS: [(&str, &str); 3] = [
    ("luna-salon", include_str!("../../../sql/seeds/luna-salon.toml")),
    ("studio-lua", include_str!("../../../sql/seeds/studio-lua.toml")),
    ("salon-luna", include_str!("../../../sql/seeds/salon-luna.toml")),
];

/// The least that is a tenant; its lines are counted in the table of bad files.
const LEAST: &str = r#"slug = "studio-lua"
name = "Studio Lua"
locale = "pt-BR"
timezone = "America/Sao_Paulo"
currency = "BRL"
[hours]
mon = ["09:00-12:00", "13:00-18:00"]
[[services]]
key = "corte"
name = "Corte"
duration = "45m"
[[staff]]
key = "ana"
name = "Ana"
services = ["corte"]
"#;

fn least_with(old: &str, new: &str) -> String {
    assert!(LEAST.contains(old), "{old}");
    LEAST.replacen(old, new, 1)
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn privacy_is_a_word_or_a_table_of_what_is_kept() {
    let of = |lines: &str| parse(&LEAST.replace("[hours]", &format!("{lines}\n[hours]")));
    let file = of("privacy = true").unwrap();
    assert_eq!((file.privacy, file.keep_messages), (true, TimeDelta::days(365)));
    let file = of("[privacy]\nkeep_messages = \"90d\"").unwrap();
    assert_eq!((file.privacy, file.keep_messages), (false, TimeDelta::days(90)));
    let file = of("[privacy]\ndiscreet_reminders = true").unwrap();
    assert_eq!((file.privacy, file.keep_messages), (true, TimeDelta::days(365)));
    for (wrong, field) in [("keep_messages = \"1h\"", "keep_messages"), ("keep = \"90d\"", "keep")]
    {
        let problems = of(&format!("[privacy]\n{wrong}")).unwrap_err();
        assert_eq!(problems[0].field, format!("privacy.{field}"), "{problems:?}");
    }
}

#[test]
fn what_is_left_out_takes_the_defaults() {
    let file = parse(LEAST).unwrap();
    assert_eq!(
        (file.slug.as_str(), file.locale, file.timezone.name()),
        ("studio-lua", Locale::PT_BR, "America/Sao_Paulo")
    );
    assert_eq!((file.address, file.phone, file.quiet_hours), (None, None, None));
    assert_eq!((file.formal, file.privacy), (false, false));
    assert_eq!(file.keep_messages, TimeDelta::days(365));
    assert_eq!(
        file.instance,
        Instance {
            name: "studio-lua".to_owned(),
            api_key_env: None,
            send_gap: TimeDelta::milliseconds(300),
            typing: true,
        }
    );
    assert_eq!(
        file.rules,
        BookingRules {
            slot_interval: TimeDelta::minutes(15),
            min_notice: TimeDelta::hours(1),
            horizon: TimeDelta::days(60),
            hold: TimeDelta::minutes(10),
            cancel_notice: TimeDelta::hours(2),
            reminders: vec![TimeDelta::hours(24), TimeDelta::hours(1), TimeDelta::minutes(15)],
        }
    );
    assert_eq!(
        file.services,
        [Service {
            key: "corte".to_owned(),
            name: "Corte".to_owned(),
            synonyms: vec![],
            duration: TimeDelta::minutes(45),
            buffer_before: TimeDelta::zero(),
            buffer_after: TimeDelta::zero(),
            price: None,
            capacity: 1,
        }]
    );
    assert_eq!(
        file.hours.openings,
        [
            Opening { weekday: 1, opens: 540, closes: 720 },
            Opening { weekday: 1, opens: 780, closes: 1080 },
        ]
    );
    assert_eq!((file.staff[0].hours.as_ref(), file.staff[0].time_off.len()), (None, 0));
}

#[test]
fn the_demonstration_tenants_are_the_ones_of_the_scripts() {
    #[rustfmt::skip]
    let expected = [
        ("en-US", "Luna Salon", "USD", "120 Flower St.",       [("Haircut", 4_000), ("Color", 12_000), ("Manicure", 2_500)]),
        ("pt-BR", "Studio Lua", "BRL", "Rua das Flores, 120",  [("Corte", 8_000), ("Coloração", 22_000), ("Manicure", 4_500)]),
        ("es-CL", "Salón Luna", "CLP", "Calle Las Flores 120", [("Corte", 1_800_000), ("Color", 6_000_000), ("Manicura", 1_200_000)]),
    ];
    for ((slug, text), (locale, name, currency, address, offer)) in SEEDS.into_iter().zip(expected)
    {
        let file = parse(text).unwrap_or_else(|problems| panic!("{slug}: {problems:#?}"));
        assert_eq!((file.slug.as_str(), file.instance.name.as_str()), (slug, slug));
        assert_eq!((file.locale.to_string().as_str(), file.name.as_str()), (locale, name));
        assert_eq!((file.currency.as_str(), file.address.as_deref()), (currency, Some(address)));
        let told: Vec<_> =
            file.services.iter().map(|s| (s.name.as_str(), s.price.unwrap_or_default())).collect();
        assert_eq!(told, offer, "{slug}");
        let minutes: Vec<_> = file.services.iter().map(|s| s.duration.num_minutes()).collect();
        assert_eq!(minutes, [45, 120, 40], "{slug}");
        let staff: Vec<_> =
            file.staff.iter().map(|m| (m.name.as_str(), m.services.len())).collect();
        assert_eq!(staff, [("Ana", 3), ("Bruno", 1)], "{slug}");
        assert_eq!(file.hours.openings.len(), 11, "{slug}");
        assert_eq!(file.hours.openings[10], Opening { weekday: 6, opens: 540, closes: 780 });
        assert_eq!(file.quiet_hours.map(|quiet| quiet.from.to_string()), Some("21:00:00".into()));
    }
}

#[test]
fn a_bad_field_is_told_with_line_field_and_what_was_expected() {
    #[rustfmt::skip]
    let cases = [
        // in the file                    stands instead                        line, field, and part of the reason
        ("slug = \"studio-lua\"\n",       "",                                   None, "slug", "write it such as slug = \"studio-lua\""),
        ("\"studio-lua\"",                "\"Studio Lua\"",                     Some(1), "slug", "such as \"studio-lua\", found \"Studio Lua\""),
        ("\"studio-lua\"",                "\"studio--lua\"",                    Some(1), "slug", "joined by hyphens"),
        ("\"studio-lua\"",                "7",                                  Some(1), "slug", "found 7"),
        ("\"Studio Lua\"",                "\"  \"",                             Some(2), "name", "one line of 1 to 120 characters"),
        ("\"Studio Lua\"",                "\"a\\nb\"",                          Some(2), "name", "one line"),
        ("\"pt-BR\"",                     "\"fr-FR\"",                          Some(3), "locale", "such as \"pt-BR\""),
        ("America/Sao_Paulo",             "Sao Paulo",                          Some(4), "timezone", "such as \"America/Sao_Paulo\""),
        ("[hours]",                       "tone = \"friendly\"\n[hours]",      Some(6), "tone", "\"informal\" or \"formal\""),
        ("[hours]",                       "privacy = \"yes\"\n[hours]",        Some(6), "privacy", "true or false"),
        ("\"BRL\"",                       "\"R$\"",                             Some(5), "currency", "such as \"BRL\""),
        ("\"BRL\"",                       "\"brl\"",                            Some(5), "currency", "three capital letters"),
        ("[hours]",                       "phone = \"11 99999-0000\"\n[hours]", Some(6), "phone", "such as \"+5511999990000\""),
        ("[hours]",                       "phone = \"+0511999990000\"\n[hours]", Some(6), "phone", "country code"),
        ("[hours]",                       "adress = \"Rua\"\n[hours]",          Some(6), "adress", "unknown field; known here are slug, name, locale"),
        ("[hours]",                       "[instance]\ntyping = \"no\"\n[hours]", Some(7), "instance.typing", "expected true or false, found \"no\""),
        ("[hours]",                       "[instance]\nsend_gap = \"2h\"\n[hours]", Some(7), "instance.send_gap", "from 0s to 1h, such as \"500ms\""),
        ("[hours]",                       "[booking]\nslot_interval = \"30s\"\n[hours]", Some(7), "booking.slot_interval", "from 1m to 24h, such as \"15m\""),
        ("[hours]",                       "[booking]\nhorizon = \"732d\"\n[hours]", Some(7), "booking.horizon", "to 731d"),
        ("[hours]",                       "[booking]\nmin_notice = \"61d\"\n[hours]", Some(7), "booking.min_notice", "shorter than horizon"),
        ("[hours]",                       "[booking]\nhorizon = \"30m\"\n[hours]", Some(7), "booking.horizon", "longer than min_notice"),
        ("[hours]",                       "[booking]\nhold = 10\n[hours]",      Some(7), "booking.hold", "such as \"10m\", found 10"),
        ("[hours]",                       "[booking]\nreminders = [\"24h\",\n\"soon\"]\n[hours]", Some(8), "booking.reminders[1]", "such as \"24h\""),
        ("[hours]",                       "[booking]\nreminders = [\"1h\", \"60m\"]\n[hours]", Some(7), "booking.reminders", "twice"),
        ("[hours]",                       "[booking]\nquiet_hours = true\n[hours]", Some(7), "booking.quiet_hours", "\"21:00-08:00\", or false"),
        ("[hours]",                       "[booking]\nquiet_hours = \"08:00-08:00\"\n[hours]", Some(7), "booking.quiet_hours", "two different times"),
        ("[hours]",                       "[booking]\nholds = \"10m\"\n[hours]", Some(7), "booking.holds", "unknown field; known here are slot_interval"),
        ("[hours]",                       "[notifications]\nthanks = 1\n[hours]", Some(7), "notifications.thanks", "expected true or false"),
        ("[hours]",                       "[recall]\nafter = \"6d\"\n[hours]", Some(7), "recall.after", "from 7d to 1096d, such as \"180d\""),
        ("[hours]",                       "[recall]\n[hours]",                 Some(6), "recall.after", "write it such as after = \"180d\""),
        ("[[services]]",                  "[closures]\n[[services]]",           Some(8), "closures", "expected a list"),
        ("[hours]\nmon = [\"09:00-12:00\", \"13:00-18:00\"]\n", "",             None, "hours", "write [hours] with the days of the week"),
        ("mon =",                         "monday =",                           Some(7), "hours.monday", "known here are mon, tue, wed, thu, fri, sat, sun"),
        ("09:00-12:00",                   "09:00-12:60",                        Some(7), "hours.mon[0]", "such as \"09:00-12:00\""),
        ("09:00-12:00",                   "12:00-09:00",                        Some(7), "hours.mon[0]", "end one day at 24:00"),
        ("13:00-18:00",                   "11:59-18:00",                        Some(7), "hours.mon[1]", "must not begin before 12:00"),
        ("\"09:00-12:00\", \"13:00-18:00\"", "\"13:00-18:00\", \"09:00-12:00\"", Some(7), "hours.mon[1]", "in order"),
        ("[[services]]",                  "[[closures]]\ndate = \"2026-02-29\"\n[[services]]", Some(9), "closures[0].date", "a day that exists"),
        ("[[services]]",                  "[[closures]]\ndate = 2026-12-25\n[[closures]]\ndate = \"2026-12-25\"\n[[services]]", Some(11), "closures[1].date", "closed already"),
        ("[[services]]",                  "[[closures]]\nreason = \"Natal\"\n[[services]]", Some(8), "closures[0].date", "write it such as date = \"2026-12-25\""),
        ("[[services]]\nkey = \"corte\"", "[[services]]\nkey = \"o corte\"",    Some(9), "services[0].key", "such as \"corte\""),
        ("duration = \"45m\"",            "",                                   Some(8), "services[0].duration", "write it such as duration = \"45m\""),
        ("\"45m\"",                       "\"45\"",                             Some(11), "services[0].duration", "such as \"45m\", found \"45\""),
        ("\"45m\"",                       "\"0m\"",                             Some(11), "services[0].duration", "from 1s to 24h"),
        ("\"45m\"",                       "\"45m\"\nprice = 80.0",              Some(12), "services[0].price", "in quotes"),
        ("\"45m\"",                       "\"45m\"\nprice = \"R$ 80\"",         Some(12), "services[0].price", "such as \"80.00\""),
        ("\"45m\"",                       "\"45m\"\ncapacity = 0",              Some(12), "services[0].capacity", "from 1 to 1000"),
        ("\"45m\"",                       "\"45m\"\nsynonyms = [\"a\", 2]",     Some(12), "services[0].synonyms[1]", "found 2"),
        ("\"45m\"",                       "\"45m\"\nbuffer_after = \"25h\"",    Some(12), "services[0].buffer_after", "from 0s to 24h"),
        ("[[staff]]",                     "[[services]]\nkey = \"corte\"\nname = \"Barba\"\nduration = \"20m\"\n[[staff]]", Some(13), "services[1].key", "taken by an earlier one"),
        ("[[services]]\nkey = \"corte\"\nname = \"Corte\"\nduration = \"45m\"\n", "", None, "services", "at least one [[services]]"),
        ("[[staff]]\nkey = \"ana\"\nname = \"Ana\"\nservices = [\"corte\"]\n", "", None, "staff", "at least one [[staff]]"),
        ("services = [\"corte\"]",        "",                                   Some(12), "staff[0].services", "write it such as services = [\"corte\"]"),
        ("[\"corte\"]",                   "[\"cortes\"]",                       Some(15), "staff[0].services[0]", "no service has the key \"cortes\""),
        ("[\"corte\"]",                   "[\"corte\", \"corte\"]",             Some(15), "staff[0].services[1]", "each service once"),
        ("[\"corte\"]",                   "\"corte\"",                          Some(15), "staff[0].services", "expected a list, such as [\"corte\"]"),
        ("[\"corte\"]",                   "[\"corte\"]\nhours = { mon = [] }",  Some(16), "staff[0].hours", "leave the field out for the tenant's hours"),
        ("[\"corte\"]",                   "[\"corte\"]\nhours = \"09:00-12:00\"", Some(16), "staff[0].hours", "expected a table"),
        ("[\"corte\"]",                   "[\"corte\"]\ntime_off = [{ from = \"2026-12-26T09:00\", to = \"2026-12-24T12:00\" }]", Some(16), "staff[0].time_off[0].to", "later than from"),
        ("[\"corte\"]",                   "[\"corte\"]\ntime_off = [{ from = \"2026-12-24\", to = \"2026-12-26T09:00\" }]", Some(16), "staff[0].time_off[0].from", "such as \"2026-12-24T12:00\""),
        ("[\"corte\"]",                   "[\"corte\"]\ntime_off = [{ from = 2026-12-24T12:00:00Z, to = \"2026-12-26T09:00\" }]", Some(16), "staff[0].time_off[0].from", "without offset"),
        ("name = \"Ana\"",                "name = \"Ana\"\nname = \"Eva\"",     Some(15), "name", "duplicate key"),
        ("name = \"Ana\"",                "name = Ana",                         Some(14), "", "not valid TOML"),
    ];
    for (old, new, line, field, reason) in cases {
        let label = format!("{new:?} for {old:?}");
        let problems = parse(&least_with(old, new)).expect_err(&label);
        assert_eq!(problems.len(), 1, "{label}: {problems:#?}");
        assert_eq!((problems[0].line, problems[0].field.as_str()), (line, field), "{label}");
        assert!(problems[0].reason.contains(reason), "{label}: {}", problems[0].reason);
    }
}

#[test]
fn every_problem_of_a_file_is_told_in_the_order_of_its_lines() {
    let text = least_with("slug =", "cidade = \"São Paulo\"\nslug =")
        .replace("\"BRL\"", "\"reais\"")
        .replace("\"45m\"", "\"long\"")
        .replace("name = \"Ana\"", "nome = \"Ana\"")
        .replace("mon =", "segunda =");
    let problems = parse(&text).unwrap_err();
    let places: Vec<_> = problems.iter().map(|p| (p.line.unwrap_or(0), p.field.as_str())).collect();
    assert_eq!(
        places,
        [
            (1, "cidade"),
            (6, "currency"),
            (8, "hours.segunda"),
            (12, "services[0].duration"),
            (13, "staff[0].name"),
            (15, "staff[0].nome"),
        ]
    );
    let told = problems[1].to_string();
    assert!(told.starts_with("line 6: currency: expected"), "{told}");
}

#[test]
fn a_service_whose_key_cannot_be_read_is_not_held_against_the_staff() {
    let problems = parse(&least_with("key = \"corte\"\n", "")).unwrap_err();
    let fields: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(fields, ["services[0].key"]);
}

#[test]
fn an_instance_key_written_into_the_file_is_not_repeated_in_the_problem() {
    let secret = "B6D7-11FC:DE4D4FD5";
    let problems =
        parse(&least_with("[hours]", &format!("[instance]\napi_key_env = \"{secret}\"\n[hours]")))
            .unwrap_err();
    assert_eq!(problems[0].field, "instance.api_key_env");
    assert!(!problems[0].reason.contains("FC"), "{}", problems[0].reason);
}

#[test]
fn hours_of_ones_own_for_everybody_do_without_the_tenants() {
    let text = least_with("[hours]\nmon = [\"09:00-12:00\", \"13:00-18:00\"]\n", "")
        + "hours = { sun = [\"00:00-24:00\"] }\n";
    let file = parse(&text).unwrap();
    let openings = &file.staff[0].hours.as_ref().unwrap().openings;
    assert_eq!(openings, &[Opening { weekday: 7, opens: 0, closes: 1440 }]);
}

#[test]
fn news_and_agendas_are_for_tenants_and_staff_who_ask_for_them() {
    let least = parse(&least_with("[hours]", "[hours]")).unwrap();
    assert_eq!(least.notifications.told(), [""; 0]);
    assert_eq!((least.notifications.recall_after, least.staff[0].agenda), (None, None));
    let asked =
        "[notifications]\nthanks = true\narrived = true\n[recall]\nafter = \"180d\"\n[hours]";
    let file = parse(&least_with("[hours]", asked)).unwrap();
    assert_eq!(file.notifications.told(), ["arrived", "completed"]);
    assert_eq!(file.notifications.recall_after, Some(TimeDelta::days(180)));

    let ana = |fields: &str| parse(&least_with("[[staff]]\n", &format!("[[staff]]\n{fields}")));
    let file = ana("email = \"ana@example.org\"\nagenda = \"07:30\"\n").unwrap();
    assert_eq!(file.staff[0].agenda.map(|at| at.to_string()), Some("07:30:00".to_owned()));
    for (fields, reason) in [
        ("agenda = \"07:30\"\n", "goes nowhere"),
        ("phone = \"+5511999990001\"\nagenda = \"24:00\"\n", "a time of day"),
        ("email = \"ana@example\"\n", "an e-mail address"),
        ("email = \"Ana <ana@example.org>\"\n", "an e-mail address"),
    ] {
        let problems = ana(fields).unwrap_err();
        assert!(problems.iter().any(|problem| problem.reason.contains(reason)), "{problems:?}");
    }
}

#[test]
fn quiet_hours_may_be_false_or_end_at_midnight() {
    let with = |quiet: &str| {
        let text = least_with("[hours]", &format!("[booking]\nquiet_hours = {quiet}\n[hours]"));
        parse(&text).unwrap().quiet_hours.map(|q| (q.from.to_string(), q.until.to_string()))
    };
    assert_eq!(with("false"), None);
    assert_eq!(with("\"21:00-08:00\""), Some(("21:00:00".into(), "08:00:00".into())));
    assert_eq!(with("\"21:30-24:00\""), Some(("21:30:00".into(), "00:00:00".into())));
}

#[test]
fn local_time_off_becomes_moments_and_a_leap_of_the_clocks_means_its_end() {
    #[rustfmt::skip]
    let cases = [
        // zone               from                to                  start                   end
        ("America/Sao_Paulo", "2026-12-24T12:00", "2026-12-26T09:00", "2026-12-24T15:00:00Z", "2026-12-26T12:00:00Z"),
        // 8 March 2026: 02:00 to 03:00 does not exist in New York.
        ("America/New_York",  "2026-03-08T02:30", "2026-03-08T12:00", "2026-03-08T07:00:00Z", "2026-03-08T16:00:00Z"),
        ("America/New_York",  "2026-03-07T12:00", "2026-03-08T02:01", "2026-03-07T17:00:00Z", "2026-03-08T07:00:00Z"),
        // 1 November 2026: 01:30 comes twice there; the absence is the longer one.
        ("America/New_York",  "2026-11-01T01:30", "2026-11-01T01:30", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        // Santiago's clocks leap at midnight.
        ("America/Santiago",  "2026-09-06T00:10", "2026-09-06T12:00", "2026-09-06T04:00:00Z", "2026-09-06T15:00:00Z"),
        ("Pacific/Apia",      "2011-12-30T08:00", "2011-12-31T09:00", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"),
    ];
    for (zone, from, to, start, end) in cases {
        let text = least_with("America/Sao_Paulo", zone)
            + &format!("time_off = [{{ from = \"{from}\", to = {to}:00, reason = \"away\" }}]\n");
        let file = parse(&text).unwrap_or_else(|problems| panic!("{zone} {from}: {problems:?}"));
        let off = &file.staff[0].time_off[0];
        assert_eq!(off.during, Span { start: utc(start), end: utc(end) }, "{zone} {from}");
        assert_eq!(off.reason.as_deref(), Some("away"));
    }
}

proptest! {
    /// Cuts, doublings and stray characters anywhere in a good file: a file or problems, no panic,
    /// and no problem without a reason or beyond the last line.
    #[test]
    fn a_mutilated_file_is_read_or_refused_but_never_a_panic(
        seed in 0..SEEDS.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, "[\\PC\\n]{0,6}"), 0..6),
    ) {
        let mut characters: Vec<char> = SEEDS[seed].1.chars().collect();
        for (at, length, instead) in cuts {
            let from = at.index(characters.len().max(1)).min(characters.len());
            let to = (from + length).min(characters.len());
            characters.splice(from..to, instead.chars());
        }
        let text: String = characters.into_iter().collect();
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(!problem.reason.is_empty());
                prop_assert!(problem.line.unwrap_or(1) <= text.matches('\n').count() + 1);
            }
        }
    }
}

/// Every odd value in the place of every other: what is accepted is within the database's bounds.
#[test]
fn whatever_is_accepted_is_within_bounds() {
    let values = [
        "0",
        "-1",
        "70000",
        "0x10",
        "1.5",
        "true",
        "false",
        "\"\"",
        "\"0m\"",
        "\"45m\"",
        "\"900d\"",
        "\"99999999999d\"",
        "\"24:00-24:00\"",
        "\"23:00-24:00\"",
        "[]",
        "[\"\"]",
        "[\"24h\"]",
        "{}",
        "[{}]",
        "inf",
        "2026-12-25",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:00",
        "\"corte\"",
        "\"+1\"",
    ];
    let mut accepted = 0;
    for (slug, text) in SEEDS {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((field, _)) = line.split_once(" = ") else { continue };
            for value in values {
                let mut lines = lines.clone();
                let changed = format!("{field} = {value}");
                lines[at] = &changed;
                let Ok(file) = parse(&lines.join("\n")) else { continue };
                accepted += 1;
                assert!(is_within_bounds(&file), "{slug}, line {}: {changed}", at + 1);
            }
        }
    }
    assert!(accepted > 200, "{accepted}");
}

fn is_within_bounds(file: &TenantFile) -> bool {
    let (day, rules) = (TimeDelta::days(1), &file.rules);
    !file.services.is_empty()
        && !file.staff.is_empty()
        && (TimeDelta::minutes(1)..=day).contains(&rules.slot_interval)
        && rules.min_notice < rules.horizon
        && rules.horizon <= day * 731
        && rules.hold > TimeDelta::zero()
        && rules.hold <= day
        && file.currency.len() == 3
        && file.quiet_hours.is_none_or(|quiet| quiet.from != quiet.until)
        && file.hours.openings.iter().all(|o| o.opens < o.closes && o.closes <= 1440)
        && file.services.iter().all(|service| {
            (1..=1000).contains(&service.capacity)
                && service.price.is_none_or(|price| price >= 0)
                && service.duration > TimeDelta::zero()
                && [service.duration, service.buffer_before, service.buffer_after]
                    .iter()
                    .all(|length| (TimeDelta::zero()..=day).contains(length))
        })
}
