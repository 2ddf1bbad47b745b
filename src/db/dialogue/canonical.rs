//! The text of a document just as Postgres writes a `jsonb`, so that both make the same hash of it.
//!
//! Where the two should differ (numbers with exponents, say), a copy is taken for another one and
//! not used.

use std::fmt::Write as _;

use serde_json::Value;

/// `value` as `value::jsonb::text` has it: keys by length, then by bytes; a space after `:` and `,`.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<_> = fields.keys().collect();
            keys.sort_by_key(|key| (key.len(), *key));
            text.push('{');
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    text.push_str(", ");
                }
                write(text, &Value::String(key.clone()));
                text.push_str(": ");
                write(text, &fields[key]);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    text.push_str(", ");
                }
                write(text, item);
            }
            text.push(']');
        }
        // Both escape the same signs in the same way.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a string does not fail.
            let _ = write!(text, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_in_the_order_of_postgres() {
        let value =
            json!({ "bb": 1, "a": [1, { "z": null, "é": true }], "c": "x\"\n\u{1}é", "aa": {} });
        let expected = "{\"a\": [1, {\"z\": null, \"é\": true}], \"c\": \"x\\\"\\n\\u0001é\", \"aa\": {}, \"bb\": 1}";
        assert_eq!(text(&value), expected);
    }
}
