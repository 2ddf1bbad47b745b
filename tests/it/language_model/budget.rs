//! What the model may cost, what it need not be asked twice, and what it never hears.

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::endpoint::{Answer, Endpoint};
use super::{LUA, MARINA, MISSED, RIDDLE, SLOWLY, haircut, with_model};
use crate::support::stack::Stack;

/// calls, cached, failed, refused of the one day.
async fn usage(stack: &Stack) -> (i32, i32, i32, i32) {
    sqlx::query_as("select calls, cached, failed, refused from app.model_usage")
        .fetch_one(&stack.db.owner)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_question_is_answered_as_the_one_before_for_another_customer_too() {
    let endpoint = Endpoint::new(haircut).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    stack.work();
    let people = [(MARINA, "Marina"), ("5511977776666", "Rita"), ("5511966665555", "Caio")];
    for (phone, _) in people {
        stack.say(LUA, phone, "oi").await;
        let said = stack.say(LUA, phone, RIDDLE).await;
        assert!(said.starts_with("Quinta-feira"), "{said}");
    }
    stack.settle().await;
    assert_eq!(endpoint.asked().len(), 1);
    assert_eq!(usage(&stack).await, (1, 2, 0, 0));
    let answer: Value = stack.value("select answer from app.model_answers").await;
    assert_eq!(
        answer,
        serde_json::json!({
            "purpose": "book", "services": ["corte"], "staff": null, "date": "quinta", "time": "depois das 14h",
        })
    );
    // What was learnt long ago is asked anew.
    sqlx::query("update app.model_answers set made_at = made_at - interval '31 days'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.maintain().await;
    let kept: i64 = stack.value("select count(*) from app.model_answers").await;
    assert_eq!(kept, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_costs_no_more_than_its_budget_and_goes_on_without_the_model() {
    for limit in ["model_calls_a_day = 2", "model_cost_a_day = 0.00015"] {
        let endpoint = Endpoint::new(|_| Answer::nothing()).await;
        let mut stack = with_model(&endpoint, SLOWLY).await;
        let set = format!("update app.tenants set {limit} where slug = 'studio-lua'");
        sqlx::query(AssertSqlSafe(set)).execute(&stack.db.owner).await.unwrap();
        stack.work();
        for n in 0..4 {
            stack.say(LUA, MARINA, "menu").await;
            assert_eq!(stack.say(LUA, MARINA, &format!("xaropada número {n}")).await, MISSED);
        }
        stack.settle().await;
        assert_eq!(endpoint.asked().len(), 2, "{limit}");
        assert_eq!(usage(&stack).await, (2, 0, 0, 2), "{limit}");
        let spent: bool = stack
            .value(
                "select prompt_tokens = 800 and completion_tokens = 60 and cost = 0.0002
                        and day = (app.now() at time zone 'America/Sao_Paulo')::date
                   from app.model_usage",
            )
            .await;
        assert!(spent, "{limit}");
        let shown: i32 =
            stack.value("select refused from ops.model_usage where tenant = 'studio-lua'").await;
        assert_eq!(shown, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_hears_no_name_and_no_number_and_jobs_and_answers_keep_no_words() {
    let endpoint = Endpoint::new(|_| Answer::nothing()).await;
    let mut stack = with_model(&endpoint, SLOWLY).await;
    stack.work();
    stack.say(LUA, MARINA, "oi").await;
    let text = "Marina aqui, zap (11) 98888-7777 ou marina@correio.example, xaropada danada";
    stack.say(LUA, MARINA, text).await;
    stack.settle().await;
    let asked = endpoint.asked();
    assert_eq!(asked[0].text(), "[name] aqui, zap ([number] ou [email] xaropada danada");
    let whole = asked[0].body.to_string();
    for secret in ["Marina", "98888", "7777", "5511988887777", "correio"] {
        assert!(!whole.contains(secret), "{secret}");
    }
    let told: Vec<String> = sqlx::query_scalar(
        "select convert_from(job, 'UTF8') || coalesce(last_result::text, '') from apalis.jobs
         union all select answer::text from app.model_answers
         union all select to_jsonb(u)::text from app.model_usage u
         union all select to_jsonb(t)::text from app.conversation_timers t",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert!(told.iter().any(|job| job.contains("question_id")), "{told:#?}");
    for told in told {
        for secret in ["xaropada", "Marina", "98888"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
