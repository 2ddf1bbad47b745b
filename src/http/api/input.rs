//! Reading what a request says, every bad field named at once.
//!
//! A body is a [`JsonObject`], read through [`Fields`]; parameters come through [`Query`]. Both take
//! a reader for each name, so that one reader serves a field and a parameter alike, keep what is
//! wrong, and refuse what nobody asked for: a typing slip never passes silently.

mod read;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::problem::{FieldError, Problem};

pub(super) use read::{Read, choice, flag, key, string, text, timestamp, whole_number};

/// No honest request of this API is larger, in bytes.
const MAX_BODY: usize = 64 * 1024;

const MISSING: &str = "is missing";

/// The body of a request, an object.
#[derive(Debug)]
pub(super) struct JsonObject(pub(super) Map<String, Value>);

impl<S: Sync> FromRequest<S> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        refuse_other_types(&parts.headers)?;
        let bytes = whole(&parts.headers, body).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "not-an-object",
                "The body is no object",
                "Write {…} around the fields.",
            )),
            Err(error) => Err(not_json(&format!(
                "The body is no JSON text from line {}, column {} on.",
                error.line(),
                error.column()
            ))),
        }
    }
}

/// A request that names no type means JSON.
fn refuse_other_types(headers: &HeaderMap) -> Result<(), Problem> {
    let json = |value: &str| {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    };
    match headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) {
        None => Ok(()),
        Some(Ok(value)) if json(value) => Ok(()),
        Some(_) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body is not said to be JSON",
            "Send it with `Content-Type: application/json`.",
        )),
    }
}

async fn whole(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            "A request may have 64 KiB.",
        )
    };
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|error| {
        let limit = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if limit { too_large() } else { not_json("The body did not arrive whole.") }
    })
}

fn not_json(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not-json", "The body is not JSON", detail)
}

/// The fields of an object, taken one by one. `null` counts as not given.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Where the object stands in the body, with a dot at the end; empty for the body itself.
    path: String,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a JsonObject) -> Self {
        Self::at(String::new(), &body.0)
    }

    fn at(path: String, object: &'a Map<String, Value>) -> Self {
        Self { object, path, known: Vec::new(), errors: Vec::new() }
    }

    /// The value of a field; none: it is missing or wrong, and [`finish`](Self::finish) says so.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Read<T>,
    ) -> Option<T> {
        if self.given(name).is_none() {
            self.report(name, MISSING);
        }
        self.take(name, read)
    }

    /// The value of a field; none: it is not given, or wrong, and [`finish`](Self::finish) says so.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Read<T>,
    ) -> Option<T> {
        self.take(name, read)
    }

    /// Reads the fields of an object within; their errors have the path `name.field`.
    pub(super) fn required_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
    ) -> Option<T> {
        let object = self.required(name, object)?;
        self.within(name, object, read)
    }

    /// Reads a list of `least` to `most` objects; their errors have the path `name[0].field`.
    /// None if one of them is wrong.
    pub(super) fn required_objects<T>(
        &mut self,
        name: &'static str,
        least: usize,
        most: usize,
        mut read: impl FnMut(&mut Fields<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.required(name, |value| match value.as_array() {
            Some(list) if (least..=most).contains(&list.len()) => Ok(list),
            _ => Err(format!("is no list of {least} to {most} objects")),
        })?;
        let mut items = Vec::with_capacity(list.len());
        for (place, value) in list.iter().enumerate() {
            let name = format!("{name}[{place}]");
            match object(value) {
                Ok(object) => items.push(self.within(&name, object, &mut read)),
                Err(problem) => {
                    self.report(&name, problem);
                    items.push(None);
                }
            }
        }
        items.into_iter().collect()
    }

    /// Whether a field is given and not `null`; it counts as known from now on.
    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.given(name).is_some()
    }

    /// Adds what is wrong with a field for reasons that no reader knows. Within the body; a dotted
    /// path reaches further in.
    pub(super) fn report(&mut self, name: &str, problem: impl Into<String>) {
        self.errors
            .push(FieldError { field: format!("{}{name}", self.path), problem: problem.into() });
    }

    /// # Errors
    ///
    /// [`Problem::invalid`] with everything that was wrong, fields that nobody asked for included.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        self.close();
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// As [`finish`](Self::finish), giving what was made of the fields: none only if one was wrong.
    pub(super) fn finish_with<T>(self, made: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        made.ok_or_else(Problem::internal)
    }

    fn given(&mut self, name: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Read<T>,
    ) -> Option<T> {
        let value = self.given(name)?;
        read(value).map_err(|problem| self.report(name, problem)).ok()
    }

    fn within<T>(
        &mut self,
        name: &str,
        object: &'a Map<String, Value>,
        read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields::at(format!("{}{name}.", self.path), object);
        let made = read(&mut fields);
        fields.close();
        self.errors.append(&mut fields.errors);
        made
    }

    fn close(&mut self) {
        for name in self.object.keys() {
            if !self.known.contains(&name.as_str()) {
                self.report(&shown(name), unknown("field", &self.known));
            }
        }
    }
}

fn object(value: &Value) -> Read<&Map<String, Value>> {
    value.as_object().ok_or_else(|| "is no object".to_owned())
}

/// Somebody else's name for a field, cut to a length that an answer can hold.
fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

fn unknown(what: &str, known: &[&str]) -> String {
    match known {
        [] => format!("is unknown; there is no {what} here"),
        [one] => format!("is unknown; the one {what} is {one}"),
        many => format!("is unknown; known are {}", many.join(", ")),
    }
}

/// The parameters of a request, taken one by one.
#[derive(Debug)]
pub(super) struct Query {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Pairs are read from any text whatever.
        let given = axum::extract::Query::try_from_uri(&parts.uri).map(|query| query.0);
        Ok(Self { given: given.unwrap_or_default(), known: Vec::new(), errors: Vec::new() })
    }
}

impl Query {
    /// The value of a parameter; none: it is missing or wrong, and [`finish`](Self::finish) says so.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        if self.values(name).is_empty() {
            self.report(name, MISSING);
            return None;
        }
        self.optional(name, read)
    }

    /// The value of a parameter; none: not given, or wrong, and [`finish`](Self::finish) says so.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        match self.values(name).as_slice() {
            [] => None,
            [value] => read(value).map_err(|problem| self.report(name, problem)).ok(),
            _ => {
                self.report(name, "is given more than once");
                None
            }
        }
    }

    /// The values of a parameter that may come several times, or as one list with commas; empty: not
    /// given, or wrong, and [`finish`](Self::finish) says so.
    pub(super) fn list<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Read<T>) -> Vec<T> {
        let values = self.values(name);
        let all: Read<Vec<T>> =
            values.iter().flat_map(|value| value.split(',')).map(&read).collect();
        all.unwrap_or_else(|problem| {
            self.report(name, problem);
            Vec::new()
        })
    }

    /// Adds what is wrong with a parameter for reasons that no reader knows.
    pub(super) fn report(&mut self, name: &str, problem: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), problem: problem.into() });
    }

    /// # Errors
    ///
    /// [`Problem::invalid`] with everything that was wrong, unknown parameters included.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let mut strange: Vec<String> = self.given.iter().map(|(name, _)| shown(name)).collect();
        strange.retain(|name| !self.known.contains(&name.as_str()));
        strange.dedup();
        for name in strange {
            let problem = unknown("parameter", &self.known);
            self.report(&name, problem);
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// As [`finish`](Self::finish), giving what was made of the parameters: none only if one was
    /// wrong.
    pub(super) fn finish_with<T>(self, made: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        made.ok_or_else(Problem::internal)
    }

    fn values(&mut self, name: &'static str) -> Vec<String> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.given.iter().filter(|(given, _)| given == name).map(|(_, v)| v.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
