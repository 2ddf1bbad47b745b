//! Which texts a tenant may put in place of the shipped ones, and what is refused when they are saved.

use super::{render, shipped};
use crate::domain::locale::Language;

/// Characters a rendered text may have: the body of an interactive message (conversation design,
/// "Hard limits"), the narrowest of those a text may end up in.
const TEXT_MAX: usize = 1_024;
/// Characters of a text that stands in a menu: the title of a list row.
const ROW_MAX: usize = 24;
/// Characters of a template as it is written.
const TEMPLATE_MAX: usize = 4_096;

/// Texts that stand alone in a row of a menu or on a button.
const ROWS: &[&str] = &[
    "more_services",
    "more_times",
    "confirm",
    "change_time",
    "cancel",
    "yes_cancel",
    "no_keep",
    "new_booking",
    "my_bookings",
    "other_time",
    "i_will_be_there",
    "all_right",
    "new_time",
    "book_new_time",
    "person",
    "change",
    "another_service",
    "go_on",
    "start_anew",
    "show_times_again",
    "two_separate_times",
    "separate_times",
    "book",
    "end_chat",
    "no_reminders",
];

/// Values that may be left out: without them a text is less personal and no less true.
const OPTIONAL: &[&str] =
    &["name", "tenant", "of_tenant", "place", "example", "list", "price", "o"];

/// A text that a tenant may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaceable {
    pub key: &'static str,
    /// The shipped template.
    pub template: &'static str,
    /// Values it may use, each written `{name}`.
    pub values: &'static [&'static str],
}

/// Every text of a language that a tenant may replace, in the order of a conversation.
///
/// Particles such as "at {time}" are not among them: whole sentences are put together from them.
pub fn replaceable(language: Language) -> Vec<Replaceable> {
    let all = shipped(language).all().into_iter();
    all.filter(|(key, ..)| !super::PARTICLES.contains(key))
        .map(|(key, template, values)| Replaceable { key, template, values })
        .collect()
}

/// Why a template cannot be saved: every reason at once, each a sentence that says what to do.
/// Empty: it can.
pub fn check(language: Language, key: &str, template: &str) -> Vec<String> {
    let Some(text) = replaceable(language).into_iter().find(|text| text.key == key) else {
        return vec![format!(
            "there is no text with the key {key:?}; `pontual template list` shows them all"
        )];
    };
    let told = values_of(text.template).unwrap_or_default();
    let mut refused = refusals(template, text.values, |used| missing(used, &told));
    if refused.is_empty() {
        refused.extend(shape(template, &text));
    }
    refused
}

/// What speaks against a template of any channel: its writing, values that it does not have, and
/// what `missing` finds in those it uses.
pub(crate) fn refusals(
    template: &str,
    values: &[&str],
    missing: impl Fn(&[String]) -> Option<String>,
) -> Vec<String> {
    let mut refused = Vec::new();
    if template.trim().is_empty() {
        return vec!["the text is empty".to_owned()];
    }
    if template.chars().count() > TEMPLATE_MAX {
        return vec![format!("the template is longer than {TEMPLATE_MAX} characters")];
    }
    if template.chars().any(|c| c.is_control() && c != '\n') {
        refused.push("it has control characters; only line breaks are taken".to_owned());
    }
    match values_of(template) {
        Ok(used) => {
            refused.extend(unknown(&used, values));
            refused.extend(missing(&used));
        }
        Err(reason) => refused.push(reason),
    }
    refused
}

/// A checked template with its values; `None`: it was not checked.
pub(crate) fn filled(template: &str, values: &[(&str, &str)]) -> Option<String> {
    render::own(template, values).ok()
}

/// What customers would read of a text with values as they might be: the shipped text, or
/// `template` in its place. `None`: there is no such text, or [`check`] refuses the template.
pub fn preview(language: Language, key: &str, template: Option<&str>) -> Option<String> {
    let text = replaceable(language).into_iter().find(|text| text.key == key)?;
    let template = match template {
        Some(own) if !check(language, key, own).is_empty() => return None,
        own => own.unwrap_or(text.template),
    };
    let values: Vec<_> = text.values.iter().map(|&name| (name, sample(language, name))).collect();
    filled(template, &values)
}

/// A value as it might be; of one that has no example, its name.
pub(crate) fn sample(language: Language, value: &'static str) -> &'static str {
    let [english, portuguese, spanish] = match value {
        "name" => [" Marina"; 3],
        "tenant" | "of_tenant" => ["Luna Salon", "Studio Lua", "Salón Luna"],
        "when" => [
            "Tomorrow, Thursday 12 March",
            "Amanhã, quinta-feira, 12 de março",
            "Mañana, jueves 12 de marzo",
        ],
        "day" => ["Thursday 12 March", "quinta-feira, 12 de março", "jueves 12 de marzo"],
        "at" => ["at 3:00 PM", "às 15h", "a las 15:00"],
        "time" => ["3:00 PM", "15h00", "15:00"],
        "what" | "the_service" => ["haircut with Ana", "corte com Ana", "corte con Ana"],
        "service" => ["haircut", "corte", "corte"],
        "staff" => ["Ana"; 3],
        "place" => [", 120 Flower St", ", Rua das Flores, 120", ", Calle de las Flores 120"],
        "code" => ["K7F2A"; 3],
        "phone" => ["+1 415 555 0100", "+55 11 99999-0000", "+34 600 000 000"],
        "duration" => ["45 min"; 3],
        "price" => ["$40", "R$ 80", "40 €"],
        "count" | "last" => ["3"; 3],
        // The name of a value itself, which whoever writes texts recognizes.
        other => return other,
    };
    match language {
        Language::English => english,
        Language::Portuguese => portuguese,
        Language::Spanish => spanish,
    }
}

/// The values a template asks for.
fn values_of(template: &str) -> Result<Vec<String>, String> {
    let environment = render::empty();
    let parsed = environment.template_from_str(template).map_err(|error| {
        format!(
            "line {}: {}; a value is written {{name}}, and a part only for when there is one {{% if name %}}…{{% endif %}}",
            error.line().unwrap_or(1),
            error.detail().unwrap_or("it cannot be read")
        )
    })?;
    if let Some(other) = tags(template).find(|tag| !is_plain(tag)) {
        return Err(format!(
            "{other:?} is more than a text may do: {{name}}, {{% if name %}}, {{% if not name %}}, {{% else %}} and {{% endif %}} are all"
        ));
    }
    let mut used: Vec<_> = parsed.undeclared_variables(false).into_iter().collect();
    used.sort();
    Ok(used)
}

/// What stands between braces, braces included.
fn tags(template: &str) -> impl Iterator<Item = &str> {
    template.match_indices('{').filter_map(|(start, _)| {
        let rest = &template[start..];
        let end = if rest.starts_with("{%") {
            rest.find("%}").map(|at| at + 2)
        } else {
            rest.find('}').map(|at| at + 1)
        };
        end.map(|end| &rest[..end])
    })
}

/// Names, and conditions on names; no loops, calls, arithmetic or assignments.
fn is_plain(tag: &str) -> bool {
    let is_name =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if let Some(inside) = tag.strip_prefix("{%").and_then(|tag| tag.strip_suffix("%}")) {
        let words: Vec<_> = inside.trim_matches('-').split_whitespace().collect();
        return match words.as_slice() {
            ["else" | "endif"] => true,
            ["if" | "elif", name] | ["if" | "elif", "not", name] => is_name(name),
            _ => false,
        };
    }
    tag.strip_prefix('{')
        .and_then(|tag| tag.strip_suffix('}'))
        .is_some_and(|name| is_name(name.trim()))
}

fn unknown(used: &[String], values: &[&str]) -> Option<String> {
    let unknown: Vec<_> = used
        .iter()
        .filter(|name| !values.contains(&name.as_str()))
        .map(|name| format!("{{{name}}}"))
        .collect();
    (!unknown.is_empty()).then(|| {
        let known: Vec<_> = values.iter().map(|name| format!("{{{name}}}")).collect();
        let known = if known.is_empty() {
            "it has no values".to_owned()
        } else {
            format!("it may use {}", known.join(", "))
        };
        format!("this text does not have {}; {known}", unknown.join(", "))
    })
}

/// What the shipped text tells and this one would keep to itself. "14h" and "às 14h" tell the same.
fn missing(used: &[String], told: &[String]) -> Option<String> {
    let has = |name: &str| used.iter().any(|used| used == name);
    let missing: Vec<_> = told
        .iter()
        .filter(|name| !OPTIONAL.contains(&name.as_str()) && !has(name))
        .filter(|name| match name.as_str() {
            "at" => !has("time"),
            "time" => !has("at"),
            _ => true,
        })
        .map(|name| format!("{{{name}}}"))
        .collect();
    (!missing.is_empty()).then(|| format!("customers would miss {}", missing.join(", ")))
}

/// Length, line breaks, and numbers that look like choices.
fn shape(template: &str, text: &Replaceable) -> Vec<String> {
    let mut refused = Vec::new();
    let samples: Vec<_> = text.values.iter().map(|&value| (value, longest(value))).collect();
    let values: Vec<_> = samples.iter().map(|(name, sample)| (*name, sample.as_str())).collect();
    let length = match render::own(template, &values) {
        Ok(rendered) => rendered.chars().count(),
        Err(error) => return vec![format!("it cannot be written out: {error}")],
    };
    let most = if ROWS.contains(&text.key) { ROW_MAX } else { TEXT_MAX };
    if length > most {
        refused.push(format!(
            "with long names it comes to {length} characters; WhatsApp leaves room for {most} here"
        ));
    }
    if template.contains('\n') && !text.template.contains('\n') && ROWS.contains(&text.key) {
        refused.push("a row of a menu is one line".to_owned());
    }
    if choices(template) != choices(text.template) {
        refused.push(format!(
            "customers answer with a number: it has to offer {} as the shipped text does",
            match choices(text.template).as_slice() {
                [] => "no numbers at the start of a line".to_owned(),
                numbers => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            }
        ));
    }
    refused
}

/// The numbers a text offers: at the start of a line, or after a sentence or a comma.
fn choices(template: &str) -> Vec<u32> {
    let mut offered = Vec::new();
    let mut before = '\n';
    let rest = template.char_indices().peekable();
    for (at, c) in rest {
        let follows = template[at + c.len_utf8()..].starts_with(' ');
        if let Some(digit) = c.to_digit(10)
            && follows
            && matches!(before, '\n' | '.' | ',' | '!' | '?')
        {
            offered.push(digit);
        }
        if c != ' ' {
            before = c;
        }
    }
    offered
}

/// A value as long as it will plausibly be.
fn longest(value: &str) -> String {
    let length = match value {
        "what" | "the_service" | "place" => 120,
        "list" => 200,
        "name" | "staff" | "weekday" | "duration" | "notice" => 30,
        "code" | "count" | "last" | "o" => 8,
        "time" | "at" | "price" => 16,
        _ => 60,
    };
    "m".repeat(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, template: &str) -> String {
        check(Language::English, key, template).join("; ")
    }

    #[test]
    fn what_is_shipped_could_be_saved() {
        for language in Language::ALL {
            for text in replaceable(language) {
                assert_eq!(
                    check(language, text.key, text.template),
                    [""; 0],
                    "{language:?} {}",
                    text.key
                );
            }
        }
    }

    #[test]
    fn every_row_is_a_text_that_exists() {
        let all = replaceable(Language::English);
        assert!(ROWS.iter().all(|row| all.iter().any(|text| text.key == *row)));
    }

    #[test]
    fn a_key_that_does_not_exist_is_refused_with_where_to_look() {
        assert!(refused("introduction", "Hi").contains("template list"));
        assert!(refused("and", "y").contains("template list"), "particles stay");
    }

    #[test]
    fn unknown_values_are_refused_with_those_there_are() {
        let said = refused("booked", "Done {code} {discount}");
        assert!(said.contains("{discount}") && said.contains("may use {code}"), "{said}");
        assert!(refused("no_services", "{tenant} is closed").contains("has no values"));
    }

    #[test]
    fn what_customers_need_has_to_be_told() {
        assert_eq!(refused("booked", "Done!"), "customers would miss {code}");
        assert_eq!(refused("intro_named", "Hello!"), "", "names may be left out");
    }

    #[test]
    fn nothing_but_values_and_conditions_is_taken() {
        for template in [
            "{{code}}",
            "{code * 1000000}",
            "{'x' * 1000000000}{code}",
            "{code | upper}",
            "{code}{% for x in [1, 2] %}{% endfor %}",
            "{code}{% set x = 1 %}",
            "{code}{% if code == 'x' %}{% endif %}",
            "{code}{% include 'x' %}",
            "{code",
            "{% if code %}{code}",
        ] {
            assert_ne!(refused("booked", template), "", "{template}");
        }
        assert_eq!(refused("booked", "Done{% if code %}: {code}{% else %}!{% endif %}"), "");
    }

    #[test]
    fn a_row_has_room_for_every_shipped_text_that_stands_in_one() {
        for language in Language::ALL {
            let all = replaceable(language);
            for key in ROWS {
                let text = all.iter().find(|text| text.key == *key);
                let length = text.map(|text| text.template.chars().count());
                let fits = length.is_some_and(|length| length <= ROW_MAX);
                assert!(fits, "{language:?} {key}: {length:?}");
            }
        }
    }

    #[test]
    fn a_text_over_a_limit_is_refused() {
        assert!(refused("no_services", &"x".repeat(1_025)).contains("room for 1024"));
        assert!(refused("confirm", "Yes, please book this one now").contains("room for 24"));
        assert!(refused("no_services", "a\tb").contains("control"));
        assert!(refused("no_services", " ").contains("empty"));
    }

    #[test]
    fn the_numbers_a_text_offers_stay_those_that_are_understood() {
        assert!(refused("moved_by_staff", "Now {day} {at}. 1 Fine").contains("1, 2, 3"));
        assert!(refused("no_services", "1 Come later").contains("no numbers"));
    }
}
