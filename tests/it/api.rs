//! The API as a program of a tenant calls it: keys, what is on offer, free times, its description.
//! The program is waited for in the test's own thread, so the server needs another one.

use std::process::{Command, Output, Stdio};

use pontual::db::keys;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::stack::{PATIENCE, Stack};

/// An answer of the API.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Field and problem of every wrong field.
    fn errors(&self) -> Vec<String> {
        assert_eq!((self.status, &self.body["type"]), (422, &json!("/problems/invalid-input")));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |error: &Value| format!("{} {}", text(&error["field"]), text(&error["problem"]));
        self.body["errors"].as_array().unwrap().iter().map(one).collect()
    }
}

async fn ask(stack: &Stack, method: Method, path: &str, key: Option<&str>) -> Answer {
    let mut request = stack.http.request(method, format!("{}{path}", stack.base));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

async fn get(stack: &Stack, path: &str, key: &str) -> Answer {
    ask(stack, Method::GET, path, Some(key)).await
}

async fn key_of(stack: &Stack, tenant: &str) -> String {
    keys::create(&stack.pool, stack.clock.now(), tenant, "tests").await.unwrap().reveal()
}

/// `pontual key …` on the database of a stack, at its time, as its runtime login.
fn pontual_key(stack: &Stack, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir("/")
        .env_remove("MIGRATION_DATABASE_URL")
        .env("DATABASE_URL", stack.db.url_app())
        .env("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string())
        .arg("key")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn refused(output: &Output) -> &str {
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    std::str::from_utf8(&output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_printed_once_opens_its_tenant_and_is_ended_by_revoking_it() {
    let stack = Stack::new().await;
    let of_lua = ["--tenant", "studio-lua", "--name", "Website"];
    let made = pontual_key(&stack, &[&["create"], &of_lua[..]].concat());
    let key = printed(&made).strip_suffix('\n').unwrap();
    assert!(key.starts_with("pontual_") && key.len() == 51, "a script reads the key alone: {key}");
    assert_eq!(get(&stack, "/api/v1/services", key).await.status, 200);

    let listed = pontual_key(&stack, &["list", "--tenant", "studio-lua"]);
    let listed = printed(&listed);
    assert!(listed.ends_with("-                     Website\n"), "{listed}");
    assert!(!listed.contains(&key[8..20]));

    let revoked = pontual_key(&stack, &[&["revoke"], &of_lua[..]].concat());
    assert_eq!(printed(&revoked), "Website is revoked\n");
    let answer = get(&stack, "/api/v1/services", key).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    // The name is free again, and the key made of it is another one.
    let again = pontual_key(&stack, &[&["create"], &of_lua[..]].concat());
    assert_ne!(printed(&again).trim(), key);
    let plain: i64 = stack
        .value("select count(*) from app.api_keys where encode(secret_hash, 'escape') like '%pontual%'")
        .await;
    assert_eq!(plain, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_made_is_told_with_what_to_do() {
    let stack = Stack::new().await;
    let create = |tenant: &str, name: &str| {
        pontual_key(&stack, &["create", "--tenant", tenant, "--name", name])
    };
    assert!(
        refused(&create("studio-luna", "Website"))
            .contains(r#"there is no tenant "studio-luna"; `pontual tenant list` shows them"#)
    );
    printed(&create("studio-lua", "Website"));
    assert!(refused(&create("studio-lua", "Website")).contains("has a key \"Website\" already"));
    printed(&create("luna-salon", "Website"));
    for name in ["", " x", &"x".repeat(81), "two\nlines"] {
        assert!(refused(&create("studio-lua", name)).contains("1 to 80 signs"), "{name:?}");
    }
    let revoke = pontual_key(&stack, &["revoke", "--tenant", "studio-lua", "--name", "Other"]);
    assert!(refused(&revoke).contains("has no key \"Other\" in use"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_knows_who_made_a_key_and_not_its_hash_nor_each_use() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    assert_eq!(get(&stack, "/api/v1/staff", &key).await.status, 200);
    let used = async {
        loop {
            let used: bool = stack
                .value("select bool_and(last_used_at = date_trunc('hour', app.now())) is true from app.api_keys")
                .await;
            if used {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, used).await.expect("the use is written down");
    let log: Value = stack
        .value(
            "select jsonb_agg(jsonb_build_object('actor', actor, 'action', action,
                      'hash', coalesce(before ? 'secret_hash', false) or after ? 'secret_hash'))
               from app.audit_log where table_name = 'api_keys'",
        )
        .await;
    let made = json!([{"actor": "command:key create", "action": "insert", "hash": false}]);
    assert_eq!(log, made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_key_in_use_is_401_and_says_how_to_send_one() {
    let stack = Stack::new().await;
    let unknown = format!("pontual_{}", "A".repeat(43));
    for key in [None, Some("secret"), Some(unknown.as_str())] {
        for path in ["/api/v1/services", "/api/v1/staff", "/api/v1/availability"] {
            let answer = ask(&stack, Method::GET, path, key).await;
            assert_eq!(answer.status, 401, "{path} {key:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert_eq!(answer.body["type"], "/problems/unauthorized");
            assert_eq!(answer.body["status"], 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_shows_its_own_tenant_and_no_other() {
    let stack = Stack::new().await;
    let lua = key_of(&stack, "studio-lua").await;
    let other = key_of(&stack, "luna-salon").await;
    let services = get(&stack, "/api/v1/services", &lua).await.body;
    assert_eq!(
        services["services"][0],
        json!({
            "key": "corte", "name": "Corte", "synonyms": ["corte de cabelo", "cortar o cabelo"],
            "duration": "45m", "duration_seconds": 2700, "buffer_before_seconds": 0,
            "buffer_after_seconds": 0, "price": "80.00", "currency": "BRL", "capacity": 1,
        })
    );
    let staff = get(&stack, "/api/v1/staff", &lua).await.body;
    assert_eq!(
        staff,
        json!({"staff": [
            {"key": "ana", "name": "Ana", "services": ["corte", "cor", "manicure"]},
            {"key": "bruno", "name": "Bruno", "services": ["corte"]},
        ]})
    );
    let others = get(&stack, "/api/v1/services", &other).await.body.to_string();
    assert!(others.contains("USD") && !others.contains("corte"), "{others}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_retired_is_not_listed() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    sqlx::raw_sql(
        "update app.services set retired_at = now() where key = 'cor';
         update app.staff set retired_at = now() where key = 'bruno'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let staff = get(&stack, "/api/v1/staff", &key).await.body;
    let ana = json!({"staff": [{"key": "ana", "name": "Ana", "services": ["corte", "manicure"]}]});
    assert_eq!(staff, ana);
    let services = get(&stack, "/api/v1/services", &key).await.body;
    assert_eq!(services["services"].as_array().unwrap().len(), 2);
}

/// Thursday's afternoon from three o'clock on.
const THURSDAY: &str = "from=2026-03-12T15:00:00-03:00&to=2026-03-12T16:00:00-03:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_times_have_the_tenant_s_offset_and_one_member_of_staff_each() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    let answer = get(&stack, &format!("/api/v1/availability?service=corte&{THURSDAY}"), &key).await;
    let ana = json!({"key": "ana", "name": "Ana"});
    let slot = |from: &str, to: &str| {
        json!({"starts_at": format!("2026-03-12T{from}:00-03:00"),
               "ends_at": format!("2026-03-12T{to}:00-03:00"), "staff": ana})
    };
    let four = [("15:00", "15:45"), ("15:15", "16:00"), ("15:30", "16:15"), ("15:45", "16:30")];
    assert_eq!(answer.body, json!({"slots": four.map(|(from, to)| slot(from, to))}));

    let each = format!("/api/v1/availability?service=corte&{THURSDAY}&each=true");
    let each = get(&stack, &each, &key).await.body;
    let names: Vec<_> =
        each["slots"].as_array().unwrap().iter().map(|s| &s["staff"]["key"]).collect();
    assert_eq!(names, ["ana", "bruno"].repeat(4));

    let bruno = format!("/api/v1/availability?service=corte&{THURSDAY}&staff=bruno");
    let bruno = get(&stack, &bruno, &key).await.body;
    assert_eq!(bruno["slots"][0]["staff"]["name"], "Bruno");

    // The same moments, asked for from elsewhere and with a plus that nobody escaped.
    let elsewhere = "from=2026-03-12T18:00:00Z&to=2026-03-12T20:00:00+01:00";
    let elsewhere = format!("/api/v1/availability?service=corte&{elsewhere}");
    assert_eq!(get(&stack, &elsewhere, &key).await.body, answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booked_time_is_free_with_nobody_who_is_booked() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    sqlx::raw_sql(
        "insert into app.customers (tenant_id, phone)
         select id, '+5511988887777' from app.tenants where slug = 'studio-lua';
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select c.tenant_id, c.id, s.id, m.id, '2026-03-12T15:00:00-03:00',
                case m.key when 'ana' then 'confirmed' else 'held' end
           from app.customers c
           join app.services s on s.tenant_id = c.tenant_id and s.key = 'corte'
           join app.staff m on m.tenant_id = c.tenant_id",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let free = get(&stack, &format!("/api/v1/availability?service=corte&{THURSDAY}"), &key).await;
    let starts: Vec<_> =
        free.body["slots"].as_array().unwrap().iter().map(|s| &s["starts_at"]).collect();
    assert_eq!(starts, ["2026-03-12T15:45:00-03:00"], "held by nobody's conversation counts too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_parameter_is_named_with_what_would_be_right() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    let cases: [(&str, &[&str]); 6] = [
        ("", &["service is missing", "from is missing", "to is missing"]),
        (
            "service=barba&staff=carla&from=2026-03-12T15:00:00Z&to=2026-03-12T15:00:00Z&each=1&day=1",
            &[
                "to is not after from",
                "each is neither true nor false",
                "service barba is no service on offer; GET /api/v1/services lists them",
                "staff carla is nobody at work; GET /api/v1/staff lists them",
                "day is unknown; known are service, staff, from, to, each",
            ],
        ),
        (
            "service=barba,corte,tingir&staff=carla&from=2026-03-12T15:00:00Z&to=2026-03-12T16:00:00Z",
            &[
                "service barba is no service on offer; GET /api/v1/services lists them",
                "service tingir is no service on offer; GET /api/v1/services lists them",
                "staff carla is nobody at work; GET /api/v1/staff lists them",
            ],
        ),
        (
            "service=cor&staff=bruno&from=2026-03-12T15:00:00Z&to=2026-03-12T16:00:00Z",
            &["staff bruno does not do cor; GET /api/v1/staff lists who does"],
        ),
        (
            "service=cor&from=2026-03-12T15:00:00Z&to=2026-05-13T15:00:01Z",
            &["to is more than 62 days after from"],
        ),
        (
            "service=cor&service=corte&staff=carla&from=2026-03-12&to=2026-03-13T00:00:00",
            &[
                "service is given more than once",
                "from is no time with an offset (RFC 3339), such as 2026-03-12T15:00:00-03:00",
                "to is no time with an offset (RFC 3339), such as 2026-03-12T15:00:00-03:00",
                "staff carla is nobody at work; GET /api/v1/staff lists them",
            ],
        ),
    ];
    for (query, errors) in cases {
        let answer = get(&stack, &format!("/api/v1/availability?{query}"), &key).await;
        assert_eq!(answer.errors(), errors, "{query}");
    }
    // What is right and far away is simply not free.
    let far = "service=cor&from=2199-03-12T15:00:00Z&to=2199-05-12T15:00:00Z";
    let far = get(&stack, &format!("/api/v1/availability?{far}"), &key).await;
    assert_eq!((far.status, far.body), (200, json!({"slots": []})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_services_are_one_visit_back_to_back() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    let asked =
        "service=corte,manicure&from=2026-03-12T15:00:00-03:00&to=2026-03-12T15:15:00-03:00";
    let answer = get(&stack, &format!("/api/v1/availability?{asked}"), &key).await;
    let line = |key: &str, name: &str, from: &str, to: &str| {
        json!({"service": {"key": key, "name": name}, "staff": {"key": "ana", "name": "Ana"},
               "starts_at": format!("2026-03-12T{from}:00-03:00"),
               "ends_at": format!("2026-03-12T{to}:00-03:00")})
    };
    let visit = json!({
        "starts_at": "2026-03-12T15:00:00-03:00", "ends_at": "2026-03-12T16:25:00-03:00",
        "lines": [line("corte", "Corte", "15:00", "15:45"), line("manicure", "Manicure", "15:45", "16:25")],
    });
    assert_eq!(answer.body, json!({"visits": [visit]}));

    let nobody_does_both =
        get(&stack, &format!("/api/v1/availability?{asked}&staff=bruno"), &key).await;
    let problem = "staff bruno does not do manicure; GET /api/v1/staff lists who does";
    assert_eq!(nobody_does_both.errors(), [problem]);
    let each = get(&stack, &format!("/api/v1/availability?{asked}&each=true"), &key).await;
    assert_eq!(each.errors(), ["each goes with one service only"]);
    let seven =
        get(&stack, &format!("/api/v1/availability?{THURSDAY}&service=a,b,c,d,e,f,g"), &key).await;
    assert_eq!(seven.errors(), ["service has more than 6 keys"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_is_explained_with_what_stands_against_it() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    let explain = async |query: &str| {
        let answer = get(&stack, &format!("/api/v1/availability/explain?{query}"), &key).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body
    };
    let free = explain("service=corte&starts_at=2026-03-12T15:00:00-03:00").await;
    assert_eq!(free, json!({"bookable": true, "reasons": [], "service": null}));
    let corte = json!({"key": "corte", "name": "Corte"});
    let off_grid = explain("service=corte&starts_at=2026-03-12T15:07:00-03:00").await;
    let reasons = json!([{"reason": "off_grid"}]);
    assert_eq!(off_grid, json!({"bookable": true, "reasons": reasons, "service": corte}));
    let lunch = explain("service=corte&starts_at=2026-03-12T12:15:00-03:00&staff=ana").await;
    let reasons = json!([{"reason": "break", "start": "2026-03-12T12:00:00-03:00",
                          "end": "2026-03-12T13:00:00-03:00"}]);
    assert_eq!(lunch, json!({"bookable": false, "reasons": reasons, "service": corte}));
    // The cut would fit before lunch, the manicure after it would not.
    let late = explain("service=corte,manicure&starts_at=2026-03-12T11:00:00-03:00").await;
    let reasons = json!([{"reason": "closing", "closes": "2026-03-12T12:00:00-03:00"}]);
    let manicure = json!({"key": "manicure", "name": "Manicure"});
    assert_eq!(late, json!({"bookable": false, "reasons": reasons, "service": manicure}));

    let wrong = get(&stack, "/api/v1/availability/explain?service=corte&at=now", &key).await;
    let problems = ["starts_at is missing", "at is unknown; known are service, staff, starts_at"];
    assert_eq!(wrong.errors(), problems);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_address_and_a_wrong_method_are_problems_too() {
    let stack = Stack::new().await;
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/services/", "/api/v1/a/b/c"] {
        let answer = ask(&stack, Method::GET, path, None).await;
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (404, &json!("/problems/not-found")),
            "{path}"
        );
    }
    let answer = ask(&stack, Method::DELETE, "/api/v1/services", None).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.body["type"], "/problems/method-not-allowed");

    let key = key_of(&stack, "studio-lua").await;
    let head = ask(&stack, Method::HEAD, "/api/v1/services", Some(&key)).await;
    assert_eq!((head.status, head.body), (200, json!("")));
    // Other pages are no part of it.
    assert_eq!(ask(&stack, Method::GET, "/nothing", None).await.body, json!(""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_has_a_page_that_explains_it() {
    let stack = Stack::new().await;
    let answer = ask(&stack, Method::GET, "/api/v1/services", None).await;
    let page = ask(&stack, Method::GET, answer.body["type"].as_str().unwrap(), None).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/plain; charset=utf-8"))
    );
    assert!(page.body.as_str().unwrap().contains("pontual key create"), "{page:?}");
    assert_eq!(ask(&stack, Method::GET, "/problems/nothing", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_503_with_a_time_to_come_back() {
    let stack = Stack::new().await;
    let key = key_of(&stack, "studio-lua").await;
    stack.pool.close().await;
    let answer = get(&stack, "/api/v1/services", &key).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert_eq!(answer.body["type"], "/problems/unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_openapi_3_1_and_names_key_statuses_and_bounds() {
    let stack = Stack::new().await;
    let answer = ask(&stack, Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let api = &answer.body;
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"), "{}", api["openapi"]);
    assert_eq!(api["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    assert_eq!(api["security"], json!([{"key": []}]));
    let mut operations = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let described = operation["responses"].as_object().unwrap();
            for status in ["401", "500", "503"] {
                assert!(described.contains_key(status), "{method} {path} lacks {status}");
            }
            assert!(operation["summary"].is_string(), "{method} {path}");
            let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
            if let Some(schema) = schema {
                let pointer = schema.as_str().unwrap().trim_start_matches('#');
                let closed = api.pointer(&format!("{pointer}/additionalProperties"));
                assert_eq!(closed, Some(&json!(false)), "{method} {path}: {pointer}");
                for status in ["400", "413", "415"] {
                    assert!(described.contains_key(status), "{method} {path} lacks {status}");
                }
            }
        }
    }
    assert!(operations >= 3, "{operations}");
    for reference in references(api) {
        assert!(
            api.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference} leads nowhere"
        );
    }
}

/// Every `$ref` of a document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(reference) if name == "$ref" => vec![reference.as_str()],
                other => references(other),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_old_requests_are_forgotten_after_a_day() {
    let stack = Stack::new().await;
    sqlx::raw_sql(
        "insert into app.idempotent_requests (tenant_id, key, request_hash, status, response, created_at)
         select t.id, k.key, sha256(''), 201, '{}', app.now() - k.age
           from app.tenants t, (values ('old', interval '24 hours 1 second'), ('new', interval '23 hours')) k (key, age)",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    // As a worker does, which may not delete them itself.
    let done: Value =
        sqlx::query_scalar("select queue.maintain()").fetch_one(&stack.pool).await.unwrap();
    assert_eq!(done, json!({"forgotten": 3}));
    let left: Vec<String> = sqlx::query_scalar("select distinct key from app.idempotent_requests")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(left, ["new"]);
}
