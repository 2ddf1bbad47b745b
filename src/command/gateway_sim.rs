//! `pontual gateway-sim`

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};
use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use super::serve::{LAST_REQUESTS, bind, serve};
use crate::config::Environment;
use crate::gateway_sim::{self, Sim, SimConfig, Version};

/// `pontual gateway-sim`: listens on `PONTUAL_LISTEN`, takes the key of `EVOLUTION_API_KEY`.
#[derive(Debug, Args)]
pub(super) struct Simulator {
    /// Make a connected instance, `NAME=WEBHOOK_URL`; its webhooks are signed with the first
    /// of `EVOLUTION_WEBHOOK_SECRETS`. May be given more than once
    #[arg(long, value_name = "NAME=URL", value_parser = instance)]
    instance: Vec<(String, String)>,

    /// The release to play: 2.3.0, 2.3.4, 2.3.6, 2.3.7 or 2.4.0
    #[arg(long, value_name = "VERSION", default_value = "2.3.7", value_parser = version)]
    server_version: Version,
}

/// Serves the simulated gateway until asked to stop.
pub(super) async fn run(simulator: Simulator, environment: &Environment) -> anyhow::Result<()> {
    let api_key = environment
        .required("EVOLUTION_API_KEY", "the key that the simulated gateway takes")?
        .to_owned();
    let sim = Sim::new(SimConfig {
        api_key,
        clock: environment.clock()?,
        version: simulator.server_version,
        ..SimConfig::default()
    });
    if !simulator.instance.is_empty() {
        let secrets = environment.webhook_secrets()?;
        let secret = secrets.first().context("EVOLUTION_WEBHOOK_SECRETS is empty")?;
        for (name, webhook) in &simulator.instance {
            sim.create_instance(name, webhook, &[("jwt_key", secret)]);
        }
    }
    let address = environment.listen()?;
    let listener = bind(address).await?;
    println!("The simulated gateway listens on http://{}.", listener.local_addr()?);
    let stop = CancellationToken::new();
    let serving =
        tokio::spawn(serve(listener, gateway_sim::router(sim), stop.clone(), LAST_REQUESTS));
    asked_to_stop().await?;
    stop.cancel();
    serving.await?
}

fn instance(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write NAME=URL")?;
    if name.is_empty() || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err("write NAME=URL with an http:// or https:// address".to_owned());
    }
    Ok((name.to_owned(), url.to_owned()))
}

fn version(text: &str) -> Result<Version, Error> {
    Version::deserialize(StrDeserializer::new(text))
}
