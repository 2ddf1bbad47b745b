//! What an SMS costs: its segments (3GPP TS 23.038), and how a text is kept to a few.
//!
//! A text whose characters are all of GSM-7 has 160 of them in one SMS and 153 in each part of a
//! longer one; a single other character makes it UCS-2: 70 and 67.

use std::borrow::Cow;

/// More is not sent: each is paid for.
pub const MOST: usize = 3;

/// The basic set, in the order of the standard.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Taken as two.
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// How many SMS a text takes; 0: it is empty.
pub fn segments(text: &str) -> usize {
    match gsm_units(text) {
        Some(units) => parts(&units, 160, 153),
        None => parts(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

/// How many parts characters of these sizes fill; none is split between two.
fn parts(units: &[usize], alone: usize, joined: usize) -> usize {
    if units.iter().sum::<usize>() <= alone {
        return usize::from(!units.is_empty());
    }
    let (mut parts, mut used) = (1, 0);
    for unit in units {
        if used + unit > joined {
            parts += 1;
            used = 0;
        }
        used += unit;
    }
    parts
}

/// How many it takes with letters of GSM-7 in place of similar ones, as [`shortened`] puts them
/// before it cuts anything.
pub fn least_segments(text: &str) -> usize {
    let plain: String = text.chars().map(plain).collect();
    segments(text).min(segments(&plain))
}

/// The text in at most [`MOST`] segments: first with letters of GSM-7 in place of similar ones, which
/// more than doubles the room, and then cut at a word, with an ellipsis.
pub fn shortened(text: &str) -> Cow<'_, str> {
    if segments(text) <= MOST {
        return Cow::Borrowed(text);
    }
    let plain: String = text.chars().map(plain).collect();
    if segments(&plain) <= MOST {
        return Cow::Owned(plain);
    }
    let mut kept = plain.as_str();
    while let Some((at, _)) = kept.char_indices().next_back() {
        kept = &kept[..at];
        let cut = format!("{}...", at_a_word(kept));
        if segments(&cut) <= MOST {
            return Cow::Owned(cut);
        }
    }
    Cow::Owned(String::new())
}

/// The size of each character; `None`: some of it is not of GSM-7.
fn gsm_units(text: &str) -> Option<Vec<usize>> {
    text.chars()
        .map(|c| match c {
            c if BASIC.contains(c) => Some(1),
            c if EXTENDED.contains(c) => Some(2),
            _ => None,
        })
        .collect()
}

/// The letter of GSM-7 that reads the same, where there is one.
fn plain(c: char) -> char {
    match c {
        'á' | 'â' | 'ã' | 'ª' => 'a',
        'Á' | 'À' | 'Â' | 'Ã' => 'A',
        'ç' => 'c',
        'ê' | 'ë' => 'e',
        'È' | 'Ê' | 'Ë' => 'E',
        'í' | 'î' | 'ï' => 'i',
        'Í' | 'Ì' | 'Î' | 'Ï' => 'I',
        'ó' | 'ô' | 'õ' | 'º' | '°' => 'o',
        'Ó' | 'Ò' | 'Ô' | 'Õ' => 'O',
        'ú' | 'û' => 'u',
        'Ú' | 'Ù' | 'Û' => 'U',
        '\u{2018}' | '\u{2019}' | '´' | '`' => '\'',
        '\u{201c}' | '\u{201d}' | '«' | '»' => '"',
        '–' | '—' | '·' | '•' => '-',
        '\u{a0}' | '\u{202f}' | '\t' => ' ',
        '…' => '.',
        c => c,
    }
}

/// Without a word that was cut, unless it is all there is.
fn at_a_word(text: &str) -> &str {
    match text.rfind(char::is_whitespace) {
        Some(end) if end > text.len() / 2 => text[..end].trim_end(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_are_counted_as_they_are_paid() {
        #[rustfmt::skip]
        let cases = [
            (String::new(),            0),
            ("a".repeat(160),          1),
            ("a".repeat(161),          2),
            ("a".repeat(306),          2),
            ("a".repeat(307),          3),
            ("€".repeat(80),           1),
            ("€".repeat(81),           2),
            ("ã".repeat(70),           1),
            ("ã".repeat(71),           2),
            ("ã".repeat(134),          2),
            ("ã".repeat(135),          3),
            // Two units each.
            ("🙂".repeat(35),          1),
            ("🙂".repeat(36),          2),
            // 66 units in a part, since none is split: 33 characters.
            ("🙂".repeat(66),          2),
            ("🙂".repeat(67),          3),
            ("€".repeat(152),          2),
            ("€".repeat(153),          3),
        ];
        for (text, expected) in cases {
            assert_eq!(
                segments(&text),
                expected,
                "{} of {:?}",
                text.chars().count(),
                text.chars().next()
            );
        }
    }

    #[test]
    fn letters_are_plain_only_where_the_room_is_needed() {
        assert_eq!(shortened("Amanhã às 15h"), "Amanhã às 15h");
        let long = format!("Amanhã às 15h: {}", "corte e coloração, ".repeat(12));
        let short = shortened(&long);
        assert!(short.starts_with("Amanha às 15h: corte e coloracao"), "{short}");
        assert!(segments(&short) <= MOST);
        let cut = shortened(&"palavra ".repeat(100)).into_owned();
        assert!(cut.ends_with("palavra...") && segments(&cut) == MOST, "{cut}");
    }

    proptest! {
        #[test]
        fn whatever_is_said_it_fits(text in "\\PC{0,700}") {
            prop_assert!(segments(&shortened(&text)) <= MOST);
        }
    }
}
