//! Request and answer as OpenRouter documents them, recorded in `tests/fixtures/openrouter`.
//! `PONTUAL_BLESS=1` writes the request that is made now, to be read before it is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pontual::db::TenantTx;
use pontual::domain::catalogue::Catalogue;
use pontual::domain::conversation::{Interpretation, Purpose, Question};
use pontual::domain::locale::Locale;
use pontual::llm::{Failure, Limits, Model, OPENROUTER, answer};
use serde_json::Value;
use sqlx::types::Json;

use super::endpoint::{Answer, Endpoint, KEY, NAME};
use crate::support::stack::Stack;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openrouter").join(name)
}

fn recorded(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
}

pub(super) async fn catalogue(stack: &Stack) -> Catalogue {
    let id = stack.tenant("studio-lua").await;
    let mut db = TenantTx::begin(&stack.pool, id, stack.clock.now()).await.unwrap();
    let Json(catalogue) = sqlx::query_scalar::<_, Json<Catalogue>>("select app.catalogue()")
        .fetch_one(db.conn())
        .await
        .unwrap();
    catalogue
}

pub(super) fn question(stack: &Stack) -> Question {
    Question {
        text: "dar um trato na juba amanhã ali pelas três".to_owned(),
        state: "service_selection".to_owned(),
        locale: Locale::PT_BR,
        until: stack.clock.now(),
    }
}

#[tokio::test]
async fn the_request_is_the_one_recorded() {
    let stack = Stack::new().await;
    let (catalogue, question) = (catalogue(&stack).await, question(&stack));
    let model = Model::new(OPENROUTER, KEY, NAME, Limits::default()).unwrap();
    let request = model.request(&question, &catalogue);
    if std::env::var_os("PONTUAL_BLESS").is_some_and(|value| value == "1") {
        assert!(std::env::var_os("CI").is_none(), "nothing is blessed in CI");
        let text = serde_json::to_string_pretty(request.body()).unwrap();
        std::fs::write(file("request.json"), format!("{text}\n")).unwrap();
    }
    assert_eq!(*request.body(), recorded("request.json"));

    // Over the wire the same, without what OpenRouter alone understands.
    let endpoint = Endpoint::new(|_| Answer::nothing()).await;
    let model = endpoint.model(Duration::from_secs(20));
    let request = model.request(&question, &catalogue);
    let left = Duration::from_secs(20);
    let reply = model.ask(&request, &catalogue, &question, left, stack.clock.now()).await;
    assert_eq!((reply.meant, reply.attempts), (Ok(None), 1));
    let asked = endpoint.asked();
    assert_eq!(asked[0].authorization, format!("Bearer {KEY}"));
    let mut expected = recorded("request.json");
    expected.as_object_mut().unwrap().remove("provider").unwrap();
    assert_eq!(asked[0].body, expected);
}

#[tokio::test]
async fn equal_questions_are_known_by_one_hash_and_others_by_another() {
    let stack = Stack::new().await;
    let (catalogue, question) = (catalogue(&stack).await, question(&stack));
    let model = Model::new(OPENROUTER, KEY, NAME, Limits::default()).unwrap();
    let hash =
        |question: &Question, catalogue: &Catalogue| model.request(question, catalogue).digest();
    let first = hash(&question, &catalogue);
    let later =
        Question { until: stack.clock.now() + chrono::TimeDelta::hours(1), ..question.clone() };
    assert_eq!(hash(&later, &catalogue), first);
    let others = [
        Question { text: "outra coisa".to_owned(), ..question.clone() },
        Question { state: "date_time".to_owned(), ..question.clone() },
        Question { locale: Locale::ES_CL, ..question.clone() },
    ];
    for other in others {
        assert_ne!(hash(&other, &catalogue), first, "{other:?}");
    }
    let mut smaller = catalogue.clone();
    smaller.services.pop();
    assert_ne!(hash(&question, &smaller), first);
    let another = Model::new(OPENROUTER, KEY, "a/b", Limits::default()).unwrap();
    assert_ne!(another.request(&question, &catalogue).digest(), first);
}

#[tokio::test]
async fn recorded_answers_are_read_for_what_they_say() {
    let stack = Stack::new().await;
    let catalogue = catalogue(&stack).await;
    let body = recorded("completion.json");
    let read = answer::read(&body, &catalogue, Locale::PT_BR);
    let meant = Interpretation {
        purpose: Purpose::Book,
        services: vec!["corte".to_owned()],
        staff: Some("ana".to_owned()),
        date: Some("amanhã".to_owned()),
        time: Some("às 15h".to_owned()),
    };
    assert_eq!(read, Ok(Some(meant)));
    let usage = answer::usage(&body);
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (512, 31));
    assert!((usage.cost - 0.000_095_4).abs() < 1e-9);
    for (name, status, failure) in [
        ("error-401.json", 401, Failure::Refused(401)),
        ("error-402.json", 402, Failure::Refused(402)),
        ("error-403-moderation.json", 403, Failure::Refused(403)),
        ("error-429.json", 429, Failure::Limited),
        ("error-502-provider.json", 502, Failure::Unavailable),
        // What goes wrong at the model comes with status 200.
        ("error-502-provider.json", 200, Failure::Unavailable),
        ("error-in-choice.json", 200, Failure::Unavailable),
    ] {
        let body = recorded(name).to_string();
        let endpoint = Endpoint::new(move |_| Answer::raw(status, body.clone())).await;
        let model = endpoint.model(Duration::from_secs(20));
        let question = question(&stack);
        let request = model.request(&question, &catalogue);
        let left = Duration::from_secs(20);
        let reply = model.ask(&request, &catalogue, &question, left, stack.clock.now()).await;
        assert_eq!(reply.meant, Err(failure), "{name}");
    }
}
