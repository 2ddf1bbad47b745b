//! The code of a visit, as people read it out and type it.
//!
//! A code is five signs, or seven where a tenant has used up most of the short ones. The last sign
//! checks the others: a weighted sum modulo 31, the number of signs. 31 is prime and all weights
//! differ, so any one wrong sign and any two neighbours that changed places are noticed. The
//! database makes codes (`app.booking_code`); this reads them.
//!
//! `0 O 1 I L` are no signs, since they are mistaken for each other. Where one is typed, it stands
//! for a sign that looks like it. With one such sign at most one reading passes the check, and it
//! is the right one; with several, a reading counts only if no other passes.

use std::fmt;
use std::str::FromStr;

/// In the order of their values, from 0 to 30.
const SIGNS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// Characters that people put between signs.
const BETWEEN: [char; 6] = [' ', '\u{a0}', '-', '.', '#', '_'];

/// A well-formed code. Whether a visit has it is the database's to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(String);

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Slip {
    /// Signs are missing, or there are too many.
    #[error("a code has 5 or 7 letters and digits")]
    Length,
    /// A character that no code has.
    #[error("a code has letters and digits only")]
    Character,
    /// The check sign does not fit: something was mistyped.
    #[error("the code is mistyped: its last sign does not fit the others")]
    Mistyped,
}

impl Code {
    /// As it is stored and shown: capitals and digits alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads small letters, spaces, dashes, and look-alikes of what is left out.
///
/// # Examples
///
/// ```
/// use pontual::domain::code::{Code, Slip};
///
/// assert_eq!("k7f2-a".parse::<Code>().map(|code| code.to_string()), Ok("K7F2A".to_owned()));
/// assert_eq!("K7F2C".parse::<Code>(), Err(Slip::Mistyped));
/// ```
impl FromStr for Code {
    type Err = Slip;

    fn from_str(typed: &str) -> Result<Self, Slip> {
        let mut readings: Vec<&[u8]> = Vec::new();
        for character in typed.trim().chars().filter(|c| !BETWEEN.contains(c)) {
            readings.push(readings_of(character).ok_or(Slip::Character)?);
            if readings.len() > 7 {
                return Err(Slip::Length);
            }
        }
        if !matches!(readings.len(), 5 | 7) {
            return Err(Slip::Length);
        }
        let mut fitting = None;
        for reading in every_choice(&readings) {
            if is_checked(&reading) && fitting.replace(reading).is_some() {
                return Err(Slip::Mistyped);
            }
        }
        let signs = fitting.ok_or(Slip::Mistyped)?;
        Ok(Self(signs.into_iter().map(char::from).collect()))
    }
}

/// The signs that a typed character may stand for.
fn readings_of(character: char) -> Option<&'static [u8]> {
    let capital = character.to_ascii_uppercase();
    match capital {
        '0' | 'O' => Some(b"QD"),
        '1' | 'I' | 'L' => Some(b"J7"),
        _ => SIGNS.iter().position(|&sign| char::from(sign) == capital).map(|at| &SIGNS[at..=at]),
    }
}

/// All ways to take one sign of each place: at most 2⁷.
fn every_choice(places: &[&[u8]]) -> Vec<Vec<u8>> {
    places.iter().fold(vec![Vec::new()], |choices, place| {
        choices
            .iter()
            .flat_map(|begun| place.iter().map(|&sign| [begun.as_slice(), &[sign]].concat()))
            .collect()
    })
}

/// Whether the last sign is what the others, weighted 2, 3, 4 …, add up to modulo 31.
fn is_checked(signs: &[u8]) -> bool {
    let values = signs.iter().map(|sign| SIGNS.iter().position(|s| s == sign));
    let Some(values) = values.collect::<Option<Vec<_>>>() else { return false };
    let Some((&check, free)) = values.split_last() else { return false };
    let sum: usize = free.iter().zip(2..).map(|(value, weight)| value * weight).sum();
    sum % SIGNS.len() == check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(typed: &str) -> Result<String, Slip> {
        typed.parse().map(|code: Code| code.to_string())
    }

    /// A code with these free signs, made as the database makes it.
    fn coded(free: &[usize]) -> String {
        let sum: usize = free.iter().enumerate().map(|(i, value)| (i + 2) * value).sum();
        free.iter().chain([&(sum % 31)]).map(|&value| char::from(SIGNS[value])).collect()
    }

    fn code() -> impl Strategy<Value = String> {
        prop_oneof![Just(4_usize), Just(6)]
            .prop_flat_map(|length| prop::collection::vec(0..31_usize, length))
            .prop_map(|free| coded(&free))
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        #[rustfmt::skip]
        let cases = [
            ("K7F2A",       Ok("K7F2A")),
            ("k7f2a",       Ok("K7F2A")),
            (" k7f-2a ",    Ok("K7F2A")),
            ("#K7 F2 A",    Ok("K7F2A")),
            ("K7.F2\u{a0}a", Ok("K7F2A")),
            ("K7F2C",       Err(Slip::Mistyped)),
            ("7KF2A",       Err(Slip::Mistyped)),
            ("K7F2",        Err(Slip::Length)),
            ("K7F2A9",      Err(Slip::Length)),
            ("K7F2AK7F2A",  Err(Slip::Length)),
            ("",            Err(Slip::Length)),
            ("K7F2é",       Err(Slip::Character)),
            ("K7F2/",       Err(Slip::Character)),
            // A sign that looks like 7 was typed; only 7 fits.
            ("KIF2A",       Ok("K7F2A")),
            ("kLf2a",       Ok("K7F2A")),
            // Neither Q nor D was it.
            ("K7O2A",       Err(Slip::Mistyped)),
        ];
        for (typed, expected) in cases {
            assert_eq!(read(typed), expected.map(str::to_owned), "{typed:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_code_is_read_back(code in code()) {
            prop_assert_eq!(read(&code), Ok(code.clone()));
            prop_assert_eq!(read(&code.to_lowercase()), Ok(code));
        }

        #[test]
        fn any_one_wrong_sign_is_noticed(code in code(), at in 0..7_usize, other in 0..31_usize) {
            let mut signs = code.into_bytes();
            let at = at % signs.len();
            prop_assume!(signs[at] != SIGNS[other]);
            signs[at] = SIGNS[other];
            prop_assert_eq!(read(std::str::from_utf8(&signs).unwrap()), Err(Slip::Mistyped));
        }

        #[test]
        fn any_two_swapped_neighbours_are_noticed(code in code(), at in 0..6_usize) {
            let mut signs = code.into_bytes();
            let at = at % (signs.len() - 1);
            prop_assume!(signs[at] != signs[at + 1]);
            signs.swap(at, at + 1);
            prop_assert_eq!(read(std::str::from_utf8(&signs).unwrap()), Err(Slip::Mistyped));
        }

        #[test]
        fn a_look_alike_is_read_as_the_right_sign_or_not_at_all(
            code in code(), at in 0..7_usize, typed in prop::sample::select(b"0OoIiLl1".to_vec()),
        ) {
            let mut signs = code.clone().into_bytes();
            let at = at % signs.len();
            signs[at] = typed;
            let got = read(std::str::from_utf8(&signs).unwrap());
            prop_assert!(got == Ok(code) || got == Err(Slip::Mistyped), "{:?}", got);
        }
    }
}
