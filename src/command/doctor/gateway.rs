//! The gateway: whether it answers, takes our key, and has the tenants' instances connected.

use std::time::Duration;

use super::report::Report;
use crate::channel::whatsapp::client::{CallError, Gateway, Misconfiguration};
use crate::channel::whatsapp::status::InstanceState;
use crate::config::Environment;
use crate::db::facts::Instance;

const NAME: &str = "gateway";
const INSTANCE: &str = "instance";
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(
    environment: &Environment,
    instances: Option<&[Instance]>,
    report: &mut Report,
) {
    let (Ok(url), Ok(keys)) = (environment.gateway_url(), environment.gateway_keys()) else {
        return; // told as configuration
    };
    let gateway = match Gateway::new(url) {
        Ok(gateway) => gateway,
        Err(error) => {
            report.fail(NAME, error.to_string(), "mend EVOLUTION_API_URL");
            return;
        }
    };
    match tokio::time::timeout(PATIENCE, gateway.version()).await {
        Ok(Ok(version)) => report.ok(NAME, format!("Evolution {version} answers")),
        Ok(Err(error)) => {
            report.fail(NAME, error.to_string(), "check EVOLUTION_API_URL and that it runs");
            return;
        }
        Err(_) => {
            report.fail(NAME, "does not answer", "check EVOLUTION_API_URL and that it runs");
            return;
        }
    }
    let Some(instances) = instances else { return };
    if instances.is_empty() {
        // The gateway looks at a key only for an instance that it has.
        report.warn(NAME, "no tenant has an instance, so no key was tried", "see docs/tenants.md");
    }
    for instance in instances {
        let Some(key) = keys.of(instance.api_key_env.as_deref()) else {
            let variable = instance.api_key_env.as_deref().unwrap_or_default();
            let found = format!("{}: its key is in {variable}, which is not set", instance.name);
            report.fail(INSTANCE, found, "set it for the workers");
            continue;
        };
        told(asked(&gateway, &instance.name, key).await, instance, report);
    }
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Call(CallError),
    Late,
}

async fn asked(gateway: &Gateway, name: &str, key: &str) -> Result<InstanceState, Trouble> {
    tokio::time::timeout(PATIENCE, gateway.connection_state(name, key))
        .await
        .map_err(|_| Trouble::Late)?
        .map_err(Trouble::Call)
}

fn told(answer: Result<InstanceState, Trouble>, instance: &Instance, report: &mut Report) {
    let name = &instance.name;
    match answer {
        Ok(InstanceState::Open) if instance.state == "open" => {
            report.ok(INSTANCE, format!("{name} is connected"));
        }
        Ok(InstanceState::Open) => report.warn(
            INSTANCE,
            format!("{name} is connected, and known to us as {}", instance.state),
            "check that its webhook tells CONNECTION_UPDATE",
        ),
        Ok(_) => report.warn(
            INSTANCE,
            format!("{name} is not connected to WhatsApp"),
            "pair its phone again; messages wait meanwhile",
        ),
        Err(Trouble::Late) => {
            report.fail(
                INSTANCE,
                format!("{name}: the gateway does not answer"),
                "look at its log",
            );
        }
        Err(Trouble::Call(error @ CallError::Misconfigured { what })) => {
            let advice = match what {
                Misconfiguration::Key => match &instance.api_key_env {
                    Some(variable) => format!("mend {variable}"),
                    None => "mend EVOLUTION_API_KEY".to_owned(),
                },
                Misconfiguration::Instance => {
                    "make it on the gateway, or mend its name in the tenant's file".to_owned()
                }
                _ => "see docs/gateway.md".to_owned(),
            };
            report.fail(INSTANCE, format!("{name}: {error}"), advice);
        }
        Err(Trouble::Call(error)) => {
            report.fail(INSTANCE, format!("{name}: {error}"), "look at the gateway's log");
        }
    }
}
