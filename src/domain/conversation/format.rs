//! How days, times, lengths and prices are written in each language.
//!
//! Times in lists carry their minutes ("15h00"), times in sentences leave them out where the
//! language does ("às 15h"). Every day comes with its weekday.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike};

use super::phrases::{Phrases, Words, phrases, words};
use crate::domain::locale::{Language, Locale};

/// Writes dates, times and prices for one locale.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    pub(crate) locale: Locale,
    phrases: &'static Phrases,
    words: &'static Words,
}

impl Format {
    pub(crate) fn new(locale: Locale) -> Self {
        let language = locale.language();
        Self { locale, phrases: phrases(language), words: words(language) }
    }

    /// `2:45 PM`, `14h45`, `14:45`; always with minutes.
    pub(crate) fn time(self, time: NaiveTime) -> String {
        let (hour, minute) = (time.hour(), time.minute());
        match self.locale.language() {
            Language::English => format!("{} {}", clock12(time), meridiem(time)),
            Language::Portuguese => format!("{hour}h{minute:02}"),
            Language::Spanish => format!("{hour}:{minute:02}"),
        }
    }

    /// A time in a sentence: `2:45 PM`, `15h` or `14h45`, `14:45`.
    pub(crate) fn spoken_time(self, time: NaiveTime) -> String {
        match self.locale.language() {
            Language::Portuguese if time.minute() == 0 => format!("{}h", time.hour()),
            Language::English | Language::Portuguese | Language::Spanish => self.time(time),
        }
    }

    /// `at 2:45 PM`, `às 14h45`, `a las 14:45`.
    pub(crate) fn at(self, time: NaiveTime) -> String {
        self.at_written(time, &self.spoken_time(time))
    }

    /// As [`Format::at`], with the minutes always written.
    pub(crate) fn at_full(self, time: NaiveTime) -> String {
        self.at_written(time, &self.time(time))
    }

    fn at_written(self, time: NaiveTime, written: &str) -> String {
        let phrases = self.phrases;
        if time.hour() == 1 { phrases.at_one(written) } else { phrases.at(written) }
    }

    pub(crate) fn after(self, time: NaiveTime) -> String {
        let written = self.spoken_time(time);
        let phrases = self.phrases;
        if time.hour() == 1 { phrases.after_one(&written) } else { phrases.after(&written) }
    }

    pub(crate) fn before(self, time: NaiveTime) -> String {
        let written = self.spoken_time(time);
        let phrases = self.phrases;
        if time.hour() == 1 { phrases.before_one(&written) } else { phrases.before(&written) }
    }

    /// The end of a hold: `10:12 AM`, `10h12`, `las 10:12`.
    pub(crate) fn until(self, time: NaiveTime) -> String {
        let written = self.time(time);
        let phrases = self.phrases;
        if time.hour() == 1 { phrases.until_one(&written) } else { phrases.until(&written) }
    }

    /// `2:45 to 3:30 PM`, `das 14h45 às 15h30`, `de 14:45 a 15:30`.
    pub(crate) fn range(self, from: NaiveTime, to: NaiveTime) -> String {
        let first = match self.locale.language() {
            Language::English if meridiem(from) == meridiem(to) => clock12(from),
            Language::English | Language::Portuguese | Language::Spanish => self.time(from),
        };
        let (to, to_at) = (self.time(to), self.at_full(to));
        if from.hour() == 1 {
            self.phrases.range_one(&first, &to, &to_at)
        } else {
            self.phrases.range(&first, &to, &to_at)
        }
    }

    /// `Thursday 12 March`, `quinta-feira, 12 de março`, `jueves 12 de marzo`.
    pub(crate) fn day(self, date: NaiveDate) -> String {
        let weekday = self.words.weekdays[weekday_index(date)];
        let (day, month) = (date.day(), self.words.months[date.month0() as usize]);
        match self.locale.language() {
            Language::English => format!("{weekday} {day} {month}"),
            Language::Portuguese => format!("{weekday}, {day} de {month}"),
            Language::Spanish => format!("{weekday} {day} de {month}"),
        }
    }

    /// `Thu 12 Mar`, `qui 12/03`, `jue 12/03`.
    pub(crate) fn short_day(self, date: NaiveDate) -> String {
        let weekday = self.words.weekdays_short[weekday_index(date)];
        match self.locale.language() {
            Language::English => {
                let month = self.words.months_short[date.month0() as usize];
                format!("{weekday} {} {month}", date.day())
            }
            Language::Portuguese | Language::Spanish => {
                format!("{weekday} {:02}/{:02}", date.day(), date.month())
            }
        }
    }

    /// A day of a question about weeks: `Fri 13 March`, `sex 13/03`, `vie 13/03`.
    pub(crate) fn day_of_week(self, date: NaiveDate) -> String {
        match self.locale.language() {
            Language::English => {
                let weekday = self.words.weekdays_short[weekday_index(date)];
                format!("{weekday} {} {}", date.day(), self.words.months[date.month0() as usize])
            }
            Language::Portuguese | Language::Spanish => self.short_day(date),
        }
    }

    /// A day of a question about day and month, with the month in letters: `Mon April 6`,
    /// `seg 6 de abril`, `lun 6 de abril`.
    pub(crate) fn day_in_letters(self, date: NaiveDate) -> String {
        let weekday = self.words.weekdays_short[weekday_index(date)];
        let month = self.words.months[date.month0() as usize];
        match self.locale.language() {
            Language::English => format!("{weekday} {month} {}", date.day()),
            Language::Portuguese | Language::Spanish => {
                format!("{weekday} {} de {month}", date.day())
            }
        }
    }

    /// `Thursday`, `quinta-feira`, `jueves`.
    pub(crate) fn weekday(self, date: NaiveDate) -> &'static str {
        self.words.weekdays[weekday_index(date)]
    }

    /// `Thursday`, `quinta`, `jueves`.
    pub(crate) fn spoken_weekday(self, date: NaiveDate) -> &'static str {
        self.words.weekdays_spoken[weekday_index(date)]
    }

    /// `Tomorrow, Thursday 12 March`, seen from `today`; two days on and later the day alone.
    pub(crate) fn day_from(self, date: NaiveDate, today: NaiveDate) -> String {
        let day = self.day(date);
        match (date - today).num_days() {
            0 => self.phrases.today(&day),
            1 => self.phrases.tomorrow(&day),
            _ => capitalized(&day),
        }
    }

    /// `24 h, 1 h and 15 min`.
    pub(crate) fn list(self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} {} {last}", most.join(", "), self.phrases.and()),
        }
    }

    /// One of several: "Ana, Bruno or Carla".
    pub(crate) fn either(self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} {} {last}", most.join(", "), self.or_before(last)),
        }
    }

    /// The word between two alternatives; Spanish says "u" before an o that is heard.
    fn or_before(self, next: &str) -> String {
        let next = next.to_lowercase();
        let heard = ["o", "ó", "ho", "hó"].iter().any(|start| next.starts_with(start));
        match self.locale.language() {
            Language::Spanish if heard => "u".to_owned(),
            Language::English | Language::Portuguese | Language::Spanish => self.phrases.or(),
        }
    }

    /// A price of hundredths: `$40`, `R$ 80`, `$18.000`, `R$ 80,50`, `40 €`.
    pub(crate) fn price(self, hundredths: i64, currency: &str) -> String {
        let english_marks = match self.locale.language() {
            Language::English => true,
            Language::Portuguese => false,
            // CLDR: these write 1,234.50 although they speak Spanish.
            Language::Spanish => matches!(
                self.locale.region(),
                "MX" | "US" | "PE" | "GT" | "HN" | "SV" | "NI" | "PA" | "DO" | "PR"
            ),
        };
        let (thousands, decimal) = if english_marks { (',', '.') } else { ('.', ',') };
        let whole = grouped(hundredths.unsigned_abs() / 100, thousands);
        let cents = hundredths.unsigned_abs() % 100;
        let sign = if hundredths < 0 { "-" } else { "" };
        let amount = if cents == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}{decimal}{cents:02}")
        };
        match (currency, self.locale.language()) {
            ("USD", Language::Portuguese) => format!("US$ {amount}"),
            ("USD" | "CLP" | "ARS" | "COP" | "MXN" | "UYU" | "CAD" | "AUD" | "NZD", _) => {
                format!("${amount}")
            }
            ("BRL", _) => format!("R$ {amount}"),
            ("GBP", _) => format!("£{amount}"),
            ("EUR", Language::English) => format!("€{amount}"),
            ("EUR", Language::Portuguese | Language::Spanish) => format!("{amount} €"),
            ("PEN", _) => format!("S/ {amount}"),
            (other, _) => format!("{other} {amount}"),
        }
    }

    /// A tenant's name after "of": Portuguese wants an article, by the ending of its first word.
    pub(crate) fn of_tenant(self, name: &str) -> String {
        match self.locale.language() {
            Language::English | Language::Spanish => name.to_owned(),
            Language::Portuguese => {
                let first = name.split_whitespace().next().unwrap_or(name);
                let article = if is_feminine(first) { "da" } else { "do" };
                format!("{article} {name}")
            }
        }
    }

    /// A service as the subject of a sentence and the ending that agrees with it: `O corte`, `o`.
    /// For several at once ("unhas", "corte + manicure") the appointment takes its place: `O horário
    /// de unhas`, `o`.
    pub(crate) fn the_service(self, name: &str) -> (String, &'static str) {
        let noun = name.split_whitespace().next().unwrap_or(name).to_lowercase();
        let name = in_sentence(name);
        let plural = noun.ends_with('s') || name.contains(" + ");
        match self.locale.language() {
            Language::English => (capitalized(&name), ""),
            Language::Portuguese if plural => (format!("O horário de {name}"), "o"),
            Language::Portuguese if is_feminine(&noun) => (format!("A {name}"), "a"),
            Language::Portuguese => (format!("O {name}"), "o"),
            Language::Spanish if plural => (format!("La hora de {name}"), "a"),
            Language::Spanish if is_feminine(&noun) => (format!("La {name}"), "a"),
            Language::Spanish => (format!("El {name}"), "o"),
        }
    }
}

/// Whole minutes as `45 min`, `2 h`, `1 h 25 min`, the same in all languages; from two days on in
/// days where it is even: `2 d`.
pub(crate) fn duration(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) if hours >= 48 && hours % 24 == 0 => format!("{} d", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// With its first letter large.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A name inside a sentence: its first letter small, unless it is written in capitals ("VIP").
pub(crate) fn in_sentence(name: &str) -> String {
    let mut letters = name.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(_), Some(second)) if second.is_uppercase() => name.to_owned(),
        (Some(first), _) => first.to_lowercase().chain(letters).collect(),
        (None, _) => String::new(),
    }
}

/// By the ending, as most nouns of Portuguese and Spanish go.
fn is_feminine(noun: &str) -> bool {
    let noun = noun.to_lowercase();
    ["a", "ção", "são", "gem", "dade", "ción", "sión", "dad"].iter().any(|end| noun.ends_with(end))
        || ["manicure", "pedicure"].contains(&noun.as_str())
}

fn weekday_index(date: NaiveDate) -> usize {
    date.weekday().num_days_from_monday() as usize
}

fn clock12(time: NaiveTime) -> String {
    let (_, hour) = time.hour12();
    format!("{hour}:{:02}", time.minute())
}

fn meridiem(time: NaiveTime) -> &'static str {
    if time.hour12().0 { "PM" } else { "AM" }
}

fn grouped(number: u64, mark: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Locale = Locale::EN_US;
    const PT: Locale = Locale::PT_BR;
    const ES: Locale = Locale::ES_CL;

    fn time(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    #[test]
    fn times_follow_the_language() {
        #[rustfmt::skip]
        let cases = [
            (EN, time(14, 45), "2:45 PM",  "at 2:45 PM"),
            (EN, time(0, 5),   "12:05 AM", "at 12:05 AM"),
            (EN, time(12, 0),  "12:00 PM", "at 12:00 PM"),
            (PT, time(15, 0),  "15h00",    "às 15h"),
            (PT, time(9, 5),   "9h05",     "às 9h05"),
            (PT, time(1, 0),   "1h00",     "à 1h"),
            (ES, time(9, 0),   "9:00",     "a las 9:00"),
            (ES, time(1, 30),  "1:30",     "a la 1:30"),
        ];
        for (locale, at, alone, in_sentence) in cases {
            let format = Format::new(locale);
            assert_eq!(
                (format.time(at), format.at(at)),
                (alone.to_owned(), in_sentence.to_owned())
            );
        }
    }

    #[test]
    fn ranges_follow_the_language() {
        #[rustfmt::skip]
        let cases = [
            (EN, time(14, 45), time(15, 30), "2:45 to 3:30 PM"),
            (EN, time(11, 30), time(12, 15), "11:30 AM to 12:15 PM"),
            (PT, time(14, 45), time(15, 30), "das 14h45 às 15h30"),
            (PT, time(1, 0),   time(1, 45),  "da 1h00 à 1h45"),
            (ES, time(14, 45), time(15, 30), "de 14:45 a 15:30"),
        ];
        for (locale, from, to, written) in cases {
            assert_eq!(Format::new(locale).range(from, to), written);
        }
    }

    #[test]
    fn days_follow_the_language() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 12).unwrap();
        #[rustfmt::skip]
        let cases = [
            (EN, "Thursday 12 March",         "Thu 12 Mar", "Tomorrow, Thursday 12 March"),
            (PT, "quinta-feira, 12 de março", "qui 12/03",  "Amanhã, quinta-feira, 12 de março"),
            (ES, "jueves 12 de marzo",        "jue 12/03",  "Mañana, jueves 12 de marzo"),
        ];
        for (locale, long, short, tomorrow) in cases {
            let format = Format::new(locale);
            assert_eq!(format.day(day), long);
            assert_eq!(format.short_day(day), short);
            assert_eq!(format.day_from(day, day.pred_opt().unwrap()), tomorrow);
        }
    }

    #[test]
    fn prices_follow_currency_and_country() {
        let mx: Locale = "es-MX".parse().unwrap();
        #[rustfmt::skip]
        let cases = [
            (EN, 4_000,     "USD", "$40"),
            (EN, 123_450,   "USD", "$1,234.50"),
            (PT, 8_000,     "BRL", "R$ 80"),
            (PT, 8_050,     "BRL", "R$ 80,50"),
            (ES, 1_800_000, "CLP", "$18.000"),
            (mx, 123_450,   "MXN", "$1,234.50"),
            (Locale::ES_ES, 4_000, "EUR", "40 €"),
            (Locale::EN_GB, 4_005, "GBP", "£40.05"),
            (EN, 4_000,     "JPY", "JPY 40"),
        ];
        for (locale, price, currency, written) in cases {
            assert_eq!(Format::new(locale).price(price, currency), written);
        }
    }

    #[test]
    fn lengths_are_written_in_hours_and_minutes() {
        let cases =
            [(45, "45 min"), (120, "2 h"), (85, "1 h 25 min"), (1440, "24 h"), (4320, "3 d")];
        for (minutes, written) in cases {
            assert_eq!(duration(TimeDelta::minutes(minutes)), written);
        }
    }

    #[test]
    fn a_service_agrees_with_its_sentence() {
        #[rustfmt::skip]
        let cases = [
            (PT, "Corte",     "O corte",            "o"),
            (PT, "Coloração", "A coloração",        "a"),
            (PT, "Manicure",  "A manicure",         "a"),
            (PT, "Unhas",     "O horário de unhas", "o"),
            (ES, "Corte",     "El corte",           "o"),
            (ES, "Manicura",  "La manicura",        "a"),
            (EN, "VIP cut",   "VIP cut",            ""),
        ];
        for (locale, name, subject, ending) in cases {
            assert_eq!(Format::new(locale).the_service(name), (subject.to_owned(), ending));
        }
    }
}
