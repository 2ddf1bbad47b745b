//! The one form of a phone number that we store and compare: E.164, `+` and digits.
//!
//! WhatsApp and the gateway know some numbers in two forms, and answer in either:
//!
//! | country | forms seen | ours |
//! | --- | --- | --- |
//! | Brazil | `55 DD XXXXXXXX`, `55 DD 9XXXXXXXX` | with the 9, where the number is a mobile's |
//! | Mexico | `52 1 XXXXXXXXXX`, `52 XXXXXXXXXX` | without the 1 |
//! | Argentina | `54 XXXXXXXXXX`, `54 9 XXXXXXXXXX`, `54 AAA 15 XXXXXXX` | with the 9 |
//!
//! These are the numbers as dialled from abroad today, so that the same form serves SMS. In
//! Argentina mobiles and landlines cannot be told apart by their digits; who writes on WhatsApp
//! is taken to hold a mobile.

/// Shortest and longest E.164 number, in digits, country code included.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The canonical form of a number written with its country code: `+5511988887777`.
///
/// Takes what people and gateways write around digits: spaces, `+`, `00`, brackets, dots, dashes.
/// `None` where other characters appear, where there are fewer than 7 or more than 15 digits, or
/// where the number starts with a single 0, as none with a country code does.
///
/// # Examples
///
/// ```
/// use pontual::channel::whatsapp::phone::canonical;
///
/// assert_eq!(canonical("55 (11) 98888-7777").as_deref(), Some("+5511988887777"));
/// assert_eq!(canonical("553188887777").as_deref(), Some("+5531988887777"));
/// assert_eq!(canonical("ramal 12"), None);
/// ```
pub fn canonical(written: &str) -> Option<String> {
    let mut digits = String::with_capacity(DIGITS.end() + 1);
    for c in written.trim().chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '\u{a0}' | '+' | '(' | ')' | '-' | '.' | '/' => {}
            _ => return None,
        }
        // Two more for the prefix 00.
        if digits.len() > DIGITS.end() + 2 {
            return None;
        }
    }
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    if !DIGITS.contains(&digits.len()) || digits.starts_with('0') {
        return None;
    }
    Some(format!("+{}", with_todays_prefix(digits)))
}

/// Puts in, or takes out, the mobile prefix that the two forms of a number differ by.
fn with_todays_prefix(digits: &str) -> String {
    let (country, national) = digits.split_at(2);
    match (country, national.len(), national) {
        // Landlines begin with 2 to 5; no area code has a 0.
        ("55", 10, n) if matches!(n.as_bytes()[2], b'6'..=b'9') && !n[..2].contains('0') => {
            format!("55{}9{}", &n[..2], &n[2..])
        }
        ("52", 11, n) if n.starts_with('1') => format!("52{}", &n[1..]),
        ("54", 10, n) if !n.starts_with('9') => format!("549{n}"),
        ("54", 12, n) => without_15(n).map_or_else(|| digits.to_owned(), |n| format!("549{n}")),
        _ => digits.to_owned(),
    }
}

/// An Argentine mobile as it is dialled at home, area code, 15 and number, without the 15.
fn without_15(national: &str) -> Option<String> {
    // Area codes have two digits (Buenos Aires), three or four.
    let at = (2..=4).find(|at| national[*at..].starts_with("15"))?;
    Some(format!("{}{}", &national[..at], &national[at + 2..]))
}

/// The digits of a canonical number in every form that WhatsApp may know it by, ours first.
///
/// # Examples
///
/// ```
/// use pontual::channel::whatsapp::phone::forms;
///
/// assert_eq!(forms("+5531988887777"), ["5531988887777", "553188887777"]);
/// assert_eq!(forms("+14155550123"), ["14155550123"]);
/// ```
pub fn forms(canonical: &str) -> Vec<String> {
    let digits = canonical.trim_start_matches('+');
    let bytes = digits.as_bytes();
    let other = match (digits.get(..2), digits.len()) {
        (Some("55"), 13) if bytes[4] == b'9' => Some(format!("{}{}", &digits[..4], &digits[5..])),
        (Some("52"), 12) => Some(format!("521{}", &digits[2..])),
        (Some("54"), 13) if bytes[2] == b'9' => Some(format!("54{}", &digits[3..])),
        _ => None,
    };
    std::iter::once(digits.to_owned()).chain(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_number_come_to_one() {
        #[rustfmt::skip]
        let cases = [
            // Brazil: mobiles get their 9, landlines stay.
            ("5511988887777",        "+5511988887777"),
            ("551188887777",         "+5511988887777"),
            ("553188887777",         "+5531988887777"),
            ("5531988887777",        "+5531988887777"),
            ("552168887777",         "+5521968887777"),
            ("551133334444",         "+551133334444"),
            ("+55 (11) 98888-7777",  "+5511988887777"),
            ("0055 11 98888.7777",   "+5511988887777"),
            // Mexico: the 1 of old mobiles goes.
            ("5215512345678",        "+525512345678"),
            ("525512345678",         "+525512345678"),
            ("521551234567",         "+521551234567"),
            // Argentina: the 9 of mobiles comes.
            ("5491123456789",        "+5491123456789"),
            ("541123456789",         "+5491123456789"),
            ("54 11 15 2345-6789",   "+5491123456789"),
            ("54 351 15 234-5678",   "+5493512345678"),
            ("54 2966 15 23-4567",   "+5492966234567"),
            // Everywhere else: as it is.
            ("56987654321",          "+56987654321"),
            ("34612345678",          "+34612345678"),
            ("14155550123",          "+14155550123"),
            ("447911123456",         "+447911123456"),
        ];
        for (written, expected) in cases {
            assert_eq!(canonical(written).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn in_every_brazilian_area_old_mobiles_get_their_9_and_landlines_none() {
        for area in 11..=99_u32 {
            if area % 10 == 0 {
                continue;
            }
            for first in 2..=9 {
                let short = format!("55{area}{first}1234567");
                let long = format!("55{area}9{first}1234567");
                let landline = (2..=5).contains(&first);
                let expected = if landline { format!("+{short}") } else { format!("+{long}") };
                assert_eq!(canonical(&short), Some(expected), "{short}");
                assert_eq!(canonical(&long), Some(format!("+{long}")), "{long}");
                let forms = forms(&canonical(&short).unwrap());
                assert_eq!(forms.len(), if landline { 1 } else { 2 }, "{short}");
                assert!(forms.contains(&short), "{short}");
            }
        }
        // No area: not a Brazilian number that we know.
        assert_eq!(canonical("552088887777").as_deref(), Some("+552088887777"));
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form() {
        for written in ["551188887777", "5215512345678", "541123456789", "14155550123"] {
            let once = canonical(written).unwrap();
            assert_eq!(canonical(&once), Some(once.clone()), "{written}");
        }
    }

    #[test]
    fn every_form_of_a_number_has_the_same_canonical_form() {
        for (number, count) in [
            ("+5531988887777", 2),
            ("+551133334444", 1),
            ("+525512345678", 2),
            ("+5491123456789", 2),
            ("+14155550123", 1),
            ("+54é", 1),
        ] {
            let forms = forms(number);
            assert_eq!(forms.len(), count, "{number}");
            if number.is_ascii() {
                assert!(forms.iter().all(|form| canonical(form).as_deref() == Some(number)));
            }
        }
    }

    #[test]
    fn what_is_no_phone_number_is_refused() {
        let refused = [
            "",
            "+",
            "123456",
            "011988887777",
            "1203630252461258",
            "55119888x7777",
            "５５１１９８",
        ];
        for written in refused {
            assert_eq!(canonical(written), None, "{written}");
        }
    }
}
