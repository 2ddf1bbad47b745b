//! Whether a report comes from the provider: `X-Twilio-Signature`.
//!
//! HMAC-SHA1, with the account's token, of the address that the provider was given, followed by each
//! parameter's name and value in order of the names.
//! <https://www.twilio.com/docs/usage/security#validating-requests>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Whether `given` is the signature of a report to `url` with these parameters.
pub fn is_signed(token: &str, url: &str, parameters: &[(String, String)], given: &str) -> bool {
    let expected = sign(token, url, parameters);
    expected.is_some_and(|expected| expected.as_bytes().ct_eq(given.trim().as_bytes()).into())
}

/// The signature of a report. `None` only for a key that HMAC does not take; it takes all.
pub fn sign(token: &str, url: &str, parameters: &[(String, String)]) -> Option<String> {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).ok()?;
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<(String, String)> {
        let pairs = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The example of the provider's documentation.
    #[test]
    fn the_providers_own_example_is_taken() {
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        let mut parameters = parameters();
        parameters.reverse();
        assert!(is_signed("12345", url, &parameters, "L/OH5YylLD5NRKLltdqwSvS0BnU="));
    }

    #[test]
    fn another_key_address_or_value_is_not_taken() {
        let url = "https://p.example/webhooks/sms?message=1";
        let good = sign("token", url, &parameters()).unwrap();
        assert!(is_signed("token", url, &parameters(), &good));
        let mut other = parameters();
        other[2].1.push('5');
        assert!(!is_signed("token", url, &other, &good));
        assert!(!is_signed("tokem", url, &parameters(), &good));
        assert!(!is_signed("token", "https://p.example/webhooks/sms", &parameters(), &good));
        assert!(!is_signed("token", url, &parameters(), ""));
    }
}
