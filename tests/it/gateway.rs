//! The simulated gateway answers, delivers and fails as the real one was recorded to, and the
//! client and the webhook's readers work with it.

mod customers;
mod deliveries;
mod exchanges;
mod pairing;
mod stand;

use std::time::Duration;

use pontual::channel::whatsapp::address::Addresses;
use pontual::channel::whatsapp::client::{Gateway, Refusal, Retry, SendError};
use pontual::channel::whatsapp::inbound::{self, Content};
use pontual::channel::whatsapp::signature;
use pontual::channel::whatsapp::status::{DeliveryStatus, InstanceState};
use pontual::clock::Clock;
use pontual::gateway_sim::fault::{Fault, SendFault, WebhookFault};
use pontual::gateway_sim::{SimConfig, Write};
use serde_json::{Value, json};

use self::stand::{Hook, WAIT, serving, shape, webhook, window, with_hook, with_hook_and};

const PHONE: &str = "5511988887777";
const SECRET: &str = "super-secret-jwt-key";

#[tokio::test]
async fn a_customer_s_message_is_delivered_as_recorded_and_read_by_us() {
    let (sim, hook) = with_hook(&[("jwt_key", SECRET), ("x-tenant", "b")]).await;
    let written = sim.customer_writes("clinica-b", PHONE, "Marina", "Oi do web").await.unwrap();
    assert_eq!(written.status, Some(200));
    let seen = hook.wait_for("messages.upsert", 1).await.remove(0);

    let mut recorded = webhook("messages-upsert-text-web");
    recorded["data"]["key"].as_object_mut().unwrap().remove("remoteJidAlt");
    assert_eq!(shape(&seen.json()), shape(&recorded));
    assert_eq!(seen.headers["x-tenant"], "b");
    assert_eq!(seen.headers.get("jwt_key"), None);
    let now = Clock::default().now();
    let secrets = [SECRET.to_owned()];
    assert!(signature::authenticated(&secrets, &seen.headers, &seen.body, now));
    assert!(!signature::authenticated(&["other".to_owned()], &seen.headers, &seen.body, now));

    let delivery = inbound::read(&seen.body).unwrap();
    assert_eq!(delivery.instance.as_deref(), Some("clinica-b"));
    let Content::Message(message) = delivery.content else { panic!("{:?}", delivery.content) };
    assert_eq!(message.provider_id, written.id);
    assert_eq!(message.remote.phone.as_deref(), Some("+5511988887777"));
    assert_eq!(message.push_name.as_deref(), Some("Marina"));
    assert_eq!(message.text.as_deref(), Some("Oi do web"));
    assert!(message.sent_at.is_some_and(|at| (now - at).num_seconds().abs() < 60));
}

#[tokio::test]
async fn every_kind_of_message_is_read_as_that_kind() {
    use pontual::domain::conversation::MessageKind as Kind;
    let (sim, hook) = with_hook(&[]).await;
    let kinds = [
        ("text", Kind::Text),
        ("audio", Kind::Audio),
        ("image", Kind::Image),
        ("video", Kind::Video),
        ("document", Kind::Document),
        ("sticker", Kind::Sticker),
        ("location", Kind::Location),
        ("contact", Kind::Contact),
        ("choice", Kind::Choice),
    ];
    for (count, (name, expected)) in (1..).zip(kinds) {
        let mut write = Write::text(PHONE, "", "oi");
        write.kind = Some(name.to_owned());
        write.choice = Some("slot:1".to_owned());
        write.quoted = Some("3EB0MENU".to_owned());
        write.lid = Some("123456789012345".to_owned());
        write.timestamp = Some(1_795_395_711);
        sim.write("clinica-b", write).await.unwrap();
        let seen = hook.wait_for("messages.upsert", count).await.pop().unwrap();
        let content = inbound::read(&seen.body).unwrap().content;
        let Content::Message(message) = content else { panic!("{name}: {content:?}") };
        assert_eq!(message.kind, expected);
        assert_eq!(message.choice.is_some(), expected == Kind::Choice, "{name}");
        assert_eq!(message.quoted.as_deref(), Some("3EB0MENU"), "{name}");
        assert_eq!(message.remote.lid.as_deref(), Some("123456789012345@lid"), "{name}");
        assert_eq!(message.sent_at.map(|at| at.timestamp()), Some(1_795_395_711), "{name}");
        assert_eq!(message.push_name, None);
    }
    let mut own = Write::text(PHONE, "", "respondi pelo celular");
    own.from_me = true;
    sim.write("clinica-b", own).await.unwrap();
    let seen = hook.wait_for("messages.upsert", 10).await.pop().unwrap();
    assert!(matches!(inbound::read(&seen.body).unwrap().content, Content::Own(_)));
}

#[tokio::test]
async fn a_send_arrives_is_echoed_and_reported_stage_by_stage() {
    let (sim, hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let written = sim.customer_writes("clinica-b", "552188887777", "Ana", "Oi").await.unwrap();
    let gateway = Gateway::new(&base).unwrap();
    let text = "Olá! Sua consulta é amanhã às 14:00.";
    let key = SimConfig::fast().api_key;
    let number = "+5521988887777";
    let sent = gateway.send_text("clinica-b", &key, number, text, Duration::ZERO).await.unwrap();

    let reply = sim.wait_for_reply("clinica-b", "5521988887777", &written.id, WAIT).await.unwrap();
    assert_eq!((reply.text.as_str(), &reply.id), (text, &sent.provider_id));
    let echo = hook.wait_for("send.message", 1).await.remove(0);
    assert_eq!(shape(&echo.json()), shape(&webhook("send-message-text")));
    let Content::SendEcho(echoed) = inbound::read(&echo.body).unwrap().content else { panic!() };
    assert_eq!(echoed.provider_id, sent.provider_id);
    // To the address that the customer writes from, which is another form of the one given.
    assert_eq!(echoed.remote.jid.as_deref(), Some("552188887777@s.whatsapp.net"));
    assert_eq!(echoed.text.as_deref(), Some(text));

    let updates = hook.wait_for("messages.update", 3).await;
    assert_eq!(shape(&updates[0].json()), shape(&webhook("messages-update-server-ack")));
    let mut stages: Vec<_> = updates
        .iter()
        .map(|update| match inbound::read(&update.body).unwrap().content {
            Content::Status { provider_id, status } if provider_id == sent.provider_id => status,
            other => panic!("{other:?}"),
        })
        .collect();
    stages.sort();
    assert_eq!(stages, [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read]);

    let (from, until) = window();
    let to = Addresses::of_jid(number);
    let found = gateway.find_sent("clinica-b", &key, &to, text, from, until).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].provider_id, sent.provider_id);
    assert_eq!(found[0].status, Some(DeliveryStatus::Read));
    let nobody = Addresses::of_jid("5511900000000");
    let none = gateway.find_sent("clinica-b", &key, &nobody, text, from, until).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_customer_known_by_lid_alone_can_write_and_be_answered() {
    let (sim, hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let mut write = Write::text("", "Zé", "Oi");
    write.lid = Some("222333444555666".to_owned());
    let written = sim.write("clinica-b", write).await.unwrap();
    let seen = hook.wait_for("messages.upsert", 1).await.remove(0);
    let Content::Message(message) = inbound::read(&seen.body).unwrap().content else { panic!() };
    assert_eq!(message.remote.phone, None);
    let recipient = message.remote.recipient().unwrap();
    let key = SimConfig::fast().api_key;
    let gateway = Gateway::new(&base).unwrap();
    gateway.send_text("clinica-b", &key, recipient, "Olá", Duration::ZERO).await.unwrap();
    let reply = sim.wait_for_reply("clinica-b", recipient, &written.id, WAIT).await;
    assert_eq!(reply.unwrap().text, "Olá");
}

#[tokio::test]
async fn who_waits_for_a_reply_gets_none_from_before_and_the_next_one_at_once() {
    let (sim, _hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let gateway = Gateway::new(&base).unwrap();
    let key = SimConfig::fast().api_key;
    let reply = async |text: &str| {
        gateway.send_text("clinica-b", &key, PHONE, text, Duration::ZERO).await.unwrap();
    };
    sim.customer_writes("clinica-b", PHONE, "M", "1").await.unwrap();
    reply("um").await;
    let second = sim.customer_writes("clinica-b", PHONE, "M", "2").await.unwrap();
    let wait = async |after: &str, timeout: Duration| {
        let reply = sim.wait_for_reply("clinica-b", PHONE, after, timeout).await;
        reply.map(|reply| reply.text)
    };
    assert_eq!(wait("", WAIT).await.as_deref(), Some("um"));
    assert_eq!(wait(&second.id, Duration::from_millis(50)).await, None);
    let started = std::time::Instant::now();
    let (got, ()) = tokio::join!(wait(&second.id, WAIT), reply("dois"));
    assert_eq!(got.as_deref(), Some("dois"));
    assert!(started.elapsed() < WAIT / 2);
}

#[tokio::test]
async fn a_webhook_is_tried_again_with_the_same_body_and_token_until_it_is_taken() {
    let (sim, hook) = with_hook(&[("jwt_key", SECRET)]).await;
    hook.answer_next(&[500, 429]);
    let written = sim.customer_writes("clinica-b", PHONE, "M", "Oi").await.unwrap();
    assert_eq!(written.status, Some(500));
    let tries = hook.wait_for("messages.upsert", 3).await;
    assert!(tries.iter().all(|again| again.body == tries[0].body));
    assert!(
        tries
            .iter()
            .all(|again| again.headers["authorization"] == tries[0].headers["authorization"])
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(hook.of("messages.upsert").len(), 3, "taken is taken");
}

#[tokio::test]
async fn a_webhook_refused_for_good_is_lost() {
    for status in [400, 401, 403, 404, 422] {
        let (sim, hook) = with_hook(&[]).await;
        hook.answer_next(&[status]);
        let written = sim.customer_writes("clinica-b", PHONE, "M", "Oi").await.unwrap();
        assert_eq!(written.status, Some(status));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(hook.of("messages.upsert").len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_webhook_that_nobody_takes_is_given_up_after_ten_tries() {
    let config = SimConfig { retry_scale: 0.000_1, ..SimConfig::fast() };
    let (sim, hook) = with_hook_and(config, &[]).await;
    hook.answer_next(&[503; 20]);
    sim.customer_writes("clinica-b", PHONE, "M", "Oi").await.unwrap();
    hook.wait_for("messages.upsert", 10).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hook.of("messages.upsert").len(), 10);
}

#[tokio::test]
async fn webhooks_can_come_twice_out_of_order_or_not_at_all() {
    let texts = |hook: &Hook| -> Vec<String> {
        let seen = hook.of("messages.upsert");
        seen.iter()
            .map(|s| s.json()["data"]["message"]["conversation"].as_str().unwrap().into())
            .collect()
    };
    let (sim, hook) = with_hook(&[]).await;
    sim.set_fault(Fault::of_webhooks(WebhookFault::Duplicate).times(1));
    sim.customer_writes("clinica-b", PHONE, "M", "1").await.unwrap();
    hook.wait_for("messages.upsert", 2).await;
    sim.customer_writes("clinica-b", PHONE, "M", "2").await.unwrap();
    assert_eq!(texts(&hook), ["1", "1", "2"]);

    let (sim, hook) = with_hook(&[]).await;
    sim.set_fault(Fault::of_webhooks(WebhookFault::Reorder));
    for text in ["1", "2", "3", "4"] {
        sim.customer_writes("clinica-b", PHONE, "M", text).await.unwrap();
    }
    hook.wait_for("messages.upsert", 4).await;
    assert_eq!(texts(&hook)[..2], ["2", "4"]);

    let (sim, hook) = with_hook(&[]).await;
    sim.set_fault(Fault::of_webhooks(WebhookFault::Drop).times(1));
    let lost = sim.customer_writes("clinica-b", PHONE, "M", "1").await.unwrap();
    let taken = sim.customer_writes("clinica-b", PHONE, "M", "2").await.unwrap();
    assert_eq!((lost.status, taken.status), (None, Some(200)));
    assert_eq!(texts(&hook), ["2"]);
}

#[tokio::test]
async fn each_fault_of_a_send_has_its_class_and_its_truth() {
    let (sim, _hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let gateway = Gateway::with_patience(&base, Duration::from_millis(300)).unwrap();
    let key = SimConfig::fast().api_key;
    let not_sent = |retry| Err(SendError::NotSent { retry });
    let maybe = |why| Err(SendError::MaybeSent { why });
    let misconfigured = pontual::channel::whatsapp::client::Misconfiguration::Licence;
    #[rustfmt::skip]
    let cases = [
        // the fault                   what the client makes of it                       went out
        (SendFault::Refused,         maybe("unknown error"),                             false),
        (SendFault::Failed,          not_sent(Retry::Soon),                              false),
        (SendFault::Hang,            maybe("no answer in time"),                         false),
        (SendFault::SentThenHang,    maybe("no answer in time"),                         true),
        (SendFault::SentThenFailed,  maybe("timed out"),                                 true),
        (SendFault::Closed,          not_sent(Retry::WhenConnected),                     false),
        (SendFault::Rate,            not_sent(Retry::Slowly),                            false),
        (SendFault::UnknownNumber,   Err(SendError::Refused { what: Refusal::Number }),  false),
        (SendFault::Licence,         Err(SendError::Misconfigured { what: misconfigured }), false),
        (SendFault::Slow,            Ok(()),                                             true),
    ];
    for (fault, expected, went_out) in cases {
        let text = format!("{fault:?}");
        sim.set_fault(Fault { slow_ms: Some(50), ..Fault::of_sends(fault).times(1) });
        let send = || gateway.send_text("clinica-b", &key, PHONE, &text, Duration::ZERO);
        assert_eq!(send().await.map(|_| ()), expected, "{text}");
        let record = sim.sent().pop().unwrap();
        assert_eq!((record.text.as_str(), record.went_out), (text.as_str(), went_out));
        assert_eq!(record.accepted, expected.is_ok(), "{text}");
        let (from, until) = window();
        let to = Addresses::of_jid(PHONE);
        let found = gateway.find_sent("clinica-b", &key, &to, &text, from, until).await.unwrap();
        assert_eq!(found.len(), usize::from(went_out), "{text} can be looked up");
        assert!(send().await.is_ok(), "{text} is over after one");
    }
}

#[tokio::test]
async fn a_disconnected_instance_says_so_and_sends_nothing() {
    let (sim, hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let gateway = Gateway::new(&base).unwrap();
    let key = SimConfig::fast().api_key;
    assert_eq!(gateway.version().await.unwrap(), "2.3.7");
    assert_eq!(gateway.connection_state("clinica-b", &key).await.unwrap(), InstanceState::Open);
    assert!(sim.set_instance_state("clinica-b", "close"));
    assert_eq!(gateway.connection_state("clinica-b", &key).await.unwrap(), InstanceState::Close);
    let seen = hook.wait_for("connection.update", 1).await.remove(0);
    assert_eq!(shape(&seen.json()), shape(&webhook("connection-update-close")));
    let state = InstanceState::Close;
    assert_eq!(inbound::read(&seen.body).unwrap().content, Content::Connection { state });
    let error = gateway.send_text("clinica-b", &key, PHONE, "oi", Duration::ZERO).await;
    assert_eq!(error.unwrap_err(), SendError::NotSent { retry: Retry::WhenConnected });
    assert!(!sim.sent()[0].went_out);
    assert!(!sim.set_instance_state("clinica-b", "asleep"));
    assert!(!sim.set_instance_state("nobody", "open"));
}

#[tokio::test]
async fn who_plays_the_customer_over_http_sees_the_whole_chat() {
    let (sim, _hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = async |path: &str| -> Value {
        http.get(format!("{base}{path}")).send().await.unwrap().json().await.unwrap()
    };
    let chat = format!("/control/instances/clinica-b/chats/{PHONE}");
    let instances = read("/control/instances").await;
    assert_eq!(
        (&instances[0]["name"], &instances[0]["state"]),
        (&json!("clinica-b"), &json!("open"))
    );
    assert_eq!(read(&chat).await, json!([]));

    let mut watching = http.get(format!("{base}{chat}/events")).send().await.unwrap();
    assert_eq!(watching.headers()["content-type"], "text/event-stream");
    let written: Value = http
        .post(format!("{base}/control/instances/clinica-b/inbound"))
        .json(&json!({ "phone": PHONE, "name": "Marina", "text": "Oi", "id": "3AFIXED" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(written, json!({ "id": "3AFIXED", "status": 200 }));
    let gateway = Gateway::new(&base).unwrap();
    let key = SimConfig::fast().api_key;
    gateway.send_text("clinica-b", &key, PHONE, "Olá!", Duration::ZERO).await.unwrap();

    let mut stream = String::new();
    let all = async {
        while !stream.contains(r#""status":"read""#) {
            stream += str::from_utf8(&watching.chunk().await.unwrap().unwrap()).unwrap();
        }
    };
    tokio::time::timeout(WAIT, all).await.unwrap();
    let kinds: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds, ["message", "message", "status", "status", "status"]);

    let messages = read(&chat).await;
    let row = |i: usize| {
        let message = &messages[i];
        [&message["from"], &message["text"], &message["status"]]
            .map(|v| v.as_str().unwrap().to_owned())
    };
    assert_eq!(row(0), ["customer", "Oi", "received"]);
    assert_eq!(row(1), ["business", "Olá!", "read"]);
    let chats = read("/control/instances/clinica-b/chats").await;
    assert_eq!((&chats[0]["phone"], &chats[0]["name"]), (&json!(PHONE), &json!("Marina")));
    assert_eq!(chats[0]["last"]["text"], "Olá!");
    assert_eq!(read("/control/sent").await[0]["accepted"], true);
}

#[tokio::test]
async fn faults_are_switched_over_http_one_or_more_at_once() {
    let (sim, _hook) = with_hook(&[]).await;
    let (base, _server) = serving(&sim).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let faults = format!("{base}/control/faults");
    let current =
        async || -> Value { http.get(&faults).send().await.unwrap().json().await.unwrap() };
    assert_eq!(current().await, json!([]));
    let lost = json!({ "send": "sent-then-failed", "count": 2, "instance": "clinica-b" });
    assert_eq!(http.put(&faults).json(&lost).send().await.unwrap().status(), 200);
    assert_eq!(current().await, json!([lost]));
    let slow = json!({ "send": "slow", "slow_ms": 20 });
    assert_eq!(http.post(&faults).json(&slow).send().await.unwrap().status(), 200);
    assert_eq!(current().await, json!([lost, slow]));
    let others = json!([{ "webhook": "drop", "events": ["send.message"] }, slow]);
    assert_eq!(http.put(&faults).json(&others).send().await.unwrap().status(), 200);
    assert_eq!(current().await, others);
    let wrong = http.put(&faults).json(&json!({ "send": "tired" })).send().await.unwrap();
    assert_eq!(wrong.status(), 422);
    assert_eq!(http.delete(&faults).send().await.unwrap().status(), 204);
    assert_eq!(current().await, json!([]));
}

#[tokio::test]
async fn a_delay_holds_the_answer_as_long_as_typing_is_shown() {
    let config = SimConfig { typing_scale: 0.5, ..SimConfig::fast() };
    let key = config.api_key.clone();
    let (sim, _hook) = with_hook_and(config, &[]).await;
    let (base, _server) = serving(&sim).await;
    let gateway = Gateway::with_patience(&base, Duration::from_millis(200)).unwrap();
    let started = std::time::Instant::now();
    // Longer than the patience for the send itself: typing is waited for besides.
    let typing = Duration::from_millis(600);
    gateway.send_text("clinica-b", &key, PHONE, "oi", typing).await.unwrap();
    assert!(started.elapsed() >= typing / 2, "{:?}", started.elapsed());
}
