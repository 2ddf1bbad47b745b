//! SMS through a provider that speaks Twilio's REST API, at whatever address it has.
//!
//! | module | does |
//! | --- | --- |
//! | [`answer`] | says what an answer or a report means |
//! | [`signature`] | says whether a report comes from the provider |

pub mod answer;
pub mod signature;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Response, StatusCode, Url, redirect};
use serde_json::Value;

use self::answer::classify;
use super::error::{CallError, Misconfiguration, Retry, SendError};
use super::whatsapp::phone;
use super::{Channel, Envelope, Found, Kind, Sent};
use crate::domain::segments;

const SEND_PATIENCE: Duration = Duration::from_secs(30);
const CALL_PATIENCE: Duration = Duration::from_secs(15);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer no more than this is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// Messages to one number in a few minutes; more are not looked at.
const PAGE: &str = "200";

/// An account with the provider. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Sms {
    http: reqwest::Client,
    base: Url,
    account: String,
    token: String,
    from: String,
    /// Where reports of delivery are to go; none: they are not asked for.
    reports: Option<Url>,
}

/// Why the settings cannot be used. Quotes none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("expected the provider's address, such as https://api.twilio.com")]
    Url,
    #[error("expected the account's id and its token with a colon between them")]
    Key,
    #[error(
        "expected a phone number such as +15005550006, or a name of 1 to 11 letters and digits"
    )]
    From,
}

impl Sms {
    /// `key` is `account:token`; `from` a number in E.164 or a sender's name; `reports` the public
    /// address of `/webhooks/sms`.
    ///
    /// # Errors
    ///
    /// Which of them is wrong.
    pub fn new(
        url: &str,
        key: &str,
        from: &str,
        reports: Option<Url>,
    ) -> Result<Self, SettingsError> {
        let base = Url::parse(url.trim()).map_err(|_| SettingsError::Url)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(SettingsError::Url);
        }
        let (account, token) = key.trim().split_once(':').ok_or(SettingsError::Key)?;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_plain(account) || !is_plain(token) || account.contains('/') {
            return Err(SettingsError::Key);
        }
        let from = from.trim();
        let is_name = (1..=11).contains(&from.len())
            && from.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
        let is_number = from.starts_with('+') && phone::canonical(from).is_some();
        if !is_name && !is_number {
            return Err(SettingsError::From);
        }
        // Does nothing where the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("pontual/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| SettingsError::Url)?;
        let (account, token) = (account.to_owned(), token.to_owned());
        Ok(Self { http, base, account, token, from: from.to_owned(), reports })
    }

    /// Where reports are to come, and the token that they are signed with; `None`: they are not
    /// asked for.
    pub fn reports(&self) -> Option<(&Url, &str)> {
        self.reports.as_ref().map(|url| (url, self.token.as_str()))
    }

    fn messages(&self) -> Option<Url> {
        let mut url = self.base.clone();
        let path = ["2010-04-01", "Accounts", &self.account, "Messages.json"];
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        Some(url)
    }

    /// Where the report of one message goes: it names the message by our own id, which is known
    /// before the provider's is.
    fn report_of(&self, envelope: &Envelope) -> Option<Url> {
        let mut url = self.reports.clone()?;
        url.query_pairs_mut()
            .clear()
            .append_pair("tenant", &envelope.tenant_id.to_string())
            .append_pair("message", &envelope.id.to_string());
        Some(url)
    }
}

impl Channel for Sms {
    fn kind(&self) -> Kind {
        Kind::Sms
    }

    async fn send(&self, envelope: &Envelope) -> Result<Sent, SendError> {
        const WRONG: SendError = SendError::Misconfigured { what: Misconfiguration::Address };
        let text = segments::shortened(&envelope.text);
        let mut form = vec![("To", envelope.to.as_str()), ("From", &self.from), ("Body", &text)];
        let report = self.report_of(envelope).map(String::from);
        if let Some(report) = &report {
            form.push(("StatusCallback", report));
        }
        let form = url_encoded(&form);
        let answer = self
            .http
            .post(self.messages().ok_or(WRONG)?)
            .basic_auth(&self.account, Some(&self.token))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .timeout(SEND_PATIENCE)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                return Err(SendError::NotSent { retry: Retry::Soon });
            }
            Err(error) if error.is_builder() => return Err(SendError::OurBug { why: "request" }),
            Err(error) => {
                let why = if error.is_timeout() { "no answer in time" } else { "connection lost" };
                return Err(SendError::MaybeSent { why });
            }
        };
        let status = answer.status().as_u16();
        match body_of(answer).await {
            Some(body) => classify(status, &body),
            None => Err(SendError::MaybeSent { why: "answer cut off" }),
        }
    }

    async fn find_sent(
        &self,
        envelope: &Envelope,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Found>, CallError> {
        const WRONG: CallError = CallError::Misconfigured { what: Misconfiguration::Address };
        let mut url = self.messages().ok_or(WRONG)?;
        // The provider keeps days, in UTC; the rest is looked at here.
        url.query_pairs_mut()
            .append_pair("To", &envelope.to)
            .append_pair("DateSent>", &from.date_naive().to_string())
            .append_pair("PageSize", PAGE);
        let asked = self
            .http
            .get(url)
            .basic_auth(&self.account, Some(&self.token))
            .timeout(CALL_PATIENCE)
            .send()
            .await
            .map_err(|_| CallError::Unreachable)?;
        let status = asked.status();
        let body = body_of(asked).await.ok_or(CallError::Unreachable)?;
        if status != StatusCode::OK {
            return Err(match answer::misconfiguration(status.as_u16(), &body) {
                Some(what) => CallError::Misconfigured { what },
                None => CallError::Failed { status: status.as_u16() },
            });
        }
        let messages = body["messages"].as_array().ok_or(CallError::Unreadable)?;
        let text = segments::shortened(&envelope.text);
        let mut found: Vec<_> = messages
            .iter()
            .filter(|message| message["body"] == *text && message["to"] == envelope.to.as_str())
            .filter_map(answer::found)
            .filter(|found| found.sent_at.is_none_or(|at| (from..=until).contains(&at)))
            .collect();
        found.sort_by_key(|found| found.sent_at);
        Ok(found)
    }
}

/// The answer's JSON, or null if it is none; `None` if it did not come whole.
async fn body_of(mut answer: Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(serde_json::from_slice(&body).unwrap_or_default())
}

fn url_encoded(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().extend_pairs(fields);
    }
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_quoting_them() {
        use SettingsError as E;
        #[rustfmt::skip]
        let cases = [
            ("api.twilio.com",     "AC1:secret",  "+15005550006",  E::Url),
            ("ftp://x",            "AC1:secret",  "+15005550006",  E::Url),
            ("https://x",          "AC1",         "+15005550006",  E::Key),
            ("https://x",          ":secret",     "+15005550006",  E::Key),
            ("https://x",          "A/../B:s",    "+15005550006",  E::Key),
            ("https://x",          "AC1:secret",  "",              E::From),
            ("https://x",          "AC1:secret",  "15005550006x",  E::From),
            ("https://x",          "AC1:secret",  "+1",            E::From),
        ];
        for (url, key, from, expected) in cases {
            assert_eq!(Sms::new(url, key, from, None).unwrap_err(), expected, "{url} {from}");
        }
        let sms = Sms::new("https://x", "AC1:s3cret", "Studio Lua", None).unwrap();
        assert!(!format!("{sms:?}").contains("s3cret"));
    }

    #[test]
    fn a_report_is_asked_for_under_our_own_name_of_the_message() {
        let reports = Url::parse("https://p.example/webhooks/sms").ok();
        let sms = Sms::new("https://x/", "AC1:secret", "+15005550006", reports).unwrap();
        assert_eq!(
            sms.messages().unwrap().as_str(),
            "https://x/2010-04-01/Accounts/AC1/Messages.json"
        );
        let envelope = Envelope {
            id: Uuid::from_u128(7),
            tenant_id: Uuid::from_u128(1),
            to: "+5511988887777".to_owned(),
            from_name: String::new(),
            reply_to: None,
            subject: String::new(),
            text: String::new(),
            calendar: None,
            unsubscribe: None,
            created_at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(
            sms.report_of(&envelope).unwrap().as_str(),
            "https://p.example/webhooks/sms?tenant=00000000-0000-0000-0000-000000000001\
             &message=00000000-0000-0000-0000-000000000007"
        );
    }

    #[test]
    fn a_form_carries_any_text_unchanged() {
        assert_eq!(
            url_encoded(&[("To", "+5511"), ("Body", "às 15h & 1=1\né")]),
            "To=%2B5511&Body=%C3%A0s+15h+%26+1%3D1%0A%C3%A9"
        );
    }
}
