use serde_json::{Value, json};

use super::*;
use crate::channel::whatsapp::client::classify;

/// What is done, in the words of the table below: `(first, longest)` in seconds.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    Accepted,
    RetryWithin(u64),
    LookUpAfter(u64),
    Pause(&'static str, (u64, u64), Alert),
    OtherAddress,
    PlainText,
    GiveUp(Alert),
}

#[derive(Debug, PartialEq, Eq)]
enum Alert {
    Person,
    Nobody,
}
use Alert::{Nobody, Person};

const CLOSED: Done = Done::Pause("not connected", (1, 20), Nobody);
const LIMITED: Done = Done::Pause("rate limit", (60, 900), Nobody);

fn wrong(what: &'static str) -> Done {
    Done::Pause(what, (15, 60), Person)
}

/// An answer as it was recorded.
fn recorded(name: &str) -> (u16, Value) {
    let path = format!("{}/tests/fixtures/evolution/rest/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let exchange: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let answer = &exchange["response"];
    (u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), answer["body"].clone())
}

/// One that nobody recorded, in the shape of those that were.
fn made(status: u16, words: &str) -> (u16, Value) {
    (
        status,
        json!({ "status": status, "error": "Bad Request", "response": { "message": [words] } }),
    )
}

fn done((status, body): &(u16, Value)) -> Done {
    let Err(error) = classify(*status, body) else { return Done::Accepted };
    let alert = |alert| if alert { Person } else { Nobody };
    match Decision::of(error) {
        Decision::Retry { longest } => Done::RetryWithin(longest.as_secs()),
        Decision::LookUp { after } => Done::LookUpAfter(after.as_secs()),
        Decision::Pause(pause) => Done::Pause(
            pause.reason.leak(),
            (pause.first.as_secs(), pause.longest.as_secs()),
            alert(pause.alert),
        ),
        Decision::OtherAddress => Done::OtherAddress,
        Decision::PlainText => Done::PlainText,
        Decision::GiveUp { alert: person } => Done::GiveUp(alert(person)),
    }
}

#[test]
fn every_class_of_answer_has_its_decision() {
    #[rustfmt::skip]
    let table = [
        // what the gateway answers                            answer                                    what follows
        ("201 with an id",                                     recorded("bail-sendText"),                Done::Accepted),
        ("201 of Meta: the token is dead",                     recorded("cloud-text-graph401"),          wrong("misconfigured: Meta's access token of the instance is no longer valid")),
        ("201 of Meta: too many messages",                     recorded("cloud-text-graph429"),          LIMITED),
        ("201 of Meta: too many to this person",               (201, json!({ "code": 131_056 })),        LIMITED),
        ("201 of Meta: the account's limit",                   (201, json!({ "code": 80_007 })),         LIMITED),
        ("201 of Meta: nobody has this number",                recorded("cloud-text-graph400"),          Done::OtherAddress),
        ("201 of Meta: not to this person",                    (201, json!({ "code": 131_049 })),        Done::GiveUp(Nobody)),
        ("201 of Meta: a passing difficulty",                  (201, json!({ "code": 131_016 })),        Done::RetryWithin(20)),
        ("201 without anything",                               recorded("cloud-text-empty"),             Done::LookUpAfter(2)),
        ("400 the number is not on WhatsApp",                  recorded("bail-sendText-notexists"),      Done::OtherAddress),
        ("400 not as its schema says",                         recorded("sendText-notext"),              Done::GiveUp(Person)),
        ("400 no JSON",                                        recorded("sendText-badjson"),             Done::GiveUp(Person)),
        ("400 a blank text",                                   recorded("bail-sendText-blank"),          Done::GiveUp(Person)),
        ("400 Connection Closed",                              recorded("send-closed"),                  CLOSED),
        ("500 Connection Closed",                              recorded("disc-sendText"),                CLOSED),
        ("500 Connection Closed, at the number's look-up",     recorded("onwa-closed"),                  CLOSED),
        ("400 Timed Out: perhaps after it was written",        recorded("send-timeout"),                 Done::LookUpAfter(2)),
        ("400 Timed Out: it went out",                         recorded("send-sentthenfail"),            Done::LookUpAfter(2)),
        ("500 Timed Out: at the number's look-up",             recorded("onwa-timeout"),                 Done::RetryWithin(20)),
        ("400 rate-overlimit",                                 recorded("send-rate"),                    LIMITED),
        ("500 rate-overlimit",                                 recorded("onwa-rate"),                    LIMITED),
        ("429",                                                (429, Value::Null),                       LIMITED),
        ("400 not-acceptable",                                 recorded("send-notacc"),                  Done::LookUpAfter(2)),
        ("400 No sessions",                                    recorded("send-sess"),                    Done::LookUpAfter(2)),
        ("400 [object Object]",                                made(400, "[object Object]"),             Done::LookUpAfter(2)),
        ("400 TypeError: something else",                      made(400, "TypeError: x is no function"), Done::LookUpAfter(2)),
        ("400 this.isZero is not a function",                  recorded("bail-sendList"),                Done::PlainText),
        ("400 (reading 'message'): Meta answered no JSON",     recorded("cloud-text-graph503html"),      Done::LookUpAfter(2)),
        ("400 (reading 'message'): Meta was not reached",      recorded("cloud-text-graph-dropped"),     Done::LookUpAfter(2)),
        ("400 Method not available on … API",                  recorded("cloud-poll"),                   Done::PlainText),
        ("400 Method not available on Evolution Channel",      recorded("sendPoll"),                     Done::PlainText),
        ("500 Method not available in the Baileys service",    recorded("bail-template"),                Done::PlainText),
        ("500 (reading 'onWhatsApp'): not loaded yet",         recorded("startup-clinica-b"),            CLOSED),
        ("500 (reading 'textMessage'): never connected",       recorded("idle-sendText"),                CLOSED),
        ("401",                                                recorded("sendText-badkey"),              wrong("misconfigured: the gateway does not take the API key")),
        ("403",                                                recorded("create-dup"),                   wrong("misconfigured: the gateway does not take the API key")),
        ("404 the instance does not exist",                    recorded("sendText-unknown-inst"),        wrong("misconfigured: the gateway has no such instance")),
        ("404 Cannot POST",                                    recorded("404"),                          wrong("misconfigured: there is no gateway at its address")),
        ("503 LICENSE_REQUIRED",                               (503, json!({ "code": "LICENSE_REQUIRED" })), wrong("misconfigured: the gateway wants a licence")),
        ("503 of something between",                           (503, Value::Null),                       Done::LookUpAfter(2)),
    ];
    for (label, answer, follows) in table {
        assert_eq!(done(&answer), follows, "{label}");
    }
}

#[test]
fn no_answer_is_looked_up_and_no_connection_is_tried_again() {
    let of = |error| Decision::of(error);
    assert_eq!(
        of(SendError::MaybeSent { why: "no answer in time" }),
        Decision::LookUp { after: Duration::from_secs(2) }
    );
    assert_eq!(of(SendError::NotSent { retry: Retry::Soon }), Decision::Retry { longest: SHORT });
}

#[test]
fn what_others_would_meet_too_pauses_the_instance_and_nothing_else_does() {
    for (answer, pauses) in [
        (recorded("send-closed"), true),
        (recorded("send-rate"), true),
        (recorded("sendText-badkey"), true),
        (recorded("bail-sendText-notexists"), false),
        (recorded("send-timeout"), false),
        (recorded("sendText-notext"), false),
    ] {
        let error = classify(answer.0, &answer.1).unwrap_err();
        assert_eq!(matches!(Decision::of(error), Decision::Pause(_)), pauses, "{error}");
        assert_eq!(error.pauses_instance(), pauses, "{error}");
    }
}

#[test]
fn waiting_doubles_up_to_its_bound() {
    let waits = [1, 2, 3, 4, 5, 6, 40].map(|attempt| backoff(attempt, SHORT).as_secs());
    assert_eq!(waits, [1, 2, 4, 8, 16, 20, 20]);
}
