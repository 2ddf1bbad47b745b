//! Whether a webhook comes from the gateway: three ways to prove it, any of several secrets.
//!
//! | header | proves |
//! | --- | --- |
//! | `authorization: Bearer <JWT>` | HS256 with a secret as key; what the gateway makes of `headers.jwt_key` |
//! | `x-webhook-secret: <secret>` | knowledge of the secret; for `headers` set verbatim |
//! | `x-signature: sha256=<hex>` | HMAC-SHA256 of the raw body; for proxies that sign |
//!
//! The gateway makes a token once an event and repeats it for all tries of 20 minutes, beyond the
//! `exp` it puts there. To answer 401 loses the message for ever, so `exp` is not looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// How long after its `iat` a token is taken.
const TOKEN_AGE: TimeDelta = TimeDelta::minutes(60);
/// How far the gateway's clock may be ahead of ours.
const CLOCK_AHEAD: TimeDelta = TimeDelta::minutes(5);
/// A token of the gateway has about 180 bytes.
const MAX_TOKEN: usize = 4096;

/// Whether one of `secrets` authenticates the request. Empty secrets never do.
///
/// `body` is the raw body, `now` decides whether a token is too old. Each header is checked by
/// itself: a wrong one beside a right one does no harm. Time taken does not depend on how much of
/// a secret was guessed.
pub fn authenticated(
    secrets: &[String],
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> bool {
    let mut proven = Choice::from(0);
    for secret in secrets.iter().map(|secret| secret.trim().as_bytes()) {
        if secret.is_empty() {
            continue;
        }
        for value in headers.get_all("x-webhook-secret") {
            proven |= value.as_bytes().ct_eq(secret);
        }
        for value in headers.get_all("x-signature") {
            proven |= body_is_signed(secret, value.as_bytes(), body);
        }
        for value in headers.get_all(AUTHORIZATION) {
            proven |= token_is_valid(secret, value.as_bytes(), now);
        }
    }
    proven.into()
}

/// HMAC-SHA256 of `message`. Any length of key is right for HMAC.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

fn body_is_signed(secret: &[u8], header: &[u8], body: &[u8]) -> Choice {
    let given = header.strip_prefix(b"sha256=").and_then(bytes_of_hex);
    match (given, hmac_sha256(secret, body)) {
        (Some(given), Some(expected)) => given.ct_eq(&expected),
        _ => Choice::from(0),
    }
}

fn bytes_of_hex(hex: &[u8]) -> Option<[u8; 32]> {
    if hex.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let digits = str::from_utf8(pair).ok().filter(|d| !d.starts_with('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    /// Seconds since 1970; some libraries write a fraction.
    iat: f64,
}

fn token_is_valid(secret: &[u8], header: &[u8], now: DateTime<Utc>) -> Choice {
    let Some(token) = bearer_token(header) else { return Choice::from(0) };
    let Some((signed, signature)) = token.rsplit_once('.') else { return Choice::from(0) };
    let (Ok(given), Some(expected)) =
        (URL_SAFE_NO_PAD.decode(signature), hmac_sha256(secret, signed.as_bytes()))
    else {
        return Choice::from(0);
    };
    // What the token says is looked at only now that its signature is known to be right.
    let right = given.ct_eq(&expected);
    if bool::from(right) && is_current(signed, now) { right } else { Choice::from(0) }
}

fn bearer_token(header: &[u8]) -> Option<&str> {
    let header = str::from_utf8(header).ok().filter(|header| header.len() <= MAX_TOKEN)?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the signed part says HS256 and was issued lately.
fn is_current(signed: &str, now: DateTime<Utc>) -> bool {
    fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Option<T> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
    }
    let Some((header, claims)) = signed.split_once('.') else { return false };
    let (Some(header), Some(claims)) = (part::<TokenHeader>(header), part::<Claims>(claims)) else {
        return false;
    };
    // Beyond these a conversion to a date would not be exact, and the token is absurd anyway.
    if header.alg != "HS256" || !(0.0..1e11).contains(&claims.iat) {
        return false;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1e11, see above")]
    let issued = DateTime::from_timestamp(claims.iat as i64, 0);
    issued.is_some_and(|at| at - CLOCK_AHEAD <= now && now <= at + TOKEN_AGE)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const SECRET: &str = "super-secret-jwt-key";
    /// The token of a delivery recorded from the gateway, `iat` 1795395711.
    const RECORDED: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUzOTU3MTEsImV4cCI6MTc5NTM5NjMxMSwiYXBwIjoiZXZvbHV0aW9uIiwiYWN0aW9uIjoid2ViaG9vayJ9.JMfJvNCGdUembfWChN-Uz0I0XNUPNW9MkvL3Rg0L5sY";
    const IAT: i64 = 1_795_395_711;

    fn after_iat(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(IAT + seconds, 0).unwrap()
    }

    fn secrets(list: &[&str]) -> Vec<String> {
        list.iter().map(|&secret| secret.to_owned()).collect()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    fn bearer(key: &str, header: &str, claims: &str) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = hmac_sha256(key.as_bytes(), signed.as_bytes()).unwrap();
        format!("Bearer {signed}.{}", encode(&signature))
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }

    #[test]
    fn a_recorded_token_is_taken_for_an_hour_whatever_its_exp() {
        let headers = headers("authorization", RECORDED);
        #[rustfmt::skip]
        let cases = [
            (-301,  false), // issued in a future that no clock's drift explains
            (-300,  true),
            (0,     true),
            (601,   true),  // beyond its exp, within the gateway's tries
            (3600,  true),
            (3601,  false),
        ];
        for (age, expected) in cases {
            let got = authenticated(&secrets(&[SECRET]), &headers, b"{}", after_iat(age));
            assert_eq!(got, expected, "{age} s after iat");
        }
    }

    #[test]
    fn any_of_several_secrets_authenticates() {
        let headers = headers("authorization", RECORDED);
        let now = after_iat(1);
        assert!(authenticated(&secrets(&["new", SECRET]), &headers, b"", now));
        assert!(authenticated(&secrets(&[SECRET, "old"]), &headers, b"", now));
        assert!(!authenticated(&secrets(&["new", "old"]), &headers, b"", now));
        assert!(!authenticated(&[], &headers, b"", now));
    }

    #[test]
    fn a_token_of_another_algorithm_is_refused_even_if_its_signature_is_right() {
        let claims = format!(r#"{{"iat":{IAT}}}"#);
        for (header, expected) in [
            (r#"{"alg":"HS256","typ":"JWT"}"#, true),
            (r#"{"alg":"none"}"#, false),
            (r#"{"alg":"HS512"}"#, false),
            (r#"{"alg":"hs256"}"#, false),
            (r#"{"typ":"JWT"}"#, false),
        ] {
            let headers = headers("authorization", &bearer(SECRET, header, &claims));
            let got = authenticated(&secrets(&[SECRET]), &headers, b"", after_iat(0));
            assert_eq!(got, expected, "{header}");
        }
    }

    #[test]
    fn a_token_without_a_sound_iat_is_refused() {
        for claims in [
            "{}",
            r#"{"iat":null}"#,
            r#"{"iat":"1795395711"}"#,
            r#"{"iat":1e300}"#,
            r#"{"iat":-1}"#,
            r#"{"exp":1795396311}"#,
            "not json",
        ] {
            let token = bearer(SECRET, r#"{"alg":"HS256"}"#, claims);
            let headers = headers("authorization", &token);
            assert!(!authenticated(&secrets(&[SECRET]), &headers, b"", after_iat(0)), "{claims}");
        }
    }

    #[test]
    fn malformed_authorization_is_refused() {
        let long = format!("Bearer {}", "a.".repeat(4000));
        let unsigned = RECORDED.rsplit_once('.').unwrap().0;
        for value in ["", "Bearer", "Bearer ", "Bearer a", "Bearer ..", SECRET, &long, unsigned] {
            let headers = headers("authorization", value);
            assert!(!authenticated(&secrets(&[SECRET]), &headers, b"", after_iat(0)), "{value}");
        }
    }

    #[test]
    fn a_verbatim_secret_must_be_whole() {
        let now = after_iat(0);
        for (value, expected) in
            [("s3cret", true), ("s3cre", false), ("s3cret2", false), ("S3CRET", false), ("", false)]
        {
            let headers = headers("x-webhook-secret", value);
            assert_eq!(
                authenticated(&secrets(&["s3cret"]), &headers, b"", now),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn a_signature_is_over_the_raw_body() {
        let body = br#"{"event":"messages.upsert"}"#;
        let good = format!("sha256={}", hex(&hmac_sha256(b"s3cret", body).unwrap()));
        let now = after_iat(0);
        let check = |value: &str, body: &[u8]| {
            authenticated(&secrets(&["s3cret"]), &headers("x-signature", value), body, now)
        };
        assert!(check(&good, body));
        assert!(check(&format!("sha256={}", good[7..].to_uppercase()), body));
        assert!(!check(&good, br#"{"event":"messages.upsert" }"#));
        assert!(!check(&good[7..], body));
        assert!(!check(&good[..70], body));
        assert!(!check(&format!("sha256={}", "é".repeat(32)), body));
    }

    #[test]
    fn a_signature_is_made_of_hexadecimal_digits_alone() {
        // One with a byte below 16, which `+a` would be another way to write.
        let (body, good) = (0..100)
            .map(|n: i32| n.to_string())
            .map(|body| (hex(&hmac_sha256(b"s3cret", body.as_bytes()).unwrap()), body))
            .find_map(|(hex, body)| hex.starts_with('0').then_some((body, hex)))
            .unwrap();
        let check = |hex: &str| {
            let headers = headers("x-signature", &format!("sha256={hex}"));
            authenticated(&secrets(&["s3cret"]), &headers, body.as_bytes(), after_iat(0))
        };
        assert!(check(&good));
        assert!(!check(&good.replacen('0', "+", 1)));
    }

    #[test]
    fn a_published_test_vector_of_hmac_sha256_is_met() {
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?").unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac), expected);
    }

    #[test]
    fn empty_secrets_never_match() {
        let now = after_iat(0);
        let empty = secrets(&["", "  "]);
        let claims = format!(r#"{{"iat":{IAT}}}"#);
        let signature = format!("sha256={}", hex(&hmac_sha256(b"", b"{}").unwrap()));
        let token = bearer("", r#"{"alg":"HS256"}"#, &claims);
        assert!(!authenticated(&empty, &headers("x-webhook-secret", ""), b"{}", now));
        assert!(!authenticated(&empty, &headers("x-signature", &signature), b"{}", now));
        assert!(!authenticated(&empty, &headers("authorization", &token), b"{}", now));
    }

    #[test]
    fn a_wrong_header_beside_a_right_one_does_no_harm() {
        let mut headers = headers("authorization", "Bearer of.no.worth");
        headers.insert("x-webhook-secret", HeaderValue::from_static("s3cret"));
        assert!(authenticated(&secrets(&["s3cret"]), &headers, b"", after_iat(0)));
    }
}
