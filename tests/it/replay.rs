//! `pontual replay`: a conversation that was played comes out the same again, and a change shows.
//! The program is waited for in the test's own thread, so the server needs another one.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use uuid::Uuid;

use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";

/// Runs the program against the stack's database, in a folder without settings.
fn replay(stack: &Stack, conversation: Uuid, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir(std::env::temp_dir())
        .env_remove("MIGRATION_DATABASE_URL")
        .env_remove("RUST_LOG")
        .env("DATABASE_URL", stack.db.url_app())
        .arg("replay")
        .arg(conversation.to_string())
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A whole booking, and a talk that loses its time to somebody else.
async fn played() -> (Stack, Uuid) {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "corte quinta às 15h", "mudar", "sexta de manhã", "1", "1", "cancelar", "1"]
    {
        stack.say("studio-lua", MARINA, text).await;
    }
    stack.settle().await;
    stack.stop_working().await;
    let conversation = stack.value("select id from app.conversations").await;
    (stack, conversation)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_comes_out_the_same_again_and_nothing_is_written_or_sent() {
    let (stack, conversation) = played().await;
    let everything = "select concat_ws(' ',
        (select count(*) from app.conversation_turns), (select count(*) from app.outbound_messages),
        (select count(*) from app.bookings), (select count(*) from apalis.jobs), (select count(*) from app.audit_log),
        (select max(updated_at) from app.conversations))";
    let before: String = stack.value(everything).await;
    let asked: i64 = stack
        .value("select count(*) from app.conversation_turns where known -> 'busy' <> 'null'")
        .await;
    assert!(asked >= 2, "turns that needed busy times: {asked}");

    let output = replay(&stack, conversation, &[]);
    let text = told(&output);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches(" same\n").count(), 8, "{text}");
    assert!(text.contains("8 of 8 turns come out the same, 0 cannot be taken again"), "{text}");
    assert_eq!(stack.value::<String>(everything).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_was_another_then_is_shown_and_the_status_is_1() {
    let (stack, conversation) = played().await;
    sqlx::query(
        "update app.conversation_turns
            set effects = jsonb_set(effects, '{0,text}', '\"Oi! Palavras de antes.\"')
          where seq = (select min(seq) from app.conversation_turns)",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let output = replay(&stack, conversation, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0]["outcome"], "different");
    assert_eq!(lines[0]["differences"][0]["path"], "/effects/0/text");
    assert_eq!(lines[0]["differences"][0]["recorded"], "Oi! Palavras de antes.");
    assert!(lines[0]["differences"][0]["computed"].as_str().unwrap().contains("1 Corte"));
    assert!(lines[1..].iter().all(|line| line["outcome"] == "same"), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_release_kept_no_knowledge_of_is_told_and_no_failure() {
    let (stack, conversation) = played().await;
    sqlx::query("update app.conversation_turns set known = null where seq = (select min(seq) from app.conversation_turns)")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let output = replay(&stack, conversation, &[]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        told(&output).contains("7 of 8 turns come out the same, 1 cannot be taken again"),
        "{}",
        told(&output)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_nobody_has_is_said_to_be_none() {
    let stack = Stack::new().await;
    let output = replay(&stack, Uuid::nil(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("there is no conversation 00000000"), "{}", told(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_is_kept_once_however_many_turns_see_it() {
    let (stack, _) = played().await;
    let kept: i64 = stack.value("select count(*) from app.catalogue_snapshots").await;
    assert_eq!(kept, 1);
    let named: bool = stack
        .value(
            "select bool_and(s.hash is not null) from app.conversation_turns t
               left join app.catalogue_snapshots s
                 on s.tenant_id = t.tenant_id and s.hash = decode(t.known ->> 'catalogue', 'hex')",
        )
        .await;
    assert!(named);
}
