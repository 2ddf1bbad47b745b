//! Logs on standard error: sentences with fields, text for people or JSON for machines. Traces where
//! a collector is.

mod traces;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::Environment;

pub use self::traces::Traces;

/// What is logged unless `RUST_LOG` says otherwise. The gateway's and the queue's own chatter is
/// left out; apalis reports at `error` what our own lines say better.
const DEFAULT: &str = "info,apalis=off,apalis_core=off,apalis_postgres=warn,sqlx=warn";

/// Starts logging, once a process.
///
/// # Errors
///
/// `RUST_LOG` or `LOG_FORMAT` cannot be read.
pub fn start(environment: &Environment) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(environment.var("RUST_LOG").unwrap_or(DEFAULT))
        .context("RUST_LOG is no filter, such as info or pontual=debug")?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if environment.json_logs()? {
        logs.json().flatten_event(true).try_init()
    } else {
        logs.with_target(false).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging was started already: {error}"))
}
