//! What customers see of each neighbour's trouble: the table in docs/degradation.md, and its rows that
//! no other file of tests proves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use pontual::channel::email::Email;
use pontual::channel::sms::Sms;
use pontual::channel::whatsapp::client::Gateway;
use pontual::jobs::{Context, Settings, Workers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::process::{free_port, until};
use crate::support::stack::{PATIENCE, Stack};

const LUA: &str = "studio-lua";
const PHONE: &str = "5511988887777";

/// What is wrong with a server.
#[derive(Debug, Clone, Copy)]
enum Ill {
    /// Nobody listens.
    Down,
    /// Takes connections and says nothing.
    Slow,
    /// Says what no server of its kind says.
    Nonsense,
}

/// Where such a server is, `host:port`.
async fn ill(ill: Ill) -> String {
    if matches!(ill, Ill::Down) {
        return format!("127.0.0.1:{}", free_port());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if matches!(ill, Ill::Nonsense) {
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let body = "<html>{]";
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            } else {
                open.push(stream);
            }
        }
    });
    address
}

/// Somebody who is told by `channel` alone, while Marina chats on WhatsApp.
async fn chats_while_somebody_is_told_by(channel: &str, mut stack: Stack) -> Stack {
    sqlx::query("update app.tenants set channels = array[$1]")
        .bind(channel)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    sqlx::query(
        "with c as (insert into app.customers (tenant_id, phone, name, email)
                    values (app.tenant_named('studio-lua'), '+5511977776666', 'Rita', 'rita@example.com') returning *)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select c.tenant_id, c.id, s.id, m.id, '2026-03-12 18:00Z', 'confirmed'
           from c join app.services s on s.tenant_id = c.tenant_id and s.key = 'corte'
                  join app.staff m on m.tenant_id = c.tenant_id and m.key = 'ana'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack.work();
    until("the channel is tried", async || {
        stack
            .value("select exists (select from app.outbound_messages where channel <> 'whatsapp' and (attempts > 0 or status = 'sending' or error is not null))")
            .await
    })
    .await;
    assert!(stack.say(LUA, PHONE, "oi").await.contains("1 Corte"));
    assert!(stack.say(LUA, PHONE, "corte sexta às 15h").await.contains("Confirma"));
    stack.say(LUA, PHONE, "sim").await;
    let booked: i64 =
        stack.value("select count(*) from app.bookings where status = 'confirmed'").await;
    assert_eq!(booked, 2);
    let told: Vec<String> = sqlx::query_scalar(
        "select status from app.outbound_messages where channel <> 'whatsapp' and booking_id is not null order by seq",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    // It waits where operators see it; that it was sent, nobody says.
    assert!(!told.is_empty());
    for status in told {
        assert!(["queued", "sending", "unknown"].contains(&status.as_str()), "{status}");
    }
    assert!(stack.violations().await.is_empty());
    stack
}

async fn with_mail(trouble: Ill) {
    let mut stack = Stack::new().await;
    let url = format!("smtp://{}", ill(trouble).await);
    stack.channels.email = Some(Email::new(&url, "no-reply@pontual.example").unwrap());
    chats_while_somebody_is_told_by("email", stack).await;
}

async fn with_sms(trouble: Ill) {
    let mut stack = Stack::new().await;
    let url = format!("http://{}", ill(trouble).await);
    stack.channels.sms = Some(Sms::new(&url, "AC1:token", "+15005550006", None).unwrap());
    chats_while_somebody_is_told_by("sms", stack).await;
}

#[tokio::test]
async fn a_mail_server_that_is_down_holds_its_mails_and_nobody_else_up() {
    with_mail(Ill::Down).await;
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_holds_its_mails_and_nobody_else_up() {
    with_mail(Ill::Slow).await;
}

#[tokio::test]
async fn a_mail_server_that_speaks_no_smtp_holds_its_mails_and_nobody_else_up() {
    with_mail(Ill::Nonsense).await;
}

#[tokio::test]
async fn an_sms_provider_that_is_down_holds_its_messages_and_nobody_else_up() {
    with_sms(Ill::Down).await;
}

#[tokio::test]
async fn an_sms_provider_that_says_nothing_holds_its_messages_and_nobody_else_up() {
    with_sms(Ill::Slow).await;
}

#[tokio::test]
async fn an_sms_provider_that_answers_nonsense_is_not_believed_and_holds_nobody_else_up() {
    with_sms(Ill::Nonsense).await;
}

/// Customers write while the gateway is ill for sends; the answers, once it is well again.
async fn with_gateway(trouble: Ill) {
    let mut stack = Stack::new().await;
    let base = format!("http://{}", ill(trouble).await);
    let gateway = Gateway::with_patience(&base, Duration::from_millis(300)).unwrap();
    let cx = Context { gateway, ..stack.context() };
    let workers = Workers::start(cx, Settings { concurrency: 4 });
    let phones = ["5511988880011", "5511988880012", "5511988880013"];
    let mut written = Vec::new();
    for phone in phones {
        let message = stack.sim.customer_writes(LUA, phone, "Marina", "oi").await.unwrap();
        assert_eq!(message.status, Some(200), "webhooks are taken");
        written.push(message.id);
    }
    until("every turn is taken and a send was tried", async || {
        stack
            .value::<bool>(
                "select (select count(*) from app.inbound_messages where processed_at is not null) = 3
                    and exists (select from app.outbound_messages where error is not null)",
            )
            .await
    })
    .await;
    workers.stop(PATIENCE).await;
    assert_eq!(stack.sim.sent().len(), 0);
    let given_up: i64 =
        stack.value("select count(*) from app.outbound_messages where status = 'failed'").await;
    assert_eq!(given_up, 0);

    stack.work();
    // What waits for its next try need not.
    sqlx::raw_sql(
        "update app.senders set paused_until = null;
         update app.outbound_messages set due_at = now() - interval '10 years', lease_until = now() - interval '10 years' where status in ('queued', 'sending', 'unknown');
         update apalis.jobs set run_at = now() - interval '10 years' where status <> 'Done'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    for (phone, id) in phones.iter().zip(&written) {
        let reply = stack.sim.wait_for_reply(LUA, phone, id, PATIENCE).await.unwrap();
        assert!(reply.text.contains("1 Corte"), "{}", reply.text);
    }
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), 3, "each once");
    assert!(stack.violations().await.is_empty());
}

#[tokio::test]
async fn answers_wait_for_a_gateway_that_is_down_and_come_when_it_is_back() {
    with_gateway(Ill::Down).await;
}

#[tokio::test]
async fn answers_wait_for_a_gateway_that_does_not_answer_and_come_once() {
    with_gateway(Ill::Slow).await;
}

#[tokio::test]
async fn answers_wait_for_a_gateway_that_answers_nonsense_and_come_once() {
    with_gateway(Ill::Nonsense).await;
}

/// Names of the tests of a folder, as `file::name` with the path below it.
fn tests_below(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            tests_below(&path, &format!("{prefix}{name}::"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines() {
                is_test |= line.starts_with("#[tokio::test") || line.starts_with("#[test");
                let Some((_, rest)) = line.split_once("fn ") else { continue };
                if std::mem::take(&mut is_test) {
                    found.insert(format!("{prefix}{name}::{}", rest.split('(').next().unwrap()));
                }
            }
        }
    }
}

#[test]
fn every_neighbour_and_trouble_has_a_row_and_every_row_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    tests_below(&root.join("tests/it"), "", &mut tests);
    let page = std::fs::read_to_string(root.join("docs/degradation.md")).unwrap();
    let mut rows = BTreeMap::<(String, String), usize>::new();
    let (table, _) = page.split_once("\n## ").unwrap();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [neighbour, trouble, sees, proof] = cells[..] else { panic!("four cells: {line}") };
        if ["neighbour", "---"].contains(&neighbour) {
            continue;
        }
        assert!(!sees.is_empty());
        let named: Vec<_> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {line}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}: {line}");
        }
        *rows.entry((neighbour.to_owned(), trouble.to_owned())).or_default() += 1;
    }
    for neighbour in ["Redis", "language model", "WhatsApp gateway", "SMTP server", "SMS provider"]
    {
        for trouble in ["down", "slow", "nonsense"] {
            let key = (neighbour.to_owned(), trouble.to_owned());
            assert_eq!(rows.get(&key), Some(&1), "{neighbour}, {trouble}");
        }
    }
}
