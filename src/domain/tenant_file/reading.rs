//! Walks a TOML tree that knows its spans, and collects what is wrong with it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::values::expected;

/// The text that is read, and the problems found so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new() }
    }

    pub(super) fn report(&mut self, line: Option<usize>, field: String, reason: String) {
        self.problems.push(Problem { line, field, reason });
    }

    pub(super) fn report_syntax(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let line = self.line(&span);
        // Of a duplicate key the span is the key itself.
        let key = self.text.get(span).filter(|_| error.message().contains("duplicate"));
        let field = key.unwrap_or_default().to_owned();
        self.report(Some(line), field, format!("not valid TOML: {}", error.message()));
    }

    /// The file, if nothing was wrong with it, else every problem by line.
    pub(super) fn finish<T>(mut self, file: Option<T>) -> Result<T, Vec<Problem>> {
        match file {
            Some(file) if self.problems.is_empty() => Ok(file),
            _ => {
                self.problems.sort();
                self.problems.dedup();
                Err(self.problems)
            }
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }
}

/// A table of the file. Remembers what was asked for, so that [`Section::close`] can tell what
/// nobody knows.
pub(super) struct Section<'d> {
    /// Where the table stands in the file, empty for the whole file.
    path: String,
    line: Option<usize>,
    table: &'d DeTable<'d>,
    known: Vec<&'static str>,
}

/// An element of a list, with its path and line.
pub(super) struct Element<'d> {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) value: &'d DeValue<'d>,
}

impl<'d> Section<'d> {
    /// The whole file.
    pub(super) fn whole(table: &'d DeTable<'d>) -> Self {
        Self { path: String::new(), line: None, table, known: Vec::new() }
    }

    /// The table that an element of a list is; anything else is a problem.
    pub(super) fn of(
        reader: &mut Reader<'_>,
        element: &Element<'d>,
        example: &str,
    ) -> Option<Self> {
        let (path, line) = (element.path.clone(), Some(element.line));
        if let DeValue::Table(table) = element.value {
            Some(Self { path, line, table, known: Vec::new() })
        } else {
            reader.report(
                line,
                path,
                expected(&format!("a table, such as {example}"), element.value),
            );
            None
        }
    }

    /// Whether a field is written, well or not.
    pub(super) fn has(&self, field: &str) -> bool {
        self.find(field).is_some()
    }

    /// Whether a field is a table of its own.
    pub(super) fn is_table(&self, field: &str) -> bool {
        self.find(field).is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// The path of one of this table's fields.
    pub(super) fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// The line a field stands on, where it is written at all.
    pub(super) fn line_of(&self, reader: &Reader<'_>, field: &str) -> Option<usize> {
        self.find(field).map(|value| reader.line(&value.span())).or(self.line)
    }

    /// What `read` makes of a field that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        reader: &mut Reader<'_>,
        field: &'static str,
        read: impl Fn(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(field);
        let value = self.find(field)?;
        let outcome = read(value.get_ref());
        outcome
            .map_err(|reason| {
                let line = reader.line(&value.span());
                reader.report(Some(line), self.path_of(field), reason);
            })
            .ok()
    }

    /// What `read` makes of a field that must be there; `example` is how it may be written.
    pub(super) fn required<T>(
        &mut self,
        reader: &mut Reader<'_>,
        field: &'static str,
        example: &str,
        read: impl Fn(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<T> {
        if self.find(field).is_none() {
            self.known.push(field);
            let reason = format!("missing; write it such as {field} = {example}");
            reader.report(self.line, self.path_of(field), reason);
            return None;
        }
        self.optional(reader, field, read)
    }

    /// A table in this table; none where it is left out, or no table.
    pub(super) fn table(
        &mut self,
        reader: &mut Reader<'_>,
        field: &'static str,
        example: &str,
    ) -> Option<Self> {
        self.known.push(field);
        let value = self.find(field)?;
        let element = Element {
            path: self.path_of(field),
            line: reader.line(&value.span()),
            value: value.get_ref(),
        };
        Self::of(reader, &element, example)
    }

    /// The elements of a list; none where it is left out, or no list.
    pub(super) fn list(
        &mut self,
        reader: &mut Reader<'_>,
        field: &'static str,
        example: &str,
    ) -> Option<Vec<Element<'d>>> {
        self.known.push(field);
        let value = self.find(field)?;
        let path = self.path_of(field);
        let DeValue::Array(array) = value.get_ref() else {
            let reason = expected(&format!("a list, such as {example}"), value.get_ref());
            reader.report(Some(reader.line(&value.span())), path, reason);
            return None;
        };
        let elements = array.iter().enumerate().map(|(index, value)| Element {
            path: format!("{path}[{index}]"),
            line: reader.line(&value.span()),
            value: value.get_ref(),
        });
        Some(elements.collect())
    }

    /// Refuses every field that was not asked for.
    pub(super) fn close(self, reader: &mut Reader<'_>) {
        for key in self.table.keys() {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let reason = format!("unknown field; known here are {}", self.known.join(", "));
                let line = reader.line(&key.span());
                reader.report(Some(line), self.path_of(key.get_ref()), reason);
            }
        }
    }

    fn find(&self, field: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.get(field)
    }
}
