//! The simulator's page: its files, its tenants, and the live look behind the scenes.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::stack::{PATIENCE, Stack};
use crate::transcripts::goes_as_written;

/// Watchers that the page allows at once.
const MOST_WATCHERS: usize = 20;

#[tokio::test]
async fn the_page_allows_nothing_inline_and_nothing_from_elsewhere() {
    let stack = Stack::new().await;
    let page = fetch(&stack, "/sim").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");

    let html = page.text().await.unwrap();
    assert!(html.starts_with("<!doctype html>"));
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let inline = tag.starts_with("style") || tag.contains(" style=") || tag.contains(" on");
        assert!(!inline, "the policy stops <{tag}>");
        assert!(!tag.starts_with("script") || tag.contains("src="), "the policy stops <{tag}>");
    }

    let mut wanted = named(&html, &["src=\"", "href=\""]);
    wanted.retain(|path| !path.starts_with('#'));
    let mut seen = BTreeSet::new();
    while let Some(path) = wanted.pop_first() {
        assert!(path.starts_with("/sim/"), "{path} is not the page's own");
        let file = fetch(&stack, &path).await;
        assert_eq!(file.status(), StatusCode::OK, "{path}");
        assert_eq!(file.headers()["x-content-type-options"], "nosniff", "{path}");
        let kind = file.headers()["content-type"].to_str().unwrap().to_owned();
        let expected = match path.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => panic!("{path} has no known ending"),
        };
        assert_eq!(kind, expected, "{path}");
        let text = file.text().await.unwrap();
        let imports = named(&text, &["from './", "import './"])
            .into_iter()
            .map(|file| format!("/sim/{file}"));
        seen.insert(path);
        wanted.extend(imports.filter(|path| !seen.contains(path)));
    }
    assert!(
        ["chat.js", "others.js", "page.css"]
            .iter()
            .all(|file| seen.contains(&format!("/sim/{file}"))),
        "{seen:?}"
    );
}

#[tokio::test]
async fn tenants_come_with_what_the_page_needs_to_write_to_them() {
    let stack = Stack::new().await;
    let tenants: Value = fetch(&stack, "/sim/tenants").await.json().await.unwrap();
    let slugs: Vec<_> = tenants.as_array().unwrap().iter().map(|tenant| &tenant["slug"]).collect();
    assert_eq!(slugs, ["luna-salon", "salon-luna", "studio-lua"]);
    let studio = &tenants[2];
    for (key, expected) in [
        ("name", "Studio Lua"),
        ("locale", "pt-BR"),
        ("timezone", "America/Sao_Paulo"),
        ("instance", "studio-lua"),
    ] {
        assert_eq!(studio[key], expected, "{key}");
    }
    assert_eq!(studio["services"][0], "Corte");
}

#[tokio::test]
async fn a_watcher_is_told_at_once_and_after_each_change() {
    let stack = Stack::new().await;
    let mut watcher = Watcher::open(&stack, "studio-lua", "%2B5511988887777").await;
    let first = watcher.snapshot().await;
    assert_eq!(first["conversation"], Value::Null);
    for list in ["bookings", "reminders", "jobs", "turns"] {
        assert_eq!(first[list], json!([]), "{list}");
    }
    let now = first["now"].as_str().unwrap();
    assert!(now.starts_with("2026-03-10T13:0"), "{now} is not the program's time");

    book(&stack, "studio-lua", "+5511988887777", "held").await;
    let held = watcher.snapshot().await;
    assert_eq!(held["bookings"].as_array().unwrap().len(), 1, "{held:#}");
    let booking = &held["bookings"][0];
    assert_eq!(
        (&booking["service"], &booking["staff"], &booking["status"]),
        (&json!("Corte"), &json!("Ana"), &json!("held"))
    );
    assert!(booking["code"].is_string() && booking["hold_expires_at"].is_string(), "{booking:#}");
    assert_eq!(held["reminders"], json!([]), "nobody is reminded of a hold");

    stack.execute("update app.bookings set status = 'confirmed'").await;
    let confirmed =
        watcher.snapshot_where(|seen| seen["bookings"][0]["status"] == "confirmed").await;
    let plan: Vec<_> = confirmed["reminders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reminder| (&reminder["kind"], &reminder["status"]))
        .collect();
    let planned = json!("planned");
    assert_eq!(
        plan,
        [
            (&json!("reminder_24h"), &planned),
            (&json!("reminder_1h"), &planned),
            (&json!("reminder_15m"), &planned)
        ]
    );
}

#[tokio::test]
async fn a_watcher_sees_the_conversation_its_turns_and_the_jobs_of_its_tenant() {
    let mut stack = Stack::new().await;
    stack.work();
    let mut watcher = Watcher::open(&stack, "studio-lua", "+5511988887777").await;
    let mut other = Watcher::open(&stack, "luna-salon", "5511988887777").await;
    assert_eq!(other.snapshot().await["conversation"], Value::Null);
    stack.say("studio-lua", "5511988887777", "Oi").await;

    // Whatever the order in which the last changes are seen, this is what they come to.
    let seen = watcher
        .snapshot_where(|seen| {
            let jobs = seen["jobs"].as_array().unwrap();
            let done = |kind| jobs.iter().any(|job| job["kind"] == kind && job["state"] == "done");
            seen["turns"] != json!([]) && done("process_message") && done("deliver_messages")
        })
        .await;
    assert_eq!(seen["conversation"]["state"], "service_selection", "{seen:#}");
    assert_eq!(seen["conversation"]["mode"], "bot");
    assert_eq!(seen["conversation"]["name"], "Marina");
    let turn = &seen["turns"][0];
    assert_eq!(turn["said"], json!(["Oi"]));
    assert_eq!(
        (&turn["before"], &turn["after"]),
        (&json!("greeting"), &json!("service_selection"))
    );
    assert_eq!(turn["effects"], json!(["reply"]));
    assert_eq!(seen["jobs"][0]["attempts"], 1, "{seen:#}");

    other.says_nothing().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn a_chat_is_saved_as_a_transcript_that_plays_as_it_went() {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "corte", "quinta às 14h45 com o Bruno", "1", "meus horários"] {
        stack.say("studio-lua", "5511988887777", text).await;
        stack.settle().await;
    }
    stack.stop_working().await;
    let saved = fetch(&stack, "/sim/transcript?tenant=studio-lua&phone=%2B5511988887777").await;
    assert_eq!(saved.status(), StatusCode::OK);
    assert_eq!(saved.headers()["content-type"], "text/plain; charset=utf-8");
    let name = &saved.headers()["content-disposition"];
    assert_eq!(name, "attachment; filename=\"studio-lua-5511988887777.txt\"");
    let file = saved.text().await.unwrap();
    assert!(file.contains("# clock 2026-03-10 10:0"), "{file}");
    assert!(file.contains("> meus horários\n< ") && file.contains("({code})"), "{file}");
    goes_as_written(&file).await.unwrap_or_else(|report| panic!("{report}\n{file}"));

    // It is compared in earnest: what was not said is missed.
    let other = file.replace("{code}", "{code}!");
    let report = goes_as_written(&other).await.unwrap_err();
    assert!(report.contains("- ") && report.contains("({code}!)"), "{report}");
}

#[tokio::test]
async fn what_cannot_be_watched_or_saved_is_refused_with_a_sentence() {
    let stack = Stack::new().await;
    for (query, status, sentence) in [
        (
            "tenant=nowhere&phone=5511988887777",
            StatusCode::NOT_FOUND,
            "there is no tenant \"nowhere\"",
        ),
        ("tenant=studio-lua&phone=marina", StatusCode::BAD_REQUEST, "phone is a number"),
    ] {
        for path in ["watch", "transcript"] {
            let answer = fetch(&stack, &format!("/sim/{path}?{query}")).await;
            assert_eq!(answer.status(), status, "{path} {query}");
            let text = answer.text().await.unwrap();
            assert!(text.starts_with(sentence), "{path} {query}: {text}");
        }
    }
}

#[tokio::test]
async fn one_watcher_too_many_is_asked_to_come_back_and_finds_a_place_that_was_given_up() {
    let stack = Stack::new().await;
    let mut watchers = Vec::new();
    for _ in 0..MOST_WATCHERS {
        let mut watcher = Watcher::open(&stack, "studio-lua", "5511988887777").await;
        watcher.snapshot().await;
        watchers.push(watcher);
    }
    let path = "/sim/watch?tenant=studio-lua&phone=5511988887777";
    let refused = fetch(&stack, path).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");

    watchers.pop();
    let found = async {
        while fetch(&stack, path).await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the place is given back");
}

/// One who watches: reads the server's events.
struct Watcher {
    events: Response,
    read: String,
}

impl Watcher {
    async fn open(stack: &Stack, tenant: &str, phone: &str) -> Self {
        let events = fetch(stack, &format!("/sim/watch?tenant={tenant}&phone={phone}")).await;
        assert_eq!(events.status(), StatusCode::OK);
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        Self { events, read: String::new() }
    }

    /// The next snapshot, whatever it holds.
    async fn snapshot(&mut self) -> Value {
        self.snapshot_where(|_| true).await
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.strip_prefix("event: snapshot\ndata: ").map(str::to_owned);
                self.read = rest.into();
                if let Some(data) = data {
                    return serde_json::from_str(&data).unwrap();
                }
                continue; // a comment that keeps the stream alive
            }
            let chunk = self.events.chunk().await.unwrap().expect("the stream goes on");
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next snapshot that fits. One limit for all of them: what keeps the stream alive must
    /// not keep a test alive.
    async fn snapshot_where(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = async {
            loop {
                last = self.next().await;
                if fits(&last) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, found).await.is_ok();
        assert!(in_time, "no such snapshot; the last one is {last:#}");
        last
    }

    /// Nothing comes, for longer than a change would take.
    async fn says_nothing(&mut self) {
        let silent = tokio::time::timeout(Duration::from_millis(1200), self.next()).await;
        assert!(silent.is_err(), "a snapshot without a change: {:#}", silent.unwrap_or_default());
    }
}

async fn fetch(stack: &Stack, path: &str) -> Response {
    stack.http.get(format!("{}{path}", stack.base)).send().await.unwrap()
}

/// The words that follow any of `markers` in `text`, up to the next quote.
fn named(text: &str, markers: &[&str]) -> BTreeSet<String> {
    let after = |marker: &&str| {
        let words = text.split(*marker).skip(1);
        words.map(|rest| rest.split(['"', '\'']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    markers.iter().flat_map(after).collect()
}

/// A booking as a DBA makes one: Thursday of the same week at 15:00 in São Paulo.
async fn book(stack: &Stack, slug: &str, phone: &str, status: &str) {
    let tenant = stack.tenant(slug).await;
    sqlx::query(
        "with customer as (
           insert into app.customers (tenant_id, phone, name) values ($1, $2, 'Marina') returning id
         )
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, hold_expires_at)
         select $1, c.id, s.id, f.id, '2026-03-12T15:00-03', $3,
                case $3 when 'held' then timestamptz '2026-03-10T10:10-03' end
           from customer c, app.services s, app.staff f
          where s.tenant_id = $1 and s.key = 'corte' and f.tenant_id = $1 and f.key = 'ana'",
    )
    .bind(tenant)
    .bind(phone)
    .bind(status)
    .execute(&stack.db.owner)
    .await
    .unwrap();
}

impl Stack {
    /// A statement by a DBA.
    async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.db.owner).await.unwrap();
    }
}
