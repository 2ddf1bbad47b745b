//! What other servers post: messages for EVOLUTION instances, and Meta's for Cloud instances. Both
//! take anything from anyone, as the real ones do.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, Sim, parse};
use crate::gateway_sim::control::Write;
use crate::gateway_sim::shape::inbound::Upsert;
use crate::gateway_sim::version::Integration;

/// A message for the EVOLUTION instance of a number; passed on as it is.
pub(super) async fn evolution(State(sim): State<Sim>, body: Bytes) -> Result<Response, Failure> {
    let body = parse(&body)?;
    let Some(name) = sim.instance_of(Integration::Evolution, &body["numberId"]) else {
        return Ok(String::new().into_response());
    };
    let id = body["key"]["id"].as_str().map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let jid = body["key"]["remoteJid"].as_str().unwrap_or_default().to_owned();
    let kind = body["messageType"].as_str().unwrap_or("conversation");
    let mut key = body["key"].clone();
    key["id"] = json!(id);
    let now = sim.now();
    let instance_id = sim.state().instance(&name).map(|instance| instance.id).unwrap_or_default();
    let text = body["message"]["conversation"].as_str().unwrap_or_default();
    let (phone, name_told) = (jid.trim_end_matches("@s.whatsapp.net"), body["pushName"].as_str());
    let write = Write::text(phone, name_told.unwrap_or_default(), text);
    sim.keep_arrival(&name, &write, &key, (&body["message"], kind));
    let data = Upsert {
        integration: Integration::Evolution,
        instance: instance_id,
        key,
        push_name: body["pushName"].as_str(),
        message: body["message"].clone(),
        kind,
        context: None,
        at: now.timestamp(),
        source: "unknown",
    }
    .data();
    sim.emit(&name, "messages.upsert", data);
    Ok(Json(json!({ "status": "success" })).into_response())
}

/// What Meta reports. Of a delivery only the first message is looked at.
pub(super) async fn meta(State(sim): State<Sim>, body: Bytes) -> Result<Json<Value>, Failure> {
    let body = parse(&body)?;
    let success = Json(json!({ "status": "success" }));
    let value = &body["entry"][0]["changes"][0]["value"];
    let number = &value["metadata"]["phone_number_id"];
    let Some(name) = sim.instance_of(Integration::Cloud, number) else { return Ok(success) };
    let (message, contact) = (&value["messages"][0], &value["contacts"][0]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let reply = &message["interactive"];
    let (kind, words) = match message["type"].as_str() {
        Some("interactive") if reply["list_reply"].is_object() => {
            ("row", &reply["list_reply"]["title"])
        }
        Some("interactive") if reply["button_reply"].is_object() => {
            ("button", &reply["button_reply"]["title"])
        }
        Some("image") => ("image", &message["image"]["caption"]),
        _ => ("text", &message["text"]["body"]),
    };
    let write = Write {
        phone: message["from"].as_str().unwrap_or_default().to_owned(),
        name: text(&contact["profile"]["name"]),
        text: text(words).unwrap_or_default(),
        kind: Some(kind.to_owned()),
        id: text(&message["id"]),
        timestamp: message["timestamp"].as_str().and_then(|at| at.parse().ok()),
        quoted: text(&message["context"]["id"]),
        ..Write::default()
    };
    // What cannot be read is taken all the same.
    let _ = sim.write(&name, write).await;
    Ok(success)
}

impl Sim {
    /// The instance of this kind with this number.
    fn instance_of(&self, integration: Integration, number: &Value) -> Option<String> {
        let number = number.as_str()?;
        let state = self.state();
        let (name, _) = state.instances().find(|(_, instance)| {
            instance.integration == integration && instance.number.as_deref() == Some(number)
        })?;
        Some(name.clone())
    }
}
