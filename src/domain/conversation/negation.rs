//! Words that turn a verb around: "não quero cancelar" does not cancel.

use super::text::{Text, folded_words};
use super::turn::Turn;

/// Whether one of the phrases stands in a text with nothing that turns it around.
pub(super) fn says(turn: &Turn<'_>, text: &Text, phrases: &[&str]) -> bool {
    places(turn, text, phrases).into_iter().any(|turned| !turned)
}

/// Whether phrases stand in a text only turned around.
pub(super) fn denies(turn: &Turn<'_>, text: &Text, phrases: &[&str]) -> bool {
    let places = places(turn, text, phrases);
    !places.is_empty() && places.into_iter().all(|turned| turned)
}

/// For each place where a phrase stands in one clause of a text: whether it is turned around there.
fn places(turn: &Turn<'_>, text: &Text, phrases: &[&str]) -> Vec<bool> {
    let phrases: Vec<Vec<String>> = phrases.iter().map(|phrase| folded_words(phrase)).collect();
    let mut turned = Vec::new();
    // "No, cancel it" is two clauses; "no cancelar" is one.
    for clause in text.raw.split([',', '.', ';', ':', '!', '?', '\n']) {
        let words = folded_words(clause);
        for at in 0..words.len() {
            if phrases.iter().any(|phrase| !phrase.is_empty() && words[at..].starts_with(phrase)) {
                turned.push(is_turned(turn, &words[..at]));
            }
        }
    }
    turned
}

/// Whether the words before a verb end with one that turns it around and nothing of its own between.
fn is_turned(turn: &Turn<'_>, before: &[String]) -> bool {
    let is_of = |list: &[&str], word: &str| list.iter().any(|own| folded_words(own) == [word]);
    let mut back = before.iter().rev().skip_while(|word| {
        is_of(turn.words.negated_beside, word) && !is_of(turn.words.negators, word)
    });
    back.next().is_some_and(|word| is_of(turn.words.negators, word))
}
