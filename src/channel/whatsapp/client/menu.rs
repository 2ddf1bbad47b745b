//! Menus that can be tapped: polls, lists and buttons.
//!
//! Which of them works is a matter of the instance's kind and the server's version; whoever sends
//! knows that, and goes back to the numbered text where one is refused ([`Refusal::Kind`]). What
//! the shapes cannot hold is not sent in them at all ([`Shape::of`]).
//!
//! [`Refusal::Kind`]: crate::channel::error::Refusal::Kind

use std::time::Duration;

use serde_json::{Value, json};

use super::Gateway;
use crate::channel::Sent;
use crate::channel::error::SendError;
use crate::domain::conversation::choices::{BUTTON_MAX, Offered, ROW_MAX, question, short_labels};

/// Characters of a poll's question and of an option; the question and the header of a list.
const POLL_NAME_MAX: usize = 255;
const POLL_OPTION_MAX: usize = 100;
const LIST_BODY_MAX: usize = 1_024;
const HEADER_MAX: usize = 60;
const DESCRIPTION_MAX: usize = 72;
const BUTTONS_MAX: usize = 3;

/// A menu in the shape that an instance shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Poll {
        name: String,
        options: Vec<String>,
    },
    /// `rows`: id, title, description.
    List {
        header: String,
        body: String,
        footer: String,
        rows: Vec<[String; 3]>,
    },
    /// `buttons`: id, title.
    Buttons {
        body: String,
        buttons: Vec<[String; 2]>,
    },
}

impl Shape {
    /// The menu that `text` shows as a `poll` or a `list` of the business called `from`; `None`: it
    /// does not fit, or there is no such form, so the numbered text goes.
    pub fn of(form: &str, text: &str, offered: &[Offered], from: &str) -> Option<Self> {
        let question = question(text, offered)?;
        match form {
            "poll" => poll(question, offered),
            "list" if offered.len() <= BUTTONS_MAX => Some(buttons(question, offered)),
            "list" => Some(list(&question, offered, from)),
            _ => None,
        }
        .filter(|_| text_fits(form, text))
    }

    /// As `instance_health.menus_refused` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Poll { .. } => "poll",
            Self::List { .. } => "list",
            Self::Buttons { .. } => "buttons",
        }
    }

    /// The call and its body, without the number.
    fn request(&self) -> (&'static str, Value) {
        match self {
            Self::Poll { name, options } => {
                ("sendPoll", json!({ "name": name, "selectableCount": 1, "values": options }))
            }
            Self::List { header, body, footer, rows } => {
                let row = |[id, title, description]: &[String; 3]| json!({ "rowId": id, "title": title, "description": description });
                let rows: Vec<_> = rows.iter().map(row).collect();
                let section = json!({ "title": cut(footer, ROW_MAX), "rows": rows });
                let button = format!("☰ {}", rows.len());
                let list = json!({
                    "title": header, "description": body, "footerText": footer,
                    "buttonText": button, "sections": [section],
                });
                ("sendList", list)
            }
            Self::Buttons { body, buttons } => {
                let button = |[id, title]: &[String; 2]| json!({ "type": "reply", "displayText": title, "id": id });
                // Of the three texts a Cloud instance shows the title.
                let buttons: Vec<_> = buttons.iter().map(button).collect();
                ("sendButtons", json!({ "title": body, "buttons": buttons }))
            }
        }
    }
}

impl Gateway {
    /// Sends a menu; otherwise as [`Gateway::send_text`].
    ///
    /// # Errors
    ///
    /// [`SendError`]; `Refused` with `Kind`: send the numbered text.
    pub async fn send_menu(
        &self,
        instance: &str,
        key: &str,
        number: &str,
        shape: &Shape,
        typing: Duration,
    ) -> Result<Sent, SendError> {
        let (action, mut body) = shape.request();
        body["number"] = Value::from(number);
        self.send(action, instance, key, body, typing).await
    }
}

fn text_fits(form: &str, text: &str) -> bool {
    form == "poll" || text.chars().count() <= LIST_BODY_MAX
}

fn poll(question: String, offered: &[Offered]) -> Option<Shape> {
    let options: Vec<String> = offered.iter().map(|entry| entry.label.clone()).collect();
    let distinct = (1..options.len()).all(|at| !options[..at].contains(&options[at]));
    let fits = question.chars().count() <= POLL_NAME_MAX
        && (2..=10).contains(&options.len())
        && options.iter().all(|option| option.chars().count() <= POLL_OPTION_MAX);
    (fits && distinct).then_some(Shape::Poll { name: question, options })
}

fn buttons(body: String, offered: &[Offered]) -> Shape {
    let titles = short_labels(offered, BUTTON_MAX);
    let buttons = offered.iter().zip(titles).map(|(entry, title)| [entry.id.clone(), title]);
    Shape::Buttons { body, buttons: buttons.collect() }
}

/// The first line of several is the header, else the business is.
fn list(question: &str, offered: &[Offered], from: &str) -> Shape {
    let from = cut(from, HEADER_MAX);
    let (header, body) = match question.split_once('\n') {
        Some((first, rest)) if first.chars().count() <= HEADER_MAX && !rest.trim().is_empty() => {
            (first.to_owned(), rest.trim().to_owned())
        }
        _ => (from.clone(), question.to_owned()),
    };
    let titles = short_labels(offered, ROW_MAX);
    let rows = offered.iter().zip(titles).map(|(entry, title)| {
        // Without a description the gateway throws; the digit works typed as well.
        let whole = title == entry.label;
        let said = if whole { entry.line() } else { entry.label.clone() };
        [entry.id.clone(), title, cut(&said, DESCRIPTION_MAX)]
    });
    Shape::List { header, body, footer: from, rows: rows.collect() }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(labels: &[&str]) -> Vec<Offered> {
        let entry = |(n, label): (usize, &&str)| Offered {
            id: format!("4.{}", n + 1),
            label: (*label).to_owned(),
        };
        labels.iter().enumerate().map(entry).collect()
    }

    fn shown(question: &str, offered: &[Offered]) -> String {
        let lines: Vec<_> = offered.iter().map(Offered::line).collect();
        format!("{question}\n{}", lines.join("\n"))
    }

    fn shape(form: &str, question: &str, labels: &[&str]) -> Option<Shape> {
        let offered = offered(labels);
        Shape::of(form, &shown(question, &offered), &offered, "Studio Lua")
    }

    #[test]
    fn a_poll_asks_the_question_alone_and_offers_the_labels() {
        let poll = shape("poll", "O que vai ser?", &["Corte", "Cor"]);
        let options = vec!["Corte".to_owned(), "Cor".to_owned()];
        assert_eq!(poll, Some(Shape::Poll { name: "O que vai ser?".to_owned(), options }));
    }

    #[test]
    fn what_a_poll_cannot_hold_goes_as_text() {
        let long = "x".repeat(256);
        for (question, labels) in [
            ("One?", &["only"][..]),
            ("Same?", &["a", "a"]),
            (long.as_str(), &["a", "b"]),
            (
                "Long?",
                &[
                    "a",
                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                ],
            ),
        ] {
            assert_eq!(shape("poll", question, labels), None, "{labels:?}");
        }
        assert_eq!(shape("text", "Text?", &["a", "b"]), None);
    }

    #[test]
    fn up_to_three_choices_are_buttons_and_more_are_rows() {
        let three = shape("list", "Qual?", &["a", "b", "c"]).unwrap();
        assert_eq!(three.kind(), "buttons");
        let four = shape("list", "Qual?", &["a", "b", "c", "d"]).unwrap();
        assert_eq!(four.kind(), "list");
        let (_, body) = four.request();
        let row = &body["sections"][0]["rows"][3];
        assert_eq!(*row, json!({ "rowId": "4.4", "title": "d", "description": "4 d" }));
        assert_eq!(body["title"], "Studio Lua");
    }

    #[test]
    fn rows_and_buttons_are_cut_to_what_they_hold_and_stay_apart() {
        let labels = [
            "Quarta-feira, 11 de março, 15h",
            "Quarta-feira, 11 de março, 16h",
            "Quarta-feira, 11 de março, 17h",
            "Outro dia",
        ];
        let question = "Temos estes horários:\nQual prefere?";
        let Some(Shape::List { header, body, rows, .. }) = shape("list", question, &labels) else {
            panic!("no list")
        };
        assert_eq!((header.as_str(), body.as_str()), ("Temos estes horários:", "Qual prefere?"));
        assert_eq!(rows[1][1..], ["2 Quarta-feira, 11 de m…", labels[1]]);
        assert!(rows.iter().all(|[_, title, more]| {
            title.chars().count() <= ROW_MAX
                && (1..=DESCRIPTION_MAX).contains(&more.chars().count())
        }));
    }
}
