//! One line an instance: as it is known here, as the gateway has it, and what its webhook lacks.

use super::{Desk, webhook_at};
use crate::channel::whatsapp::client::instances::{EVENTS, WebhookRow};
use crate::db::instances::InstanceLine;

const HEADER: [&str; 6] = ["TENANT", "INSTANCE", "HERE", "GATEWAY", "VERSION", "WEBHOOK"];

pub(super) async fn run(desk: &Desk<'_>, tenant: Option<&str>) -> anyhow::Result<()> {
    let version = desk.gateway.version().await;
    let version = version.map_err(|error| desk.explained(error, None))?;
    let secrets = desk.environment.webhook_secrets().unwrap_or_default();
    let expected = desk.environment.var("PONTUAL_PUBLIC_URL").and_then(|url| webhook_at(url).ok());
    let mut rows = vec![HEADER.map(str::to_owned)];
    for (_, line) in desk.lines(tenant).await? {
        let (state, webhook) = asked(desk, &line, &secrets, expected.as_deref()).await;
        rows.push([
            line.tenant.clone(),
            line.name.clone(),
            here(&line),
            state,
            version.clone(),
            webhook,
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}

/// State and webhook at the gateway, or why they are not known.
async fn asked(
    desk: &Desk<'_>,
    line: &InstanceLine,
    secrets: &[String],
    expected: Option<&str>,
) -> (String, String) {
    let failed = |error: String| (error, "-".to_owned());
    let key = match desk.key(line) {
        Ok(key) => key,
        Err(error) => return failed(error.to_string()),
    };
    let state = match desk.gateway.connection_state(&line.name, key).await {
        Ok(state) => state.as_str().to_owned(),
        Err(error) => return failed(error.to_string()),
    };
    let webhook = match desk.gateway.webhook(&line.name, key, secrets).await {
        Ok(row) => verdict(row.as_ref(), expected),
        Err(error) => error.to_string(),
    };
    (state, webhook)
}

fn here(line: &InstanceLine) -> String {
    let alarms = if line.alarms.is_empty() {
        String::new()
    } else {
        format!(" ({})", line.alarms.join(", "))
    };
    format!("{}{alarms}", line.state)
}

/// `ok`, or what to put right; `pontual instance connect` does all of it.
fn verdict(row: Option<&WebhookRow>, expected: Option<&str>) -> String {
    let Some(row) = row else { return "none".to_owned() };
    let mut wrong = Vec::new();
    if !row.enabled {
        wrong.push("switched off".to_owned());
    }
    let at = row.url.trim_end_matches('/');
    let right = expected.map_or_else(|| at.contains("/webhooks/evolution"), |url| at == url);
    if !right {
        wrong.push(format!("goes to {}", row.url));
    }
    if !row.signs {
        wrong.push("without jwt_key".to_owned());
    } else if !row.signs_with_ours {
        wrong.push("another jwt_key than EVOLUTION_WEBHOOK_SECRETS".to_owned());
    }
    let missing: Vec<_> = EVENTS
        .into_iter()
        .filter(|event| !row.events.is_empty() && row.events.iter().all(|got| got != event))
        .collect();
    if !missing.is_empty() {
        wrong.push(format!("without {}", missing.join(", ")));
    }
    if wrong.is_empty() { "ok".to_owned() } else { wrong.join("; ") }
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let line = |row: &[String; 6]| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(column, cell)| format!("{cell:0$}", width(column)));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> WebhookRow {
        WebhookRow {
            url: "http://pontual:8080/webhooks/evolution".to_owned(),
            enabled: true,
            events: EVENTS.map(str::to_owned).to_vec(),
            signs: true,
            signs_with_ours: true,
        }
    }

    #[test]
    fn a_webhook_is_right_or_told_what_it_lacks() {
        let ours = Some("http://pontual:8080/webhooks/evolution");
        let few = vec!["SEND_MESSAGE".to_owned()];
        for (row, expected, told) in [
            (Some(row()), ours, "ok"),
            (Some(row()), None, "ok"),
            // No list is all of them.
            (Some(WebhookRow { events: Vec::new(), ..row() }), ours, "ok"),
            (None, ours, "none"),
            (Some(WebhookRow { enabled: false, ..row() }), ours, "switched off"),
            (
                Some(row()),
                Some("http://a/webhooks/evolution"),
                "goes to http://pontual:8080/webhooks/evolution",
            ),
            (
                Some(WebhookRow { signs: false, signs_with_ours: false, ..row() }),
                ours,
                "without jwt_key",
            ),
            (
                Some(WebhookRow { signs_with_ours: false, ..row() }),
                ours,
                "another jwt_key than EVOLUTION_WEBHOOK_SECRETS",
            ),
        ] {
            assert_eq!(verdict(row.as_ref(), expected), told);
        }
        let told = verdict(Some(&WebhookRow { events: few, ..row() }), ours);
        assert!(
            told.starts_with("without MESSAGES_UPSERT, MESSAGES_UPDATE")
                && !told.contains("SEND_MESSAGE"),
            "{told}"
        );
    }
}
