//! What a customer wrote, without what tells who they are.

use crate::domain::conversation::function_words::is_function_word;
use crate::domain::conversation::text::{folded_words, spelled_words};

/// Characters of a text that are passed on.
const TEXT_MAX: usize = 500;
/// As many digits in a row are a phone number, a document or a card; with signs between them too.
const DIGITS: usize = 8;
/// What may stand between the digits of one number. Dates have a slash and clocks a colon.
const WITHIN_NUMBER: [char; 7] = [' ', '-', '.', '(', ')', '+', '\u{a0}'];

/// The text without numbers of eight digits and more, addresses of e-mail and the customer's name.
pub(super) fn masked(text: &str, name: Option<&str>) -> String {
    let text = without_numbers(text);
    let names: Vec<String> = name
        .into_iter()
        .flat_map(|name| folded_words(name).into_iter().zip(spelled_words(name)))
        .filter(|(word, spelled)| word.chars().count() > 1 && !is_function_word(spelled))
        .map(|(word, _)| word)
        .collect();
    let words = text.split_whitespace().map(|word| {
        if is_address(word) {
            "[email]".to_owned()
        } else if folded_words(word).iter().any(|part| names.contains(part)) {
            "[name]".to_owned()
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ").chars().take(TEXT_MAX).collect()
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.'))
}

fn without_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_numeric()) {
        let (before, from) = rest.split_at(start);
        masked.push_str(before);
        let end = from
            .find(|c: char| !c.is_numeric() && !WITHIN_NUMBER.contains(&c))
            .unwrap_or(from.len());
        // Signs after the last digit belong to what follows.
        let number = from[..end].trim_end_matches(WITHIN_NUMBER);
        if number.chars().filter(|c| c.is_numeric()).count() >= DIGITS {
            masked.push_str("[number]");
        } else {
            masked.push_str(number);
        }
        rest = &from[number.len()..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_told_to_nobody() {
        #[rustfmt::skip]
        let cases = [
            ("me liga no (11) 98888-7777 por favor", "me liga no ([number] por favor"),
            ("+55 11 98888-7777", "+[number]"),
            ("cpf 123.456.789-09, tá?", "cpf [number], tá?"),
            ("meu zap ٠١٢٣٤٥٦٧٨", "meu zap [number]"),
            ("é a Marina Souza aqui", "é a [name] [name] aqui"),
            ("MARINA!", "[name]"),
            ("escreve pra marina.souza@correio.example ok", "escreve pra [email] ok"),
            ("dia 12/03/2026 14:45 dá?", "dia 12/03/2026 14:45 dá?"),
            ("às 15h30, mesa 4", "às 15h30, mesa 4"),
            ("uma coisa de cada vez", "uma coisa de cada vez"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text, Some("Marina de Souza 💕")), expected);
        }
        assert_eq!(masked("oi Marina", None), "oi Marina");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(masked(&"ã".repeat(900), None).chars().count(), TEXT_MAX);
    }
}
