//! The understanding of dates and times: the corpus's golden figures, and rules by example.

mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use pontual::command::understand::got;
use pontual::domain::catalogue::{Opening, WeekHours};
use pontual::domain::locale::Locale;
use pontual::domain::temporal::{
    Choice, DayPart, Expecting, Hints, Meaning, Problem, Understanding, understand,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Right answers by language and source, cases without `convention`, strict rule. They may only
/// rise: when a figure is better than here, write the better one.
#[rustfmt::skip]
const GOLDEN: [(&str, &str, usize, usize); 17] = [
    ("en", "ch", 127, 127), ("en", "dk", 182, 182), ("en", "dp", 48, 48), ("en", "rt", 266, 268), ("en", "wa", 41, 41),
    ("es", "ch", 22, 22), ("es", "dk", 72, 72), ("es", "dp", 4, 4), ("es", "rt", 186, 186), ("es", "ru", 97, 97),
    ("es", "wa", 43, 43), ("pt", "ch", 18, 18), ("pt", "dk", 92, 92), ("pt", "dp", 1, 1), ("pt", "rt", 95, 95),
    ("pt", "ru", 84, 84), ("pt", "wa", 41, 41),
];

#[derive(Deserialize)]
struct Case {
    id: String,
    lang: String,
    locale: Locale,
    text: String,
    tz: Tz,
    #[serde(rename = "ref")]
    reference: DateTime<chrono::FixedOffset>,
    expect: Map<String, Value>,
    convention: Option<String>,
    #[serde(default)]
    alt: Vec<Map<String, Value>>,
}

impl Case {
    fn understand(&self) -> Understanding {
        let now = self.reference.to_utc();
        understand(&self.text, now, self.tz, self.locale, &Hints::default())
    }
}

fn corpus() -> Vec<Case> {
    [
        include_str!("../fixtures/datetime-corpus/en.jsonl"),
        include_str!("../fixtures/datetime-corpus/pt.jsonl"),
        include_str!("../fixtures/datetime-corpus/es.jsonl"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .map(|line| serde_json::from_str(line).expect("a line of the corpus"))
    .collect()
}

/// The corpus's rule: the same kind, and every field that `expect` carries.
fn is_right(expect: &Map<String, Value>, got: &Value) -> bool {
    expect.iter().all(|(field, value)| got.get(field) == Some(value))
}

#[test]
fn the_corpus_is_understood_as_well_as_ever() {
    let mut figures: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut wrong = String::new();
    for case in corpus().iter().filter(|case| case.convention.is_none()) {
        let got = got(&case.understand());
        let figure = figures.entry((case.lang.clone(), case.id[..2].to_owned())).or_default();
        figure.1 += 1;
        if is_right(&case.expect, &got) {
            figure.0 += 1;
        } else {
            let expect = Value::Object(case.expect.clone());
            writeln!(wrong, "{} {:?}: {expect}, not {got}", case.id, case.text).expect("memory");
        }
    }
    let golden: BTreeMap<(String, String), (usize, usize)> = GOLDEN
        .iter()
        .map(|(lang, source, right, all)| (((*lang).into(), (*source).into()), (*right, *all)))
        .collect();
    assert_eq!(figures, golden, "{wrong}");
}

#[test]
fn an_open_question_is_read_in_one_of_the_ways_people_read_it() {
    let cases = corpus();
    let open: Vec<_> = cases.iter().filter(|case| case.convention.is_some()).collect();
    let either = |case: &&&Case| {
        let got = got(&case.understand());
        is_right(&case.expect, &got) || case.alt.iter().any(|alt| is_right(alt, &got))
    };
    let read = open.iter().filter(either).count();
    assert!(read >= EITHER, "{read} of {}", open.len());
}

/// Of the cases with a `convention`, those read as expected or as an `alt` has it.
const EITHER: usize = 419;

/// Monday, 23 November 2026, 10:15 in São Paulo.
const ZONE: Tz = chrono_tz::America::Sao_Paulo;

fn now() -> DateTime<Utc> {
    "2026-11-23T13:15:00Z".parse().expect("a moment")
}

fn local(now: DateTime<Utc>) -> NaiveDateTime {
    now.with_timezone(&ZONE).naive_local()
}

fn locale(tag: &str) -> Locale {
    tag.parse().expect("a locale")
}

fn said(tag: &str, text: &str, hints: &Hints<'_>) -> Understanding {
    understand(text, now(), ZONE, locale(tag), hints)
}

fn meanings(understanding: &Understanding) -> Vec<Meaning> {
    understanding.candidates.iter().map(|candidate| candidate.meaning).collect()
}

fn at(text: &str) -> Meaning {
    Meaning::DateTime(text.parse().expect("a local moment"))
}

fn on(text: &str) -> Meaning {
    Meaning::Date(text.parse().expect("a date"))
}

fn time(hour: u32, minute: u32) -> Meaning {
    Meaning::Time(NaiveTime::from_hms_opt(hour, minute, 0).expect("a time"))
}

/// Every day, from one whole hour to another.
fn hours(opens: u16, closes: u16) -> WeekHours {
    let day = |weekday| Opening { weekday, opens: opens * 60, closes: closes * 60 };
    WeekHours { openings: (1..=7).map(day).collect() }
}

#[test]
fn next_friday_leaves_both_fridays_open() {
    let cases = [
        ("en-US", "next friday at 3"),
        ("pt-BR", "sexta que vem às 3"),
        ("es-ES", "el próximo viernes a las 3"),
    ];
    for (tag, text) in cases {
        let said = said(tag, text, &Hints::default());
        assert_eq!(
            meanings(&said),
            [at("2026-12-04T15:00:00"), at("2026-11-27T15:00:00")],
            "{text}"
        );
        let choices = &said.candidates[0].choices;
        assert!(
            choices.contains(&Choice::NextWeekday) && choices.contains(&Choice::AmPm),
            "{text}"
        );
    }
}

#[test]
fn opening_hours_decide_between_morning_and_afternoon() {
    let (day, night) = (hours(8, 19), hours(18, 23));
    let rows = [
        (Some(&day), vec![time(8, 0)]),
        (Some(&night), vec![time(20, 0)]),
        (None, vec![time(8, 0)]),
    ];
    for (hours, expected) in rows {
        let hints = Hints { hours, ..Hints::default() };
        assert_eq!(meanings(&said("pt-BR", "às 8", &hints)), expected, "{hours:?}");
    }
    let around_the_clock = hours(0, 24);
    let hints = Hints { hours: Some(&around_the_clock), ..Hints::default() };
    assert_eq!(meanings(&said("en-US", "at 8", &hints)), [time(8, 0), time(20, 0)]);
    assert_eq!(meanings(&said("en-US", "at 8 pm", &hints)), [time(20, 0)]);
}

#[test]
fn a_bare_number_is_read_only_as_the_answer_to_a_question() {
    let rows = [
        (Expecting::Nothing, "25", vec![]),
        (Expecting::Day, "25", vec![on("2026-11-25")]),
        (Expecting::Time, "3", vec![time(15, 0)]),
        (Expecting::Time, "1430", vec![time(14, 30)]),
        (Expecting::DayAndTime, "3", vec![time(15, 0)]),
        (Expecting::DayAndTime, "25", vec![on("2026-11-25")]),
        (Expecting::DayAndTime, "somos 3", vec![]),
        (Expecting::Time, "99", vec![]),
        (Expecting::Time, "K7F29", vec![]),
    ];
    for (expecting, text, expected) in rows {
        let said = said("pt-BR", text, &Hints { expecting, ..Hints::default() });
        assert_eq!(meanings(&said), expected, "{expecting:?} {text}");
        assert!(said.candidates.iter().all(|c| c.choices.contains(&Choice::Latent)), "{text}");
    }
}

#[test]
fn a_weekday_that_is_not_that_date_is_asked_about() {
    let said = said("en-US", "friday the 13th at 10am", &Hints::default());
    assert_eq!(meanings(&said), [at("2027-08-13T10:00:00"), at("2026-12-13T10:00:00")]);
    assert_eq!(said.candidates[0].choices, [Choice::WeekdayAgainstDate]);
}

#[test]
fn a_date_in_the_other_order_is_taken_when_only_that_is_one_and_it_is_said() {
    let said = said("pt-BR", "12/25", &Hints::default());
    assert_eq!(meanings(&said), [on("2026-12-25")]);
    assert_eq!(said.candidates[0].choices, [Choice::DayMonthOrder]);
}

#[test]
fn several_wishes_are_several_candidates() {
    let rows = [
        (
            "pt-BR",
            "sexta 15h ou sábado 10h",
            vec![at("2026-11-27T15:00:00"), at("2026-11-28T10:00:00")],
        ),
        (
            "en-US",
            "tuesday or wednesday at 4pm",
            vec![at("2026-11-24T16:00:00"), at("2026-11-25T16:00:00")],
        ),
        (
            "es-ES",
            "mañana a las 5 o a las 6",
            vec![at("2026-11-24T17:00:00"), at("2026-11-24T18:00:00")],
        ),
    ];
    for (tag, text, expected) in rows {
        assert_eq!(meanings(&said(tag, text, &Hints::default())), expected, "{text}");
    }
}

#[test]
fn what_was_taken_back_is_not_meant() {
    let rows = [
        ("en-US", "not tomorrow, wednesday at 11", at("2026-11-25T11:00:00")),
        ("en-US", "friday at 3, no wait, 4pm", at("2026-11-27T16:00:00")),
        ("pt-BR", "amanhã não posso, quinta às 10", at("2026-11-26T10:00:00")),
        ("pt-BR", "amanhã 15h, ou melhor, 16h", at("2026-11-24T16:00:00")),
        ("pt-BR", "ao invés das 15h, 16h", time(16, 0)),
        ("es-ES", "el lunes, perdón, el martes", on("2026-11-24")),
    ];
    for (tag, text, expected) in rows {
        assert_eq!(meanings(&said(tag, text, &Hints::default())), [expected], "{text}");
    }
}

#[test]
fn what_is_over_is_a_problem_that_names_it() {
    let rows = [
        ("en-US", "today at 9", at("2026-11-23T09:00:00")),
        ("pt-BR", "ontem", on("2026-11-22")),
        ("es-ES", "ayer a las 5", at("2026-11-22T17:00:00")),
        ("pt-BR", "01/01/2020", on("2020-01-01")),
    ];
    for (tag, text, meant) in rows {
        let said = said(tag, text, &Hints::default());
        let expected = Understanding {
            candidates: Vec::new(),
            problem: Some(Problem::InThePast(Some(meant))),
        };
        assert_eq!(said, expected, "{text}");
    }
    let late: DateTime<Utc> = "2026-11-23T21:00:00Z".parse().expect("a moment");
    let morning = understand("hoje de manhã", late, ZONE, Locale::PT_BR, &Hints::default());
    let part =
        Meaning::Part { part: DayPart::Morning, date: NaiveDate::from_ymd_opt(2026, 11, 23) };
    assert_eq!(morning.problem, Some(Problem::InThePast(Some(part))));
}

#[test]
fn a_day_or_a_time_that_does_not_exist_is_a_problem() {
    for (tag, text) in [
        ("pt-BR", "31/02"),
        ("en-US", "june 31 at 3pm"),
        ("es-ES", "el 30 de febrero"),
        ("pt-BR", "25h"),
        ("en-US", "25:00"),
    ] {
        let said = said(tag, text, &Hints::default());
        let expected = Understanding { candidates: vec![], problem: Some(Problem::NoSuchDate) };
        assert_eq!(said, expected, "{text}");
    }
}

#[test]
fn what_is_no_date_stays_none() {
    let rows = [
        ("pt-BR", "meu telefone é 11 98765-4321"),
        ("pt-BR", "cpf 123.456.789-00"),
        ("pt-BR", "quero a segunda via do boleto"),
        ("pt-BR", "rua 25 de março, 100"),
        ("pt-BR", "moro na av. 9 de julho 1500"),
        ("pt-BR", "custa 50 reais? tenho R$ 45,00"),
        ("pt-BR", "boa tarde, tudo bem?"),
        ("pt-BR", "dura 2 horas?"),
        ("pt-BR", "a chave é A15h30B"),
        ("pt-BR", "pé e mão, as duas juntas"),
        ("pt-BR", "faço luzes a cada 3 meses"),
        ("en-US", "sun damaged hair, it takes about 2 hours right?"),
        ("es-ES", "vi el sol, el mar está lindo"),
        ("en-US", "call me at 917-555-0142"),
        ("en-US", "5th avenue, second floor, room 305"),
        ("en-US", "may I bring my son? he is 7"),
        ("en-US", "it was $30 last time"),
        ("en-US", "thanks, have a great weekend"),
        ("es-ES", "vivo en calle 2 de mayo 14"),
        ("es-ES", "buenas noches, somos 3 personas"),
        ("es-ES", "reserva a nombre de Abril Domingo"),
        ("es-ES", "mi teléfono es 612 345 678"),
    ];
    for (tag, text) in rows {
        assert_eq!(said(tag, text, &Hints::default()), Understanding::default(), "{text}");
    }
}

#[test]
fn text_past_the_first_500_characters_is_not_looked_at() {
    let short = format!("{}amanhã às 15h", " ".repeat(400));
    let long = format!("{}amanhã às 15h", " ".repeat(500));
    assert_eq!(meanings(&said("pt-BR", &short, &Hints::default())), [at("2026-11-24T15:00:00")]);
    assert_eq!(said("pt-BR", &long, &Hints::default()), Understanding::default());
}
