//! `GET /sim/transcript`: a chat as a file that is played as a test (`docs/transcripts.md`).
//!
//! Only what was said is in it. What people changed in the database between two messages is not
//! known here; where it made the assistant speak, the file asks for it.

use std::fmt::Write as _;

use axum::extract::{Query, State};
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::watch::e164;
use super::{Refusal, SimState};
use crate::db::TenantTx;

#[derive(Deserialize)]
pub(super) struct Wanted {
    tenant: String,
    phone: String,
}

/// The chat of one customer as a file to download; a chat in which nothing was said has a head only.
///
/// # Errors
///
/// 400 for what is no phone number, 404 for an unknown tenant.
pub(super) async fn download(
    State(sim): State<SimState>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let phone = e164(&wanted.phone).ok_or(Refusal::NoPhone)?;
    let tenant: Option<Uuid> = sqlx::query_scalar("select app.tenant_named($1)")
        .bind(&wanted.tenant)
        .fetch_one(crate::db::alone(&sim.pool))
        .await?;
    let tenant = tenant.ok_or(Refusal::NoTenant(wanted.tenant))?;
    let chat = load(&sim, tenant, phone).await?;
    // The slug and the digits of a phone need no escaping.
    let name = format!(
        "attachment; filename=\"{}-{}.txt\"",
        chat.slug,
        chat.phone.trim_start_matches('+')
    );
    let mut response =
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], chat.written()).into_response();
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

async fn load(sim: &SimState, tenant: Uuid, phone: String) -> sqlx::Result<Chat> {
    let mut db = TenantTx::begin(&sim.pool, tenant, sim.clock.now()).await?;
    let (slug, salon, timezone): (String, String, String) =
        sqlx::query_as("select slug, name, timezone from app.tenants").fetch_one(db.conn()).await?;
    let customer: Option<String> =
        sqlx::query_scalar("select name from app.customers where phone = $1")
            .bind(&phone)
            .fetch_optional(db.conn())
            .await?
            .flatten();
    let codes: Vec<String> =
        sqlx::query_scalar("select distinct code from app.bookings").fetch_all(db.conn()).await?;
    let Json(lines) = sqlx::query_scalar(include_str!("transcript.sql"))
        .bind(&phone)
        .fetch_one(db.conn())
        .await?;
    db.rollback().await?;
    Ok(Chat {
        slug,
        salon,
        // The database holds time zones that were checked when they came.
        zone: timezone.parse().unwrap_or(Tz::UTC),
        customer: customer.unwrap_or_else(|| "Customer".to_owned()),
        phone,
        codes,
        lines,
    })
}

struct Chat {
    slug: String,
    salon: String,
    zone: Tz,
    customer: String,
    phone: String,
    codes: Vec<String>,
    lines: Vec<Line>,
}

/// One message, in the order of the chat.
#[derive(Debug, Deserialize)]
struct Line {
    /// When it was read or written.
    at: DateTime<Utc>,
    who: Who,
    /// Of the customer's: what kind of message; of the salon's: the template, or `text`.
    kind: String,
    text: String,
    choice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    Customer,
    /// A person at the salon's own phone.
    Person,
    /// The assistant.
    Salon,
}

impl Chat {
    fn written(&self) -> String {
        let mut file = String::new();
        let _ = writeln!(file, "A chat of {} with {}.\n", self.customer, self.salon);
        let _ = writeln!(file, "# tenant {}", self.slug);
        let mut clock = None;
        if let Some(first) = self.lines.first() {
            file += &self.clock(&mut clock, first.at);
        }
        let _ = writeln!(file, "# customer {} {}", self.customer, self.phone);
        let mut codes = Codes { all: &self.codes, told: Vec::new() };
        let mut turn = None;
        let mut answered = true;
        for line in &self.lines {
            let goes_on = line.who == Who::Customer && turn == Some(line.at);
            // A turn that said nothing is told apart from messages that were read together.
            if line.who == Who::Customer && !goes_on && !answered {
                file += "< (silence)\n";
            }
            if !goes_on && (line.who != Who::Salon || turn != Some(line.at)) {
                if line.who != Who::Salon || answered {
                    file += "\n";
                }
                file += &self.clock(&mut clock, line.at);
            }
            let text = codes.hidden(&line.text);
            match line.who {
                Who::Customer => {
                    turn = Some(line.at);
                    answered = false;
                    file += &marked('>', &said(line, &text));
                }
                Who::Person => {
                    answered = true;
                    file += &marked('#', &format!("owner writes {text}"));
                }
                Who::Salon => {
                    answered = true;
                    if line.kind.starts_with("booking_") {
                        file +=
                            "## Somebody changed the booking here: write how, as # database SQL\n";
                    }
                    file += &marked('<', &text);
                }
            }
        }
        file
    }

    /// The clock's line, where the minute is another one than before.
    fn clock(&self, shown: &mut Option<NaiveDateTime>, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.zone).naive_local();
        let minute = local.format("%Y-%m-%d %H:%M").to_string();
        let before = shown.replace(local);
        if before.is_some_and(|before| before.format("%Y-%m-%d %H:%M").to_string() == minute) {
            return String::new();
        }
        match before {
            Some(before) if before.date() == local.date() => {
                format!("# clock {}\n", local.format("%H:%M"))
            }
            _ => format!("# clock {minute}\n"),
        }
    }
}

/// What a customer sent, as a file writes it.
fn said(line: &Line, text: &str) -> String {
    let what = match (line.kind.as_str(), &line.choice) {
        ("text", _) => return text.to_owned(),
        // The id of a row is the menu's number and the row's.
        ("choice", Some(choice)) => format!("tap {}", choice.rsplit('.').next().unwrap_or(choice)),
        (kind, _) => kind.to_owned(),
    };
    format!("[{what}] {text}").trim_end().to_owned()
}

/// A message as lines of the file: further ones are set in.
fn marked(mark: char, text: &str) -> String {
    let mut file = String::new();
    for (number, line) in text.lines().map(str::trim_end).enumerate() {
        let _ = match (number, line) {
            (0, line) => writeln!(file, "{mark} {line}"),
            (_, "") => writeln!(file, "  |"),
            (_, line) => writeln!(file, "  {line}"),
        };
    }
    file
}

/// Codes of bookings are another each time: a file calls them by the order in which they were told.
struct Codes<'a> {
    all: &'a [String],
    told: Vec<&'a str>,
}

impl Codes<'_> {
    fn hidden(&mut self, text: &str) -> String {
        let mut found: Vec<(usize, &str)> = self
            .all
            .iter()
            .filter_map(|code| Some((text.find(code.as_str())?, code.as_str())))
            .collect();
        found.sort_unstable();
        for (_, code) in found {
            if !self.told.contains(&code) {
                self.told.push(code);
            }
        }
        let mut text = text.to_owned();
        for (number, code) in self.told.iter().enumerate() {
            let name =
                if number == 0 { "{code}".to_owned() } else { format!("{{code {}}}", number + 1) };
            text = text.replace(code, &name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: &str, who: Who, kind: &str, text: &str) -> Line {
        let at = format!("2026-03-{at}Z").parse().unwrap();
        Line { at, who, kind: kind.to_owned(), text: text.to_owned(), choice: None }
    }

    fn chat(lines: Vec<Line>) -> Chat {
        Chat {
            slug: "studio-lua".to_owned(),
            salon: "Studio Lua".to_owned(),
            zone: "America/Sao_Paulo".parse().unwrap(),
            customer: "Marina".to_owned(),
            phone: "+5511988887777".to_owned(),
            codes: vec!["AB123".to_owned(), "CD456".to_owned()],
            lines,
        }
    }

    #[test]
    fn a_chat_is_written_with_what_it_takes_to_play_it_again() {
        let tap = Line {
            choice: Some("3.2".to_owned()),
            ..line("10T13:02:10", Who::Customer, "choice", "Bruno")
        };
        let written = chat(vec![
            line("10T13:00:05", Who::Customer, "text", "oi"),
            line("10T13:00:05", Who::Customer, "text", "corte\n\npor favor"),
            line("10T13:00:05", Who::Salon, "text", "Quando?\n1 qui\n\n2 sex"),
            line("10T13:00:40", Who::Customer, "sticker", ""),
            line("10T13:00:50", Who::Customer, "audio", "isto"),
            line("10T13:00:50", Who::Salon, "text", "Não ouço."),
            tap,
            line("10T13:02:10", Who::Salon, "text", "Código CD456, antes AB123."),
            line("11T12:00:00", Who::Salon, "reminder", "Até amanhã: CD456"),
            line("11T12:01:00", Who::Person, "text", "Oi, aqui é o Bruno"),
            line("11T12:01:30", Who::Salon, "booking_moved", "Mudou: AB123"),
        ])
        .written();
        let expected = "\
A chat of Marina with Studio Lua.

# tenant studio-lua
# clock 2026-03-10 10:00
# customer Marina +5511988887777

> oi
> corte
  |
  por favor
< Quando?
  1 qui
  |
  2 sex

> [sticker]
< (silence)

> [audio] isto
< Não ouço.

# clock 10:02
> [tap 2] Bruno
< Código {code}, antes {code 2}.

# clock 2026-03-11 09:00
< Até amanhã: {code}

# clock 09:01
# owner writes Oi, aqui é o Bruno

## Somebody changed the booking here: write how, as # database SQL
< Mudou: {code 2}
";
        assert_eq!(written, expected);
    }

    #[test]
    fn a_chat_without_a_word_has_a_head_alone() {
        let written = chat(Vec::new()).written();
        assert!(written.ends_with("# tenant studio-lua\n# customer Marina +5511988887777\n"));
    }
}
