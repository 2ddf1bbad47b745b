//! Turning a template and its values into a text.
//!
//! Templates are minijinja's with `{name}` for a value and `{% if name %}…{% endif %}` for what is
//! said only where there is one. Nothing else is taken from anybody (`overrides::check`), so that a
//! text cannot loop, call or read anything.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

use super::formal::formal;
use super::shipped;
use crate::domain::locale::Language;

/// Compiled once: the templates of every language, by `language/tone/key`.
static SHIPPED: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = empty();
    for language in Language::ALL {
        let informal = shipped(language).all().into_iter();
        let informal = informal.map(|(key, template, _)| (false, key, template));
        let formal = formal(language).iter().map(|&(key, template)| (true, key, template));
        for (is_formal, key, template) in informal.chain(formal) {
            environment
                .add_template_owned(name_of(language, is_formal, key), template)
                .expect("shipped templates are well-formed, which a test sees");
        }
    }
    environment
});

/// An environment without templates, filters, functions or ways to load anything.
pub(super) fn empty() -> Environment<'static> {
    let mut environment = Environment::empty();
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("{", "}")
        .block_delimiters("{%", "%}")
        .comment_delimiters("{#", "#}")
        .build()
        .expect("delimiters that differ");
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

/// The shipped template of `key`, filled: the formal one where that is wanted and there is one.
pub(super) fn ours(
    language: Language,
    is_formal: bool,
    key: &str,
    values: &[(&str, &str)],
) -> String {
    let formal =
        is_formal.then(|| SHIPPED.get_template(&name_of(language, true, key)).ok()).flatten();
    formal
        .map_or_else(|| SHIPPED.get_template(&name_of(language, false, key)), Ok)
        .and_then(|template| template.render(context(values)))
        .expect("a shipped template asks for declared values alone, which a test sees")
}

/// A tenant's own template, filled.
///
/// # Errors
///
/// It is not well-formed, or asks for a value that this text does not have.
pub(super) fn own(template: &str, values: &[(&str, &str)]) -> Result<String, minijinja::Error> {
    static EMPTY: LazyLock<Environment<'static>> = LazyLock::new(empty);
    EMPTY.render_str(template, context(values))
}

fn context(values: &[(&str, &str)]) -> minijinja::Value {
    let values: BTreeMap<_, _> =
        values.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    minijinja::Value::from(values)
}

fn name_of(language: Language, is_formal: bool, key: &str) -> String {
    format!("{}/{}/{key}", language.tag(), if is_formal { "formal" } else { "informal" })
}
