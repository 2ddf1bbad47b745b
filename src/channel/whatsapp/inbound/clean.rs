//! What of a webhook body may be stored: no keys, no media, bounded in size.
//!
//! The gateway puts the instance's token into every body, and media, thumbnails and their keys
//! into some. None of these may reach a table or a log.

use serde_json::{Map, Value};

/// Longest string kept, in characters.
pub(super) const MAX_TEXT: usize = 4_096;
/// Most that a cleaned body takes when written as JSON, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting kept.
const MAX_DEPTH: usize = 24;
/// Stands for what was taken out where something has to stand.
const REMOVED: &str = "[removed]";
/// A token this short is no secret, and would be found in many an innocent word.
const MIN_SECRET: usize = 6;

/// Fields that are never kept, at any depth; compared in lower case, without `_` and `-`.
const DROPPED: [&str; 27] = [
    "apikey",
    "token",
    "accesstoken",
    "authorization",
    "jwtkey",
    "secret",
    "password",
    "hash",
    "base64",
    "jpegthumbnail",
    "thumbnail",
    "pngthumbnail",
    "thumbnaildirectpath",
    "mediakey",
    "filesha256",
    "fileencsha256",
    "thumbnailsha256",
    "thumbnailencsha256",
    "encpayload",
    "enciv",
    "messagesecret",
    "waveform",
    "streamingsidecar",
    "scanssidecar",
    // Of the envelope: addresses of the gateway and of ourselves; a URL may carry a secret.
    "destination",
    "serverurl",
    "directpath",
];

/// A copy of `value` that may be stored. `envelope` is the whole body, whose token is taken out
/// wherever else it may stand.
pub(super) fn clean(value: &Value, envelope: &Value) -> Value {
    let secrets = ["apikey", "api_key"]
        .iter()
        .filter_map(|key| envelope[key].as_str())
        .filter(|secret| secret.len() >= MIN_SECRET)
        .collect();
    Cleaner { secrets, left: MAX_BYTES }.copy(value, 0).unwrap_or(Value::Null)
}

/// The first [`MAX_TEXT`] characters of a text.
pub(super) fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_TEXT).map_or(text, |(at, _)| &text[..at])
}

struct Cleaner<'a> {
    secrets: Vec<&'a str>,
    /// Bytes that the copy may still take.
    left: usize,
}

impl Cleaner<'_> {
    /// `None` where the value does not fit any more: the field is left out.
    fn copy(&mut self, value: &Value, depth: usize) -> Option<Value> {
        match value {
            Value::Null | Value::Bool(_) => self.take(6).then(|| value.clone()),
            Value::Number(number) => self.take(number.to_string().len() + 1).then(|| value.clone()),
            Value::String(text) => self.text(text).map(Value::String),
            Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => {
                self.take(5).then_some(Value::Null)
            }
            Value::Array(items) => {
                if !self.take(3) {
                    return None;
                }
                // Everything after the first that does not fit is left out.
                Some(items.iter().map_while(|item| self.copy(item, depth + 1)).collect())
            }
            Value::Object(fields) => self.object(fields, depth),
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Option<Value> {
        if !self.take(3) {
            return None;
        }
        let mut copy = Map::new();
        for (name, value) in fields {
            if is_dropped(name) || is_bytes(value) {
                continue;
            }
            let room = self.left;
            let copied = self.text(name).filter(|_| self.take(1)).zip(self.copy(value, depth + 1));
            match copied {
                Some((name, value)) => {
                    copy.insert(name, value);
                }
                // A smaller field may still fit.
                None => self.left = room,
            }
        }
        Some(Value::Object(copy))
    }

    fn text(&mut self, text: &str) -> Option<String> {
        let text = if self.secrets.iter().any(|secret| text.contains(secret))
            || text.trim_start().starts_with("data:")
        {
            REMOVED
        } else {
            cut(text)
        };
        self.take(written_len(text)).then(|| text.to_owned())
    }

    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
        }
        fits
    }
}

/// Bytes of a string written as JSON, with quotes and a comma.
fn written_len(text: &str) -> usize {
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => 1,
            0..0x20 => 5,
            _ => 0,
        })
        .sum();
    text.len() + escapes + 3
}

fn is_dropped(name: &str) -> bool {
    // No name in the list is longer, so a longer one need not be copied to be compared.
    if name.len() > 40 {
        return false;
    }
    let name: String =
        name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    DROPPED.contains(&name.as_str())
}

/// Whether the value is a byte array, which the gateway writes as `{"0": 255, "1": 216}`.
fn is_bytes(value: &Value) -> bool {
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else { return false };
    fields.iter().all(|(name, byte)| {
        name.bytes().all(|b| b.is_ascii_digit()) && byte.as_u64().is_some_and(|byte| byte < 256)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_media_are_taken_out_at_any_depth() {
        let body = json!({
            "apikey": "TOKEN-B-2222",
            "destination": "http://here/hook?token=TOKEN-B-2222",
            "note": "see TOKEN-B-2222",
            "TOKEN-B-2222": 1,
            "data": { "message": {
                "base64": "aGVsbG8=", "conversation": "oi", "Api_Key": "x",
                "imageMessage": {
                    "caption": "guia", "mediaKey": { "0": 1 }, "media-key": "x",
                    "jpegThumbnail": "/9j/", "other": { "0": 255, "1": 216 },
                    "picture": "data:image/png;base64,AAAA", "list": [{ "token": "x", "n": 1 }],
                },
            } },
        });
        let expected = json!({
            "note": REMOVED,
            REMOVED: 1,
            "data": { "message": {
                "conversation": "oi",
                "imageMessage": { "caption": "guia", "picture": REMOVED, "list": [{ "n": 1 }] },
            } },
        });
        assert_eq!(clean(&body, &body), expected);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let body = json!({ "text": "é".repeat(10_000) });
        let text = clean(&body, &body)["text"].as_str().unwrap().to_owned();
        assert_eq!(text.chars().count(), MAX_TEXT);
    }

    #[test]
    fn the_whole_stays_within_its_bound_however_it_is_filled() {
        let key = |i: usize| format!("k{i:05}");
        #[rustfmt::skip]
        let cases = [
            ("texts",   json!((0..900).map(|_| "x".repeat(900)).collect::<Vec<_>>())),
            ("escapes", json!((0..900).map(|_| "\u{1}\"\\".repeat(300)).collect::<Vec<_>>())),
            ("numbers", json!((0..90_000).map(|i| f64::from(i) * 1.000_001).collect::<Vec<_>>())),
            ("nulls",   json!(vec![Value::Null; 90_000])),
            ("empties", json!(vec![json!([]); 90_000])),
            ("fields",  (0..90_000).map(|i| (key(i), json!({}))).collect::<Value>()),
        ];
        for (label, body) in cases {
            let written = clean(&body, &body).to_string().len();
            assert!(written <= MAX_BYTES, "{label}: {written}");
            assert!(written > MAX_BYTES / 3, "{label}: {written}");
        }
    }

    #[test]
    fn a_field_that_does_not_fit_leaves_room_for_one_that_does() {
        let body = json!({ "a": vec!["x".repeat(4_000); 20], "b": "small", "z": "last" });
        let copy = clean(&body, &body);
        assert!(copy["a"].as_array().is_some_and(|items| items.len() > 10));
        assert_eq!((&copy["b"], &copy["z"]), (&json!("small"), &json!("last")));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = (0..60).fold(json!("core"), |inner, _| json!([inner]));
        let text = clean(&deep, &deep).to_string();
        assert_eq!(text, format!("{}null{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)));
    }
}
