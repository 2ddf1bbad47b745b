//! Instances are paired by a code, fall away and come back, and webhooks tell of it as recorded.

use std::time::Duration;

use pontual::gateway_sim::fault::ConnectionFault;
use pontual::gateway_sim::{Fault, Sim, SimConfig, Version, Write};
use reqwest::Method;
use serde_json::{Value, json};

use super::PHONE;
use super::stand::{Hook, Seen, WAIT, serving, shape, webhook, with_hook};

/// A server with an instance that shows a code, and where its events go.
async fn unpaired(config: SimConfig) -> (Sim, Hook, Http) {
    let hook = Hook::start().await;
    let sim = Sim::new(config);
    let http = Http::new(&sim).await;
    let new = json!({
        "instanceName": "clinica-qr", "integration": "WHATSAPP-BAILEYS", "qrcode": true,
        "webhook": { "url": hook.url, "events": [] },
    });
    let (status, made) = http.ask(Method::POST, "/instance/create", Some(new)).await;
    assert_eq!((status, &made["instance"]["status"]), (201, &json!("connecting")), "{made}");
    (sim, hook, http)
}

#[tokio::test]
async fn a_code_that_is_scanned_opens_the_instance() {
    let (sim, hook, http) = unpaired(SimConfig::fast()).await;
    let shown = hook.wait_for("qrcode.updated", 1).await.remove(0).json();
    assert_eq!(shape(&shown), shape(&webhook("qrcode-updated")));
    assert_eq!(shown.get("sender"), None, "it has no number yet");
    let connecting = hook.wait_for("connection.update", 1).await.remove(0).json();
    assert_eq!(shape(&connecting), shape(&webhook("connection-update-connecting")));
    let (_, code) = http.ask(Method::GET, "/instance/connect/clinica-qr", None).await;
    assert_eq!((&code["code"], &code["count"]), (&shown["data"]["qrcode"]["code"], &json!(1)));
    assert_eq!(sim.code("clinica-qr"), code["code"].as_str().map(str::to_owned));

    let scan = "/control/instances/clinica-qr/scan";
    assert_eq!(http.ask(Method::PUT, scan, None).await.0, 204);
    let open = hook.wait_for("connection.update", 2).await;
    let open = open.iter().map(Seen::json).find(|seen| seen["data"]["state"] == "open");
    assert_eq!(shape(&open.unwrap()), shape(&webhook("connection-update-open")));
    let (_, state) = http.ask(Method::GET, "/instance/connect/clinica-qr", None).await;
    assert_eq!(state, json!({ "instance": { "instanceName": "clinica-qr", "state": "open" } }));
    assert_eq!(http.ask(Method::PUT, scan, None).await.0, 404, "there is nothing to scan");
}

#[tokio::test]
async fn codes_change_until_there_are_no_more() {
    let codes =
        SimConfig { code_time: Duration::from_millis(30), most_codes: 3, ..SimConfig::fast() };
    let (sim, hook, http) = unpaired(codes).await;
    let events = hook.wait_for("qrcode.updated", 4).await;
    let mut codes: Vec<_> = events
        .iter()
        .filter_map(|seen| seen.json()["data"]["qrcode"]["code"].as_str().map(str::to_owned))
        .collect();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 3);
    let limit = events.iter().map(Seen::json).find(|seen| seen["data"]["message"] != Value::Null);
    assert_eq!(shape(&limit.unwrap()), shape(&webhook("qrcode-updated-limit")));
    let updates = hook.wait_for("connection.update", 2).await;
    let refused = updates.iter().map(Seen::json).find(|seen| seen["data"]["state"] == "refused");
    assert_eq!(shape(&refused.unwrap()), shape(&webhook("connection-update-refused")));
    assert!(!sim.scan("clinica-qr"));
    // Asked again, it begins anew.
    let (_, code) =
        http.ask(Method::GET, "/instance/connect/clinica-qr?number=5511990000009", None).await;
    assert_eq!(code["count"], 1);
    assert_eq!(code["pairingCode"].as_str().map(str::len), Some(8));
}

#[tokio::test]
async fn an_instance_that_is_logged_out_or_deleted_says_all_that_the_real_one_says() {
    let (sim, hook) = with_hook(&[]).await;
    let http = Http::new(&sim).await;
    let (status, _) = http.ask(Method::DELETE, "/instance/logout/clinica-b", None).await;
    assert_eq!(status, 200);
    for (event, recorded) in [
        ("status.instance", "status-instance-closed"),
        ("logout.instance", "logout-instance"),
        ("connection.update", "connection-update-close"),
    ] {
        let seen = hook.wait_for(event, 1).await.remove(0).json();
        assert_eq!(shape(&seen), shape(&webhook(recorded)), "{event}");
    }
    let (status, again) = http.ask(Method::DELETE, "/instance/logout/clinica-b", None).await;
    assert_eq!(status, 400, "{again}");
    let (status, _) = http.ask(Method::DELETE, "/instance/delete/clinica-b", None).await;
    assert_eq!(status, 200);
    for (event, recorded) in
        [("remove.instance", "remove-instance"), ("instance.delete", "instance-delete")]
    {
        let mut seen = hook.wait_for(event, 1).await.remove(0).json();
        // The recorded one was never paired.
        seen.as_object_mut().unwrap().remove("sender");
        assert_eq!(shape(&seen), shape(&webhook(recorded)), "{event}");
    }
    let path = "/instance/connectionState/clinica-b";
    assert_eq!(http.ask(Method::GET, path, None).await.0, 404);
}

#[tokio::test]
async fn what_customers_write_while_it_is_away_arrives_when_it_is_back() {
    let (sim, hook) = with_hook(&[]).await;
    let dropped = Fault {
        for_ms: Some(150),
        ..Fault::of_connections(ConnectionFault::Dropped).at("clinica-b")
    };
    sim.set_fault(dropped);
    let away = hook.wait_for("connection.update", 1).await.remove(0).json();
    assert_eq!(away["data"]["state"], "connecting");
    let mut write = Write::text(PHONE, "M", "de ontem");
    write.timestamp = Some(1_795_309_311);
    assert_eq!(sim.write("clinica-b", write).await.unwrap().status, None);
    assert_eq!(sim.chat("clinica-b", PHONE)[0].status, "waiting");

    hook.wait_for("connection.update", 2).await;
    let seen = hook.wait_for("messages.upsert", 1).await.remove(0).json();
    assert_eq!(seen["data"]["messageTimestamp"], 1_795_309_311);
    assert_eq!(
        shape(&seen["data"]["key"]),
        shape(&json!({
            "remoteJid": "", "fromMe": false, "id": "", "participant": "", "addressingMode": "pn",
        }))
    );
    let http = Http::new(&sim).await;
    assert_eq!(http.ask(Method::GET, "/control/faults", None).await.1, json!([]));
}

#[tokio::test]
async fn a_fault_of_the_connection_ends_with_it() {
    let (sim, hook) = with_hook(&[]).await;
    sim.set_fault(Fault::of_connections(ConnectionFault::Closed));
    hook.wait_for("logout.instance", 1).await;
    sim.clear_fault();
    let updates = hook.wait_for("connection.update", 2).await;
    assert!(updates.iter().any(|seen| seen.json()["data"]["state"] == "open"));
}

#[tokio::test]
async fn a_flood_tells_a_thousand_times_in_a_second_that_it_connects() {
    let (sim, hook) = with_hook(&[]).await;
    let http = Http::new(&sim).await;
    let flood = json!({ "count": 1_000, "ms": 200 });
    let (status, _) =
        http.ask(Method::POST, "/control/instances/clinica-b/flood", Some(flood)).await;
    assert_eq!(status, 202);
    let seen = hook.wait_for("connection.update", 1_000).await;
    assert_eq!(seen[0].json()["data"]["state"], "connecting");
}

#[tokio::test]
async fn a_version_that_wants_a_licence_answers_nothing_without_one() {
    let (sim, _hook) = with_hook(&[]).await;
    let http = Http::new(&sim).await;
    let state = "/instance/connectionState/clinica-b";
    sim.set_version(Version::V2_4_0, None);
    assert_eq!(http.ask(Method::GET, "/", None).await.1["version"], "2.4.0");
    let (status, body) = http.ask(Method::GET, state, None).await;
    assert_eq!((status, &body["code"]), (503, &json!("LICENSE_REQUIRED")));
    let (status, _) =
        http.ask(Method::PUT, "/control/licence", Some(json!({ "active": true }))).await;
    assert_eq!((status, http.ask(Method::GET, state, None).await.0), (204, 200));
}

/// Calls of the server with its global key.
struct Http {
    base: String,
    key: String,
    client: reqwest::Client,
    _server: super::stand::Server,
}

impl Http {
    async fn new(sim: &Sim) -> Self {
        let (base, server) = serving(sim).await;
        let client = reqwest::Client::builder().no_proxy().timeout(WAIT).build().unwrap();
        Self { base, key: SimConfig::fast().api_key, client, _server: server }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut ask =
            self.client.request(method, format!("{}{path}", self.base)).header("apikey", &self.key);
        if let Some(body) = body {
            ask = ask.json(&body);
        }
        let answer = ask.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}
