//! Reading what people type: words without accents, case and punctuation.

use std::borrow::Cow;

/// A message as the customer wrote it and as its words.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) raw: String,
    words: Vec<String>,
    /// The same words with each ñ kept: where a language has one, "unas" is not "uñas".
    spelled: Vec<String>,
}

impl Text {
    pub(super) fn new(raw: &str) -> Self {
        Self { raw: raw.trim().to_owned(), words: folded_words(raw), spelled: spelled_words(raw) }
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// The words with each ñ kept, one for each of [`Text::words`].
    pub(super) fn spelled(&self) -> &[String] {
        &self.spelled
    }

    /// Whether the whole message is one of these.
    pub(super) fn is_any(&self, phrases: &[&str]) -> bool {
        !self.words.is_empty()
            && phrases
                .iter()
                .any(|phrase| words_in(phrase).eq(self.words.iter().map(String::as_str)))
    }

    /// Whether one of these stands somewhere in the message, as whole words.
    pub(super) fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.has(phrase))
    }

    /// Whether this stands somewhere in the message, as whole words.
    pub(super) fn has(&self, phrase: &str) -> bool {
        words_in(phrase).next().is_some()
            && (0..self.words.len()).any(|at| leading(&self.words[at..], phrase).is_some())
    }

    /// Whether the message is made of one or more of `all` and any of `beside` around them, in
    /// whatever order, and of nothing else.
    pub(super) fn is_any_beside(&self, all: &[&str], beside: &[&str]) -> bool {
        // Whether the words before each place can be so read, without one of `all` and with one.
        let mut reached = vec![(false, false); self.words.len() + 1];
        reached[0].0 = true;
        for at in 0..self.words.len() {
            let (without, with) = reached[at];
            if !without && !with {
                continue;
            }
            let rest = &self.words[at..];
            for words in all.iter().filter_map(|phrase| leading(rest, phrase)) {
                if words > 0 {
                    reached[at + words].1 = true;
                }
            }
            for words in beside.iter().filter_map(|phrase| leading(rest, phrase)) {
                let after = &mut reached[at + words];
                *after = (after.0 || without, after.1 || with);
            }
        }
        reached[self.words.len()].1
    }

    /// Whether the message begins with one of these.
    pub(super) fn begins_with_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| leading(&self.words, phrase).is_some())
    }

    /// The words without any of these single ones.
    pub(super) fn without(&self, words: &[&str]) -> Self {
        let left_out: Vec<String> = words.iter().flat_map(|word| folded_words(word)).collect();
        let kept: Vec<&str> =
            self.words.iter().filter(|w| !left_out.contains(w)).map(String::as_str).collect();
        Self::new(&kept.join(" "))
    }

    /// Whether a name stands in the message with one of the words in `before` leading to it, at most
    /// an article between: "com a Ana".
    pub(super) fn is_led_to(&self, name: &str, before: &[&str]) -> bool {
        let name = folded_words(name);
        if name.is_empty() {
            return false;
        }
        let leads = |word: &String| before.iter().any(|b| words_in(b).eq([word.as_str()]));
        (1..self.words.len()).any(|at| {
            self.words[at..].starts_with(&name)
                && self.words[at.saturating_sub(2)..at].iter().any(leads)
        })
    }

    /// The message without a name that follows one of the words in `before` ("with Ana"), so that
    /// names which are dates as well ("Abril") are not read twice.
    pub(super) fn raw_without(&self, name: &str, before: &[&str]) -> String {
        let name = folded_words(name);
        let words: Vec<&str> = self.raw.split_whitespace().collect();
        let folded: Vec<String> = words.iter().map(|word| folded_words(word).concat()).collect();
        let at = |i: usize| folded[i..].starts_with(&name);
        let joined = |word: &String| before.iter().any(|b| folded_words(b).concat() == *word);
        let Some(start) = (0..folded.len()).find(|&i| at(i)) else { return self.raw.clone() };
        let mut first = start;
        // "com a Ana": up to two words lead to a name.
        for back in 1..=2 {
            if start >= back && joined(&folded[start - back]) {
                first = start - back;
            }
        }
        let rest = words[..first].iter().chain(&words[start + name.len()..]);
        rest.copied().collect::<Vec<_>>().join(" ")
    }
}

/// How many words `words` begins with that are those of a phrase.
fn leading(words: &[String], phrase: &str) -> Option<usize> {
    let mut rest = words.iter();
    let mut wanted = words_in(phrase);
    wanted
        .all(|word| rest.next().is_some_and(|said| word == said.as_str()))
        .then(|| words.len() - rest.len())
}

/// As [`folded_words`], one after the other. Each message is compared with hundreds of phrases that
/// are written in small letters without accents: those cost no memory.
fn words_in(phrase: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let drawn_out = |letters: &[u8]| letters[0] == letters[1] && letters[1] == letters[2];
    let plain = phrase.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b' ')
        && !phrase.as_bytes().windows(3).any(drawn_out);
    let (plain, other) = if plain { (phrase, Vec::new()) } else { ("", folded_words(phrase)) };
    let plain = plain.split_ascii_whitespace();
    let plain = plain.map(|word| Cow::Borrowed(full_form(word).unwrap_or(word)));
    plain.chain(other.into_iter().map(Cow::Owned))
}

/// The words of a text: small letters, no accents, punctuation as gaps.
pub(super) fn folded_words(text: &str) -> Vec<String> {
    words_by(text, without_accent)
}

/// The words of a text as [`folded_words`], with each ñ kept. A tilde that stands by itself is not
/// seen.
pub(super) fn spelled_words(text: &str) -> Vec<String> {
    words_by(text, |letter| if letter == 'ñ' { letter } else { without_accent(letter) })
}

fn words_by(text: &str, fold: fn(char) -> char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            // Combining accents, the parts of a keycap emoji, skin tones, zero-width joiner.
            '\u{300}'..='\u{36f}'
            | '\u{fe0e}'..='\u{fe0f}'
            | '\u{20e3}'
            | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{200d}' => {}
            // The only pictures that answer a question; others are ornaments.
            '👍' | '👎' | '👌' | '✅' | '✔' => {
                words.extend((!word.is_empty()).then(|| in_full(&std::mem::take(&mut word))));
                words.push(if letter == '👎' { "👎" } else { "👍" }.to_owned());
            }
            letter if letter.is_alphanumeric() => word.push(fold(letter)),
            // "don't" and "l'orario" are one word; everything else ends one.
            '\'' | '’' => {}
            _ => words.extend((!word.is_empty()).then(|| in_full(&std::mem::take(&mut word)))),
        }
    }
    words.extend((!word.is_empty()).then(|| in_full(&word)));
    words
}

/// A word without its drawn-out letters ("simmm") and, where it is a short form that chats have for
/// one word, as that word. Forms that are words of another language stay.
fn in_full(word: &str) -> String {
    let mut letters: Vec<char> = Vec::new();
    for run in word.chars().collect::<Vec<_>>().chunk_by(|a, b| a == b) {
        let drawn_out = run.len() >= 3 && run[0].is_alphabetic();
        letters.extend(if drawn_out { &run[..1] } else { run });
    }
    let word: String = letters.into_iter().collect();
    full_form(&word).map_or(word, str::to_owned)
}

/// What a short form of chats stands for.
fn full_form(word: &str) -> Option<&'static str> {
    Some(match word {
        "vc" => "voce",
        "vcs" => "voces",
        "q" => "que",
        "msm" => "mesmo",
        "tbm" | "tb" => "tambem",
        "pfv" | "pfvr" | "pfr" => "favor",
        "vdd" => "verdade",
        "ctz" => "certeza",
        "qto" => "quanto",
        "hj" => "hoje",
        "tmb" => "tambien",
        "dnd" => "donde",
        "pls" | "plz" => "please",
        "appt" => "appointment",
        "appts" => "appointments",
        _ => return None,
    })
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' | 'ª' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'º' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        'ý' | 'ÿ' => 'y',
        other => other,
    }
}

/// Whether two folded words are the same but for one slip of the finger or a plural. Short words
/// have no slips, and the shortest no plurals: too many of them are other words.
pub(super) fn alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() == short.len() + 1 && long.last() == Some(&'s') && long.starts_with(short) {
        return short.len() >= 4;
    }
    short.len() >= 5 && long.len() - short.len() <= 1 && one_edit(short, long)
}

/// Whether one letter less, other or swapped with its neighbour makes `long` of `short`.
fn one_edit(short: &[char], long: &[char]) -> bool {
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    if short.len() < long.len() {
        return short[same..] == long[same + 1..];
    }
    let swapped = same + 1 < short.len()
        && short[same] == long[same + 1]
        && short[same + 1] == long[same]
        && short[same + 2..] == long[same + 2..];
    swapped || (same < short.len() && short[same + 1..] == long[same + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_phrase_are_the_same_one_after_the_other() {
        let phrases = [
            "",
            " ",
            "por favor",
            "pfv  vc",
            "Olá, você!",
            "uñas",
            "simmm",
            "a  b",
            "👍",
            "10h",
            "don't",
        ];
        for phrase in phrases {
            assert_eq!(words_in(phrase).collect::<Vec<_>>(), folded_words(phrase), "{phrase}");
        }
    }

    #[test]
    fn accents_case_and_punctuation_do_not_count() {
        for text in ["NÃO", "nao!", " não. ", "na\u{303}o"] {
            assert!(Text::new(text).is_any(&["não"]), "{text}");
        }
        assert!(!Text::new("não sei").is_any(&["não"]));
        assert!(!Text::new("").is_any(&[""]));
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        assert!(Text::new("can I move it to friday?").has("move"));
        assert!(!Text::new("remove it").has("move"));
    }

    #[test]
    fn a_yes_may_have_polite_company_and_nothing_else() {
        let said = |text: &str| Text::new(text).is_any_beside(&["sim", "ok"], &["por", "favor"]);
        assert!(said("Sim, por favor!") && said("ok sim") && said("por favor, sim"));
        assert!(!said("sim, mas às 16h") && !said("por favor"));
    }

    #[test]
    fn drawn_out_letters_and_short_forms_are_read_as_the_word() {
        for (chat, word) in [("Simmmm", "sim"), ("vcs", "vocês"), ("pls", "please"), ("👌", "👍")]
        {
            assert_eq!(folded_words(chat), folded_words(word), "{chat}");
        }
        for kept in ["1000", "111", "yess", "soon"] {
            assert_eq!(folded_words(kept), [kept]);
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_forgiven_in_longer_words() {
        for (a, b) in [("haircut", "haircutt"), ("manicure", "mancure"), ("cortes", "corte")] {
            assert!(alike(a, b) && alike(b, a), "{a} {b}");
        }
        for (a, b) in [("haircut", "hiarcut"), ("haircut", "heircut")] {
            assert!(alike(a, b), "{a} {b}");
        }
        let others = [("cor", "cortes"), ("cut", "cat"), ("color", "calar"), ("una", "unas")];
        for (a, b) in others {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_name_alone_is_not_led_to() {
        assert!(Text::new("corte com a Ana").is_led_to("Ana", &["com"]));
        assert!(!Text::new("aqui é a Ana").is_led_to("Ana", &["com"]));
        assert!(!Text::new("Ana").is_led_to("Ana", &["com"]));
    }

    #[test]
    fn a_name_is_taken_out_with_what_leads_to_it() {
        let text = Text::new("amanhã às 15h com a Ana, pode?");
        assert_eq!(text.raw_without("Ana", &["com"]), "amanhã às 15h pode?");
        assert_eq!(text.raw_without("Bruno", &["com"]), "amanhã às 15h com a Ana, pode?");
    }
}
