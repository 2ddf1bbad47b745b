//! What customers and owners do is told in the form of each version and integration.

use pontual::channel::whatsapp::client::Gateway;
use pontual::channel::whatsapp::inbound::{self, Content};
use pontual::gateway_sim::fault::{LookupFault, SendFault, WebhookFault};
use pontual::gateway_sim::{
    Edit, Fault, Integration, LidStyle, MenuKind, Sim, SimConfig, Tap, Version, Write,
};
use serde_json::{Value, json};

use super::PHONE;
use super::stand::{Hook, Seen, Server, serving, shape, webhook, window, with_hook};

const LID: &str = "123456789012345";

/// The key of what a customer known by phone and LID writes.
async fn key_of(sim: &Sim, hook: &Hook, by_lid: bool) -> Value {
    let before = hook.of("messages.upsert").len();
    let mut write = Write::text(PHONE, "João", "Oi");
    (write.lid, write.by_lid) = (Some(LID.to_owned()), by_lid);
    sim.write("clinica-b", write).await.unwrap();
    let seen = hook.wait_for("messages.upsert", before + 1).await.pop().unwrap();
    seen.json()["data"]["key"].clone()
}

#[tokio::test]
async fn a_customer_with_a_lid_is_told_as_each_version_tells_it() {
    let (sim, hook) = with_hook(&[]).await;
    #[rustfmt::skip]
    let cases = [
        (Version::V2_3_0, LidStyle::SenderPn,    "messages-upsert-lid-legacy-230"),
        (Version::V2_3_4, LidStyle::PreviousJid, "messages-upsert-lid-legacy-231-234"),
        (Version::V2_3_6, LidStyle::Alternative, "messages-upsert-lid-236"),
        (Version::V2_3_7, LidStyle::PhoneTwice,  "messages-upsert-lid-237"),
    ];
    for (version, style, recorded) in cases {
        let mut expected = webhook(recorded)["data"]["key"].clone();
        sim.set_version(version, None);
        let mut key = key_of(&sim, &hook, true).await;
        expected["id"] = key["id"].clone();
        assert_eq!(key, expected, "{version:?}");
        // As a fault, the same addresses whatever the version.
        sim.set_version(Version::V2_3_7, None);
        sim.set_fault(Fault { lid: Some(style), ..Fault::default() });
        key = key_of(&sim, &hook, false).await;
        for field in ["remoteJid", "remoteJidAlt", "senderPn", "senderLid", "previousRemoteJid"] {
            assert_eq!(key[field], expected[field], "{style:?}: {field}");
        }
        sim.clear_fault();
    }
    let phone_first = key_of(&sim, &hook, false).await;
    let recorded = webhook("messages-upsert-text")["data"]["key"].clone();
    assert_eq!(phone_first["remoteJidAlt"], recorded["remoteJidAlt"]);
    assert_eq!(phone_first["addressingMode"], "pn");
    sim.set_fault(Fault { lid: Some(LidStyle::Alone), ..Fault::default() });
    let alone = key_of(&sim, &hook, false).await;
    assert_eq!(shape(&alone), shape(&webhook("messages-upsert-lid-no-alt")["data"]["key"]));
    assert_eq!(alone["remoteJid"], format!("{LID}@lid"));
}

#[tokio::test]
async fn a_vote_is_told_from_2_3_7_on_and_changes_the_poll() {
    let stand = Sends::new(Integration::Baileys).await;
    stand.sim.customer_writes("clinica-b", PHONE, "M", "Oi").await.unwrap();
    let poll = stand.poll().await;
    let echo = stand.hook.wait_for("send.message", 1).await.remove(0).json();
    assert_eq!(shape(&echo), shape(&webhook("send-message-poll")));

    stand.sim.set_version(Version::V2_3_6, None);
    let unheard = stand.sim.tap("clinica-b", Tap::on(PHONE, &poll, "14:00")).await.unwrap();
    assert_eq!(unheard.status, None);
    stand.sim.set_version(Version::V2_3_7, None);
    let vote = stand.sim.tap("clinica-b", Tap::on(PHONE, &poll, "15:00")).await.unwrap();
    let seen = stand.hook.wait_for("messages.upsert", 2).await.pop().unwrap();
    let mut recorded = webhook("messages-upsert-poll-vote");
    recorded["data"]["pollUpdates"] = json!([recorded["data"]["pollUpdates"][1]]);
    let mut told = seen.json();
    assert_eq!(told["data"]["pollUpdates"][0], json!({ "name": "14:00", "voters": [] }));
    told["data"]["pollUpdates"] = json!([told["data"]["pollUpdates"][1]]);
    assert_eq!(shape(&told), shape(&recorded));
    let Content::Message(message) = inbound::read(&seen.body).unwrap().content else { panic!() };
    assert_eq!((message.provider_id, message.text.as_deref()), (vote.id, Some("15:00")));

    let withdrawn = Tap { options: Vec::new(), ..Tap::on(PHONE, &poll, "15:00") };
    stand.sim.tap("clinica-b", withdrawn).await.unwrap();
    let seen = stand.hook.wait_for("messages.upsert", 3).await.pop().unwrap().json();
    let vote = &seen["data"]["message"]["pollUpdateMessage"]["vote"];
    assert_eq!(vote["selectedOptions"], json!([]));
    let mut unreadable = Write::text(PHONE, "M", "").of_kind("vote");
    (unreadable.quoted, unreadable.undecryptable) = (Some(poll.clone()), true);
    unreadable.lid = Some(LID.to_owned());
    stand.sim.write("clinica-b", unreadable).await.unwrap();
    let seen = stand.hook.wait_for("messages.upsert", 4).await.pop().unwrap().json();
    let mut recorded = webhook("messages-upsert-poll-vote-undecrypted");
    let unread = &seen["data"]["message"]["pollUpdateMessage"]["vote"]["encPayload"];
    recorded["data"]["message"]["pollUpdateMessage"]["vote"]["encPayload"] = unread.clone();
    assert_eq!(shape(&seen), shape(&recorded));
    assert!(stand.sim.tap("clinica-b", Tap::on(PHONE, &poll, "16:00")).await.is_err());
}

#[tokio::test]
async fn a_tap_on_a_cloud_list_tells_the_title_alone() {
    let stand = Sends::new(Integration::Cloud).await;
    let rows = json!([
        { "title": "14:00", "description": "Dra. Ana", "rowId": "slot:1" },
        { "title": "15:00", "description": "Dra. Ana", "rowId": "slot:2" },
    ]);
    let list = json!({
        "number": PHONE, "title": "Horários", "description": "Escolha", "footerText": "C",
        "buttonText": "Ver", "sections": [{ "title": "Terça", "rows": rows }],
    });
    let menu = stand.send("sendList", &list).await;
    let echo = stand.hook.wait_for("send.message", 1).await.remove(0).json();
    assert_eq!(shape(&echo), shape(&webhook("send-message-cloud-list")));
    let statuses = stand.hook.wait_for("messages.update", 3).await;
    for recorded in ["sent", "delivered", "read"] {
        let recorded = webhook(&format!("messages-update-cloud-{recorded}"));
        let told = statuses.iter().map(Seen::json);
        let mut told = told.filter(|told| told["data"]["status"] == recorded["data"]["status"]);
        assert_eq!(shape(&told.next().unwrap()), shape(&recorded));
    }
    let tap = Tap { name: Some("João".to_owned()), ..Tap::on(PHONE, &menu, "15:00") };
    stand.sim.tap("clinica-b", tap).await.unwrap();
    let seen = stand.hook.wait_for("messages.upsert", 1).await.remove(0).json();
    assert_eq!(shape(&seen), shape(&webhook("messages-upsert-cloud-list-reply")));
    assert_eq!(seen["data"]["message"]["conversation"], "15:00");
    assert_eq!(seen["data"]["contextInfo"]["stanzaId"], menu);
    let kept = stand.sim.chat("clinica-b", PHONE).remove(0).menu.unwrap();
    assert_eq!((kept.kind, kept.chosen), (MenuKind::List, vec!["15:00".to_owned()]));
}

#[tokio::test]
async fn taps_and_reactions_are_told_as_recorded() {
    let (sim, hook) = with_hook(&[]).await;
    let menu = sim.owner_writes("clinica-b", PHONE, "Confirmar?").await.unwrap().id;
    let mut own = hook.wait_for("messages.upsert", 1).await.remove(0).json();
    let recorded = webhook("messages-upsert-from-me");
    own["data"]["key"]["remoteJidAlt"] = recorded["data"]["key"]["remoteJidAlt"].clone();
    assert_eq!(shape(&own), shape(&recorded));
    assert_eq!(own["data"]["status"], "SERVER_ACK");

    let mut count = 1;
    for (kind, recorded) in [
        ("row", "messages-upsert-list-response"),
        ("choice", "messages-upsert-buttons-response"),
        ("button", "messages-upsert-interactive-response"),
        ("reaction", "messages-upsert-reaction"),
        ("location", "messages-upsert-location"),
    ] {
        let mut write = Write::text(PHONE, "João", "👍").of_kind(kind);
        (write.quoted, write.choice) = (Some(menu.clone()), Some("slot:1".to_owned()));
        write.lid = Some(LID.to_owned());
        sim.write("clinica-b", write).await.unwrap();
        count += 1;
        let seen = hook.wait_for("messages.upsert", count).await.pop().unwrap().json();
        let recorded = webhook(recorded);
        assert_eq!(seen["data"]["messageType"], recorded["data"]["messageType"], "{kind}");
        assert_eq!(shape(&seen["data"]["key"]), shape(&recorded["data"]["key"]), "{kind}");
        let kind = recorded["data"]["messageType"].as_str().unwrap();
        let (told, recorded) = (&seen["data"]["message"][kind], &recorded["data"]["message"][kind]);
        for (field, value) in recorded.as_object().unwrap() {
            // What is quoted depends on the message, and pictures are left out.
            if field != "contextInfo" && field != "jpegThumbnail" {
                assert!(told.get(field).is_some(), "{kind}: {field}");
                assert_eq!(shape(&told[field]), shape(value), "{kind}: {field}");
            }
        }
    }
    let message = &sim.chat("clinica-b", PHONE)[0];
    assert_eq!(message.reaction.as_deref(), Some("👍"));
}

#[tokio::test]
async fn an_edit_holds_up_what_follows_until_it_is_taken_and_a_deletion_is_told_twice() {
    let (sim, hook) = with_hook(&[]).await;
    let first = sim.customer_writes("clinica-b", PHONE, "M", "quero marcar").await.unwrap();
    hook.answer_next(&[500, 500]);
    let edit = Edit {
        phone: PHONE.to_owned(),
        id: first.id.clone(),
        text: Some("quero remarcar".to_owned()),
        ..Edit::default()
    };
    assert_eq!(sim.edit("clinica-b", edit).await.unwrap().status, Some(500));
    sim.customer_writes("clinica-b", PHONE, "M", "depois").await.unwrap();
    let order: Vec<_> = hook.all().iter().map(|seen| seen.json()["event"].clone()).collect();
    let last_edit = order.iter().rposition(|event| event == "messages.edited").unwrap();
    let last_message = order.iter().rposition(|event| event == "messages.upsert").unwrap();
    assert!(last_edit < last_message, "{order:?}");
    let edited = hook.wait_for("messages.edited", 3).await.pop().unwrap().json();
    assert_eq!(shape(&edited), shape(&webhook("messages-edited")));
    let again = hook.wait_for("messages.update", 1).await.remove(0).json();
    assert_eq!(shape(&again), shape(&webhook("messages-update-edit-237")));
    assert_eq!(sim.chat("clinica-b", PHONE)[0].text, "quero remarcar");

    let taken_back = Edit { phone: PHONE.to_owned(), id: first.id, ..Edit::default() };
    sim.edit("clinica-b", taken_back).await.unwrap();
    let revoked = hook.wait_for("messages.edited", 4).await.pop().unwrap().json();
    assert_eq!(shape(&revoked), shape(&webhook("messages-edited-revoke")));
    let deleted = hook.wait_for("messages.delete", 1).await.remove(0).json();
    assert_eq!(shape(&deleted), shape(&webhook("messages-delete-237")));
    assert!(sim.chat("clinica-b", PHONE)[0].deleted);
}

#[tokio::test]
async fn a_group_is_told_of_unless_the_instance_ignores_groups() {
    let stand = Sends::new(Integration::Baileys).await;
    let mut write = Write::text(PHONE, "João", "bom dia grupo");
    write.lid = Some(LID.to_owned());
    write.group = Some("120363025246125888@g.us".to_owned());
    stand.sim.write("clinica-b", write.clone()).await.unwrap();
    let seen = stand.hook.wait_for("messages.upsert", 1).await.remove(0).json();
    assert_eq!(shape(&seen), shape(&webhook("messages-upsert-group")));
    assert!(stand.sim.chat("clinica-b", PHONE).is_empty());
    let settings = json!({
        "rejectCall": false, "groupsIgnore": true, "alwaysOnline": false, "readMessages": false,
        "readStatus": false, "syncFullHistory": false,
    });
    stand.post("/settings/set/clinica-b", &settings).await;
    assert_eq!(stand.sim.write("clinica-b", write).await.unwrap().status, None);
}

#[tokio::test]
async fn what_is_told_of_a_send_can_be_nothing_an_error_or_too_early() {
    let stand = Sends::new(Integration::Baileys).await;
    let text = |text: &str| json!({ "number": PHONE, "text": text });
    stand.sim.set_fault(Fault::of_sends(SendFault::StatusEarly).times(1));
    let early = stand.send("sendText", &text("cedo")).await;
    let told: Vec<_> = stand.hook.of("messages.update").iter().map(Seen::json).collect();
    assert_eq!(told.len(), 3, "all before the answer");
    assert!(told.iter().all(|status| status["data"]["keyId"] == early));

    stand.sim.set_fault(Fault::of_sends(SendFault::AckError).times(1));
    let refused = stand.send("sendText", &text("recusada")).await;
    let error = stand.hook.wait_for("messages.update", 4).await.pop().unwrap().json();
    assert_eq!(shape(&error), shape(&webhook("messages-update-error")));
    assert_eq!(
        (&error["data"]["keyId"], &error["data"]["status"]),
        (&json!(refused), &json!("ERROR"))
    );
    let record = stand.sim.sent().pop().unwrap();
    assert!(record.accepted && !record.went_out);

    stand.sim.set_fault(Fault::of_sends(SendFault::NoAck).times(1));
    stand.send("sendText", &text("silêncio")).await;
    stand.send("sendText", &text("depois")).await;
    stand.hook.wait_for("messages.update", 7).await;
    let silent = stand.sim.chat("clinica-b", PHONE).into_iter().find(|m| m.text == "silêncio");
    assert_eq!(silent.unwrap().status, "pending");
}

#[tokio::test]
async fn a_message_can_be_lost_to_the_server_and_a_look_up_can_fail() {
    let stand = Sends::new(Integration::Baileys).await;
    stand.sim.set_fault(Fault::of_sends(SendFault::SentThenLost).times(1));
    let text = json!({ "number": PHONE, "text": "perdida" });
    let (status, _) = stand.post("/message/sendText/clinica-b", &text).await;
    let record = stand.sim.sent().pop().unwrap();
    assert_eq!((status, record.went_out, record.accepted), (400, true, false));
    let found = async || {
        let (from, until) = window();
        let to = pontual::channel::whatsapp::address::Addresses::of_jid(PHONE);
        let gateway = Gateway::new(&stand.base).unwrap();
        let key = SimConfig::fast().api_key;
        let found = gateway.find_sent("clinica-b", &key, &to, "outra", from, until).await;
        found.map(|found| found.len())
    };
    let other = stand.send("sendText", &json!({ "number": PHONE, "text": "outra" })).await;
    // All that is told of the second one, and nothing of the first.
    stand.hook.wait_for("messages.update", 3).await;
    let echoes = stand.hook.wait_for("send.message", 1).await;
    let told: Vec<_> = echoes.iter().map(|seen| seen.json()["data"]["key"]["id"].clone()).collect();
    assert_eq!(told, [json!(other)]);
    assert_eq!(found().await, Ok(1));
    assert_eq!(stand.sim.chat("clinica-b", PHONE).len(), 2, "the customer has both");
    stand.sim.set_faults(vec![Fault::of_lookups(LookupFault::Empty)]);
    assert_eq!(found().await, Ok(0));
    stand.sim.set_fault(Fault::of_lookups(LookupFault::Failing));
    assert!(found().await.is_err());
}

#[tokio::test]
async fn sends_at_work_at_the_same_time_are_counted() {
    let stand = Sends::new(Integration::Baileys).await;
    let slow = Fault { slow_ms: Some(100), ..Fault::of_sends(SendFault::Slow) };
    stand.sim.set_faults(vec![
        slow,
        Fault::of_webhooks(WebhookFault::Drop).of_events(&["send.message"]),
    ]);
    let text = json!({ "number": PHONE, "text": "oi" });
    stand.send("sendText", &text).await;
    tokio::join!(stand.send("sendText", &text), stand.send("sendText", &text));
    let mut at_once: Vec<_> = stand.sim.sent().iter().map(|sent| sent.at_once).collect();
    at_once.sort_unstable();
    assert_eq!(at_once, [1, 1, 2]);
    assert!(stand.sim.sent().iter().all(|sent| sent.ended_at.is_some()));
    assert!(stand.hook.of("send.message").is_empty(), "no echo was delivered");
}

/// A server that is asked to send.
struct Sends {
    sim: Sim,
    hook: Hook,
    base: String,
    http: reqwest::Client,
    _server: Server,
}

impl Sends {
    async fn new(integration: Integration) -> Self {
        let hook = Hook::start().await;
        let sim = Sim::new(SimConfig::fast());
        sim.create_instance_of(integration, "clinica-b", &hook.url, &[]);
        let (base, server) = serving(&sim).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sim, hook, base, http, _server: server }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let ask = self.http.post(format!("{}{path}", self.base)).json(body);
        let answer = ask.header("apikey", SimConfig::fast().api_key).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The id of what was sent.
    async fn send(&self, action: &str, body: &Value) -> String {
        let (status, answer) = self.post(&format!("/message/{action}/clinica-b"), body).await;
        assert_eq!(status, 201, "{answer}");
        answer["key"]["id"].as_str().unwrap().to_owned()
    }

    async fn poll(&self) -> String {
        let poll = json!({
            "number": PHONE, "name": "Qual horário?", "selectableCount": 1,
            "values": ["14:00", "15:00"],
        });
        self.send("sendPoll", &poll).await
    }
}
