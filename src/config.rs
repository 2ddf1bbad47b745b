//! Settings from the environment, and from `.env.local` and `.env` where they are present.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use reqwest::Url;

use crate::channel::Channels;
use crate::channel::email::Email;
use crate::channel::sms::Sms;
use crate::clock::Clock;
use crate::jobs::GatewayKeys;

/// The variables of the process and of the two files; real variables win, then `.env.local`.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
}

impl Environment {
    /// Reads the process's variables and the files of the current directory.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read; the error does not quote its content.
    pub fn load() -> anyhow::Result<Self> {
        let mut variables = HashMap::new();
        for file in [".env", ".env.local"] {
            let lines = match dotenvy::from_filename_iter(file) {
                Ok(lines) => lines,
                Err(error) if error.not_found() => continue,
                Err(_) => bail!("{file} cannot be read; check its permissions"),
            };
            for (number, line) in lines.enumerate() {
                let (name, value) = line.map_err(|_| {
                    anyhow::anyhow!("{file}: entry {} is not NAME=value", number + 1)
                })?;
                variables.insert(name, value);
            }
        }
        variables.extend(std::env::vars());
        Ok(Self { variables })
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// # Errors
    ///
    /// Names the variable that is missing and what it is for.
    pub fn required(&self, name: &str, meaning: &str) -> anyhow::Result<&str> {
        self.var(name).with_context(|| format!("{name} is not set; it is {meaning}"))
    }

    /// The server to use.
    pub fn database_url(&self) -> anyhow::Result<&str> {
        self.required(
            "DATABASE_URL",
            "the Postgres server to use, postgres://user:password@host/database (or run `pontual dev`, which brings its own)",
        )
    }

    /// Whether `DATABASE_URL` is that of a pooler which gives each transaction a server connection of
    /// its own.
    ///
    /// # Errors
    ///
    /// The value is not one there is.
    pub fn pools_transactions(&self) -> anyhow::Result<bool> {
        match self.var("DATABASE_POOLER").unwrap_or("none") {
            "none" => Ok(false),
            "transaction" => Ok(true),
            _ => bail!("DATABASE_POOLER is neither none nor transaction"),
        }
    }

    /// The server past any pooler, for what needs a session: being woken when there is work. Unset
    /// behind a pooler of transactions, workers look for it once a second.
    pub fn direct_database_url(&self) -> Option<&str> {
        self.var("DATABASE_DIRECT_URL")
    }

    /// The owner's connection where there is one, else the only one.
    pub fn owner_database_url(&self) -> anyhow::Result<&str> {
        match self.var("MIGRATION_DATABASE_URL") {
            Some(url) => Ok(url),
            None => self.database_url(),
        }
    }

    /// Where to listen, `127.0.0.1:8080` by default.
    pub fn listen(&self) -> anyhow::Result<SocketAddr> {
        self.var("PONTUAL_LISTEN")
            .unwrap_or("127.0.0.1:8080")
            .parse()
            .context("PONTUAL_LISTEN is not address:port, such as 127.0.0.1:8080")
    }

    /// The clock, moved by `PONTUAL_CLOCK_OFFSET` seconds.
    pub fn clock(&self) -> anyhow::Result<Clock> {
        let seconds = self
            .var("PONTUAL_CLOCK_OFFSET")
            .unwrap_or("0")
            .parse::<i64>()
            .ok()
            .and_then(TimeDelta::try_seconds)
            .context("PONTUAL_CLOCK_OFFSET is not a number of seconds, such as -3600")?;
        Ok(Clock::with_offset(seconds))
    }

    /// Secrets that authenticate a webhook.
    ///
    /// # Errors
    ///
    /// None is set: a webhook that lets everybody in would let everybody book for everybody.
    pub fn webhook_secrets(&self) -> anyhow::Result<Vec<String>> {
        let secrets = self
            .required(
                "EVOLUTION_WEBHOOK_SECRETS",
                "what proves that a webhook comes from the gateway (comma-separated, at least one)",
            )?
            .split(',')
            .map(|secret| secret.trim().to_owned())
            .filter(|secret| !secret.is_empty())
            .collect::<Vec<_>>();
        if secrets.is_empty() {
            bail!("EVOLUTION_WEBHOOK_SECRETS holds no secret; write at least one");
        }
        Ok(secrets)
    }

    pub fn gateway_url(&self) -> anyhow::Result<&str> {
        self.required(
            "EVOLUTION_API_URL",
            "where the Evolution API answers, such as http://evolution:8080",
        )
    }

    /// The gateway's key, and every other variable, since an instance may name its own
    /// (`instances.api_key_env`).
    pub fn gateway_keys(&self) -> anyhow::Result<GatewayKeys> {
        let common = self.required("EVOLUTION_API_KEY", "the key of the Evolution API")?.to_owned();
        Ok(GatewayKeys::new(common, self.variables.clone()))
    }

    /// Where people and providers reach this program, such as `https://pontual.example`; `None`:
    /// they do not.
    pub fn public_url(&self) -> anyhow::Result<Option<Url>> {
        let Some(written) = self.var("PONTUAL_PUBLIC_URL") else { return Ok(None) };
        let url = Url::parse(written).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Some).context(
            "PONTUAL_PUBLIC_URL is no address of a website, such as https://pontual.example",
        )
    }

    /// E-mail and SMS, as far as they are set up.
    ///
    /// # Errors
    ///
    /// Names the variable that is wrong, or missing beside another.
    pub fn channels(&self) -> anyhow::Result<Channels> {
        let public_url = self.public_url()?;
        let email = match self.var("SMTP_URL") {
            None => None,
            Some(url) => {
                let from = self.required("MAIL_FROM", "the address that mails come from")?;
                Some(Email::new(url, from).context("SMTP_URL or MAIL_FROM cannot be used")?)
            }
        };
        let sms = match self.var("SMS_API_URL") {
            None => None,
            Some(url) => {
                let key =
                    self.required("SMS_API_KEY", "the SMS account's id and token, id:token")?;
                let from = self.required("SMS_FROM", "the number or name that SMS come from")?;
                let reports =
                    public_url.as_ref().map(|url| crate::channel::at(url, &["webhooks", "sms"]));
                let sms = Sms::new(url, key, from, reports);
                Some(sms.context("SMS_API_URL, SMS_API_KEY or SMS_FROM cannot be used")?)
            }
        };
        let alarms_to = self.alarm_address(email.is_some())?;
        Ok(Channels { email, sms, public_url, alarms_to })
    }

    /// Who is told by mail when an instance is in trouble.
    fn alarm_address(&self, by_mail: bool) -> anyhow::Result<Option<String>> {
        let Some(address) = self.var("ALARM_MAIL_TO") else { return Ok(None) };
        if !by_mail {
            bail!("ALARM_MAIL_TO is set and SMTP_URL is not: nobody would be told; set both");
        }
        if address.parse::<lettre::Address>().is_err() {
            bail!("ALARM_MAIL_TO is no e-mail address, such as ops@example.com");
        }
        Ok(Some(address.to_owned()))
    }

    /// Whether logs are JSON, for machines.
    pub fn json_logs(&self) -> anyhow::Result<bool> {
        match self.var("LOG_FORMAT").unwrap_or("text") {
            "text" => Ok(false),
            "json" => Ok(true),
            _ => bail!("LOG_FORMAT is neither text nor json"),
        }
    }

    #[cfg(test)]
    fn of(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { variables: pairs.iter().map(own).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let environment = Environment::of(&[("DATABASE_URL", "")]);
        assert!(
            environment
                .database_url()
                .unwrap_err()
                .to_string()
                .starts_with("DATABASE_URL is not set")
        );
    }

    #[test]
    fn migrations_use_the_owners_connection_where_there_is_one() {
        let both = Environment::of(&[("DATABASE_URL", "a"), ("MIGRATION_DATABASE_URL", "b")]);
        assert_eq!(both.owner_database_url().unwrap(), "b");
        assert_eq!(Environment::of(&[("DATABASE_URL", "a")]).owner_database_url().unwrap(), "a");
    }

    #[test]
    fn a_pooler_is_one_of_those_we_know() {
        assert!(!Environment::of(&[]).pools_transactions().unwrap());
        let set = |value| Environment::of(&[("DATABASE_POOLER", value)]).pools_transactions();
        assert!(set("transaction").unwrap());
        assert!(set("session").is_err());
    }

    #[test]
    fn a_list_of_empty_secrets_is_no_secret() {
        let environment = Environment::of(&[("EVOLUTION_WEBHOOK_SECRETS", " , ")]);
        assert!(environment.webhook_secrets().is_err());
        let environment = Environment::of(&[("EVOLUTION_WEBHOOK_SECRETS", "old, new")]);
        assert_eq!(environment.webhook_secrets().unwrap(), ["old", "new"]);
    }

    #[test]
    fn a_channel_is_set_up_whole_or_not_at_all() {
        let none = Environment::of(&[]).channels().unwrap();
        assert!(none.email.is_none() && none.sms.is_none());
        let error = |pairs: &[(&str, &str)]| {
            format!("{:#}", Environment::of(pairs).channels().unwrap_err())
        };
        assert!(error(&[("SMTP_URL", "smtp://h")]).contains("MAIL_FROM is not set"));
        assert!(error(&[("ALARM_MAIL_TO", "a@b.example")]).contains("set both"));
        let mail = [("SMTP_URL", "smtp://h"), ("MAIL_FROM", "a@b.example")];
        assert!(error(&[mail[0], mail[1], ("ALARM_MAIL_TO", "a, b")]).contains("no e-mail"));
        assert!(error(&[("SMTP_URL", "h"), ("MAIL_FROM", "a@b.example")]).contains("smtps://"));
        let sms = [("SMS_API_URL", "https://x"), ("SMS_API_KEY", "s3cret"), ("SMS_FROM", "Lua")];
        let said = error(&sms);
        assert!(said.contains("colon") && !said.contains("s3cret"), "{said}");
        assert!(error(&[("PONTUAL_PUBLIC_URL", "pontual.example")]).contains("PONTUAL_PUBLIC_URL"));
    }

    #[test]
    fn a_clock_offset_that_is_no_number_is_refused() {
        for wrong in ["1h", "", "9999999999999999"] {
            let clock = Environment::of(&[("PONTUAL_CLOCK_OFFSET", wrong)]).clock();
            assert_eq!(clock.is_err(), !wrong.is_empty(), "{wrong}");
        }
    }
}
