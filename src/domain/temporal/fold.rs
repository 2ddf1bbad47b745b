//! Letters as the lexicons write them: lower case, no accents, digits in ASCII.

/// Characters of a text that are looked at.
const LONGEST: usize = 500;

/// The first characters of `text`, folded. What is neither letter, digit nor ASCII becomes a space;
/// an apostrophe inside a word is left out ("o'clock").
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST * 2));
    let mut letters = text.chars().take(LONGEST).peekable();
    while let Some(letter) = letters.next() {
        if matches!(letter, '\'' | '’' | '‘' | '´' | '`') {
            let inside = out.ends_with(|before: char| before.is_alphabetic())
                && letters.peek().is_some_and(|next| next.is_alphabetic());
            if !inside {
                out.push('\'');
            }
        } else if letter.is_ascii() {
            out.push(letter.to_ascii_lowercase());
        } else {
            fold_letter(letter, &mut out);
        }
    }
    out
}

fn fold_letter(letter: char, out: &mut String) {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'Á' | 'À' | 'Â' | 'Ã' | 'Ä' | 'ª' => out.push('a'),
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => out.push('e'),
        'í' | 'ì' | 'î' | 'ï' | 'Í' | 'Ì' | 'Î' | 'Ï' => out.push('i'),
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'Ó' | 'Ò' | 'Ô' | 'Õ' | 'Ö' | 'º' | '°' => {
            out.push('o');
        }
        'ú' | 'ù' | 'û' | 'ü' | 'Ú' | 'Ù' | 'Û' | 'Ü' => out.push('u'),
        'ç' | 'Ç' => out.push('c'),
        'ñ' | 'Ñ' => out.push('n'),
        '–' | '—' | '−' | '‐' | '‑' => out.push('-'),
        '€' | '£' => out.push('$'),
        '½' => out.push_str(" 1/2"),
        '¼' => out.push_str(" 1/4"),
        // Combining marks: an accent written after its letter.
        '\u{300}'..='\u{36f}' => {}
        _ => match digit(letter) {
            Some(digit) => out.push(digit),
            None if letter.is_alphabetic() => out.extend(letter.to_lowercase()),
            None => out.push(' '),
        },
    }
}

/// The digits that phones and keyboards offer beside the ASCII ones: raised, lowered, full width.
fn digit(letter: char) -> Option<char> {
    let value = match letter {
        '¹' => 1,
        '²' => 2,
        '³' => 3,
        '\u{2070}' | '\u{2074}'..='\u{2079}' => u32::from(letter) - 0x2070,
        '\u{2080}'..='\u{2089}' => u32::from(letter) - 0x2080,
        '\u{ff10}'..='\u{ff19}' => u32::from(letter) - 0xff10,
        _ => return None,
    };
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_to_plain_lower_case() {
        let cases = [
            ("AMANHÃ às 15H", "amanha as 15h"),
            ("man\u{303}ana", "manana"),
            ("3 o’clock, 'ok'", "3 oclock, 'ok'"),
            ("²⁹/₀₅ １２", "29/05 12"),
            ("sexta 🙏 1º", "sexta   1o"),
        ];
        for (text, folded) in cases {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn no_more_than_the_first_characters_are_looked_at() {
        assert_eq!(fold(&"é".repeat(2 * LONGEST)).len(), LONGEST);
    }
}
