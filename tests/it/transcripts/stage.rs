//! Where a transcript is played: the whole program around a database of its own.

use std::collections::HashMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use pontual::clock::Clock;
use pontual::db::flags;
use pontual::domain::flag::Flag;
use pontual::gateway_sim::{Author, Write};
use pontual::llm::Model;
use sqlx::{AssertSqlSafe, Executor as _};

use super::form::{Action, Answer, Step, Transcript};
use crate::support::stack::{Stack, tenant};
use time::moment;

mod time;

/// Where a file names no other time: the day of the conversation design's scripts.
const START: &str = "2026-03-10 10:00";

/// What came of playing one step.
pub(super) struct Played {
    pub(super) answers: Vec<Answer>,
    /// What went wrong besides answers that differ.
    pub(super) complaint: Option<String>,
}

/// Plays every step, also after one that went wrong.
///
/// # Errors
///
/// What in the file cannot be played.
pub(super) async fn play(
    transcript: &Transcript,
    model: Option<Model>,
) -> Result<Vec<Played>, String> {
    let mut stage = Stage::set(transcript, model).await?;
    let mut played = Vec::new();
    for step in &transcript.steps {
        let complaint = stage
            .act(&step.action)
            .await
            .map_err(|error| format!("line {}: {error}", step.line))?;
        let answers = if waits(step) { stage.answers().await? } else { Vec::new() };
        played.push(Played { answers, complaint });
    }
    stage.end().await?;
    Ok(played)
}

fn waits(step: &Step) -> bool {
    !matches!(
        step.action,
        Action::Tenant(_)
            | Action::Customer { .. }
            | Action::Expect { .. }
            | Action::Gateway { up: false }
    )
}

struct Person {
    name: String,
    phone: String,
    /// Messages of the chat that were looked at.
    seen: usize,
}

/// A message of the assistant that may be quoted.
struct Told {
    to: String,
    id: String,
    text: String,
}

struct Stage {
    stack: Stack,
    instance: String,
    slug: String,
    zone: Tz,
    /// Each customer once a name; two names may share a phone.
    people: Vec<Person>,
    /// Who spoke last: their answers come first.
    speaker: usize,
    /// Codes of bookings in the order in which they were told.
    codes: Vec<String>,
    /// Everything the assistant said, oldest first.
    told: Vec<Told>,
    /// What the salon's own phone wrote.
    own: Vec<String>,
    last: Option<Write>,
    /// What customers wrote while the gateway was away.
    kept: Option<Vec<Write>>,
    /// Told before the clock was moved on.
    carried: Vec<Answer>,
    /// Whether the clock was set: from then on it moves.
    began: bool,
}

impl Stage {
    async fn set(transcript: &Transcript, model: Option<Model>) -> Result<Self, String> {
        let actions = || transcript.steps.iter().map(|step| &step.action);
        let slug = actions().find_map(|action| match action {
            Action::Tenant(slug) => Some(slug.clone()),
            _ => None,
        });
        let slug = slug.ok_or("which salon? # tenant SLUG")?;
        let file = tenant(&slug);
        let start = actions().find_map(|action| match action {
            Action::Clock(at) => Some(at.as_str()),
            _ => None,
        });
        let start = moment(start.unwrap_or(START), file.timezone, None)?;
        let mut people: Vec<Person> = Vec::new();
        for action in actions() {
            if let Action::Customer { name, phone: Some(phone) } = action {
                people.push(Person { name: name.clone(), phone: phone.clone(), seen: 0 });
            }
        }
        let mut stack = Stack::at(Clock::starting_at(start)).await;
        if model.is_some() {
            let on = flags::set(&stack.pool, stack.clock.now(), None, Flag::Llm, true).await;
            on.map_err(|error| error.to_string())?;
        }
        stack.model = model;
        stack.work();
        Ok(Self {
            stack,
            instance: file.instance.name,
            slug,
            zone: file.timezone,
            people,
            speaker: 0,
            codes: Vec::new(),
            told: Vec::new(),
            own: Vec::new(),
            last: None,
            kept: None,
            carried: Vec::new(),
            began: false,
        })
    }

    /// What went wrong; the error is that of a file which cannot be played.
    async fn act(&mut self, action: &Action) -> Result<Option<String>, String> {
        match action {
            Action::Tenant(_) => {}
            Action::Clock(at) => self.set_clock(at).await?,
            Action::Customer { name, .. } => self.speaker = self.find(name)?,
            Action::Says { by, messages } => {
                self.speaker = self.find(by)?;
                self.say(messages).await?;
            }
            Action::Database(sql) => {
                let sql = self.with_codes(sql);
                self.as_dba(&sql).await.map_err(|error| error.to_string())?;
            }
            Action::Expect { value, sql } => return self.expect(value, sql).await,
            Action::Gateway { up: false } => {
                self.stack.stop_working().await;
                self.kept = Some(Vec::new());
            }
            Action::Gateway { up: true } => {
                for write in self.kept.take().ok_or("the gateway is not down")? {
                    self.write(write).await?;
                }
                self.stack.work();
            }
            Action::OwnerWrites { to, text } => {
                self.speaker = self.find(to)?;
                let phone = &self.people[self.speaker].phone;
                let write = Write { from_me: true, ..Write::text(phone, "", text) };
                let written = self.stack.sim.write(&self.instance, write).await?;
                self.own.push(written.id);
            }
            Action::StaffBooks { service, staff, at, customer } => {
                self.book(service, staff, at, customer.as_deref()).await?;
            }
        }
        Ok(None)
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        let found = self.people.iter().position(|person| person.name == name);
        found.ok_or_else(|| format!("who is {name}? # customer {name} PHONE"))
    }

    /// Several messages are there before any of them is read.
    async fn say(&mut self, messages: &[String]) -> Result<(), String> {
        let at_once = messages.len() > 1 && self.kept.is_none();
        if at_once {
            self.stack.stop_working().await;
        }
        for message in messages {
            let message = self.with_codes(message);
            let write = self.read(&message).await?;
            match &mut self.kept {
                Some(kept) => {
                    let now = self.stack.clock.now().timestamp();
                    kept.push(Write { timestamp: Some(now), ..write });
                }
                None => self.write(write).await?,
            }
        }
        if at_once {
            self.stack.work();
        }
        Ok(())
    }

    async fn write(&mut self, write: Write) -> Result<(), String> {
        let written = self.stack.sim.write(&self.instance, write.clone()).await?;
        if written.status != Some(200) {
            return Err(format!("the webhook answered {:?}", written.status));
        }
        self.last = Some(Write { id: Some(written.id), ..write });
        Ok(())
    }

    /// A message as it is written in a file: `Hi`, `[image] like this`, `[tap 2] Bruno`.
    async fn read(&mut self, message: &str) -> Result<Write, String> {
        let person = &self.people[self.speaker];
        let plain = |text: &str| Write::text(&person.phone, &person.name, text);
        let Some((what, text)) = message.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        else {
            return Ok(plain(message));
        };
        let write = plain(text.trim());
        let kind = |kind: &str| Some(kind.to_owned());
        Ok(match what.split_once(' ').unwrap_or((what, "")) {
            ("audio" | "image" | "video" | "document" | "sticker" | "location" | "contact", "") => {
                Write { kind: kind(what), ..write }
            }
            ("reaction", words) => {
                Write { kind: kind("reaction"), quoted: self.quotable(words)?, ..write }
            }
            ("quote", words) => Write { quoted: self.quotable(words)?, ..write },
            ("again", "") => self.last.clone().ok_or("nothing was written yet")?,
            ("tap", row) => {
                let choice = Some(format!("{}.{row}", self.menu_number().await?));
                Write { kind: kind("choice"), choice, ..write }
            }
            _ => return Err(format!("a message cannot be [{what}]")),
        })
    }

    /// The id of the last message of the assistant to the speaker that has these words in it.
    fn quotable(&self, words: &str) -> Result<Option<String>, String> {
        let to = &self.people[self.speaker].phone;
        let found = self.told.iter().rfind(|told| told.to == *to && told.text.contains(words));
        found.map(|told| Some(told.id.clone())).ok_or_else(|| format!("{words:?} was never said"))
    }

    async fn menu_number(&self) -> Result<i64, String> {
        sqlx::query_scalar(
            "select (c.context #>> '{menu,number}')::bigint
               from app.conversations c join app.customers p on p.id = c.customer_id
              where p.phone = $1",
        )
        .bind(&self.people[self.speaker].phone)
        .fetch_one(&self.stack.db.owner)
        .await
        .map_err(|error| error.to_string())
    }

    /// A DBA's statements; times without a zone are the salon's.
    async fn as_dba(&self, sql: &str) -> sqlx::Result<()> {
        let mut connection = self.stack.db.owner.acquire().await?;
        let sql = format!("begin; set local timezone = '{}'; {sql}; commit", self.zone);
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
    }

    async fn expect(&self, value: &str, sql: &str) -> Result<Option<String>, String> {
        let sql = self.with_codes(sql);
        let mut db = self.stack.db.owner.begin().await.map_err(|error| error.to_string())?;
        let zone = format!("set local timezone = '{}'", self.zone);
        db.execute(AssertSqlSafe(zone)).await.map_err(|error| error.to_string())?;
        let got: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("select ({sql})::text")))
                .fetch_one(&mut *db)
                .await
                .map_err(|error| error.to_string())?;
        let got = got.unwrap_or_else(|| "null".to_owned());
        Ok((got != value).then(|| format!("expected {value}, the database says {got}")))
    }

    /// A confirmed booking, as a DBA makes one; without a name it is somebody else's.
    async fn book(
        &self,
        service: &str,
        staff: &str,
        at: &str,
        customer: Option<&str>,
    ) -> Result<(), String> {
        let at = moment(at, self.zone, None)?;
        let at = at - TimeDelta::seconds(at.timestamp() % 60);
        let (name, phone) = match customer {
            Some(name) => {
                let person = &self.people[self.find(name)?];
                (person.name.as_str(), person.phone.as_str())
            }
            None => ("Vera", "+999000000001"),
        };
        let made: Option<String> = sqlx::query_scalar(
            "with tenant as (select app.tenant_named($1) as id), customer as (
               insert into app.customers (tenant_id, phone, name) select id, $2, $3 from tenant
               on conflict (tenant_id, phone) do update set name = coalesce(customers.name, excluded.name)
               returning id
             )
             insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
             select t.id, c.id, s.id, f.id, $6, 'confirmed'
               from tenant t, customer c, app.services s, app.staff f
              where s.tenant_id = t.id and lower(s.name) = lower($4)
                and f.tenant_id = t.id and lower(f.name) = lower($5)
             returning code",
        )
        .bind(&self.slug)
        .bind(phone)
        .bind(name)
        .bind(service)
        .bind(staff)
        .bind(at)
        .fetch_optional(&self.stack.db.owner)
        .await
        .map_err(|error| error.to_string())?;
        made.map(drop).ok_or_else(|| format!("{staff} or {service}: unknown here"))
    }

    /// What customers were told since this was last asked, those of who spoke last first.
    async fn answers(&mut self) -> Result<Vec<Answer>, String> {
        if self.kept.is_none() {
            self.settle().await?;
        }
        let mut answers = std::mem::take(&mut self.carried);
        answers.extend(self.unread());
        let speaker = self.people[self.speaker].name.clone();
        answers.sort_by_key(|answer| answer.to != speaker);
        self.note_codes(&answers).await?;
        for answer in &mut answers {
            for (number, code) in self.codes.iter().enumerate() {
                answer.text = answer.text.replace(code.as_str(), &placeholder(number));
            }
        }
        Ok(answers)
    }

    /// What the assistant wrote since this was last asked.
    fn unread(&mut self) -> Vec<Answer> {
        let mut unread = Vec::new();
        let mut counted: HashMap<String, usize> = HashMap::new();
        let speaker = self.speaker;
        // Two names of one phone have one chat: who speaks reads it.
        let order =
            std::iter::once(speaker).chain((0..self.people.len()).filter(|n| *n != speaker));
        for number in order {
            let person = &mut self.people[number];
            let chat = self.stack.sim.chat(&self.instance, &person.phone);
            let first = !counted.contains_key(&person.phone);
            counted.insert(person.phone.clone(), chat.len());
            let seen = std::mem::replace(&mut person.seen, chat.len());
            if !first {
                continue;
            }
            for message in chat.into_iter().skip(seen) {
                if message.from == Author::Business && !self.own.contains(&message.id) {
                    let (to, text) = (person.phone.clone(), message.text.clone());
                    self.told.push(Told { to, id: message.id, text });
                    unread.push(Answer { to: person.name.clone(), text: message.text });
                }
            }
        }
        unread
    }

    async fn note_codes(&mut self, answers: &[Answer]) -> Result<(), String> {
        let all: Vec<String> = sqlx::query_scalar("select code from app.bookings")
            .fetch_all(&self.stack.db.owner)
            .await
            .map_err(|error| error.to_string())?;
        for answer in answers {
            let mut told: Vec<(usize, &String)> = all
                .iter()
                .filter_map(|code| Some((answer.text.find(code.as_str())?, code)))
                .collect();
            told.sort_unstable();
            for (_, code) in told {
                if !self.codes.contains(code) {
                    self.codes.push(code.clone());
                }
            }
        }
        Ok(())
    }

    fn with_codes(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, code) in self.codes.iter().enumerate() {
            text = text.replace(&placeholder(number), code);
        }
        text
    }

    async fn end(mut self) -> Result<(), String> {
        self.stack.stop_working().await;
        match self.stack.violations().await.as_slice() {
            [] => Ok(()),
            violations => Err(format!("what must never be: {violations:#?}")),
        }
    }
}

/// How a file writes the code that was told first, second, …
fn placeholder(number: usize) -> String {
    match number {
        0 => "{code}".to_owned(),
        number => format!("{{code {}}}", number + 1),
    }
}
