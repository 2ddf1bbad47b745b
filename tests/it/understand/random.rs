//! What holds for every text: times written in many ways come back, and random messages find no fault.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::*;

const MONTHS: [[&str; 12]; 3] = [
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
];

const WEEKDAYS: [[&str; 7]; 3] = [
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    ["segunda-feira", "terça", "quarta-feira", "quinta", "sexta-feira", "sábado", "domingo"],
    ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
];

const TAGS: [&str; 3] = ["en-US", "pt-BR", "es-ES"];

/// A moment as people write it; `style` is any number.
fn render(moment: NaiveDateTime, language: usize, style: usize) -> String {
    let (day, month, year) = (moment.day(), moment.month(), moment.year());
    let (hour, minute) = (moment.hour(), moment.minute());
    let name = MONTHS[language][moment.month0() as usize];
    let weekday = WEEKDAYS[language][moment.weekday().num_days_from_monday() as usize];
    let iso = moment.format("%Y-%m-%dT%H:%M").to_string();
    let (pm, twelve) = moment.hour12();
    let half = if pm { "pm" } else { "am" };
    match (language, style % 6) {
        (_, 0) => iso,
        (0, 1) => format!("{month}/{day}/{year} at {twelve}:{minute:02} {half}"),
        (0, 2) => format!("{weekday} {name} {day} {year}, {twelve}:{minute:02}{half}"),
        (0, 3) => format!("can I come on {name} {day}, {year} at {hour:02}:{minute:02}?"),
        (0, 4) => {
            format!("{twelve}.{minute:02}{half} on the {day}{} of {name} {year}", suffix(day))
        }
        (0, _) => format!("{day} {name} {year}\n{hour:02}:{minute:02}"),
        (1, 1) => format!("{day:02}/{month:02}/{year} às {hour:02}h{minute:02}"),
        (1, 2) => format!("{weekday}, {day} de {name} de {year}, {hour:02}:{minute:02}"),
        (1, 3) => format!("pode ser dia {day}/{month}/{year} {hour:02}h{minute:02}?"),
        (1, 4) => format!("às {hour:02}:{minute:02} do dia {day} de {name} de {year}"),
        (1, _) => format!("{day}.{month}.{year} {hour:02}:{minute:02}h"),
        (_, 1) => format!("el {day}/{month}/{year} a las {hour:02}:{minute:02}"),
        (_, 2) => format!("{weekday} {day} de {name} de {year} a las {hour:02}.{minute:02} h"),
        (_, 3) => format!("¿puede ser a las {hour:02}:{minute:02} del {day} de {name} del {year}?"),
        (_, 4) => format!("{day}-{month}-{year} {hour:02}h{minute:02}"),
        (_, _) => format!("el {weekday} {day} {name} {year}, {hour:02}:{minute:02} hs"),
    }
}

fn suffix(day: u32) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}

/// Whether a reading that is offered lies before `now`.
fn is_past(meaning: Meaning, now: NaiveDateTime) -> bool {
    match meaning {
        Meaning::Date(date)
        | Meaning::Part { date: Some(date), .. }
        | Meaning::Times { date: Some(date), .. } => date < now.date(),
        Meaning::DateTime(moment) => moment < now - TimeDelta::minutes(1),
        Meaning::Dates { to, .. } => to.is_some_and(|to| to < now.date()),
        Meaning::Moments { to, .. } => to.is_some_and(|to| to < now),
        Meaning::Time(_) | Meaning::Part { .. } | Meaning::Times { .. } => false,
    }
}

/// What must hold whatever was written.
fn check(text: &str, now: DateTime<Utc>, tag: &str, hints: &Hints<'_>) {
    let first = understand(text, now, ZONE, locale(tag), hints);
    assert_eq!(
        first,
        understand(text, now, ZONE, locale(tag), hints),
        "not the same twice: {text:?}"
    );
    assert!(first.candidates.len() <= 6, "{text:?}: {first:?}");
    for candidate in &first.candidates {
        assert!(!is_past(candidate.meaning, local(now)), "over: {text:?}: {candidate:?}");
        assert!(!candidate.rule.is_empty(), "{text:?}");
    }
    let refused = first.problem.is_some();
    assert!(!refused || first.candidates.is_empty(), "{text:?}: {first:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_moment_in_any_style_is_understood(
        minutes in 1i64..3_000_000, language in 0usize..3, style in 0usize..6, loud in any::<bool>(),
    ) {
        let moment = local(now()) + TimeDelta::minutes(minutes);
        let text = render(moment, language, style);
        let text = if loud { text.to_uppercase() } else { text };
        let said = said(TAGS[language], &text, &Hints::default());
        let meant: Vec<_> = said.candidates.iter().map(|candidate| candidate.meaning).collect();
        prop_assert_eq!(meant, vec![Meaning::DateTime(moment)], "{}", text);
    }

    #[test]
    fn a_weekday_is_the_next_one_to_come(days in 1i64..8, language in 0usize..3) {
        let date = local(now()).date() + TimeDelta::days(days);
        let text = WEEKDAYS[language][date.weekday().num_days_from_monday() as usize];
        let meant = meanings(&said(TAGS[language], text, &Hints::default()));
        prop_assert_eq!(meant, vec![Meaning::Date(date)], "{}", text);
    }

    #[test]
    fn any_text_has_an_answer(text in "\\PC*", language in 0usize..3) {
        check(&text, now(), TAGS[language], &Hints::default());
    }

    #[test]
    fn text_of_numbers_and_signs_has_an_answer(
        text in "[0-9 :./,hapm-]{0,40}", language in 0usize..3,
    ) {
        check(&text, now(), TAGS[language], &Hints::default());
    }
}

/// Pieces of messages in all three languages, and what breaks parsers.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "amanhã", "hoje", "tomorrow", "mañana", "pasado", "sexta", "segunda-feira", "2a", "4ª", "feira", "ter",
    "friday", "sun", "mié", "domingo", "next", "que vem", "próximo", "last", "this", "da semana", "week",
    "semana", "mês", "month", "fim de", "end of", "principios de", "weekend", "at", "às", "a las", "@",
    "from", "das", "de", "a", "to", "até", "hasta", "entre", "between", "and", "e", "y", "or", "ou",
    "before", "antes de", "after", "depois das", "despues", "a partir de", "em diante", "onwards", "not",
    "não", "no", "ou melhor", "actually", "am", "pm", "p.m.", "h", "hs", "horas", "o'clock", "em ponto",
    "half", "meia", "media", "quarter", "cuarto", "past", "menos", "para as", "noon", "meia-noite", "manhã",
    "de tarde", "por la noche", "tonight", "janeiro", "feb", "dez", "mar", "may", "diciembre", "dia", "el",
    "the", "on", "in", "daqui a", "dentro de", "hace", "ago", "later", "days", "semanas", "minutos",
    "primeiro", "third", "último", "first", "one", "três", "veinte", "trinta", "twenty", "mil", "thousand",
    "pessoas", "people", "rua", "calle", "street", "sala", "R$", "$", "%", "#", "+", "bom dia", "gracias",
    "natal", "easter", "reveillon", "now", "já", "corte", "xyz", "🙏", "\n", ",", ".", ":", "-", "–", "/",
    "?", "(", ")", "'", "0", "1", "2", "3", "12", "13", "24", "25", "29", "30", "31", "32", "60", "99", "815",
    "1430", "2026", "2400", "9999", "00", "007", "15h", "15h30", "25h", "3pm", "12:00", "24:00", "25:61",
    "31/02", "29/02", "5/6", "13/13", "1/2/3", "2026-11-25", "9999-12-31", "0000-00-00", "5.12", "10.30",
    "9-11", "23-3", "0730-0930", "1-2-3-4", "99999999999999999999", "\u{301}", "\u{0}", "ß", "İ", "ﬁ", "日",
];

#[test]
fn random_messages_find_no_fault() {
    let seconds: u64 =
        std::env::var("UNDERSTAND_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(seconds);
    let day = hours(8, 20);
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seconds);
    let mut texts = 0u64;
    while texts < 20_000 || Instant::now() < until {
        let mut text = String::new();
        for _ in 0..random.below(14) {
            match random.below(12) {
                0 => text.extend(char::from_u32(u32::try_from(random.below(0x3000)).unwrap_or(0))),
                1 => write!(text, "{}", random.below(100_000)).expect("memory"),
                _ => {
                    let pieces = u64::try_from(PIECES.len()).expect("a few");
                    text.push_str(PIECES[usize::try_from(random.below(pieces)).expect("an index")]);
                }
            }
            if random.below(8) > 0 {
                text.push(' ');
            }
        }
        let tag = TAGS[usize::try_from(random.below(3)).expect("an index")];
        let expecting =
            [Expecting::Nothing, Expecting::Day, Expecting::Time, Expecting::DayAndTime];
        let hints = Hints {
            hours: (random.below(2) == 0).then_some(&day),
            expecting: expecting[usize::try_from(random.below(4)).expect("an index")],
        };
        let minutes = i64::try_from(random.below(4_000_000)).expect("small");
        check(&text, now() + TimeDelta::minutes(minutes), tag, &hints);
        texts += 1;
    }
    println!("{texts} random messages");
}

/// Xorshift: the same messages in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
