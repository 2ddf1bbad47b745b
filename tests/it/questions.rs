//! The questions of `sql/README.md`: every query of its tables is run, as a DBA who is a member of
//! `pontual_ops` alone, on rows of which the answer is known. The page is what is read here, so that
//! it cannot say anything else than what was tried.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::stack::Stack;

const PAGE: &str = include_str!("../../sql/README.md");
const SEED: &str = include_str!("questions/seed.sql");

/// What psql's `\set` gave.
const VARIABLES: &[(&str, &str)] = &[
    ("job", "JOB-DEAD"),
    ("tenant", "studio-lua"),
    ("day", "2026-03-10"),
    ("code", "AAAAA"),
    ("booking", "00000000-0000-7000-8000-0000000000b1"),
    ("conversation", "00000000-0000-7000-8000-0000000000d1"),
    ("actor", "staff:ana"),
];

/// What has to come out.
enum Answer {
    /// These rows in this order and no others; of each at least these columns.
    Rows(Value),
    /// Among the rows one like each of these.
    Among(Value),
    /// A number of rows changed, by a statement that returns none.
    Changed(u64),
}
use Answer::{Among, Changed, Rows};

/// Question (or act) and query of every table of the page, in order.
fn asked() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut in_table = false;
    for line in PAGE.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        in_table = match cells[..] {
            ["", "question", "query", ""] | ["", "act", "statement", ""] => true,
            ["", ..] => in_table,
            _ => false,
        };
        if let (true, ["", question, query, ""]) = (in_table, &cells[..])
            && let Some(query) = query.strip_prefix('`').and_then(|query| query.strip_suffix('`'))
        {
            found.push(((*question).to_owned(), query.to_owned()));
        }
    }
    found
}

/// The query as psql sends it.
fn with_variables(query: &str) -> String {
    let mut query = query.trim_end_matches(';').to_owned();
    for (name, value) in VARIABLES {
        query = query.replace(&format!(":'{name}'"), &format!("'{value}'"));
    }
    assert!(!query.contains(":'"), "a variable is not known: {query}");
    query
}

fn is_like(row: &Value, wanted: &Value) -> bool {
    match (row, wanted) {
        (Value::Object(row), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| row.get(key).is_some_and(|it| is_like(it, value)))
        }
        // Part of a sentence, or a number that grows: its beginning is enough.
        (Value::String(row), Value::String(wanted)) if wanted.ends_with('…') => {
            row.starts_with(wanted.trim_end_matches('…'))
        }
        _ => row == wanted,
    }
}

fn answers() -> BTreeMap<&'static str, Answer> {
    let mut all = BTreeMap::new();
    all.extend(about_jobs());
    all.extend(about_messages());
    all.extend(about_conversations());
    all.extend(about_bookings());
    all.extend(about_the_whole());
    all.extend(acts());
    all
}

fn about_jobs() -> Vec<(&'static str, Answer)> {
    let rule = "the database refused: 23514 rule";
    vec![
        (
            "Is the queue healthy?",
            Among(json!([
                {"kind": "deliver_messages", "paused_at": null, "waiting": 1, "scheduled": 0, "running": 0, "dead": 0, "oldest_waits": "00:02:0…"},
                {"kind": "process_message", "waiting": 0, "running": 1, "dead": 1},
                {"kind": "send_reminder", "waiting": 0, "scheduled": 1, "paused_at": "2026-03-10T1…"},
            ])),
        ),
        (
            "How many jobs of each kind and state are there?",
            Rows(json!([
                {"kind": "deliver_messages", "state": "waiting", "jobs": 1},
                {"kind": "process_message", "state": "dead", "jobs": 1},
                {"kind": "process_message", "state": "done", "jobs": 1},
                {"kind": "process_message", "state": "running", "jobs": 1},
                {"kind": "send_reminder", "state": "scheduled", "jobs": 1},
            ])),
        ),
        (
            "What is running or waiting?",
            Rows(json!([
                {"id": "JOB-WAITING", "state": "waiting", "attempts": 3, "error": "the instance is not connected"},
                {"id": "JOB-RUNNING", "state": "running", "args": {"conversation_id": "00000000-0000-7000-8000-0000000000d1"}},
            ])),
        ),
        (
            "How long do jobs wait and run?",
            Rows(
                json!([{"kind": "process_message", "hour": "2026-03-10T1…", "done": 1, "waited_p50": "00:00:01…", "ran_p95": "00:00:0…"}]),
            ),
        ),
        (
            "What failed for good, and why?",
            Rows(json!([{"id": "JOB-DEAD", "attempts": 25, "error": rule}])),
        ),
        (
            "Which attempts of a job failed, and why?",
            Rows(json!([
                {"attempt": 24, "error": "the database did not answer", "job_state": "dead"},
                {"attempt": 25, "error": rule},
            ])),
        ),
        (
            "What is stuck, why, and what can I do?",
            Rows(json!([
                {"what": "customer", "id": "00000000-0000-7000-8000-0000000000d1", "why": "waits for a person of the tenant"},
                {"what": "job", "id": "JOB-DEAD", "why": "dead after 25 attempts: the database refused…", "what_to_do": "select ops.retry_job('JOB-DEAD');…"},
                {"what": "outbound message", "id": "00000000-0000-7000-8000-0000000000f4", "why": "the instance is close"},
                {"what": "outbound message", "id": "00000000-0000-7000-8000-0000000000f5", "why": "an older message of the conversation goes first"},
                {"what": "job", "id": "JOB-WAITING", "why": "tried again later: the instance is not connected"},
            ])),
        ),
        (
            "Which workers live, and what do they do?",
            Rows(json!([
                {"kind": "process_message", "alive": true, "running": 1, "longest": "00:00:0…"},
                {"kind": "send_reminder", "alive": false, "running": 0, "longest": null},
            ])),
        ),
        ("Which kinds are paused?", Rows(json!([{"kind": "send_reminder"}]))),
    ]
}

fn about_messages() -> Vec<(&'static str, Answer)> {
    let [f3, f4] = ["00000000-0000-7000-8000-0000000000f3", "00000000-0000-7000-8000-0000000000f4"];
    let e1 = "00000000-0000-7000-8000-0000000000e1";
    vec![
        (
            "What is the oldest message that is not sent?",
            Rows(
                json!([{"tenant": "salon-luna", "id": f4, "waits": "00:30:0…", "why": "the instance is close", "what_to_do": "connect the instance…"}]),
            ),
        ),
        (
            "What waits to be sent, and why?",
            Rows(json!([
                {"status": "queued", "kind": "reply", "why": "the instance is close"},
                {"status": "queued", "why": "an older message of the conversation goes first"},
            ])),
        ),
        (
            "Which messages did customers never get, and why?",
            Rows(json!([{"id": f3, "kind": "reply", "error": "the number is not on WhatsApp"}])),
        ),
        (
            "How many messages of a day got how far?",
            Rows(
                json!([{"kind": "reply", "messages": 3, "open": 0, "sent": 2, "delivered": 1, "read": 1, "failed": 1, "to_send_p95": "00:00:03.9"}]),
            ),
        ),
        (
            "What was given up or could not be understood?",
            Rows(json!([
                {"what": "unparsed webhook", "id": e1},
                {"what": "outbound message", "id": f3, "why": "the number is not on WhatsApp"},
                {"what": "job", "id": "JOB-DEAD", "kind": "process_message"},
            ])),
        ),
        ("What could not be read?", Rows(json!([{"id": e1, "body": {"event": "odd"}}]))),
        (
            "Which numbers are not connected?",
            Rows(json!([{"slug": "salon-luna", "instance": "salon-luna", "state": "close"}])),
        ),
    ]
}

fn about_conversations() -> Vec<(&'static str, Answer)> {
    vec![
        (
            "What was said in a conversation?",
            Rows(json!([
                {"who": "customer", "kind": "text", "text": "Quero falar com alguém", "status": "read"},
                {"who": "turn", "kind": "said", "text": "greeting → completed"},
                {"who": "assistant", "text": "Já te chamo alguém.", "status": "read"},
                {"who": "assistant", "text": "Ainda aí?", "status": "sent"},
                {"who": "assistant", "text": "Olá", "status": "failed"},
            ])),
        ),
        (
            "Who waits for a person?",
            Rows(
                json!([{"id": "00000000-0000-7000-8000-0000000000d1", "customer_id": "00000000-0000-7000-8000-0000000000c1"}]),
            ),
        ),
        (
            "What happens next in a conversation if nobody writes?",
            Rows(json!([{"timer": "pause_over"}])),
        ),
        (
            "Where do conversations stand?",
            Rows(json!([
                {"slug": "salon-luna", "state": "greeting", "mode": "bot", "count": 1},
                {"slug": "studio-lua", "state": "completed", "mode": "human", "count": 1},
            ])),
        ),
    ]
}

fn about_bookings() -> Vec<(&'static str, Answer)> {
    vec![
        (
            "What is booked on a day?",
            Rows(
                json!([{"local_start": "2026-03-10T10:30:00", "staff": "ana", "service": "corte", "status": "confirmed", "code": "CCCCC"}]),
            ),
        ),
        (
            "Who changed this booking?",
            Rows(json!([
                {"actor": "key:site", "action": "insert", "before": null, "after": {"status": "confirmed"}},
                {"actor": "staff:ana", "action": "update", "before": {"starts_at": "2026-03-11T17:00:00+00:00", "revision": 1}, "after": {"revision": 2}},
            ])),
        ),
        (
            "What was the customer told of a booking, and did it arrive?",
            Rows(json!([
                {"event": "moved", "channel": "whatsapp", "status": "read", "read_at": "2026-03-10T1…"},
                {"event": "reminder_15m", "channel": null, "status": "planned"},
                {"event": "reminder_1h", "channel": null, "status": "planned"},
                {"event": "reminder_24h", "channel": null, "status": "planned"},
            ])),
        ),
        (
            "Which reminders are still to come?",
            Rows(json!([
                {"kind": "reminder_24h", "due_at": "2026-03-10T18:00:00+00:00"},
                {"kind": "reminder_1h", "due_at": "2026-03-11T17:00:00+00:00"},
                {"kind": "reminder_15m", "due_at": "2026-03-11T17:45:00+00:00"},
            ])),
        ),
        (
            "Were all reminders sent that were due?",
            Rows(json!([
                {"tenant": "studio-lua", "day": "2026-03-10", "kind": "reminder_15m", "due": 1, "sent": 0, "skipped": 1, "overdue": 0},
                {"tenant": "studio-lua", "kind": "reminder_1h", "due": 1, "sent": 1, "latest_by": "00:01:04"},
                {"tenant": "studio-lua", "kind": "reminder_24h", "due": 0, "sent": 0, "overdue": 0},
            ])),
        ),
        (
            "Which times are held for customers who have not confirmed?",
            Rows(json!([{"code": "BBBBB", "starts_at": "2026-03-11T21:00:00+00:00"}])),
        ),
    ]
}

fn about_the_whole() -> Vec<(&'static str, Answer)> {
    let booking = "00000000-0000-7000-8000-0000000000b2";
    vec![
        (
            "Is anything impossible true?",
            Rows(json!([{"rule": "booking without history", "row_id": booking}])),
        ),
        (
            "When was that last looked at, and what was found?",
            Rows(json!([{"violations": {"booking without history": 1}}])),
        ),
        (
            "Which tenants wait longest for answers?",
            Rows(json!([
                {"tenant": "studio-lua", "messages": 1, "read_p95": "00:00:03", "answers": 3, "sent_p95": "00:00:03.9", "unsent": 0},
                {"messages": 0, "sent_p95": null},
                {"messages": 0, "sent_p95": null},
            ])),
        ),
        (
            "How much goes on, day by day?",
            Among(json!([
                {"day": "2026-03-10", "inbound": 2, "outbound": 3, "bookings": 2, "new_customers": 0},
                {"day": "2026-03-08", "new_customers": 1},
            ])),
        ),
        (
            "What takes the room?",
            Among(
                json!([{"table_name": "app.bookings", "rows_estimated": 3}, {"table_name": "apalis.jobs", "rows_estimated": 5}]),
            ),
        ),
        (
            "What did the language model cost, and how often was it of no use?",
            Rows(
                json!([{"day": "2026-03-09", "calls": 12, "failed": 1, "refused": 3, "model_calls_a_day": null}]),
            ),
        ),
        (
            "How is the server?",
            Rows(
                json!([{"version": "1…", "business_clock": "2026-03-10T1…", "invariant_violations": {"booking without history": 1}}]),
            ),
        ),
        ("What did people do with these functions?", Rows(json!([]))),
        (
            "What did somebody change lately?",
            Rows(
                json!([{"tenant": "studio-lua", "action": "update", "table_name": "bookings", "row_id": "00000000-0000-7000-8000-0000000000b1"}]),
            ),
        ),
        (
            "How far does the audit log reach, and how big is it?",
            Among(json!([{"part": "audit.log_default", "ends_at": null}])),
        ),
        (
            "Which API keys are there, and are they used?",
            Rows(
                json!([{"slug": "studio-lua", "name": "site", "scopes": ["read", "write"], "revoked_at": null}]),
            ),
        ),
    ]
}

fn acts() -> Vec<(&'static str, Answer)> {
    vec![
        ("Run a job again, now", Rows(json!([{"retry_job": true}]))),
        ("Drop a job", Rows(json!([{"cancel_job": true}]))),
        ("Put a job off", Rows(json!([{"snooze_job": true}]))),
        (
            "Which dead jobs would run again?",
            Rows(json!([{"id": "JOB-DEAD", "state": "dead", "attempts": 25}])),
        ),
        ("Run dead jobs again", Rows(json!([{"count": 1}]))),
        ("Drop dead jobs", Rows(json!([{"count": 1}]))),
        ("Put a tenant's jobs off", Rows(json!([{"count": 2}]))),
        ("Hold all sending back", Rows(json!([{"pause": true}]))),
        ("Let it go", Rows(json!([{"resume": false}]))),
        (
            "Hold everything back",
            Rows(json!([
                {"kind": "deliver_messages", "waiting": 1},
                {"kind": "interpret_message", "waiting": 0},
                {"kind": "merge_customers", "waiting": 0},
                {"kind": "process_message", "waiting": 0},
                {"kind": "replan_reminders", "waiting": 0},
            ])),
        ),
        ("Keep the audit log for three years", Changed(1)),
    ]
}

#[tokio::test]
async fn every_question_of_the_page_is_answered_by_its_query() {
    let stack = Stack::new().await;
    sqlx::raw_sql(SEED).execute(&stack.db.owner).await.unwrap();
    // Of what is committed.
    sqlx::raw_sql("analyze").execute(&stack.db.owner).await.unwrap();
    let asked = asked();
    let mut answers = answers();
    assert!(asked.len() >= 40, "{asked:#?}");
    for (question, query) in &asked {
        let answer = answers.remove(question.as_str());
        let Some(answer) = answer else { panic!("nothing is known of {question:?}") };
        let query = with_variables(query);
        let mut tx = stack.db.owner.begin().await.unwrap();
        sqlx::raw_sql("set local role pontual_ops; set local timezone = 'UTC'")
            .execute(&mut *tx)
            .await
            .unwrap();
        if let Changed(rows) = answer {
            let done = sqlx::query(AssertSqlSafe(query)).execute(&mut *tx).await.unwrap();
            assert_eq!(done.rows_affected(), rows, "{question}");
            continue;
        }
        let text = format!("select coalesce(json_agg(q), '[]') from ({query}) q");
        let row = match sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *tx).await {
            Ok(row) => row,
            Err(error) => panic!("{question}: {error}"),
        };
        let rows: Value = row.get(0);
        let rows = rows.as_array().unwrap();
        match answer {
            Rows(wanted) => {
                let wanted = wanted.as_array().unwrap();
                let fits = rows.len() == wanted.len()
                    && rows.iter().zip(wanted).all(|(row, wanted)| is_like(row, wanted));
                assert!(fits, "{question}\nwanted {wanted:#?}\nbut found {rows:#?}");
            }
            Among(wanted) => {
                for wanted in wanted.as_array().unwrap() {
                    let fits = rows.iter().any(|row| is_like(row, wanted));
                    assert!(fits, "{question}\nwanted {wanted:#?}\namong {rows:#?}");
                }
            }
            Changed(_) => {}
        }
        tx.rollback().await.unwrap();
    }
    let left: Vec<&str> = answers.into_keys().collect();
    assert!(left.is_empty(), "no longer on the page: {left:?}");
}
