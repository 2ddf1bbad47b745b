//! Sends: 201 says that a message was written to the socket, no more.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::kinds::Outgoing;
use super::schema::Action;
use super::{Failure, Sim, parse};
use crate::gateway_sim::fault::{LISTS_FAIL, SendFault, SendMet, unknown_number};
use crate::gateway_sim::shape;
use crate::gateway_sim::shape::inbound;
use crate::gateway_sim::shape::outbound::Sent;
use crate::gateway_sim::state::{Author, ChatMessage, Kept, SentRecord};
use crate::gateway_sim::version::{Integration, Version};

/// How long a send that is never answered is held at most; its sender has long given up.
const FOR_EVER: Duration = Duration::from_mins(10);

type Answer = Result<(StatusCode, Json<Value>), Failure>;

/// Any call of `/message`. What was begun goes on when nobody waits for the answer any more, as it
/// does on the real server.
pub(super) async fn send(
    State(sim): State<Sim>,
    Path((action, instance)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Answer {
    let Some(action) = Action::named(&action) else {
        return Err(Failure::no_such_route(&Method::POST, uri.path()));
    };
    let body = parse(&body)?;
    sim.authorise(&instance, &headers)?;
    action.check(&body)?;
    let send = Send::read(&sim, action, &instance, &body)?;
    match tokio::spawn(carry_out(sim, send)).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::broken("Internal Server Error")),
    }
}

/// A send as it was asked for.
struct Send {
    instance: String,
    instance_id: Uuid,
    integration: Integration,
    version: Version,
    action: Action,
    number: String,
    delay: Duration,
    at: DateTime<Utc>,
    outgoing: Outgoing,
}

impl Send {
    /// Refuses what this kind of instance does not have.
    fn read(sim: &Sim, action: Action, name: &str, body: &Value) -> Result<Self, Failure> {
        let at = sim.now();
        let state = sim.state();
        let Some(instance) = state.instance(name) else { return Err(super::unauthorised()) };
        let (integration, version) = (instance.integration, state.version_of(name));
        match (integration, action) {
            (Integration::Baileys, Action::Template) => {
                return Err(Failure::broken(integration.lacks()));
            }
            (
                Integration::Evolution,
                Action::List
                | Action::Poll
                | Action::Location
                | Action::Contact
                | Action::Reaction
                | Action::Template,
            )
            | (Integration::Cloud, Action::Poll) => {
                return Err(Failure::bad_request(json!([integration.lacks()])));
            }
            _ => {}
        }
        let outgoing = Outgoing::read(action, body, integration, version, at.timestamp())?;
        let number = body["number"].as_str().or(body["key"]["remoteJid"].as_str());
        Ok(Self {
            instance: name.to_owned(),
            instance_id: instance.id,
            integration,
            version,
            action,
            number: number.unwrap_or_default().to_owned(),
            delay: Duration::from_millis(body["delay"].as_u64().unwrap_or(0)),
            at,
            outgoing,
        })
    }

    /// The JID that it goes to; on EVOLUTION whatever was given.
    fn recipient(&self, sim: &Sim) -> Option<String> {
        match self.integration {
            Integration::Evolution => Some(self.number.clone()),
            _ => sim.state().recipient(&self.instance, &self.number),
        }
    }
}

async fn carry_out(sim: Sim, send: Send) -> Answer {
    let met = sim.state().faults.meet_send(&send.instance, send.action.is_menu());
    let at_work = AtWork::begin(&sim, &send);
    if met.outcome.is_none() {
        sim.refuse_unless_connected(&send)?;
    }
    // Cloud instances show no typing and hold nothing.
    if send.integration != Integration::Cloud {
        let typing = send.delay.mul_f64(sim.config().typing_scale.max(0.0));
        tokio::time::sleep(typing).await;
    }
    tokio::time::sleep(met.slow).await;
    match met.outcome {
        Some(fault) => fail(&sim, &send, met, fault, at_work).await,
        None => succeed(&sim, &send, met, &at_work).await,
    }
}

async fn succeed(sim: &Sim, send: &Send, met: SendMet, at_work: &AtWork) -> Answer {
    let jid = send
        .recipient(sim)
        .ok_or_else(|| Failure::from(unknown_number(&shape::jid_of(&send.number), &send.number)))?;
    if send.integration == Integration::Baileys && send.action == Action::List {
        if !send.version.takes_lists() {
            return Err(Failure::bad_request(json!([LISTS_FAIL])));
        }
        // Accepted, and no phone ever shows it.
        let (id, answer) = sim.put(send, &jid, Visible::Nobody);
        at_work.log(Some(&id), false, true);
        return Ok((StatusCode::CREATED, Json(answer)));
    }
    let visible =
        if met.acks == Some(SendFault::AckError) { Visible::Server } else { Visible::All };
    let (id, answer) = sim.put(send, &jid, visible);
    at_work.log(Some(&id), met.acks != Some(SendFault::AckError), true);
    let report = report(
        sim.clone(),
        Reported {
            instance: send.instance.clone(),
            instance_id: send.instance_id,
            integration: send.integration,
            jid,
            id,
            acks: met.acks,
            waits: !met.early,
        },
    );
    if met.early {
        report.await;
    } else {
        tokio::spawn(report);
    }
    sim.emit(&send.instance, "send.message", answer.clone());
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn fail(sim: &Sim, send: &Send, met: SendMet, fault: SendFault, at_work: AtWork) -> Answer {
    let normal = shape::jid_of(&send.number);
    if fault.goes_out()
        && let Some(jid) = send.recipient(sim)
    {
        let traceless = fault == SendFault::SentThenLost;
        let visible = if traceless { Visible::Customer } else { Visible::All };
        let (id, answer) = sim.put(send, &jid, visible);
        at_work.log(Some(&id), true, false);
        if !traceless {
            sim.emit(&send.instance, "send.message", answer);
            let (instance, instance_id) = (send.instance.clone(), send.instance_id);
            let (integration, acks) = (send.integration, met.acks);
            let reported =
                Reported { instance, instance_id, integration, jid, id, acks, waits: true };
            tokio::spawn(report(sim.clone(), reported));
        }
    }
    if fault.hangs() {
        // It is not at work: it waits for what never comes.
        drop(at_work);
        tokio::time::sleep(FOR_EVER).await;
    }
    match fault.answer(&normal, &send.number) {
        Some(failure) => Err(Failure::from(failure)),
        None => Err(Failure::broken("Timed Out")),
    }
}

/// Who has a message that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visible {
    All,
    /// The server has it on record, the customer will never have it.
    Server,
    /// The customer has it, the server has lost it.
    Customer,
    Nobody,
}

/// A send in the log, at work until this is dropped.
struct AtWork {
    sim: Sim,
    instance: String,
    number: u64,
}

impl AtWork {
    fn begin(sim: &Sim, send: &Send) -> Self {
        let mut state = sim.state();
        let phone = state
            .instance(&send.instance)
            .and_then(|found| found.key_of(&shape::jid_of(&send.number)))
            .unwrap_or_default();
        let number = state.begin_send(SentRecord {
            id: None,
            instance: send.instance.clone(),
            number: send.number.clone(),
            phone,
            text: send.outgoing.text.clone(),
            kind: send.outgoing.kind,
            at: send.at,
            ended_at: None,
            at_once: 0,
            went_out: false,
            accepted: false,
            number_in_log: 0,
        });
        drop(state);
        Self { sim: sim.clone(), instance: send.instance.clone(), number }
    }

    fn log(&self, id: Option<&str>, went_out: bool, accepted: bool) {
        if let Some(record) = self.sim.state().sent_mut(self.number) {
            record.id = id.map(str::to_owned);
            record.went_out = went_out;
            record.accepted = accepted;
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let now = self.sim.now();
        self.sim.state().end_send(&self.instance, self.number, now);
    }
}

impl Sim {
    /// What an instance that is not connected answers a send with.
    fn refuse_unless_connected(&self, send: &Send) -> Result<(), Failure> {
        let state = self.state();
        let Some(instance) = state.instance(&send.instance) else { return Ok(()) };
        if instance.is_open() {
            return Ok(());
        }
        let no_field = |field| format!("Cannot read properties of undefined (reading '{field}')");
        Err(if !instance.has_socket {
            Failure::broken(&no_field("onWhatsApp"))
        } else if send.number.ends_with("@lid") {
            // A LID is not looked up, so that it fails later and otherwise.
            Failure::bad_request(json!([format!("TypeError: {}", no_field("id"))]))
        } else {
            Failure::broken("Connection Closed")
        })
    }

    /// Puts the message where it is seen; its id, and the answer of a send that was accepted.
    fn put(&self, send: &Send, jid: &str, visible: Visible) -> (String, Value) {
        let id = match send.integration {
            Integration::Baileys => shape::message_id("3EB0"),
            Integration::Cloud => shape::message_id("wamid.HBgN"),
            Integration::Evolution => Uuid::new_v4().to_string(),
        };
        let outgoing = &send.outgoing;
        let answer = Sent {
            integration: send.integration,
            instance: send.instance_id,
            jid,
            id: &id,
            message: outgoing.message.clone(),
            kind: outgoing.message_type,
            with_context: outgoing.with_context,
            at: send.at.timestamp(),
        }
        .data();
        if visible == Visible::Nobody {
            return (id, answer);
        }
        let record = (visible != Visible::Customer).then(|| {
            Box::new(Kept {
                key: json!({ "id": id, "fromMe": true, "remoteJid": jid }),
                message: outgoing.message.clone(),
                kind: outgoing.message_type.to_owned(),
            })
        });
        let message = ChatMessage {
            id: id.clone(),
            from: Author::Business,
            text: outgoing.text.clone(),
            at: send.at,
            status: if visible == Visible::Server { "failed" } else { "pending" },
            menu: outgoing.menu.clone(),
            record,
            ..ChatMessage::default()
        };
        // Groups and what is no address at all have no chat here.
        let _ = self.state().add_message(&send.instance, jid, message);
        self.changed();
        (id, answer)
    }
}

/// A message whose way is told.
struct Reported {
    instance: String,
    instance_id: Uuid,
    integration: Integration,
    jid: String,
    id: String,
    acks: Option<SendFault>,
    /// Whether time passes between the stages.
    waits: bool,
}

/// Reports how far the message has got, stage by stage.
async fn report(sim: Sim, message: Reported) {
    let Reported { instance, instance_id, integration, jid, id, acks, waits } = message;
    let reads = sim.config().reads;
    let stages: &[(&str, &str)] = match (integration, acks) {
        (Integration::Evolution, _) | (_, Some(SendFault::NoAck)) => &[],
        (Integration::Cloud, Some(_)) => &[("FAILED", "failed")],
        (Integration::Baileys, Some(_)) => &[("ERROR", "failed")],
        (Integration::Cloud, None) if reads => {
            &[("SENT", "sent"), ("DELIVERED", "delivered"), ("READ", "read")]
        }
        (Integration::Cloud, None) => &[("SENT", "sent"), ("DELIVERED", "delivered")],
        (Integration::Baileys, None) if reads => {
            &[("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered"), ("READ", "read")]
        }
        (Integration::Baileys, None) => &[("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered")],
    };
    for &(name, status) in stages {
        if waits {
            tokio::time::sleep(sim.config().status_delay).await;
        }
        sim.state().change_message(&instance, &jid, &id, |message| message.status = status);
        let data = inbound::status(integration, &jid, &id, name, instance_id);
        if waits {
            sim.emit(&instance, "messages.update", data);
        } else {
            sim.emit_message(&instance, "messages.update", data).await;
        }
    }
}
