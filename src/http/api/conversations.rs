//! Conversations: read, taken over by a person and given back to the bot, written to.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, FixedOffset, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::bookings::json;
use super::idempotency::Once;
use super::in_path::InPath;
use super::input::{Fields, JsonObject, Query, Read, choice, flag, string, whole_number};
use super::key::Caller;
use super::patience::{Failure, Patience, begin};
use super::problem::{BodyProblems, KeyedProblems, Problem, described};
use crate::db::conversations::{self, Filter, Line, Position};
use crate::http::App;

const MODES: &[&str] = &["bot", "human"];
const STATES: &[&str] =
    &["greeting", "service_selection", "date_time", "confirmation", "completed"];
/// Conversations of a page, unless a request says otherwise.
const USUAL: i64 = 50;
const MOST: i64 = 200;
/// Lines of a timeline, unless a request says otherwise.
const USUAL_LINES: i64 = 200;
const MOST_LINES: i64 = 1_000;
/// Characters of one WhatsApp text.
const TEXT_MAX: usize = 4_096;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list_conversations))
        .routes(routes!(read_conversation, change_conversation))
        .routes(routes!(write_message))
}

/// A customer's talk with the tenant.
#[derive(Debug, Serialize, ToSchema)]
struct Conversation {
    id: Uuid,
    customer: ConversationCustomer,
    /// The gateway's name of the number that the customer writes to.
    #[schema(example = "studio-lua")]
    instance: String,
    #[schema(value_type = ConversationState)]
    state: String,
    #[schema(value_type = ConversationMode)]
    mode: String,
    /// In mode `human`: when the bot answers again if no person writes until then.
    #[schema(example = "2026-03-10T14:00:00-03:00")]
    human_until: Option<DateTime<FixedOffset>>,
    /// Since when the customer waits for a person's answer.
    waiting_since: Option<DateTime<FixedOffset>>,
    /// The booking it made last.
    booking_id: Option<Uuid>,
    /// When the customer last wrote.
    last_inbound_at: Option<DateTime<FixedOffset>>,
    created_at: DateTime<FixedOffset>,
    /// When something last happened in it.
    updated_at: DateTime<FixedOffset>,
}

/// Who writes.
#[derive(Debug, Serialize, ToSchema)]
struct ConversationCustomer {
    id: Uuid,
    /// E.164; null: a customer whose number is not known.
    #[schema(example = "+5511988887777")]
    phone: Option<String>,
    #[schema(example = "Marina")]
    name: Option<String>,
}

/// Who answers.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the database has")]
enum ConversationMode {
    Bot,
    Human,
}

/// What the bot is finding out.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the database has")]
enum ConversationState {
    Greeting,
    ServiceSelection,
    DateTime,
    Confirmation,
    Completed,
}

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
struct ConversationList {
    /// The one in which something happened last first.
    conversations: Vec<Conversation>,
    /// `cursor` of the next page; null: this is the last one.
    next_cursor: Option<String>,
}

/// A conversation with what was said, decided and done in it.
#[derive(Debug, Serialize, ToSchema)]
struct ConversationWithTimeline {
    #[serde(flatten)]
    conversation: Conversation,
    /// The last lines, oldest first.
    timeline: Vec<TimelineLine>,
}

/// A line of a timeline.
#[derive(Debug, Serialize, ToSchema)]
struct TimelineLine {
    id: Uuid,
    at: DateTime<FixedOffset>,
    /// `turn`: a step of the bot; `event`: something done beside messages, such as a change of mode.
    #[schema(value_type = TimelineSource)]
    who: String,
    /// Of a customer's message what it is (`text`, `audio`, …), of the assistant's its template or
    /// `reply`, of a turn or an event what happened.
    #[schema(example = "text")]
    kind: String,
    /// The words; null: none, or not made yet.
    #[schema(example = "corte amanhã às 15h")]
    text: Option<String>,
    /// Of a customer's message `waiting` or `read`, of one to them how far it has got, of a turn the
    /// version of the program, of an event who did it.
    #[schema(example = "read")]
    status: String,
}

/// Whose line it is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the database has")]
enum TimelineSource {
    Customer,
    Assistant,
    Person,
    Turn,
    Event,
}

/// What is to change of a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `change_conversation` reads")]
struct ConversationChange {
    /// `human`: the bot is silent until `bot` is set, the customer writes the menu word, or four
    /// hours after the last message of a person.
    #[schema(value_type = ConversationMode)]
    mode: String,
}

/// A person's message to the customer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `write_message` reads")]
struct NewMessage {
    /// Line breaks are kept.
    #[schema(example = "Oi, Marina! Aqui é o Bruno.", min_length = 1, max_length = 4096)]
    text: String,
}

/// A message that waits in the outbox.
#[derive(Debug, Serialize, ToSchema)]
struct QueuedMessage {
    /// As in the timeline, which tells what becomes of it.
    id: Uuid,
    #[schema(example = "queued")]
    status: &'static str,
}

/// What a request about one conversation may meet beside what every request may.
struct NoSuchConversation;

impl IntoResponses for NoSuchConversation {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("404", "The tenant has no such conversation")])
    }
}

/// What writing a message may meet beside what every request may.
struct MessageProblems;

impl IntoResponses for MessageProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("400", "The body is not a JSON object, or the Idempotency-Key is no key"),
            ("404", "The tenant has no such conversation"),
            ("409", "The first request with this Idempotency-Key is still running (`in-progress`)"),
            ("422", "Fields are wrong, or the Idempotency-Key belongs to another request"),
        ])
    }
}

/// List conversations
///
/// The one in which something happened last first. Send the same filters with each `cursor`.
#[utoipa::path(
    get, path = "/conversations", tag = "conversations",
    params(
        ("mode" = Option<ConversationMode>, Query, description = "Who answers"),
        ("state" = Option<ConversationState>, Query, description = "What the bot is finding out"),
        ("waiting" = Option<bool>, Query, description = "Whether the customer waits for a person"),
        ("limit" = Option<i64>, Query, description = "Conversations of a page; 50 if left out", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of conversations", body = ConversationList), KeyedProblems),
)]
async fn list_conversations(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<ConversationList>, Problem> {
    let filter = Filter {
        mode: query.optional("mode", choice(MODES)),
        state: query.optional("state", choice(STATES)),
        waiting: query.optional("waiting", flag),
    };
    let limit = query.optional("limit", whole_number(1..=MOST)).unwrap_or(USUAL);
    let after = query.optional("cursor", position);
    query.finish()?;

    let mut db = caller.begin(&app).await?;
    // One more than asked tells whether there is a next page.
    let mut found = conversations::list(&mut db, filter, after, limit + 1).await?;
    db.rollback().await?;
    let has_more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if has_more {
        found.pop();
    }
    let end = found.last().filter(|_| has_more);
    let next_cursor = end.map(|last| cursor(Position { updated_at: last.updated_at, id: last.id }));
    let conversations = found.iter().map(Conversation::from).collect();
    Ok(Json(ConversationList { conversations, next_cursor }))
}

/// Read a conversation
#[utoipa::path(
    get, path = "/conversations/{id}", tag = "conversations",
    params(
        ("id" = String, Path, description = "Its id"),
        ("lines" = Option<i64>, Query, description = "Lines of the timeline; 200 if left out", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "The conversation", body = ConversationWithTimeline),
        KeyedProblems, NoSuchConversation,
    ),
)]
async fn read_conversation(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    mut query: Query,
) -> Result<Json<ConversationWithTimeline>, Problem> {
    let most = query.optional("lines", whole_number(1..=MOST_LINES)).unwrap_or(USUAL_LINES);
    query.finish()?;
    let id = id_of(&id)?;
    let mut db = caller.begin(&app).await?;
    let found = conversations::find(&mut db, id).await?.ok_or_else(nowhere)?;
    let lines = conversations::timeline(&mut db, id, most).await?;
    db.rollback().await?;
    let zone = zone_of(&found);
    Ok(Json(ConversationWithTimeline {
        conversation: Conversation::from(&found),
        timeline: lines.into_iter().map(|line| TimelineLine::of(line, zone)).collect(),
    }))
}

/// Take a conversation over, or give it back to the bot
///
/// A bot that is switched on again goes on with what was open.
#[utoipa::path(
    patch, path = "/conversations/{id}", tag = "conversations",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = ConversationChange),
    responses(
        (status = 200, description = "The conversation as it is now", body = Conversation),
        BodyProblems, KeyedProblems, NoSuchConversation,
    ),
)]
async fn change_conversation(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    query: Query,
    body: JsonObject,
) -> Result<Json<Conversation>, Problem> {
    query.finish()?;
    let mut fields = Fields::of(&body);
    let mode = fields.required("mode", string(choice(MODES)));
    let mode = fields.finish_with(mode)?;
    let id = id_of(&id)?;
    let mut patience = Patience::new();
    loop {
        match set_mode(&app, &caller, id, mode).await {
            Err(failure) if patience.allows(&failure).await => {}
            done => return Ok(Json(done?)),
        }
    }
}

/// One try of [`change_conversation`].
async fn set_mode(
    app: &App,
    caller: &Caller,
    id: Uuid,
    mode: &str,
) -> Result<Conversation, Failure> {
    let mut db = begin(app, caller).await?;
    if !conversations::set_mode(&mut db, id, mode).await? {
        return Err(nowhere().into());
    }
    let changed = conversations::find(&mut db, id).await?.ok_or_else(nowhere)?;
    db.commit().await?;
    Ok(Conversation::from(&changed))
}

/// Write to the customer as a person
///
/// The message leaves after what waits to be sent already, and the bot is silent from now on: mode
/// `human`, until four hours after the last message of a person.
#[utoipa::path(
    post, path = "/conversations/{id}/messages", tag = "conversations",
    params(
        ("id" = String, Path, description = "The conversation's id"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "As for bookings: the same key again within 24 hours gives the same answer, and nothing is \
                written twice",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = "b7f1c6de-message-1"),
    ),
    request_body(content = NewMessage),
    responses(
        (status = 201, description = "The message, on its way", body = QueuedMessage, headers(
            ("Idempotency-Replayed" = Option<String>, description = "`true`: this is the answer to an earlier request"),
        )),
        BodyProblems, KeyedProblems, MessageProblems,
    ),
)]
async fn write_message(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    InPath(id): InPath,
    headers: HeaderMap,
    query: Query,
    body: JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let once = Once::read(&headers, uri.path(), &body)?;
    let mut fields = Fields::of(&body);
    let text = fields.required("text", string(message_text));
    let text = fields.finish_with(text)?;
    let id = id_of(&id)?;
    let mut patience = Patience::new();
    loop {
        match write(&app, &caller, &once, id, &text).await {
            Err(failure) if patience.allows(&failure).await => {}
            done => return Ok(done?),
        }
    }
}

/// One try of [`write_message`].
async fn write(
    app: &App,
    caller: &Caller,
    once: &Once,
    id: Uuid,
    text: &str,
) -> Result<Response, Failure> {
    let mut db = begin(app, caller).await?;
    if let Some(answer) = once.claim(&mut db).await? {
        return Ok(answer);
    }
    let message = conversations::write(&mut db, id, text).await?.ok_or_else(nowhere)?;
    let queued = QueuedMessage { id: message, status: "queued" };
    let made = once.keep(&mut db, json(&queued)?).await?;
    db.commit().await?;
    Ok(made.into_response())
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| nowhere())
}

fn nowhere() -> Problem {
    Problem::not_found("conversation")
}

/// A text of several lines, however they end, without the white space around it.
fn message_text(text: &str) -> Read<String> {
    let text = text.trim().replace("\r\n", "\n");
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("has control characters other than line breaks".to_owned());
    }
    if !(1..=TEXT_MAX).contains(&text.chars().count()) {
        return Err(format!("has not 1 to {TEXT_MAX} signs"));
    }
    Ok(text)
}

/// The text that asks for what comes after `end`.
fn cursor(end: Position) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&end.updated_at.timestamp_micros().to_be_bytes());
    bytes[8..].copy_from_slice(end.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`cursor`] wrote.
fn position(text: &str) -> Read<Position> {
    let read = || {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (micros, id) = bytes.split_first_chunk::<8>()?;
        let updated_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
        // What somebody made up may lie where the database has no time.
        let is_kept = (1900..2300).contains(&updated_at.year());
        is_kept.then_some(Position { updated_at, id: Uuid::from_slice(id).ok()? })
    };
    read().ok_or_else(|| "is no cursor: take the next_cursor of a page as it is".to_owned())
}

fn zone_of(conversation: &conversations::Conversation) -> Tz {
    // Applied files name zones that exist; plain SQL may have written another.
    conversation.timezone.parse().unwrap_or(Tz::UTC)
}

impl From<&conversations::Conversation> for Conversation {
    fn from(found: &conversations::Conversation) -> Self {
        let zone = zone_of(found);
        let local = |moment: DateTime<Utc>| moment.with_timezone(&zone).fixed_offset();
        Self {
            id: found.id,
            customer: ConversationCustomer {
                id: found.customer_id,
                phone: found.phone.clone(),
                name: found.name.clone(),
            },
            instance: found.instance.clone(),
            state: found.state.clone(),
            mode: found.mode.clone(),
            human_until: found.human_until.map(local),
            waiting_since: found.waiting_since.map(local),
            booking_id: found.booking_id,
            last_inbound_at: found.last_inbound_at.map(local),
            created_at: local(found.created_at),
            updated_at: local(found.updated_at),
        }
    }
}

impl TimelineLine {
    fn of(line: Line, zone: Tz) -> Self {
        let Line { at, who, kind, text, status, id } = line;
        Self { id, at: at.with_timezone(&zone).fixed_offset(), who, kind, text, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_to_the_microsecond_and_what_is_none_is_refused() {
        let updated_at = "2026-03-12T18:00:00.000001Z".parse().unwrap();
        let end = Position { updated_at, id: Uuid::now_v7() };
        assert_eq!(position(&cursor(end)), Ok(end));
        let made_up = URL_SAFE_NO_PAD.encode([0x7f; 24]);
        for text in ["", "x", "AAAA", "é", &made_up, &format!("{made_up}A")] {
            assert!(position(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_keeps_its_lines_and_has_a_bounded_length() {
        assert_eq!(message_text(" Oi!\nTudo bem? \n"), Ok("Oi!\nTudo bem?".to_owned()));
        assert_eq!(message_text("Oi!\r\nTudo bem?"), Ok("Oi!\nTudo bem?".to_owned()));
        assert!(message_text(&"é".repeat(TEXT_MAX)).is_ok());
        for text in ["", " \n ", "a\u{0}b", &"é".repeat(TEXT_MAX + 1)] {
            assert!(message_text(text).is_err(), "{text:?}");
        }
    }
}
