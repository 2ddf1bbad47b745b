//! Every recorded exchange, asked again: the simulated server answers as the real one did.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use pontual::gateway_sim::fault::{ConnectionFault, SendFault};
use pontual::gateway_sim::{Fault, Sim, SimConfig, Version};
use serde_json::{Value, json};

use super::stand::{Server, ask, exchange, shape, start};

/// What is the same of an answer: all but names, times and secrets that each server makes up, or
/// its shape and status alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Same {
    Words,
    Shape,
}

type Rows = &'static [(&'static str, Same)];

/// An EVOLUTION instance, and calls that need none.
#[rustfmt::skip]
const EVOLUTION: Rows = &[
    ("root",                          Same::Words),
    ("404",                           Same::Words),
    ("create-nokey",                  Same::Words),
    ("create-nointegration",          Same::Words),
    ("create-empty",                  Same::Words),
    ("create-webhook-noevents",       Same::Words),
    ("create-evolution",              Same::Words),
    ("create-instancetoken",          Same::Words),
    ("create-dup",                    Same::Words),
    ("connectionState",               Same::Words),
    ("connectionState-token",         Same::Words),
    ("connectionState-nokey",         Same::Words),
    ("connectionState-badkey",        Same::Words),
    ("connectionState-unknown",       Same::Words),
    ("connectionState-unknown-nokey", Same::Words),
    ("bearer-not-apikey",             Same::Words),
    ("fetchInstances",                Same::Words),
    ("fetchInstances-token",          Same::Words),
    ("fetchInstances-bad",            Same::Words),
    ("fetchInstances-unknown",        Same::Words),
    ("webhook-find",                  Same::Words),
    ("inbound-evo",                   Same::Words),
    ("inbound-evo-list",              Same::Words),
    ("inbound-evo-noid",              Same::Words),
    ("inbound-evo-dup",               Same::Words),
    ("inbound-evo-unknown",           Same::Words),
    ("inbound-evo-nonum",             Same::Words),
    ("sendText",                      Same::Words),
    ("sendText-delay",                Same::Words),
    ("sendText-jid",                  Same::Words),
    ("sendText-quoted",               Same::Words),
    ("sendText-empty",                Same::Words),
    ("sendText-notext",               Same::Words),
    ("sendText-nonumber",             Same::Words),
    ("sendText-num-int",              Same::Words),
    ("sendText-delay-str",            Same::Words),
    ("sendText-mentioned",            Same::Words),
    ("sendText-nobody",               Same::Words),
    ("sendText-v1shape",              Same::Words),
    ("sendText-badkey",               Same::Words),
    ("sendText-unknown-inst",         Same::Words),
    // Each parser has its own words.
    ("sendText-badjson",              Same::Shape),
    ("sendList",                      Same::Words),
    ("sendList-nofooter",             Same::Words),
    ("sendList-emptyrowid",           Same::Words),
    ("sendList-duprow",               Same::Words),
    ("sendList-nosections",           Same::Words),
    ("sendButtons",                   Same::Words),
    ("sendButtons-badtype",           Same::Words),
    ("sendButtons-nobuttons",         Same::Words),
    ("sendPoll",                      Same::Words),
    ("sendPoll-1value",               Same::Words),
    ("sendLocation",                  Same::Words),
    ("sendLocation-noname",           Same::Words),
    ("sendReaction",                  Same::Words),
    ("sendReaction-bad",              Same::Words),
    ("sendMedia",                     Same::Words),
    ("sendMedia-bad",                 Same::Words),
    ("sendMedia-docnoname",           Same::Words),
    ("sendTemplate",                  Same::Words),
    ("markRead",                      Same::Words),
    ("sendPresence",                  Same::Words),
    ("whatsappNumbers",               Same::Words),
    ("whatsappNumbers-bad",           Same::Words),
    // What else had been sent by then was not recorded.
    ("findMessages",                  Same::Shape),
    ("findChats",                     Same::Shape),
    ("findContacts",                  Same::Shape),
    ("settings-find",                 Same::Words),
    ("settings-set",                  Same::Words),
];

/// A WHATSAPP-BAILEYS instance that is connected.
#[rustfmt::skip]
const CONNECTED: Rows = &[
    ("bail-create",                   Same::Words),
    ("bail-state",                    Same::Words),
    ("state",                         Same::Words),
    ("state-after",                   Same::Words),
    ("bail-connect-open",             Same::Words),
    ("webhook-set-flat",              Same::Words),
    ("webhook-set-no-url",            Same::Words),
    ("webhook-set-no-events",         Same::Words),
    ("webhook-set-bad-event",         Same::Words),
    ("webhook-set-ok",                Same::Words),
    ("bail-sendText",                 Same::Words),
    ("bail-sendText-link",            Same::Words),
    ("bail-sendText-lid",             Same::Words),
    ("bail-sendText-blank",           Same::Words),
    ("bail-sendText-notexists",       Same::Words),
    ("bail-quoted",                   Same::Words),
    ("bail-sendList",                 Same::Words),
    ("bail-sendButtons",              Same::Words),
    ("bail-sendButtons-4",            Same::Words),
    ("bail-sendButtons-mixed",        Same::Words),
    ("bail-sendButtons-none",         Same::Words),
    ("bail-sendPoll",                 Same::Words),
    ("bail-sendLocation",             Same::Words),
    ("bail-sendReaction",             Same::Words),
    ("bail-sendContact",              Same::Words),
    ("bail-template",                 Same::Words),
    ("bail-whatsappNumbers",          Same::Words),
    ("bail-presence",                 Same::Words),
    ("bail-presence-nodelay",         Same::Words),
    ("bail-markread",                 Same::Words),
    ("number-br-formatted",           Same::Words),
    ("number-br-device-suffix",       Same::Words),
    ("number-br-12-digits",           Same::Words),
    ("number-no-country-code",        Same::Words),
    ("number-c-us-suffix",            Same::Words),
    ("number-mx-12",                  Same::Words),
    ("number-mx-13",                  Same::Words),
    ("number-ar-13",                  Same::Words),
    ("number-group-id",               Same::Words),
    ("number-br-ddd21-12",            Same::Words),
    ("number-br-ddd21-13",            Same::Words),
];

/// The same instance while a send meets something.
#[rustfmt::skip]
const FAILING: &[(&str, SendFault)] = &[
    ("send-closed",                   SendFault::Closed),
    ("list-closed",                   SendFault::Closed),
    ("buttons-closed",                SendFault::Closed),
    ("send-timeout",                  SendFault::TimedOut),
    ("send-sentthenfail",             SendFault::SentThenFailed),
    ("send-rate",                     SendFault::Rate),
    ("send-notacc",                   SendFault::Refused),
    ("send-sess",                     SendFault::NoSessions),
    ("onwa-closed",                   SendFault::LookupClosed),
    ("onwa-timeout",                  SendFault::Failed),
    ("onwa-rate",                     SendFault::LookupRate),
    ("onwa-rate-numbers",             SendFault::LookupRate),
    ("startup-clinica-b",             SendFault::NotLoaded),
    ("send-hang",                     SendFault::Hang),
];

/// The same instance, put out by its phone.
const PUT_OUT: Rows =
    &[("presence-closed", Same::Words), ("markread-closed", Same::Words), ("fetch", Same::Words)];

/// An instance that waits to be scanned, and after nobody has for too long.
const UNPAIRED: Rows =
    &[("qr-create", Same::Words), ("qr-state", Same::Words), ("qr-connect", Same::Words)];
const TOO_LATE: Rows = &[
    ("qr-state2", Same::Words),
    ("qr-logout", Same::Words),
    ("qr-delete", Same::Words),
    ("qr-delete2", Same::Words),
];

/// Instances of 2.3.6 that cannot reach WhatsApp, or never tried to.
#[rustfmt::skip]
const UNREACHABLE: Rows = &[
    ("create-baileys",                Same::Words),
    ("disc-sendText",                 Same::Words),
    ("disc-sendText-lid",             Same::Words),
    ("disc-sendList",                 Same::Words),
    ("disc-whatsappNumbers",          Same::Words),
    ("disc-presence",                 Same::Words),
    ("disc-markread",                 Same::Words),
    ("disc-template",                 Same::Words),
    ("create-baileys-noqr",           Same::Words),
    ("idle-sendText",                 Same::Words),
    ("idle-state",                    Same::Words),
    ("idle-logout",                   Same::Words),
];

/// A WHATSAPP-BUSINESS instance.
#[rustfmt::skip]
const CLOUD: Rows = &[
    ("cloud-create-notoken",          Same::Words),
    ("cloud-create",                  Same::Words),
    ("cloud-state",                   Same::Words),
    ("cloud-text",                    Same::Words),
    ("cloud-text-empty",              Same::Words),
    ("cloud-list",                    Same::Words),
    ("cloud-list-nodesc",             Same::Words),
    ("cloud-buttons",                 Same::Words),
    ("cloud-buttons-dup",             Same::Words),
    ("cloud-template",                Same::Words),
    ("cloud-template-nolang",         Same::Words),
    ("cloud-poll",                    Same::Words),
    ("cloud-location",                Same::Words),
    ("cloud-reaction",                Same::Words),
    ("cloud-numbers",                 Same::Words),
    ("cloud-read",                    Same::Words),
    ("cloud-presence",                Same::Words),
    ("meta-list-reply",               Same::Words),
];

/// The same instance while Meta refuses or is away.
#[rustfmt::skip]
const CLOUD_FAILING: &[(&str, SendFault)] = &[
    ("cloud-text-graph400",           SendFault::GraphRefused),
    ("cloud-text-graph401",           SendFault::GraphToken),
    ("cloud-text-graph429",           SendFault::GraphRate),
    ("cloud-text-graph503html",       SendFault::GraphUnreachable),
    ("cloud-text-graph-dropped",      SendFault::GraphUnreachable),
];

#[test]
fn every_recorded_exchange_is_in_a_table() {
    let rows = [EVOLUTION, CONNECTED, PUT_OUT, UNPAIRED, TOO_LATE, UNREACHABLE, CLOUD];
    let faults = [FAILING, CLOUD_FAILING];
    let listed: BTreeSet<_> = rows
        .iter()
        .flat_map(|rows| rows.iter().map(|(name, _)| *name))
        .chain(faults.iter().flat_map(|rows| rows.iter().map(|(name, _)| *name)))
        .map(|name| format!("{name}.json"))
        .collect();
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution/rest");
    let recorded: BTreeSet<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, recorded);
}

#[tokio::test]
async fn an_evolution_instance_answers_as_recorded() {
    let stand = Stand::new(SimConfig::fast()).await;
    stand.replay(EVOLUTION).await;
    let sent: Vec<_> = stand.sim.sent().into_iter().filter(|sent| sent.accepted).collect();
    assert_eq!(sent.len(), 8);
    assert!(sent.iter().all(|sent| sent.went_out && sent.phone == "5511988887777"));
}

#[tokio::test]
async fn a_connected_instance_answers_as_recorded_well_and_badly() {
    let stand = Stand::new(SimConfig { paired_at_once: true, ..SimConfig::fast() }).await;
    // What the recorded server's WhatsApp knew.
    stand.sim.set_number("5511900000000", false);
    stand.sim.set_number("552188887777", true);
    stand.sim.set_number("5511988887777", true);
    stand.replay(CONNECTED).await;
    stand.replay_failing(FAILING).await;

    let settings = json!({
        "rejectCall": true, "msgCall": "Não atendemos ligações, envie mensagem.",
        "groupsIgnore": true, "alwaysOnline": false, "readMessages": false, "readStatus": false,
        "syncFullHistory": false,
    });
    let set = stand.http.post(format!("{}/settings/set/clinica-b", stand.base)).json(&settings);
    assert_eq!(set.header("apikey", "TOKEN-B-2222").send().await.unwrap().status(), 201);
    stand.sim.set_instance_state("clinica-b", "close");
    stand.replay(PUT_OUT).await;
}

#[tokio::test]
async fn an_instance_without_a_phone_answers_as_recorded() {
    let stand = Stand::new(SimConfig::fast()).await;
    stand.replay(UNPAIRED).await;
    stand.sim.set_instance_state("clinica-qr", "close");
    stand.replay(TOO_LATE).await;
}

#[tokio::test]
async fn an_instance_without_a_network_answers_as_recorded() {
    let stand = Stand::new(SimConfig { version: Version::V2_3_6, ..SimConfig::fast() }).await;
    stand.sim.set_fault(Fault::of_connections(ConnectionFault::Dropped));
    stand.replay(UNREACHABLE).await;
}

#[tokio::test]
async fn a_cloud_instance_answers_as_recorded_well_and_badly() {
    let stand = Stand::new(SimConfig::fast()).await;
    stand.replay(CLOUD).await;
    stand.replay_failing(CLOUD_FAILING).await;
}

struct Stand {
    sim: Sim,
    base: String,
    http: reqwest::Client,
    _server: Server,
}

impl Stand {
    async fn new(config: SimConfig) -> Self {
        let server_url = "http://127.0.0.1:58080".to_owned();
        let (sim, base, server) = start(SimConfig { server_url, ..config }).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sim, base, http, _server: server }
    }

    async fn replay(&self, rows: Rows) {
        for (name, same) in rows {
            self.compare(name, *same).await;
        }
    }

    async fn replay_failing(&self, rows: &[(&str, SendFault)]) {
        for (name, fault) in rows {
            self.sim.set_fault(Fault::of_sends(*fault).times(1));
            if *fault == SendFault::Hang {
                let patience = Duration::from_millis(300);
                let recorded = exchange(name);
                let answer =
                    tokio::time::timeout(patience, ask(&self.http, &self.base, &recorded)).await;
                assert!(answer.is_err(), "{name}: {answer:?}");
                assert_eq!(recorded["response"], Value::Null);
            } else {
                self.compare(name, Same::Words).await;
            }
        }
    }

    async fn compare(&self, name: &str, same: Same) {
        let recorded = exchange(name);
        let (status, body) = ask(&self.http, &self.base, &recorded).await;
        let expected = &recorded["response"];
        assert_eq!(status, expected["status"], "{name}: {body}");
        match same {
            Same::Words => assert_eq!(masked(&body), masked(&expected["body"]), "{name}"),
            Same::Shape => assert_eq!(shape(&body), shape(&expected["body"]), "{name}: {body}"),
        }
    }
}

/// Fields whose values each server makes up, and those that name its own past.
const MADE_UP: [&str; 23] = [
    "id",
    "instanceId",
    "createdAt",
    "updatedAt",
    "disconnectionAt",
    "disconnectionObject",
    "messageTimestamp",
    "low",
    "messageSecret",
    "messageParamsJson",
    "senderTimestampMs",
    "base64",
    "code",
    "fbtrace_id",
    "profileName",
    "ownerJid",
    "pairingCode",
    "Message",
    "Contact",
    "Chat",
    "windowStart",
    "windowExpires",
    "count",
];

/// The value with what is made up replaced by its kind; ids that the request gave stay.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let given = name == "code" && value.is_number();
                let is_token = name == "hash" && value.as_str().is_some_and(|v| v.len() == 36);
                let made_up = MADE_UP.contains(&name.as_str()) && !value.is_null() && !given;
                let kept = if made_up || is_token { shape(value) } else { masked(value) };
                (name.clone(), kept)
            })
            .collect(),
        Value::Array(items) => items.iter().map(masked).collect(),
        other => other.clone(),
    }
}
