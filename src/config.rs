//! Settings from the environment, and from `.env.local` and `.env` where they are present.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use reqwest::Url;

use crate::channel::Channels;
use crate::channel::email::Email;
use crate::channel::sms::Sms;
use crate::clock::Clock;
use crate::db::Copies;
use crate::db::catalogues::Catalogues;
use crate::db::dialogue::{Dialogues, MemoryStore, RedisStore};
use crate::jobs::GatewayKeys;
use crate::llm::{DEFAULT_MODEL, Limits, Model, OPENROUTER};

/// How long the copy of a dialogue lives beside Postgres: as long as somebody may think an answer over.
const COPIES_LIVE: Duration = Duration::from_hours(1);

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

    /// How long web still serves after it has said that it is not ready any more: `PONTUAL_DRAIN`
    /// seconds, 5 by default. Longer than a balancer takes to notice.
    pub fn drain(&self) -> anyhow::Result<Duration> {
        self.seconds("PONTUAL_DRAIN", 5)
    }

    /// How long requests and jobs that run may go on once the process is to end:
    /// `PONTUAL_STOP_TIMEOUT` seconds, 20 by default.
    pub fn stop_timeout(&self) -> anyhow::Result<Duration> {
        self.seconds("PONTUAL_STOP_TIMEOUT", 20)
    }

    /// At most an hour.
    fn seconds(&self, name: &str, default: u64) -> anyhow::Result<Duration> {
        let Some(written) = self.var(name) else { return Ok(Duration::from_secs(default)) };
        let seconds =
            written.parse::<f64>().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
        seconds.map(Duration::from_secs_f64).with_context(|| {
            format!("{name} is no number of seconds from 0 to 3600, such as {default}")
        })
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

    /// What workers remember: catalogues (`CATALOGUE_CACHE_MIB`), and dialogues (`DIALOG_STORE`,
    /// `REDIS_URL`).
    ///
    /// # Errors
    ///
    /// Names the variable that is wrong, or missing beside another.
    pub fn copies(&self) -> anyhow::Result<Copies> {
        let catalogues = match self.var("CATALOGUE_CACHE_MIB") {
            None => Catalogues::default(),
            Some(mib) => {
                Catalogues::with_room(mib.parse().ok().filter(|mib| *mib <= 4096).context(
                    "CATALOGUE_CACHE_MIB is no number from 0 (nothing is remembered) to 4096",
                )?)
            }
        };
        let dialogues = match self.var("DIALOG_STORE").unwrap_or("postgres") {
            "postgres" => Dialogues::default(),
            "memory" => Dialogues::new(MemoryStore::new(COPIES_LIVE)),
            "redis" => {
                let url = self.required("REDIS_URL", "the Redis that DIALOG_STORE=redis means")?;
                Dialogues::new(RedisStore::new(url, COPIES_LIVE).context("REDIS_URL")?)
            }
            _ => bail!("DIALOG_STORE is neither postgres nor redis nor memory"),
        };
        Ok(Copies { catalogues, dialogues })
    }

    /// The language model, where `OPENROUTER_API_KEY` is set; it is asked for tenants that have the
    /// flag `llm` alone.
    ///
    /// # Errors
    ///
    /// Names the variable that is wrong.
    pub fn model(&self) -> anyhow::Result<Option<Model>> {
        let Some(key) = self.var("OPENROUTER_API_KEY") else { return Ok(None) };
        let url = self.var("OPENROUTER_BASE_URL").unwrap_or(OPENROUTER);
        let name = self.var("OPENROUTER_MODEL").unwrap_or(DEFAULT_MODEL);
        let mut limits = Limits::default();
        if let Some(calls) = self.var("OPENROUTER_CALLS_A_DAY") {
            limits.calls = calls
                .parse()
                .ok()
                .filter(|calls| *calls >= 0)
                .context("OPENROUTER_CALLS_A_DAY is no number of calls, such as 500")?;
        }
        if let Some(cost) = self.var("OPENROUTER_COST_A_DAY") {
            limits.cost = cost
                .parse()
                .ok()
                .filter(|cost: &f64| cost.is_finite() && *cost >= 0.0)
                .context("OPENROUTER_COST_A_DAY is no amount of credits, such as 1.50")?;
        }
        let model = Model::new(url, key, name, limits);
        model
            .map(Some)
            .context("OPENROUTER_API_KEY, OPENROUTER_BASE_URL or OPENROUTER_MODEL cannot be used")
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
    fn a_store_of_dialogues_is_one_of_three_and_redis_needs_its_address() {
        let error =
            |pairs: &[(&str, &str)]| format!("{:#}", Environment::of(pairs).copies().unwrap_err());
        for store in ["postgres", "memory"] {
            let copies = Environment::of(&[("DIALOG_STORE", store)]).copies().unwrap();
            assert_eq!(copies.dialogues.keeps_copies(), store == "memory");
        }
        let redis = [("DIALOG_STORE", "redis"), ("REDIS_URL", "redis://:s3cret@host:6379/2")];
        assert!(Environment::of(&redis).copies().unwrap().dialogues.keeps_copies());
        assert!(error(&redis[..1]).contains("REDIS_URL is not set"));
        let said = error(&[redis[0], ("REDIS_URL", "http://:s3cret@host")]);
        assert!(said.contains("redis://host:6379") && !said.contains("s3cret"), "{said}");
        assert!(error(&[("DIALOG_STORE", "mysql")]).contains("neither postgres nor redis"));
        assert!(error(&[("CATALOGUE_CACHE_MIB", "big")]).contains("CATALOGUE_CACHE_MIB"));
    }

    #[test]
    fn a_model_is_there_with_its_key_alone_and_what_is_wrong_with_it_is_named() {
        let model = |pairs: &[(&str, &str)]| Environment::of(pairs).model();
        assert!(model(&[("OPENROUTER_MODEL", "a/b")]).unwrap().is_none());
        let key = ("OPENROUTER_API_KEY", "sk-or-s3cret");
        let made = model(&[key]).unwrap().unwrap();
        assert_eq!(made.endpoint(), "https://openrouter.ai/api/v1/chat/completions");
        assert_eq!((made.name(), made.limits()), (DEFAULT_MODEL, Limits::default()));
        let own = [("OPENROUTER_CALLS_A_DAY", "7"), ("OPENROUTER_COST_A_DAY", "0.25")];
        let made = model(&[key, own[0], own[1]]).unwrap().unwrap();
        assert_eq!(made.limits(), Limits { calls: 7, cost: 0.25 });
        for wrong in [
            ("OPENROUTER_CALLS_A_DAY", "-1"),
            ("OPENROUTER_COST_A_DAY", "NaN"),
            ("OPENROUTER_BASE_URL", "openrouter"),
            ("OPENROUTER_MODEL", "two words"),
        ] {
            let said = format!("{:#}", model(&[key, wrong]).unwrap_err());
            assert!(said.contains(wrong.0) && !said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn limits_of_a_stop_are_seconds() {
        let default = Environment::of(&[]);
        assert_eq!(default.drain().unwrap(), Duration::from_secs(5));
        assert_eq!(default.stop_timeout().unwrap(), Duration::from_secs(20));
        let drain = |value| Environment::of(&[("PONTUAL_DRAIN", value)]).drain();
        assert_eq!(drain("0.25").unwrap(), Duration::from_millis(250));
        for wrong in ["5s", "-1", "3601", "NaN"] {
            assert!(drain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clock_offset_that_is_no_number_is_refused() {
        for wrong in ["1h", "", "9999999999999999"] {
            let clock = Environment::of(&[("PONTUAL_CLOCK_OFFSET", wrong)]).clock();
            assert_eq!(clock.is_err(), !wrong.is_empty(), "{wrong}");
        }
    }
}
