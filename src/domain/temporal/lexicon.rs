//! Words and phrases of one language, indexed for reading: exact first, then within a slip of the
//! finger.

use std::collections::HashMap;

use super::sense::Sense;

/// What a language file provides.
#[expect(clippy::struct_excessive_bools, reason = "each is one way in which languages differ")]
#[derive(Debug)]
pub struct Source {
    /// Senses, and the words and phrases that have them, separated by `|`: lower case, no accents.
    pub words: &'static [(&'static [Sense], &'static str)],
    /// What may be glued to digits, where it differs from the same word standing alone: `th`, `a`.
    pub suffixes: &'static [(&'static [Sense], &'static str)],
    /// Words of at least five letters that are recognised with slips of the finger.
    pub typos: &'static str,
    /// What a word may end in and mean the same: "noonish".
    pub endings: &'static str,
    /// Real words that are a slip away from one of `typos` and yet not meant as it.
    pub real_words: &'static str,
    /// Whether "10.30" is a time wherever it stands, decimals having a comma.
    pub dot_is_clock: bool,
    /// Whether "half three" is 3:30.
    pub half_before_hour: bool,
    /// Whether an article and a number are a day: "the 27", "on the first".
    pub article_names_day: bool,
    /// Whether a time's preposition also joins two times: "das 9 às 11".
    pub at_means_to: bool,
}

/// Shorter words have too many neighbours.
const SHORTEST_TYPO: usize = 5;

/// A language's words, ready for look-up.
#[derive(Debug)]
pub struct Lexicon {
    pub source: &'static Source,
    entries: HashMap<&'static str, Entry>,
    suffixes: HashMap<&'static str, &'static [Sense]>,
    typos: Vec<&'static str>,
    real_words: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Entry {
    alone: Option<&'static [Sense]>,
    /// The words after the first, longest phrase first.
    phrases: Vec<(Vec<&'static str>, &'static [Sense])>,
}

impl Lexicon {
    pub fn new(source: &'static Source) -> Self {
        let mut entries: HashMap<&'static str, Entry> = HashMap::new();
        for (senses, words) in source.words {
            for phrase in words.split('|') {
                let mut parts = phrase.split(' ');
                let entry = entries.entry(parts.next().unwrap_or_default()).or_default();
                let rest: Vec<_> = parts.collect();
                if rest.is_empty() {
                    entry.alone = Some(senses);
                } else {
                    entry.phrases.push((rest, senses));
                }
            }
        }
        for entry in entries.values_mut() {
            entry.phrases.sort_by_key(|(rest, _)| std::cmp::Reverse(rest.len()));
        }
        let suffixes = source.suffixes.iter();
        Self {
            source,
            entries,
            suffixes: suffixes
                .flat_map(|(senses, words)| words.split('|').map(move |word| (word, *senses)))
                .collect(),
            typos: source.typos.split('|').collect(),
            real_words: source.real_words.split('|').collect(),
        }
    }

    /// The senses of the longest phrase that starts with `first`, and how many further words it
    /// takes; `next(n)` is the n-th word after `first`, if words follow it directly.
    pub fn phrase<'t>(
        &self,
        first: &str,
        mut next: impl FnMut(usize) -> Option<&'t str>,
    ) -> Option<(&'static [Sense], usize)> {
        let entry = self.entries.get(first)?;
        for (rest, senses) in &entry.phrases {
            if rest.iter().enumerate().all(|(n, word)| next(n) == Some(word)) {
                return Some((senses, rest.len()));
            }
        }
        entry.alone.map(|senses| (senses, 0))
    }

    /// The senses of letters glued to digits.
    pub fn suffix(&self, letters: &str) -> Option<&'static [Sense]> {
        self.suffixes
            .get(letters)
            .copied()
            .or_else(|| self.entries.get(letters).and_then(|entry| entry.alone))
    }

    /// Whether a word only follows the name of a weekday.
    pub fn is_weekday_suffix(&self, word: &str) -> bool {
        self.senses(word).is_some_and(|senses| senses.contains(&Sense::WeekdaySuffix))
    }

    /// The senses of the one word that `word` is a slip of the finger away from.
    ///
    /// `certain`: what follows says that it is a weekday, so that it is no real word.
    pub fn typo(&self, word: &str, certain: bool) -> Option<&'static [Sense]> {
        let is_real = !certain && self.real_words.contains(&word);
        if word.len() < SHORTEST_TYPO - 1 || word.len() > 24 || is_real {
            return None;
        }
        for ending in self.source.endings.split('|') {
            let stem =
                word.strip_suffix(ending).filter(|stem| !ending.is_empty() && stem.len() > 2);
            if let Some(senses) = stem.and_then(|stem| self.senses(stem)) {
                return Some(senses);
            }
        }
        let mut best: Option<(usize, &'static str)> = None;
        for candidate in &self.typos {
            let budget = match candidate.len() {
                0..=4 => continue,
                5..=7 => 1,
                _ => 2,
            };
            // A slip rarely hits the first letter, unless the first two change places.
            let (a, b) = (word.as_bytes(), candidate.as_bytes());
            if a[0] != b[0] && !(a[0] == b[1] && a[1] == b[0]) {
                continue;
            }
            let Some(distance) = distance_within(a, b, budget) else { continue };
            let distance = distance * 2 + usize::from(a[0] != b[0]);
            match best {
                Some((least, other)) if least == distance && other != *candidate => {
                    // As near to two words: rather none, unless they mean the same.
                    if self.senses(other) != self.senses(candidate) {
                        return None;
                    }
                }
                Some((least, _)) if least < distance => {}
                _ => best = Some((distance, candidate)),
            }
        }
        self.senses(best?.1)
    }

    fn senses(&self, word: &str) -> Option<&'static [Sense]> {
        self.entries.get(word).and_then(|entry| entry.alone)
    }
}

/// Edits (a letter more, less or other, or two neighbours swapped) from `a` to `b`, if no more than
/// `budget`. Both at most 32 bytes.
fn distance_within(a: &[u8], b: &[u8], budget: usize) -> Option<usize> {
    const SIZE: usize = 33;
    if a.len().abs_diff(b.len()) > budget || a.len() >= SIZE || b.len() >= SIZE {
        return None;
    }
    let mut before = [0usize; SIZE];
    let mut above: [usize; SIZE] = std::array::from_fn(|j| j);
    for i in 1..=a.len() {
        let mut row = [0usize; SIZE];
        row[0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
            least = least.min(row[j]);
        }
        if least > budget {
            return None;
        }
        before = above;
        above = row;
    }
    Some(above[b.len()]).filter(|distance| *distance <= budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_with_swaps_as_one() {
        let cases = [
            ("thrusday", "thursday", Some(1)),
            ("juevs", "jueves", Some(1)),
            ("wendsday", "wednesday", Some(2)),
            ("friday", "friday", Some(0)),
            ("monkey", "monday", Some(2)),
            ("tomato", "tomorrow", None),
        ];
        for (a, b, distance) in cases {
            assert_eq!(distance_within(a.as_bytes(), b.as_bytes(), 2), distance, "{a}");
        }
    }
}
