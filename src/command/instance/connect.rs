//! From nothing to connected: make, set up, pair.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use uuid::Uuid;

use super::{Connect, Desk, qr};
use crate::channel::whatsapp::client::instances::{Pairing, WebhookSettings};
use crate::channel::whatsapp::status::InstanceState;
use crate::command::asked_to_stop;
use crate::db::instances::{self, InstanceLine};

/// How often the gateway is asked: a code lives for about 20 s.
const EVERY: Duration = Duration::from_secs(2);
/// Whoever has not scanned by then is not there.
const PATIENCE: Duration = Duration::from_mins(10);

pub(super) async fn run(desk: &Desk<'_>, connect: &Connect) -> anyhow::Result<()> {
    let (tenant, line) = chosen(desk, connect).await?;
    let key = desk.key(&line)?;
    let webhook = WebhookSettings {
        url: desk.webhook_url(connect.webhook_url.as_deref())?,
        jwt_key: desk.environment.webhook_secrets()?.swap_remove(0),
    };
    let own = line.api_key_env.as_deref();
    let version = desk.gateway.version().await.map_err(|error| desk.explained(error, own))?;
    println!("gateway: Evolution API {version}");
    let integration = made(desk, &line, key, &webhook).await?;
    let explained = |error| desk.explained(error, own);
    desk.gateway.set_webhook(&line.name, key, &webhook).await.map_err(explained)?;
    println!("webhook: {}", webhook.url);
    desk.gateway.set_settings(&line.name, key).await.map_err(explained)?;

    if integration.as_deref() == Some("WHATSAPP-BAILEYS") || integration.is_none() {
        tokio::select! {
            paired = pair(desk, &line, key) => paired?,
            stopped = asked_to_stop() => {
                stopped?;
                bail!("{} is not connected yet; run this again to go on where it stopped", line.name);
            }
        }
    }
    let state = desk.gateway.connection_state(&line.name, key).await.map_err(explained)?;
    // Sending need not wait for the webhook that tells the same.
    let now = desk.clock.now();
    instances::set_state(&desk.pool, now, tenant, line.id, state.as_str()).await?;
    if state != InstanceState::Open {
        bail!(
            "{} is not connected, the gateway calls it {:?}; see its settings at the gateway",
            line.name,
            state.as_str()
        );
    }
    println!("{} is connected", line.name);
    Ok(())
}

/// The instance that is meant.
async fn chosen(desk: &Desk<'_>, connect: &Connect) -> anyhow::Result<(Uuid, InstanceLine)> {
    let mut lines = desk.lines(Some(&connect.tenant)).await?;
    if let Some(name) = &connect.instance {
        lines.retain(|(_, line)| line.name == *name);
    }
    let names = || lines.iter().map(|(_, line)| line.name.clone()).collect::<Vec<_>>().join(", ");
    match lines.len() {
        1 => lines.pop().context("one instance"),
        0 => bail!(
            "{} has no such instance; its file names one under [instance], see docs/tenants.md",
            connect.tenant
        ),
        _ => bail!("{} has several instances; choose with --instance: {}", connect.tenant, names()),
    }
}

/// Makes the instance, or takes the one that is there; its kind.
async fn made(
    desk: &Desk<'_>,
    line: &InstanceLine,
    key: &str,
    webhook: &WebhookSettings,
) -> anyhow::Result<Option<String>> {
    let own = line.api_key_env.as_deref();
    let common = desk.keys.of(None).unwrap_or_default();
    // An instance's own key opens nothing while there is no such instance.
    let found = desk.gateway.instance(&line.name, common).await;
    let found = found.map_err(|error| desk.explained(error, None))?;
    if let Some(found) = found {
        println!("instance: {} is there, {}", line.name, found.state.as_str());
        return Ok(found.integration);
    }
    let token = own.map(|_| key);
    let made = desk.gateway.create_instance(&line.name, common, token, webhook).await;
    let is_new = made.map_err(|error| desk.explained(error, None))?;
    println!("instance: {} is {}", line.name, if is_new { "made" } else { "there" });
    Ok(Some("WHATSAPP-BAILEYS".to_owned()))
}

/// Shows the code, a new one whenever it changes, until the phone has scanned it.
async fn pair(desk: &Desk<'_>, line: &InstanceLine, key: &str) -> anyhow::Result<()> {
    let (began, mut shown) = (Instant::now(), Shown::default());
    loop {
        let own = line.api_key_env.as_deref();
        match desk.gateway.connect(&line.name, key).await {
            Ok(Pairing::Open) => return Ok(()),
            Ok(Pairing::Code(code)) => shown.show(&code)?,
            Ok(Pairing::Waiting) => {}
            Ok(Pairing::Failed) => bail!(
                "the gateway could not begin pairing {}; its own log says why, most often it does not reach WhatsApp",
                line.name
            ),
            Err(error) => return Err(desk.explained(error, own)),
        }
        if began.elapsed() > PATIENCE {
            bail!("nobody scanned the code of {} in ten minutes; run this again", line.name);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The code on the screen.
#[derive(Default)]
struct Shown {
    code: String,
    lines: usize,
}

impl Shown {
    fn show(&mut self, code: &str) -> anyhow::Result<()> {
        if self.code == code {
            return Ok(());
        }
        let drawing = qr::drawn(code)?;
        let mut out = std::io::stdout().lock();
        if self.code.is_empty() {
            writeln!(
                out,
                "On the phone: WhatsApp, Settings, Linked devices, Link a device. Then scan:"
            )?;
        } else if out.is_terminal() {
            // In the place of the last one.
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        writeln!(out, "{drawing}")?;
        out.flush()?;
        self.lines = drawing.lines().count();
        code.clone_into(&mut self.code);
        Ok(())
    }
}
