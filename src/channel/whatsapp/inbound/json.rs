//! Reads any JSON text, also where `serde_json` and Postgres would refuse it.
//!
//! A body that the gateway takes for JSON must not be lost for a detail: half a surrogate pair, a
//! NUL, nesting without end, a number beyond every range. Such details are repaired in the text
//! before it is parsed.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

/// Nesting kept; deeper objects and arrays become `null`. The gateway's own bodies stay below 20.
const MAX_DEPTH: usize = 64;
/// Stands for what no text in Postgres can hold.
const REPLACEMENT: &str = "\\ufffd";
/// Beyond this a number is kept as a string, well before `f64` ends.
const MAX_NUMBER: f64 = 1e300;

/// The body is not JSON: not UTF-8, or against the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not JSON")]
pub struct NotJson;

/// Parses `body`. Of equal keys the last one counts. A byte order mark at the start is skipped.
pub(super) fn parse(body: &[u8]) -> Result<Value, NotJson> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = str::from_utf8(body).map_err(|_| NotJson)?;
    // The ordinary case first. An escaped backslash before `u0000` only costs the longer way.
    if !text.contains("\\u0000")
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    // This one walks without recursion, so that depth is no error.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| NotJson)?;
    Ok(serde_json::from_str(&repair(text)).unwrap_or_default())
}

/// Rewrites a text that is known to be JSON into one that `serde_json` and Postgres take.
fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(&byte) = rest.as_bytes().first() {
        let len = match byte {
            b'"' => string_len(rest),
            b'-' | b'0'..=b'9' => rest.len() - rest.trim_start_matches(is_number_part).len(),
            _ => 1,
        };
        // Outside of strings JSON is ASCII, so every cut is between characters.
        let (token, tail) = rest.split_at(len);
        rest = tail;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth <= MAX_DEPTH {
                    out.push_str(token);
                } else if depth == MAX_DEPTH + 1 {
                    out.push_str("null");
                }
            }
            b']' | b'}' => {
                if depth <= MAX_DEPTH {
                    out.push_str(token);
                }
                depth = depth.saturating_sub(1);
            }
            _ if depth > MAX_DEPTH => {}
            b'"' => out.push_str(&repair_string(token)),
            b'-' | b'0'..=b'9' => out.push_str(&repair_number(token)),
            _ => out.push_str(token),
        }
    }
    out
}

fn is_number_part(c: char) -> bool {
    matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')
}

/// Length in bytes of the string that `text` starts with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn repair_number(token: &str) -> Cow<'_, str> {
    match token.parse::<f64>() {
        Ok(number) if number.abs() < MAX_NUMBER => Cow::Borrowed(token),
        _ => Cow::Owned(format!("\"{token}\"")),
    }
}

/// Replaces escapes of NUL and of surrogates that are not in a pair.
fn repair_string(token: &str) -> Cow<'_, str> {
    if !token.contains("\\u") {
        return Cow::Borrowed(token);
    }
    let mut out = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let len = match code_unit(rest) {
            None => 2,
            Some(0xd800..=0xdbff) if matches!(code_unit(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0 | 0xd800..=0xdfff) => {
                out.push_str(REPLACEMENT);
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
        };
        // An escape is ASCII, as its grammar was checked before.
        let (escape, tail) = rest.split_at(len);
        out.push_str(escape);
        rest = tail;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The UTF-16 unit of the `\uXXXX` that `text` starts with, if it does.
fn code_unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_that_others_refuse_are_repaired() {
        let pair = "\u{1f600}";
        #[rustfmt::skip]
        let cases = [
            (r#"{"a":"x\u0000y"}"#,                 json!({ "a": "x\u{fffd}y" })),
            (r#"{"a":"x\\u0000y"}"#,                json!({ "a": "x\\u0000y" })),
            (r#"{"a":"\ud800"}"#,                   json!({ "a": "\u{fffd}" })),
            (r#"{"a":"\udc00\ud800x"}"#,            json!({ "a": "\u{fffd}\u{fffd}x" })),
            (r#"{"a":"\ud800\ud83d\ude00"}"#,       json!({ "a": format!("\u{fffd}{pair}") })),
            (r#"{"a":"\ud83d\\\ude00"}"#,           json!({ "a": "\u{fffd}\\\u{fffd}" })),
            (r#"{"\ud800":"\"\u00e9\/\n"}"#,        json!({ "\u{fffd}": "\"é/\n" })),
            (r#"{"a":1e999,"b":-1e999,"c":"\u0000"}"#,
             json!({ "a": "1e999", "b": "-1e999", "c": "\u{fffd}" })),
            (r#"{"a":1,"a":2}"#,                    json!({ "a": 2 })),
            ("\u{feff}{}",                          json!({})),
            (r#"[1,2.5e3,true,null,"\ud800"]"#,     json!([1, 2.5e3, true, null, "\u{fffd}"])),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nesting_without_end_is_cut_and_what_stands_beside_it_is_kept() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[[1],{\"b\":[", "]}]")] {
            let inner = if open.starts_with('{') { "1" } else { "" };
            let deep = format!("{}{inner}{}", open.repeat(20_000), close.repeat(20_000));
            let text = format!(r#"{{"before":"x","deep":{deep},"after":[1,2]}}"#);
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!((&value["before"], &value["after"]), (&json!("x"), &json!([1, 2])));
            let mut depth = 0;
            let mut at = &value["deep"];
            while let Some(inner) =
                at.as_array().and_then(|a| a.last()).or(at.get("a")).or(at.get("b"))
            {
                (at, depth) = (inner, depth + 1);
            }
            assert!((MAX_DEPTH - 2..=MAX_DEPTH).contains(&depth), "{open}: {depth}");
        }
    }

    #[test]
    fn what_is_against_the_grammar_is_no_json() {
        let refused: [&[u8]; 11] = [
            b"",
            b" ",
            b"{",
            b"{\"a\":}",
            b"nothing",
            b"{} {}",
            b"\"a\nb\"",
            b"\"\0\"",
            b"[1,]",
            b"\"\\u00g0\\u0000\"",
            b"\"\xff\"",
        ];
        for body in refused {
            assert_eq!(parse(body), Err(NotJson), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn an_ordinary_text_comes_out_of_the_repair_as_it_was() {
        let text = r#" {"a" : ["é😀", "\ud83d\ude00", -1.5e-3, {"b":[]}], "c":"\\\"" } "#;
        assert_eq!(repair(text), text);
    }
}
