//! The environment, before anything is connected to.

use super::report::Report;
use crate::command::serve::trusted_proxies;
use crate::config::Environment;

const NAME: &str = "configuration";
/// A webhook's secret shorter than this can be guessed.
const SHORTEST_SECRET: usize = 16;

pub(super) fn check(environment: &Environment, report: &mut Report) {
    let before = report.checks.len();
    let settings = [
        environment.database_url().err(),
        environment.webhook_secrets().err(),
        environment.gateway_url().err(),
        environment.gateway_keys().err(),
        environment.listen().err(),
        environment.clock().err(),
        trusted_proxies(environment).err(),
    ];
    for error in settings.into_iter().flatten() {
        report.fail(NAME, format!("{error}"), "set it in the environment or in .env");
    }
    if let Ok(secrets) = environment.webhook_secrets()
        && secrets.iter().any(|secret| secret.len() < SHORTEST_SECRET)
    {
        report.warn(
            NAME,
            format!("a secret of EVOLUTION_WEBHOOK_SECRETS has fewer than {SHORTEST_SECRET} signs"),
            "make a longer one: openssl rand -hex 32",
        );
    }
    if environment.clock().is_ok_and(|clock| !clock.offset().is_zero()) {
        report.warn(
            NAME,
            "PONTUAL_CLOCK_OFFSET moves the clock",
            "unset it: it is for tests and demonstrations",
        );
    }
    if report.checks.len() == before {
        report.ok(NAME, "complete");
    }
}
