//! E-mail by SMTP (RFC 5321), one connection a message.
//!
//! Where the connection broke decides what is known: before the end of the content nothing was
//! accepted; after it the server may have. There is no looking a mail up, so that such a one is
//! simply sent again: its Message-ID is made of the row's id, and a mailbox shows it once or twice
//! as the same message.

mod content;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::address::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use reqwest::Url;

use super::error::{CallError, Misconfiguration, Refusal, Retry, SendError};
use super::{Channel, Envelope, Found, Kind, Sent};

/// To be connected, encrypted and known to the server.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// For the sender, the recipient and the leave to send the content.
const COMMAND_PATIENCE: Duration = Duration::from_secs(15);
/// For the content until it is accepted; servers look into it meanwhile.
const CONTENT_PATIENCE: Duration = Duration::from_secs(45);
/// For a polite end, when all is said.
const QUIT_PATIENCE: Duration = Duration::from_secs(1);

/// An SMTP server that takes our mail. Cheap to clone.
#[derive(Clone)]
pub struct Email {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    from: Address,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// From the first byte: `smtps://`.
    Tls,
    /// After STARTTLS, or not at all: `smtp://…?tls=required`.
    StartTls,
    /// STARTTLS where the server offers it: `smtp://…?tls=opportunistic`.
    IfOffered,
    /// Within one machine or a private network: `smtp://`.
    None,
}

/// Why the settings cannot be used. Quotes neither of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("expected smtps://user:password@host or smtp://user:password@host:587?tls=required")]
    Url,
    #[error("expected an e-mail address, such as no-reply@example.com")]
    From,
}

impl Email {
    /// Mail by the server at `url`, from the address `from` (a name before it is not used: the
    /// tenant's stands there).
    ///
    /// `url` is `smtps://user:password@host[:465]`, `smtp://user:password@host[:587]?tls=required`
    /// (or `tls=opportunistic`), or `smtp://host[:25]` without encryption; user and password are
    /// percent-encoded and may be left out.
    ///
    /// # Errors
    ///
    /// Which of the two is wrong.
    pub fn new(url: &str, from: &str) -> Result<Self, SettingsError> {
        let url = Url::parse(url.trim()).map_err(|_| SettingsError::Url)?;
        let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value);
        let (security, port) = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => (Security::Tls, 465),
            ("smtp", Some("required")) => (Security::StartTls, 587),
            ("smtp", Some("opportunistic")) => (Security::IfOffered, 587),
            ("smtp", None) => (Security::None, 25),
            _ => return Err(SettingsError::Url),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SettingsError::Url)?;
        let decoded = |text: &str| content::percent_decoded(text).ok_or(SettingsError::Url);
        let credentials = match (url.username(), url.password()) {
            ("", _) => None,
            (user, password) => {
                let password = decoded(password.unwrap_or_default())?;
                Some(Credentials::new(decoded(user)?, password))
            }
        };
        let from: Mailbox = from.trim().parse().map_err(|_| SettingsError::From)?;
        // Does nothing where the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            security,
            credentials,
            from: from.email,
        })
    }

    /// A connection that mail can be handed to.
    async fn connected(&self) -> Result<AsyncSmtpConnection, SendError> {
        let tls = || {
            let parameters = TlsParameters::builder(self.host.clone())
                .certificate_store(CertificateStore::Default)
                .build_rustls();
            parameters.map_err(|_| SendError::OurBug { why: "TLS parameters" })
        };
        let us = ClientId::Domain(self.from.domain().to_owned());
        let implicit = if self.security == Security::Tls { Some(tls()?) } else { None };
        let server = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            server,
            Some(CONNECT_PATIENCE),
            &us,
            implicit,
            None,
        )
        .await
        .map_err(|error| at_greeting(&error))?;
        let encrypt = match self.security {
            Security::StartTls => true,
            Security::IfOffered => connection.can_starttls(),
            Security::Tls | Security::None => false,
        };
        if encrypt {
            if !connection.can_starttls() {
                return Err(SendError::Misconfigured { what: Misconfiguration::Address });
            }
            let done = connection.starttls(tls()?, &us).await;
            done.map_err(|error| at_greeting(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await;
            known.map_err(|error| match Answer::of(&error) {
                Answer::Later | Answer::Lost => SendError::NotSent { retry: Retry::Soon },
                Answer::Never | Answer::Ours => {
                    SendError::Misconfigured { what: Misconfiguration::Key }
                }
            })?;
        }
        Ok(connection)
    }
}

impl Channel for Email {
    fn kind(&self) -> Kind {
        Kind::Email
    }

    async fn send(&self, envelope: &Envelope) -> Result<Sent, SendError> {
        let to: Address =
            envelope.to.parse().map_err(|_| SendError::Refused { what: Refusal::Address })?;
        let (message, provider_id) = content::message(envelope, &self.from, &to)
            .ok_or(SendError::OurBug { why: "mail cannot be written" })?;
        let late = |_| SendError::NotSent { retry: Retry::Soon };
        let connecting = tokio::time::timeout(CONNECT_PATIENCE, self.connected());
        let mut connection = connecting.await.map_err(late)??;
        let asking = tokio::time::timeout(COMMAND_PATIENCE, ask(&mut connection, &self.from, &to));
        asking.await.map_err(late)??;
        let handing = tokio::time::timeout(CONTENT_PATIENCE, connection.message(&message));
        match handing.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(after_content(&error)),
            Err(_) => return Err(SendError::MaybeSent { why: "no answer in time" }),
        }
        let _ = tokio::time::timeout(QUIT_PATIENCE, connection.quit()).await;
        Ok(Sent { provider_id })
    }

    /// Nothing is ever found: servers keep no record that could be asked for.
    async fn find_sent(
        &self,
        _: &Envelope,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> Result<Vec<Found>, CallError> {
        Ok(Vec::new())
    }
}

/// Asks whether the server takes a mail from us to them.
async fn ask(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
) -> Result<(), SendError> {
    // Addresses beyond ASCII would need SMTPUTF8 all the way; `content::message` made sure of them.
    connection.command(Mail::new(Some(from.clone()), vec![])).await.map_err(|error| {
        match Answer::of(&error) {
            Answer::Later | Answer::Lost => SendError::NotSent { retry: Retry::Soon },
            Answer::Never if error.status().is_some_and(|code| code.to_string() == "530") => {
                SendError::Misconfigured { what: Misconfiguration::Key }
            }
            Answer::Never => SendError::Misconfigured { what: Misconfiguration::Sender },
            Answer::Ours => SendError::OurBug { why: "SMTP" },
        }
    })?;
    connection
        .command(Rcpt::new(to.clone(), vec![]))
        .await
        .map_err(|error| refused(&error, Refusal::Address))?;
    connection.command(Data).await.map_err(|error| refused(&error, Refusal::Message))?;
    Ok(())
}

/// What a failed command says, before any content was given.
fn refused(error: &Error, what: Refusal) -> SendError {
    match Answer::of(error) {
        // Greylisting wants minutes, not seconds.
        Answer::Later => SendError::NotSent { retry: Retry::Slowly },
        Answer::Never => SendError::Refused { what },
        Answer::Lost => SendError::NotSent { retry: Retry::Soon },
        Answer::Ours => SendError::OurBug { why: "SMTP" },
    }
}

/// What a failure to be let in says.
fn at_greeting(error: &Error) -> SendError {
    match Answer::of(error) {
        _ if error.is_tls() => SendError::Misconfigured { what: Misconfiguration::Address },
        Answer::Never => SendError::Misconfigured { what: Misconfiguration::Address },
        Answer::Later => SendError::NotSent { retry: Retry::Slowly },
        Answer::Lost | Answer::Ours => SendError::NotSent { retry: Retry::Soon },
    }
}

fn after_content(error: &Error) -> SendError {
    match Answer::of(error) {
        Answer::Later => SendError::NotSent { retry: Retry::Slowly },
        Answer::Never => SendError::Refused { what: Refusal::Message },
        Answer::Lost | Answer::Ours => SendError::MaybeSent { why: "connection lost" },
    }
}

/// Whether mail can be sent to this address: `name@domain.tld`, ASCII, at most 254 characters.
pub fn is_address(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b",;:<>()\"\\".contains(&b));
    let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
    let dotted = domain.rsplit_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    plain && dotted && text.len() <= 254 && text.parse::<Address>().is_ok()
}

/// A text as HTML shows it.
pub fn escaped(text: &str) -> String {
    content::escaped(text)
}

/// What kind of answer an error is.
enum Answer {
    /// 4xx.
    Later,
    /// 5xx.
    Never,
    /// None, or none that can be read.
    Lost,
    /// The library refused to ask.
    Ours,
}

impl Answer {
    fn of(error: &Error) -> Self {
        if error.is_transient() {
            Self::Later
        } else if error.is_permanent() {
            Self::Never
        } else if error.is_client() {
            Self::Ours
        } else {
            Self::Lost
        }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (&self.host, self.port, self.security);
        f.debug_tuple("Email").field(&shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_how_protected_and_as_whom() {
        use Security as S;
        #[rustfmt::skip]
        let cases = [
            ("smtps://u:p@mail.example",                        ("mail.example", 465,  S::Tls,       true)),
            ("smtps://mail.example:2465",                       ("mail.example", 2465, S::Tls,       false)),
            ("smtp://u:p%40ss@mail.example?tls=required",       ("mail.example", 587,  S::StartTls,  true)),
            ("smtp://mail.example:25?tls=opportunistic",        ("mail.example", 25,   S::IfOffered, false)),
            ("smtp://127.0.0.1:1025",                           ("127.0.0.1",    1025, S::None,      false)),
            ("smtp://[::1]",                                    ("::1",          25,   S::None,      false)),
        ];
        for (url, expected) in cases {
            let email = Email::new(url, "no-reply@example.com").unwrap();
            let made =
                (email.host.as_str(), email.port, email.security, email.credentials.is_some());
            assert_eq!(made, expected, "{url}");
        }
    }

    #[test]
    fn an_address_is_one_that_every_server_takes() {
        for good in ["marina@example.com", "m.a+x@sub.example.co", "o'neil@example.com"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "marina",
            "@example.com",
            "a@b",
            "a@b@example.com",
            "a b@example.com",
            "a@.com",
            "joão@example.com",
            "\"a\"@example.com",
            "a@example.com\nBcc: x@example.com",
            "<a@example.com>",
            long.as_str(),
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_quoting_them() {
        for url in
            ["", "mail.example", "http://x", "smtp://", "smtp://h?tls=maybe", "smtp://u:%FF@h"]
        {
            assert_eq!(Email::new(url, "a@b.example").unwrap_err(), SettingsError::Url, "{url}");
        }
        for from in ["", "nobody", "a@b@c"] {
            let error = Email::new("smtp://h", from).unwrap_err();
            assert_eq!(error, SettingsError::From, "{from}");
        }
        let email = Email::new("smtp://user:s3cret@h", "Pontual <a@b.example>").unwrap();
        assert!(!format!("{email:?}").contains("s3cret"));
    }
}
