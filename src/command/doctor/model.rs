//! The language model, where one is set up: whether its endpoint answers and takes the key.

use super::report::Report;
use crate::config::Environment;
use crate::llm::Failure;

const NAME: &str = "language model";

pub(super) async fn check(environment: &Environment, report: &mut Report) {
    let model = match environment.model() {
        Ok(None) => return,
        Ok(Some(model)) => model,
        Err(error) => return report.fail(NAME, format!("{error:#}"), "mend it, or unset the key"),
    };
    match model.is_reachable().await {
        Ok(()) => report.ok(NAME, format!("{} is set up, and its endpoint answers", model.name())),
        Err(Failure::Refused(status)) => {
            let found = format!("the endpoint refuses the key (status {status})");
            report.fail(NAME, found, "mend OPENROUTER_API_KEY or OPENROUTER_BASE_URL");
        }
        // Customers are served without it.
        Err(failure) => {
            report.warn(NAME, format!("the endpoint: {failure}"), "check OPENROUTER_BASE_URL");
        }
    }
}
