//! Asks a language model what a customer's words mean: OpenRouter's chat completions, or whatever
//! speaks like it.
//!
//! The model is told what a conversation of this kind may be about and what the tenant offers, and
//! answers in a schema whose every field is a closed list or words of the calendar
//! ([`Interpretation`]). What else it says is dropped here. It knows neither who writes nor to whom
//! the words belong, has no tools, and its answer is read by rules that confirm and cancel nothing.
//!
//! | module | does |
//! | --- | --- |
//! | [`prompt`] | writes the request |
//! | [`answer`] | says what an answer means |
//! | [`breaker`] | says whether asking is of any use at the moment |

pub mod answer;
pub mod breaker;
pub mod prompt;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url, redirect};
use tokio::time::Instant;

use self::breaker::{Breaker, Trouble};
use self::prompt::Request;
use crate::domain::catalogue::Catalogue;
use crate::domain::conversation::{Interpretation, Question};

/// Where OpenRouter answers.
pub const OPENROUTER: &str = "https://openrouter.ai/api/v1";
/// Small, cheap, and follows a schema to the letter.
pub const DEFAULT_MODEL: &str = "openai/gpt-4o-mini";

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);
const ATTEMPTS: u32 = 2;
/// Of an answer no more than this is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// How much a tenant may ask in a day, where it has no limits of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls of a local day.
    pub calls: i32,
    /// What they may cost together, in the provider's credits (of OpenRouter: US dollars).
    pub cost: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 500, cost: 1.0 }
    }
}

/// A model behind an endpoint. Cheap to clone; clones share their connections and their breaker.
#[derive(Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: Url,
    key: HeaderValue,
    name: String,
    limits: Limits,
    patience: Duration,
    breaker: Mutex<Breaker>,
}

/// Why the settings cannot be used. Quotes none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("expected the endpoint's address, such as https://openrouter.ai/api/v1")]
    Url,
    #[error("expected a key without blanks")]
    Key,
    #[error("expected the name of a model, such as openai/gpt-4o-mini")]
    Name,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `Ok(None)`: the model found nothing in the words that we could do.
    pub meant: Result<Option<Interpretation>, Failure>,
    /// Of all attempts.
    pub usage: Usage,
    /// Attempts that reached the endpoint, or tried to.
    pub attempts: u32,
}

/// What was used up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// In the provider's credits.
    pub cost: f64,
}

/// Why there is no answer. Holds nothing of what was asked or said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no connection")]
    Unreachable,
    #[error("no answer in time")]
    Timeout,
    /// The key, the credits or the request itself: nothing that passes by itself.
    #[error("refused with status {0}")]
    Refused(u16),
    /// Too many calls.
    #[error("limited")]
    Limited,
    /// The endpoint or the model behind it is out of order.
    #[error("unavailable")]
    Unavailable,
    /// An answer that is none: no JSON, another shape, a name that is in no list, or far too long.
    #[error("nonsense")]
    Nonsense,
    /// It failed so often lately that it was not asked.
    #[error("paused")]
    Paused,
}

impl Failure {
    /// As a label of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused(_) => "refused",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
            Self::Nonsense => "nonsense",
            Self::Paused => "paused",
        }
    }
}

impl Model {
    /// A model called `name` at `base_url`, such as `https://openrouter.ai/api/v1`.
    ///
    /// # Errors
    ///
    /// Which of them is wrong.
    pub fn new(
        base_url: &str,
        key: &str,
        name: &str,
        limits: Limits,
    ) -> Result<Self, SettingsError> {
        Self::with_patience(base_url, key, name, limits, PATIENCE)
    }

    /// As [`Model::new`], waiting for one answer for `patience`.
    pub fn with_patience(
        base_url: &str,
        key: &str,
        name: &str,
        limits: Limits,
        patience: Duration,
    ) -> Result<Self, SettingsError> {
        let mut url = Url::parse(base_url.trim()).map_err(|_| SettingsError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(SettingsError::Url);
        }
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut()
            .map_err(|()| SettingsError::Url)?
            .pop_if_empty()
            .extend(["chat", "completions"]);
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingsError::Key);
        }
        let mut key =
            HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| SettingsError::Key)?;
        key.set_sensitive(true);
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(SettingsError::Name);
        }
        // Does nothing where the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("pontual/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| SettingsError::Url)?;
        let (name, breaker) = (name.to_owned(), Mutex::default());
        let inner = Inner { http, url, key, name, limits, patience, breaker };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where it is asked: the address without anything secret in it.
    pub fn endpoint(&self) -> &str {
        self.inner.url.as_str()
    }

    pub fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// Whether it is worth a customer's waiting: it has not failed all the time lately.
    pub fn is_ready(&self, now: DateTime<Utc>) -> bool {
        self.breaker(|breaker| breaker.is_closed(now))
    }

    /// Whether the endpoint answers and takes the key; the model itself is asked nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`]: it does not take the key, or is no such endpoint.
    pub async fn is_reachable(&self) -> Result<(), Failure> {
        let mut url = self.inner.url.clone();
        // OpenRouter lists its models to everybody; who asks about the key has to have it.
        let about = if self.is_openrouter() { "key" } else { "models" };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().pop().push(about);
        }
        let asked = self.inner.http.get(url).header(AUTHORIZATION, self.inner.key.clone());
        let answer = asked.timeout(self.inner.patience).send().await.map_err(|error| {
            if error.is_timeout() { Failure::Timeout } else { Failure::Unreachable }
        })?;
        if answer.status().is_success() { Ok(()) } else { Err(failure_of(answer.status())) }
    }

    fn is_openrouter(&self) -> bool {
        self.inner
            .url
            .host_str()
            .is_some_and(|host| host == "openrouter.ai" || host.ends_with(".openrouter.ai"))
    }

    /// What would be asked about a question.
    pub fn request(&self, question: &Question, catalogue: &Catalogue) -> Request {
        // Others refuse what they do not know.
        Request::new(&self.inner.name, self.is_openrouter(), question, catalogue)
    }

    /// Asks, twice where the first answer is worth another try, for `left` at most.
    pub async fn ask(
        &self,
        request: &Request,
        catalogue: &Catalogue,
        question: &Question,
        left: Duration,
        now: DateTime<Utc>,
    ) -> Reply {
        let mut reply = Reply { meant: Err(Failure::Paused), usage: Usage::default(), attempts: 0 };
        if !self.breaker(|breaker| breaker.admits(now, left)) {
            return reply;
        }
        let until = Instant::now() + left;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            reply.attempts += 1;
            let mut pause = PAUSE;
            match self.post(request, left.min(self.inner.patience)).await {
                Ok(body) => {
                    reply.usage.add(answer::usage(&body));
                    reply.meant = answer::read(&body, catalogue, question.locale);
                }
                Err(Refusal { failure, after }) => {
                    reply.meant = Err(failure);
                    pause = after.unwrap_or(PAUSE);
                }
            }
            let passes = match reply.meant {
                Err(Failure::Unreachable | Failure::Limited | Failure::Unavailable) => true,
                Ok(_)
                | Err(
                    Failure::Timeout | Failure::Refused(_) | Failure::Nonsense | Failure::Paused,
                ) => false,
            };
            let left = until.saturating_duration_since(Instant::now());
            // There has to be time for an answer after the pause.
            if !passes || reply.attempts >= ATTEMPTS || left < pause * 2 {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.remember(&reply.meant, now);
        reply
    }

    fn remember(&self, meant: &Result<Option<Interpretation>, Failure>, now: DateTime<Utc>) {
        let trouble = match meant {
            Ok(_) => return self.breaker(Breaker::succeeded),
            Err(Failure::Refused(_)) => Trouble::Lasting,
            Err(_) => Trouble::Passing,
        };
        if let Some(pause) = self.breaker(|breaker| breaker.failed(now, trouble)) {
            let why = meant.as_ref().err().map(ToString::to_string);
            tracing::warn!(
                why,
                pause_s = pause.num_seconds(),
                "the language model is out of order; customers are answered without it"
            );
        }
    }

    async fn post(
        &self,
        request: &Request,
        patience: Duration,
    ) -> Result<serde_json::Value, Refusal> {
        let sent = self
            .inner
            .http
            .post(self.inner.url.clone())
            .header(AUTHORIZATION, self.inner.key.clone())
            .timeout(patience)
            .json(request.body())
            .send()
            .await;
        let answer = sent.map_err(|error| {
            Refusal::of(if error.is_timeout() { Failure::Timeout } else { Failure::Unreachable })
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Refusal { failure: failure_of(status), after: retry_after(&answer) });
        }
        let body = body_of(answer).await.map_err(Refusal::of)?;
        let body = serde_json::from_slice(&body).map_err(|_| Refusal::of(Failure::Nonsense))?;
        // What goes wrong once the model is at work comes with status 200.
        match answer::error_code(&body) {
            Some(code) => Err(Refusal::of(
                StatusCode::from_u16(code).map_or(Failure::Unavailable, failure_of),
            )),
            None => Ok(body),
        }
    }

    fn breaker<T>(&self, look: impl FnOnce(&mut Breaker) -> T) -> T {
        look(&mut self.inner.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Usage {
    fn add(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cost += other.cost;
    }
}

/// No answer, and how long the endpoint asks to wait before another try.
struct Refusal {
    failure: Failure,
    after: Option<Duration>,
}

impl Refusal {
    fn of(failure: Failure) -> Self {
        Self { failure, after: None }
    }
}

fn failure_of(status: StatusCode) -> Failure {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::Limited,
        StatusCode::REQUEST_TIMEOUT => Failure::Unavailable,
        status if status.is_server_error() => Failure::Unavailable,
        status => Failure::Refused(status.as_u16()),
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The whole answer, if it is of a reasonable length.
async fn body_of(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Failure::Nonsense),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Failure::Timeout),
            Err(_) => return Err(Failure::Unreachable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_without_being_quoted() {
        let limits = Limits::default();
        let made = |url, key, name| Model::new(url, key, name, limits).map(|_| ());
        assert_eq!(made(OPENROUTER, "sk-or-v1-s3cret", DEFAULT_MODEL), Ok(()));
        assert_eq!(made("openrouter.ai", "k", "m"), Err(SettingsError::Url));
        assert_eq!(made("ftp://openrouter.ai", "k", "m"), Err(SettingsError::Url));
        assert_eq!(made(OPENROUTER, "two words", "m"), Err(SettingsError::Key));
        assert_eq!(made(OPENROUTER, "", "m"), Err(SettingsError::Key));
        assert_eq!(made(OPENROUTER, "k", "a model"), Err(SettingsError::Name));
    }

    #[test]
    fn the_endpoint_is_below_the_base_with_or_without_a_slash_and_the_key_is_in_no_debug_output() {
        for base in [OPENROUTER, "https://openrouter.ai/api/v1/"] {
            let model = Model::new(base, "s3cret", "m", Limits::default()).unwrap();
            assert_eq!(model.endpoint(), "https://openrouter.ai/api/v1/chat/completions");
            assert!(!format!("{model:?}").contains("s3cret"));
        }
    }
}
