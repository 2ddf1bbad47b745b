//! The language model: asked about what nobody understood and nothing else, believed in nothing that
//! is not in a list, missed by nobody.

mod budget;
mod contract;
mod endpoint;
mod hostile;
mod transcripts;

use std::process::{Command, Stdio};
use std::time::Duration;

use pontual::db::flags;
use pontual::domain::flag::Flag;
use serde_json::Value;
use uuid::Uuid;

use self::endpoint::{Answer, Endpoint, meaning};
use crate::support::process::until;
use crate::support::stack::Stack;

const LUA: &str = "studio-lua";
const MARINA: &str = "5511988887777";
/// Nobody understands it by rules.
const RIDDLE: &str = "dar um trato na juba";
const MISSED: &str = "Não entendi qual é o serviço. Pode escrever o nome, por exemplo \"corte\".";
/// Long enough for any machine.
const SLOWLY: Duration = Duration::from_secs(20);

/// The program with this endpoint's model, switched on for everybody.
async fn with_model(endpoint: &Endpoint, patience: Duration) -> Stack {
    let mut stack = Stack::new().await;
    stack.model = Some(endpoint.model(patience));
    flags::set(&stack.pool, stack.clock.now(), None, Flag::Llm, true).await.unwrap();
    stack
}

fn haircut(_: &str) -> Answer {
    Answer::meaning(&meaning("book", &["corte"], Some("quinta"), Some("depois das 14h")))
}

async fn context(stack: &Stack) -> Value {
    stack.value("select context from app.conversations").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_nobody_understood_lead_to_times_and_a_replay_comes_to_the_same() {
    let endpoint = Endpoint::new(haircut).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    let said = stack.say(LUA, MARINA, RIDDLE).await;
    assert!(said.starts_with("Quinta-feira, 12 de março, depois das 14h:\n1 14h00"), "{said}");
    let said = stack.say(LUA, MARINA, "1").await;
    assert!(said.contains("1 Confirmar"), "{said}");
    let said = stack.say(LUA, MARINA, "1").await;
    assert!(said.starts_with("Agendado"), "{said}");
    stack.settle().await;
    assert_eq!(endpoint.asked().len(), 1, "what rules understand is not asked");
    assert!(context(&stack).await.get("pending").is_none());
    let left: i64 = stack
        .value("select count(*) from app.conversation_timers where timer = 'interpretation'")
        .await;
    assert_eq!(left, 0);
    let events: Vec<String> =
        sqlx::query_scalar("select event ->> 'event' from app.conversation_turns order by seq")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(events, ["said", "said", "interpreted", "said", "said"]);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;

    let conversation: Uuid = stack.value("select id from app.conversations").await;
    let output = Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir(std::env::temp_dir())
        .env_remove("MIGRATION_DATABASE_URL")
        .env("DATABASE_URL", stack.db.url_app())
        .args(["replay", &conversation.to_string()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("5 of 5 turns come out the same, 0 cannot"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_only_where_a_tenant_wants_it_and_a_key_is_there() {
    let endpoint = Endpoint::new(haircut).await;
    // Off by default, with a model configured.
    let mut stack = Stack::new().await;
    stack.model = Some(endpoint.model(SLOWLY));
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    assert_eq!(stack.say(LUA, MARINA, RIDDLE).await, MISSED);
    // Switched on for one tenant, effective with its next message.
    let id = stack.tenant(LUA).await;
    flags::set(&stack.pool, stack.clock.now(), Some(id), Flag::Llm, true).await.unwrap();
    assert!(stack.say(LUA, MARINA, RIDDLE).await.starts_with("Quinta-feira"));
    let said = stack.say("luna-salon", "12025550123", "spruce up my mane").await;
    assert!(said.contains("1 Haircut"), "{said}");
    assert_eq!(endpoint.asked().len(), 1);
    stack.stop_working().await;

    // No key: the flag alone does nothing.
    stack.model = None;
    stack.work();
    stack.say(LUA, MARINA, "menu").await;
    assert_eq!(stack.say(LUA, MARINA, RIDDLE).await, MISSED);
    assert_eq!(endpoint.asked().len(), 1);
    let known: i64 =
        stack.value("select count(*) from app.conversation_turns where known ? 'interprets'").await;
    assert!(known > 0, "what could be asked is in the journal where it could");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_never_runs_leaves_the_usual_answer_to_the_timer() {
    let endpoint = Endpoint::new(haircut).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    sqlx::query("select ops.pause('interpret_message')").execute(&stack.db.owner).await.unwrap();
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    let began = std::time::Instant::now();
    assert_eq!(stack.say(LUA, MARINA, RIDDLE).await, MISSED);
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    // What runs late asks nobody: nobody waits any more.
    sqlx::query("select ops.resume('interpret_message')").execute(&stack.db.owner).await.unwrap();
    stack.settle().await;
    assert!(endpoint.asked().is_empty());
    assert_eq!(stack.sim.chat(LUA, MARINA).len(), 4, "one reply, never two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_on_meanwhile_is_answered_to_all_of_it_once() {
    let endpoint = Endpoint::new(|_| haircut("").after(Duration::from_secs(3))).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    stack.sim.customer_writes(LUA, MARINA, "Marina", RIDDLE).await.unwrap();
    until("the model is asked", async || !endpoint.asked().is_empty()).await;
    let said = stack.say(LUA, MARINA, "3").await;
    assert!(said.starts_with("Manicure, 40 min."), "{said}");
    stack.settle().await;
    let before = stack.sim.chat(LUA, MARINA).len();
    // The answer to the first question finds nobody who waits for it.
    until("the late answer is recorded", async || {
        stack
            .value::<bool>("select coalesce(sum(completion_tokens), 0) > 0 from app.model_usage")
            .await
    })
    .await;
    stack.settle().await;
    assert_eq!(stack.sim.chat(LUA, MARINA).len(), before);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_takes_over_meanwhile_is_not_interrupted() {
    let endpoint = Endpoint::new(|_| haircut("").after(Duration::from_secs(2))).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    stack.sim.customer_writes(LUA, MARINA, "Marina", RIDDLE).await.unwrap();
    until("the model is asked", async || !endpoint.asked().is_empty()).await;
    sqlx::query("update app.conversations set mode = 'human'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.settle().await;
    assert_eq!(stack.sim.chat(LUA, MARINA).len(), 3, "the bot said nothing more");
    let left: i64 = stack
        .value("select count(*) from app.conversation_timers where timer = 'interpretation'")
        .await;
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_away_costs_no_customer_more_than_a_moment_and_is_left_alone() {
    let mut stack = Stack::new().await;
    flags::set(&stack.pool, stack.clock.now(), None, Flag::Llm, true).await.unwrap();
    let (base, limits) = ("http://127.0.0.1:9/api/v1", pontual::llm::Limits::default());
    let model = pontual::llm::Model::new(base, "k", "m", limits).unwrap();
    stack.model = Some(model.clone());
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    for n in 0..5 {
        assert!(model.is_ready(stack.clock.now()), "failure {n}");
        let began = std::time::Instant::now();
        stack.say(LUA, MARINA, &format!("xaropada número {n}")).await;
        // Far less than the six seconds of the timer.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        stack.say(LUA, MARINA, "menu").await;
    }
    assert!(!model.is_ready(stack.clock.now()), "after five failures in a row");
    stack.settle().await;
    let asked: i64 = stack.value("select sum(calls)::bigint from app.model_usage").await;
    assert_eq!(stack.say(LUA, MARINA, RIDDLE).await, MISSED);
    let after: i64 = stack.value("select sum(calls)::bigint from app.model_usage").await;
    assert_eq!(asked, after, "nobody waits for what is out of order");
}
