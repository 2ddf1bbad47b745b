//! A tenant's own texts: read, tried out, put in the places of the shipped ones, taken back.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::{Fields, JsonObject, Query, Read, choice, string};
use super::key::Caller;
use super::notifications::CHANNELS;
use super::problem::{BodyProblems, KeyedProblems, Problem, described};
use crate::db::templates;
use crate::domain::locale::Language;
use crate::domain::template::{self, Channel};
use crate::http::App;

const LANGUAGES: &[&str] = &["en", "pt", "es"];

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list_templates))
        .routes(routes!(preview_template))
        .routes(routes!(set_template, reset_template))
}

/// A text that customers read.
#[derive(Debug, Serialize, ToSchema)]
struct Template {
    #[schema(example = "reminder")]
    key: String,
    /// As it is now.
    #[schema(example = "{tenant}: {when} {at}, {what}.")]
    text: String,
    /// Whether it is the tenant's own.
    own: bool,
    /// Values it may use, each written `{name}`; a part only for when there is one:
    /// `{% if name %}…{% endif %}`.
    values: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TemplateList {
    templates: Vec<Template>,
}

/// A text in place of the shipped one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `set_template` reads")]
struct NewText {
    #[schema(example = "{tenant}: {when} {at}. {phone}", min_length = 1, max_length = 4096)]
    text: String,
}

/// A text to be tried out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `preview_template` reads")]
struct Trial {
    channel: TemplateChannel,
    language: TemplateLanguage,
    #[schema(example = "reminder", min_length = 1, max_length = 63)]
    key: String,
    /// Left out: the tenant's own, or the shipped one.
    #[schema(example = "{tenant}: {when} {at}. {phone}", min_length = 1, max_length = 4096)]
    text: Option<String>,
}

/// What customers would read.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    #[schema(example = "Studio Lua: Amanhã, quinta-feira, 12 de março às 15h. +55 11 99999-0000")]
    text: String,
}

/// Where a text is read.
#[derive(Deserialize, ToSchema)]
#[schema(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
enum TemplateChannel {
    Whatsapp,
    Sms,
    Email,
}

/// The language of a text.
#[derive(Deserialize, ToSchema)]
#[schema(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
enum TemplateLanguage {
    En,
    Pt,
    Es,
}

/// What naming one text may meet beside what every request may.
struct NoSuchTemplate;

impl IntoResponses for NoSuchTemplate {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("404", "There is no such text: a channel, a language or a key is unknown")])
    }
}

/// What saving or trying a text may meet beside what every request may.
struct TextProblems;

impl IntoResponses for TextProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("400", "The body is not a JSON object"),
            ("404", "There is no such text: a channel, a language or a key is unknown"),
            ("422", "The text would fail or mislead: every reason is told"),
        ])
    }
}

/// List texts
///
/// Every text of a channel and language that the tenant may replace, with the tenant's own where it
/// has one.
#[utoipa::path(
    get, path = "/templates", tag = "templates",
    params(
        ("channel" = Option<TemplateChannel>, Query, description = "Where they are read; `whatsapp` if left out"),
        ("language" = Option<TemplateLanguage>, Query, description = "Their language; the tenant's if left out"),
    ),
    responses((status = 200, description = "The texts", body = TemplateList), KeyedProblems),
)]
async fn list_templates(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<TemplateList>, Problem> {
    let channel = query.optional("channel", channel).unwrap_or(Channel::WhatsApp);
    let language = query.optional("language", language);
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let language = match language {
        Some(language) => language,
        None => templates::language_of(&mut db).await?,
    };
    let mut own = templates::own(&mut db, channel, language).await?;
    db.rollback().await?;
    let all = template::all(channel, language).into_iter().map(|shipped| {
        let text = own.remove(&shipped.key);
        Template {
            own: text.is_some(),
            text: text.unwrap_or_else(|| shipped.shipped.to_owned()),
            key: shipped.key,
            values: shipped.values.to_vec(),
        }
    });
    Ok(Json(TemplateList { templates: all.collect() }))
}

/// Try a text out
///
/// Shows what customers would read, with a name, a day and a time as they might be. Nothing is
/// changed.
#[utoipa::path(
    post, path = "/templates/preview", tag = "templates",
    request_body(content = Trial),
    responses((status = 200, description = "What customers would read", body = Preview), BodyProblems, KeyedProblems, TextProblems),
)]
async fn preview_template(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    body: JsonObject,
) -> Result<Json<Preview>, Problem> {
    query.finish()?;
    let mut fields = Fields::of(&body);
    let channel = fields.required("channel", string(channel));
    let language = fields.required("language", string(language));
    let key = fields.required("key", string(key));
    let text = fields.optional("text", string(words));
    let which = channel.zip(language).zip(key);
    let known = which.as_ref().filter(|((channel, language), key)| {
        template::all(*channel, *language).iter().any(|text| text.key == **key)
    });
    if let (Some(((channel, language), key)), Some(text)) = (known, &text) {
        refuse(&mut fields, *channel, *language, key, text);
    }
    let ((channel, language), key) = fields.finish_with(which)?;
    let text = if text.is_some() {
        text
    } else {
        let mut db = caller.begin(&app).await?;
        let own = templates::own(&mut db, channel, language).await?.remove(&key);
        db.rollback().await?;
        own
    };
    let seen = template::preview(channel, language, &key, text.as_deref());
    Ok(Json(Preview { text: seen.ok_or_else(no_such_text)? }))
}

/// Replace a text
///
/// Puts the tenant's own in place of the shipped text, or of its earlier one. A text that would fail
/// or mislead is refused: values that there are not, a time left out, more than the channel has room
/// for.
#[utoipa::path(
    put, path = "/templates/{channel}/{language}/{key}", tag = "templates",
    params(
        ("channel" = String, Path, description = "Where it is read: whatsapp, sms or email", example = "sms"),
        ("language" = String, Path, description = "Its language: en, pt or es", example = "pt"),
        ("key" = String, Path, description = "Which text", example = "reminder"),
    ),
    request_body(content = NewText),
    responses((status = 200, description = "The text as it is now", body = Template), BodyProblems, KeyedProblems, TextProblems),
)]
async fn set_template(
    State(app): State<App>,
    caller: Caller,
    which: InThreeParts,
    query: Query,
    body: JsonObject,
) -> Result<Json<Template>, Problem> {
    query.finish()?;
    let (channel, language, shipped) = named(which)?;
    let mut fields = Fields::of(&body);
    let text = fields.required("text", string(words));
    if let Some(text) = &text {
        refuse(&mut fields, channel, language, &shipped.key, text);
    }
    let text = fields.finish_with(text)?;
    let mut db = caller.begin(&app).await?;
    templates::save(&mut db, channel, language, &shipped.key, &text).await?;
    db.commit().await?;
    Ok(Json(Template { key: shipped.key, text, own: true, values: shipped.values.to_vec() }))
}

/// Go back to the shipped text
///
/// A text that is the shipped one already stays so.
#[utoipa::path(
    delete, path = "/templates/{channel}/{language}/{key}", tag = "templates",
    params(
        ("channel" = String, Path, description = "Where it is read: whatsapp, sms or email", example = "sms"),
        ("language" = String, Path, description = "Its language: en, pt or es", example = "pt"),
        ("key" = String, Path, description = "Which text", example = "reminder"),
    ),
    responses((status = 204, description = "It is the shipped text"), KeyedProblems, NoSuchTemplate),
)]
async fn reset_template(
    State(app): State<App>,
    caller: Caller,
    which: InThreeParts,
    query: Query,
) -> Result<StatusCode, Problem> {
    query.finish()?;
    let (channel, language, shipped) = named(which)?;
    let mut db = caller.begin(&app).await?;
    templates::reset(&mut db, channel, language, &shipped.key).await?;
    db.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Channel, language and key. Whatever is no text names nothing.
type InThreeParts = Result<Path<(String, String, String)>, PathRejection>;

/// The text that a path names.
fn named(path: InThreeParts) -> Result<(Channel, Language, template::Template), Problem> {
    let Path((named_channel, named_language, key)) = path.map_err(|_| no_such_text())?;
    let (Ok(channel), Ok(language)) = (channel(&named_channel), language(&named_language)) else {
        return Err(no_such_text());
    };
    let found = template::all(channel, language).into_iter().find(|text| text.key == key);
    Ok((channel, language, found.ok_or_else(no_such_text)?))
}

fn refuse(fields: &mut Fields<'_>, channel: Channel, language: Language, key: &str, text: &str) {
    for reason in template::check(channel, language, key, text) {
        fields.report("text", reason);
    }
}

fn channel(name: &str) -> Read<Channel> {
    choice(CHANNELS)(name).map(|name| Channel::of(name).unwrap_or(Channel::WhatsApp))
}

fn language(tag: &str) -> Read<Language> {
    let tag = choice(LANGUAGES)(tag)?;
    let found = Language::ALL.into_iter().find(|language| language.tag() == tag);
    found.ok_or_else(|| format!("is none of {}", LANGUAGES.join(", ")))
}

fn key(text: &str) -> Read<String> {
    if (1..=63).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("has not 1 to 63 signs".to_owned())
    }
}

fn words(text: &str) -> Read<String> {
    let text = text.replace("\r\n", "\n");
    // What else is wrong with it, `template::check` says.
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

fn no_such_text() -> Problem {
    Problem::not_found("text")
}
