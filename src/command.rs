//! The program's commands.

mod customer;
mod dev;
mod doctor;
mod flag;
mod gateway_sim;
mod instance;
mod key;
mod migrate;
mod replay;
mod serve;
mod template;
mod tenant;
pub mod understand;

use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::Environment;
use crate::{metrics, telemetry};

/// Appointment booking over WhatsApp, run from Postgres.
#[derive(Debug, Parser)]
#[command(name = "pontual", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: database, demo tenants, simulated gateway, web, workers
    Dev(dev::Dev),
    /// Bring a database to the current schema; safe to run twice, and from two machines at once
    Migrate,
    /// Run the HTTP server: webhook, API, calendars and health
    Web,
    /// Run a pool of workers; any number of such processes on any number of machines
    Worker(serve::Worker),
    /// Check configuration, database, roles, policies, queue and gateway: a line each
    Doctor(doctor::Doctor),
    /// Run the simulated Evolution gateway alone
    GatewaySim(gateway_sim::Simulator),
    /// Create, update and list tenants
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Create, show and revoke keys of the HTTP API
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show what is held about a customer, or end it
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// Connect tenants' WhatsApp numbers to the gateway, and see how they are connected
    #[command(subcommand)]
    Instance(instance::InstanceCommand),
    /// Switch features on and off, for everybody or for one tenant
    #[command(subcommand)]
    Flag(flag::FlagCommand),
    /// Say things in a tenant's own words
    #[command(subcommand)]
    Template(template::TemplateCommand),
    /// Take the recorded turns of a conversation again and show what comes out differently
    Replay(replay::Replay),
    /// Show what the date and time understanding makes of a text, as JSON
    Understand(understand::Understand),
}

impl Cli {
    /// Runs the command until it is done, or told to stop.
    ///
    /// # Errors
    ///
    /// What to print before leaving with status 1.
    pub fn run(self) -> anyhow::Result<()> {
        let environment = Environment::load()?;
        telemetry::start(&environment)?;
        metrics::start();
        // Does nothing where one is installed; rustls asks for a choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Command::Understand(understand) = &self.command {
            return understand::run(understand, environment.clock()?.now());
        }
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the runtime did not start")?
            .block_on(self.observed(&environment))
    }

    /// Runs it, its spans on their way to a collector where there is one.
    async fn observed(self, environment: &Environment) -> anyhow::Result<()> {
        let service = match &self.command {
            Command::Web => "pontual-web",
            Command::Worker(_) => "pontual-worker",
            Command::Dev(_) => "pontual-dev",
            _ => return self.run_async(environment).await,
        };
        tokio::spawn(metrics::tidy());
        let traces = telemetry::Traces::start(environment, service)?;
        let ended = self.run_async(environment).await;
        traces.stop().await;
        ended
    }

    async fn run_async(self, environment: &Environment) -> anyhow::Result<()> {
        let clock = environment.clock()?;
        match self.command {
            Command::Dev(dev) => dev::run(dev, environment).await,
            Command::Migrate => migrate::run(environment.owner_database_url()?, clock).await,
            Command::Web => serve::web(environment).await,
            Command::Worker(worker) => serve::worker(worker, environment).await,
            Command::Doctor(doctor) => doctor::run(&doctor, environment).await,
            Command::GatewaySim(simulator) => gateway_sim::run(simulator, environment).await,
            Command::Tenant(command) => {
                tenant::run(command, environment.owner_database_url()?, clock).await
            }
            Command::Key(command) => {
                key::run(command, environment.owner_database_url()?, clock).await
            }
            Command::Customer(command) => {
                customer::run(command, environment.owner_database_url()?, clock).await
            }
            Command::Instance(command) => instance::run(command, environment).await,
            Command::Flag(command) => {
                flag::run(command, environment.owner_database_url()?, clock).await
            }
            Command::Template(command) => {
                template::run(command, environment.owner_database_url()?, clock).await
            }
            Command::Replay(replay) => {
                replay::run(&replay, environment.owner_database_url()?, clock).await
            }
            Command::Understand(_) => Ok(()), // ran above, it needs no runtime
        }
    }
}

/// Within this time signals are one request: some shells and supervisors send two.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// Resolves when the process is asked to end: Ctrl-C, or SIGTERM from an orchestrator. Whoever asks
/// once more does not want to wait for anything: the process ends at once then.
async fn asked_to_stop() -> anyhow::Result<()> {
    signalled().await?;
    tokio::spawn(async {
        tokio::time::sleep(ONE_REQUEST).await;
        if let Ok(number) = signalled().await {
            eprintln!("pontual: asked once more to stop; leaving at once");
            // As a shell sees a process that a signal has ended.
            std::process::exit(128 + number);
        }
    });
    Ok(())
}

/// Waits for a signal that asks for the end; its number.
async fn signalled() -> anyhow::Result<i32> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let kind = tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hang_up.recv() => SignalKind::hangup(),
    };
    Ok(kind.as_raw_value())
}
