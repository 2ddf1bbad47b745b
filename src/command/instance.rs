//! `pontual instance`: a tenant's WhatsApp number at a real gateway, from nothing to connected.

mod connect;
mod qr;
mod status;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use sqlx::PgPool;
use uuid::Uuid;

use crate::channel::error::{CallError, Misconfiguration};
use crate::channel::whatsapp::client::Gateway;
use crate::clock::Clock;
use crate::config::Environment;
use crate::db::instances::{self, InstanceLine};
use crate::db::{self, templates};
use crate::jobs::GatewayKeys;

#[derive(Debug, Subcommand)]
pub(super) enum InstanceCommand {
    /// Make the instance at the gateway, set its webhook, and pair it with a phone
    ///
    /// Safe to run again at any time: what is there is taken as it is, and its webhook is set anew.
    /// Shows the code to scan and waits until WhatsApp is connected.
    Connect(Connect),
    /// Show how instances are connected, here and at the gateway, and whether their webhooks are right
    Status {
        /// Only this tenant's; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
}

/// `pontual instance connect`
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// Whose number; `pontual tenant list` shows them
    #[arg(long, value_name = "SLUG")]
    tenant: String,
    /// Which of several instances, by the gateway's name
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Where the gateway reaches this program's webhook; without: `PONTUAL_PUBLIC_URL`
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
}

/// What both commands work with.
struct Desk<'a> {
    environment: &'a Environment,
    pool: PgPool,
    clock: Clock,
    gateway: Gateway,
    keys: GatewayKeys,
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// What is wrong, and what to do.
pub(super) async fn run(command: InstanceCommand, environment: &Environment) -> anyhow::Result<()> {
    let clock = environment.clock()?;
    let desk = Desk {
        environment,
        clock,
        gateway: Gateway::new(environment.gateway_url()?)
            .map_err(|_| anyhow!("EVOLUTION_API_URL is no http:// or https:// address"))?,
        keys: environment.gateway_keys()?,
        pool: db::connect(environment.owner_database_url()?, 1, clock).await?,
    };
    match command {
        InstanceCommand::Connect(connect) => connect::run(&desk, &connect).await?,
        InstanceCommand::Status { tenant } => status::run(&desk, tenant.as_deref()).await?,
    }
    desk.pool.close().await;
    Ok(())
}

impl Desk<'_> {
    /// The instances of a tenant, or of all.
    async fn lines(&self, slug: Option<&str>) -> anyhow::Result<Vec<(Uuid, InstanceLine)>> {
        let tenant = match slug {
            None => None,
            Some(slug) => {
                let found = templates::tenant_named(&self.pool, slug).await?;
                Some(found.with_context(|| {
                    format!("there is no tenant {slug:?}; `pontual tenant list` shows all of them")
                })?)
            }
        };
        Ok(instances::lines_of(&self.pool, self.clock.now(), tenant).await?)
    }

    /// The key of an instance, or which variable is missing.
    fn key(&self, line: &InstanceLine) -> anyhow::Result<&str> {
        let variable = line.api_key_env.as_deref();
        self.keys.of(variable).with_context(|| {
            let variable = variable.unwrap_or("EVOLUTION_API_KEY");
            format!("{variable} is not set; it is the key of instance {}", line.name)
        })
    }

    /// What a failed call means, and what to do; `variable` holds the key that was used.
    fn explained(&self, error: CallError, variable: Option<&str>) -> anyhow::Error {
        let url = self.environment.gateway_url().unwrap_or_default();
        let variable = variable.unwrap_or("EVOLUTION_API_KEY");
        match error {
            CallError::Unreachable => anyhow!(
                "the gateway at {url} does not answer; check EVOLUTION_API_URL, and that the server runs"
            ),
            CallError::Misconfigured { what } => match what {
                Misconfiguration::Key => anyhow!(
                    "the gateway does not take the key in {variable}; compare it with AUTHENTICATION_API_KEY of the gateway"
                ),
                Misconfiguration::Licence => anyhow!(
                    "the gateway wants a licence, as Evolution does from 2.4.0 on; activate it at the gateway, or run 2.3.7"
                ),
                Misconfiguration::Instance => {
                    anyhow!("the gateway has no such instance; `pontual instance connect` makes it")
                }
                Misconfiguration::Address
                | Misconfiguration::MetaToken
                | Misconfiguration::Sender => anyhow!(
                    "something answers at {url} that is no Evolution API; check EVOLUTION_API_URL"
                ),
            },
            CallError::Failed { status } => {
                anyhow!("the gateway at {url} answered {status}; its own log says why")
            }
            CallError::Unreadable => anyhow!(
                "the gateway at {url} answered what no Evolution API from 2.2 to 2.4 answers; check EVOLUTION_API_URL"
            ),
        }
    }

    /// Where the gateway is to deliver, from the flag or the environment.
    fn webhook_url(&self, flag: Option<&str>) -> anyhow::Result<String> {
        let public = self.environment.var("PONTUAL_PUBLIC_URL");
        let Some(given) = flag.or(public) else {
            bail!(
                "say where the gateway reaches this program: set PONTUAL_PUBLIC_URL, such as \
                 http://pontual:8080, or give --webhook-url"
            );
        };
        webhook_at(given)
    }
}

/// The webhook's address from a base such as `http://pontual:8080`, or from itself.
///
/// # Errors
///
/// The gateway would take anything and silently never call it.
fn webhook_at(given: &str) -> anyhow::Result<String> {
    const PATH: &str = "/webhooks/evolution";
    let wrong = || anyhow!("{given:?} is no address for webhooks; write it as http://pontual:8080");
    let parsed: axum::http::Uri = given.trim().parse().map_err(|_| wrong())?;
    let is_web = matches!(parsed.scheme_str(), Some("http" | "https"));
    if !is_web || parsed.host().is_none_or(str::is_empty) || parsed.query().is_some() {
        return Err(wrong());
    }
    let base = given.trim().trim_end_matches('/');
    Ok(if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") })
}

#[cfg(test)]
mod tests {
    use super::webhook_at;

    #[test]
    fn a_webhook_is_told_by_its_base_or_whole() {
        for (given, expected) in [
            ("http://pontual:8080", "http://pontual:8080/webhooks/evolution"),
            (" https://book.example/ ", "https://book.example/webhooks/evolution"),
            ("https://x.example/pontual", "https://x.example/pontual/webhooks/evolution"),
            ("http://pontual/webhooks/evolution/", "http://pontual/webhooks/evolution"),
        ] {
            assert_eq!(webhook_at(given).unwrap(), expected);
        }
    }

    #[test]
    fn what_the_gateway_would_never_call_is_refused() {
        for given in ["", "pontual:8080", "ftp://pontual", "http://", "http://a?b=c", "http://a b"]
        {
            let refused = webhook_at(given).unwrap_err().to_string();
            assert!(refused.contains("no address for webhooks"), "{given}: {refused}");
        }
    }
}
