//! A menu as data next to the text that ends with it: for polls, lists and buttons, and for what
//! comes back from them.
//!
//! The numbered text stays the base. Whatever shows the menu, an entry has one meaning, that of its
//! number: its id is what [`Menu::tapped`](super::Menu) reads.

use serde::{Deserialize, Serialize};

use super::menu::Menu;
use super::text::folded_words;

/// Characters of a list row's title, and of a button.
pub const ROW_MAX: usize = 24;
pub const BUTTON_MAX: usize = 20;

/// An entry of a menu that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// `<number of the menu>.<digit>`.
    pub id: String,
    pub label: String,
}

impl Offered {
    /// As the text has it: the digit first.
    pub fn line(&self) -> String {
        format!("{} {}", self.digit(), self.label)
    }

    fn digit(&self) -> &str {
        self.id.rsplit('.').next().unwrap_or_default()
    }
}

/// The entries of `menu`, if `text` shows it; none where it does not.
pub fn offered(menu: &Menu, text: &str) -> Vec<Offered> {
    let entries = menu.entries();
    let offered: Vec<Offered> = entries
        .map(|(digit, label)| Offered {
            id: format!("{}.{digit}", menu.number),
            label: label.to_owned(),
        })
        .collect();
    if question(text, &offered).is_some() { offered } else { Vec::new() }
}

/// `text` without the lines of its menu; `None`: it does not show one, or nothing else.
pub fn question(text: &str, offered: &[Offered]) -> Option<String> {
    if offered.is_empty() {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let menu: Vec<String> = offered.iter().map(Offered::line).collect();
    let at = lines.windows(menu.len()).rposition(|part| part.iter().eq(menu.iter()))?;
    let rest: Vec<&str> = lines[..at].iter().chain(&lines[at + menu.len()..]).copied().collect();
    let question = rest.join("\n").trim().to_owned();
    (!question.is_empty()).then_some(question)
}

/// Labels of at most `most` characters, each another one: what tells them apart stays.
pub fn short_labels(offered: &[Offered], most: usize) -> Vec<String> {
    let mut short: Vec<String> = Vec::with_capacity(offered.len());
    for entry in offered {
        let cut = cut_to(&entry.label, most);
        let label = if short.iter().any(|other| same(other, &cut)) {
            // The digit is one of its menu alone.
            let digit = entry.digit();
            let room = most.saturating_sub(digit.chars().count() + 1);
            format!("{digit} {}", cut_to(&entry.label, room))
        } else {
            cut
        };
        short.push(label);
    }
    short
}

/// The id of the entry that these words are, whole or as a row or a button shows them.
pub fn chosen<'a>(offered: &'a [Offered], said: &str) -> Option<&'a str> {
    let at = offered.iter().position(|entry| same(&entry.label, said)).or_else(|| {
        let cut_to = |most| short_labels(offered, most).iter().position(|label| same(label, said));
        [ROW_MAX, BUTTON_MAX].into_iter().find_map(cut_to)
    })?;
    Some(&offered[at].id)
}

/// The id of the entry that is typed below a menu: its digit alone, or its words.
pub fn typed<'a>(offered: &'a [Offered], said: &str) -> Option<&'a str> {
    let digit = said.trim().trim_end_matches(['.', ')', '\u{fe0f}', '\u{20e3}']);
    let by_digit = offered.iter().find(|entry| entry.digit() == digit).map(|entry| &*entry.id);
    by_digit.or_else(|| chosen(offered, said))
}

/// Whether two labels are one to whoever reads them.
fn same(one: &str, other: &str) -> bool {
    let words = folded_words(one);
    one.trim() == other.trim() || (!words.is_empty() && words == folded_words(other))
}

fn cut_to(label: &str, most: usize) -> String {
    if label.chars().count() <= most {
        return label.to_owned();
    }
    let cut: String = label.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::menu::Choice;
    use super::*;

    fn menu() -> Menu {
        let mut menu = Menu::default().numbered(7);
        menu.choice("Corte — R$ 80,00", Choice::NewBooking);
        menu.choice("Coloração", Choice::MyBookings);
        menu.person("Falar com uma pessoa");
        menu
    }

    fn of(labels: &[&str]) -> Vec<Offered> {
        let entry = |(n, label): (usize, &&str)| Offered {
            id: format!("3.{}", n + 1),
            label: (*label).to_owned(),
        };
        labels.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_menu_is_offered_where_the_text_shows_it_and_nowhere_else() {
        let text = "O que vai ser?\n1 Corte — R$ 80,00\n2 Coloração\n0 Falar com uma pessoa";
        let entries = offered(&menu(), text);
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["7.1", "7.2", "7.0"]);
        assert_eq!(question(text, &entries).as_deref(), Some("O que vai ser?"));
        for without in [
            "Até logo!",
            "O que vai ser?\n1 Corte — R$ 80,00",
            "1 Corte — R$ 80,00\n2 Coloração\n0 Falar com uma pessoa",
        ] {
            assert_eq!(offered(&menu(), without), [], "{without}");
        }
        assert_eq!(offered(&Menu::default(), text), []);
    }

    #[test]
    fn what_stands_around_a_menu_is_its_question() {
        let text = "Oi!\nEscolha:\n1 a\n2 b\nPosso ajudar?";
        assert_eq!(
            question(text, &of(&["a", "b"])).as_deref(),
            Some("Oi!\nEscolha:\nPosso ajudar?")
        );
    }

    #[test]
    fn cut_labels_stay_apart() {
        let entries = of(&[
            "Quarta-feira, 11 de março, 15h com Ana",
            "Quarta-feira, 11 de março, 15h30 com Ana",
            "Quarta-feira, 11 de março, 16h com Ana",
            "Outro",
        ]);
        for most in [ROW_MAX, BUTTON_MAX] {
            let short = short_labels(&entries, most);
            assert!(short.iter().all(|label| label.chars().count() <= most), "{short:?}");
            for (n, label) in short.iter().enumerate() {
                assert_eq!(chosen(&entries, label), Some(entries[n].id.as_str()), "{label}");
            }
        }
        assert_eq!(short_labels(&entries, ROW_MAX)[3], "Outro");
    }

    #[test]
    fn an_entry_may_be_typed_below_its_menu_by_digit_or_words() {
        let entries = of(&["Coloração", "Corte"]);
        for said in ["2", " 2. ", "2)", "2\u{fe0f}\u{20e3}", "corte"] {
            assert_eq!(typed(&entries, said), Some("3.2"), "{said}");
        }
        for said in ["3", "22", "", "quero cortar"] {
            assert_eq!(typed(&entries, said), None, "{said}");
        }
    }

    #[test]
    fn an_entry_is_known_by_its_whole_label_however_it_is_written() {
        let entries = of(&["Coloração", "Corte"]);
        assert_eq!(chosen(&entries, "coloracao"), Some("3.1"));
        assert_eq!(chosen(&entries, "Corte "), Some("3.2"));
        assert_eq!(chosen(&entries, "corte e coloração"), None);
        assert_eq!(chosen(&entries, ""), None);
        assert_eq!(chosen(&of(&["👍", "👎"]), "👎"), Some("3.2"));
    }
}
