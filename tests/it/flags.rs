//! Feature flags: a default for everybody, a value of a tenant, one as good as the other.

use std::time::{Duration, Instant};

use futures::future::join_all;
use pontual::clock::Clock;
use pontual::db::{self, flags, keys, tenants};
use pontual::domain::flag::Flag;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::api::Api;
use crate::support::database::TestDb;
use crate::support::process::{Deployment, Folder, Program, apply_tenants, free_port, until};
use crate::support::stack::{Stack, tenant, tuesday_at_ten};

async fn two_tenants(pool: &PgPool) -> [Uuid; 2] {
    let clock = Clock::starting_at(tuesday_at_ten());
    let one = tenants::apply(pool, clock, &tenant("studio-lua")).await.unwrap();
    let two = tenants::apply(pool, clock, &tenant("luna-salon")).await.unwrap();
    [one, two]
}

async fn is_on(pool: &PgPool, tenant: Uuid, flag: &str) -> bool {
    let mut db = db::TenantTx::begin(pool, tenant, tuesday_at_ten()).await.unwrap();
    sqlx::query_scalar("select app.flag(app.tenant_id(), $1)")
        .bind(flag)
        .fetch_one(db.conn())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_tenants_own_value_comes_before_the_default() {
    let db = TestDb::new().await;
    let [one, two] = two_tenants(&db.app).await;
    let now = tuesday_at_ten();
    let shipped = flags::list(&db.app, now, None).await.unwrap();
    let shipped: Vec<_> = shipped.iter().map(|l| (l.flag.name(), l.default)).collect();
    let expected = [
        ("interactive_menus", false),
        ("llm", false),
        ("reminders", true),
        ("whatsapp_booking", true),
    ];
    assert_eq!(shipped, expected);
    let in_code = Flag::ALL.map(|flag| (flag.name(), flag.is_on_by_default()));
    assert_eq!(shipped, in_code, "a new database starts as the program says");

    flags::set(&db.app, now, Some(one), Flag::Reminders, false).await.unwrap();
    assert_eq!(
        (is_on(&db.app, one, "reminders").await, is_on(&db.app, two, "reminders").await),
        (false, true)
    );
    // The default moves under the tenants that have no value, and under them alone.
    flags::set(&db.app, now, Some(one), Flag::Llm, false).await.unwrap();
    flags::set(&db.app, now, None, Flag::Llm, true).await.unwrap();
    assert_eq!((is_on(&db.app, one, "llm").await, is_on(&db.app, two, "llm").await), (false, true));
    assert!(!is_on(&db.app, one, "no_such_flag").await);
    flags::reset(&db.app, now, one, Flag::Llm).await.unwrap();
    assert!(is_on(&db.app, one, "llm").await, "the default again");
}

#[tokio::test]
async fn a_tenant_changes_its_own_flags_and_no_default() {
    let db = TestDb::new().await;
    let [one, two] = two_tenants(&db.app).await;
    let now = tuesday_at_ten();
    flags::set(&db.app, now, Some(two), Flag::Reminders, false).await.unwrap();

    let mut tx = db::TenantTx::begin(&db.app, one, now).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from app.feature_flags")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(seen, 4, "the defaults, and nothing of the other tenant");
    let changed = sqlx::query("update app.feature_flags set enabled = not enabled")
        .execute(tx.conn())
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0);
    for owner in [None, Some(two)] {
        let mut tx = db::TenantTx::begin(&db.app, one, now).await.unwrap();
        let refused = sqlx::query(
            "insert into app.feature_flags (tenant_id, flag, enabled) values ($1, 'mine', true)",
        )
        .bind(owner)
        .execute(tx.conn())
        .await;
        assert!(refused.unwrap_err().to_string().contains("row-level security"), "{owner:?}");
    }
    let nobody: i64 = sqlx::query_scalar("select count(*) from app.feature_flags")
        .fetch_one(&db.app)
        .await
        .unwrap();
    assert_eq!(nobody, 0, "without a tenant nothing is seen");
}

#[tokio::test]
async fn the_audit_log_tells_who_flipped_what() {
    let db = TestDb::new().await;
    let [one, _] = two_tenants(&db.app).await;
    let now = tuesday_at_ten();
    flags::set(&db.app, now, Some(one), Flag::Llm, true).await.unwrap();
    flags::set(&db.app, now, None, Flag::Llm, true).await.unwrap();
    flags::set(&db.app, now, None, Flag::Llm, true).await.unwrap();
    let told: Vec<(Option<Uuid>, String, String)> = sqlx::query_as(
        "select a.tenant_id, a.actor, a.action
           from app.audit_log a
           join app.feature_flags f on f.id::text = a.row_id and f.flag = 'llm'
          where a.table_name = 'feature_flags' order by a.id",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    let actor = || "command:flag set".to_owned();
    let expected =
        [(Some(one), actor(), "insert".to_owned()), (None, actor(), "update".to_owned())];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn booking_by_chat_is_switched_off_and_on_in_the_middle_of_a_conversation() {
    let mut stack = Stack::new().await;
    stack.work();
    let (lua, phone) = ("studio-lua", "5511988887777");
    assert!(stack.say(lua, phone, "oi").await.contains("1 Corte"));
    let id = stack.tenant(lua).await;
    let now = stack.clock.now();
    flags::set(&stack.pool, now, Some(id), Flag::WhatsappBooking, false).await.unwrap();
    let told = stack.say(lua, phone, "1").await;
    assert_eq!(
        told,
        "Os agendamentos por aqui estão pausados no momento. Alguém da equipe responde nesta conversa."
    );
    let mode: String = stack.value("select mode from app.conversations").await;
    assert_eq!(mode, "human");
    // Other tenants book as ever.
    assert!(stack.say("luna-salon", "12025550123", "hi").await.contains("1 Haircut"));

    flags::set(&stack.pool, now, Some(id), Flag::WhatsappBooking, true).await.unwrap();
    assert!(stack.say(lua, phone, "menu").await.contains("1 "));
    let mode: String = stack.value(
        "select c.mode from app.conversations c join app.tenants t on t.id = c.tenant_id where t.slug = 'studio-lua'",
    ).await;
    assert_eq!(mode, "bot");
}

#[tokio::test]
async fn the_api_lists_switches_and_resets_the_flags_of_its_tenant_alone() {
    let stack = Stack::new().await;
    let (lua, other) = (Api::of(&stack, "studio-lua").await, Api::of(&stack, "luna-salon").await);
    let listed = lua.get("/flags").await;
    let names: Vec<_> =
        listed.body["flags"].as_array().unwrap().iter().map(|it| it["flag"].clone()).collect();
    assert_eq!(names, ["interactive_menus", "llm", "reminders", "whatsapp_booking"]);
    assert_eq!(
        listed.body["flags"][2],
        json!({ "flag": "reminders", "enabled": true, "own": false, "description": Flag::Reminders.description() })
    );

    let off = Some(json!({ "enabled": false }));
    let switched = lua.send(Method::PUT, "/flags/reminders", off.clone(), &[]).await;
    assert_eq!((switched.status, &switched.body["enabled"]), (200, &json!(false)));
    assert_eq!(switched.body["own"], true);
    assert_eq!(other.get("/flags").await.body["flags"][2]["enabled"], true, "another tenant's");
    let actor: String = stack
        .value("select actor from app.audit_log where table_name = 'feature_flags' order by id desc limit 1")
        .await;
    assert!(actor.starts_with("key:"), "{actor}");

    assert_eq!(lua.send(Method::DELETE, "/flags/reminders", None, &[]).await.status, 204);
    assert_eq!(lua.send(Method::DELETE, "/flags/reminders", None, &[]).await.status, 204);
    assert_eq!(lua.get("/flags").await.body["flags"][2]["own"], false);

    let unknown = lua.send(Method::PUT, "/flags/no_such_flag", off, &[]).await;
    assert_eq!(unknown.problem(), (404, "not-found"));
    let wrong = lua.send(Method::PUT, "/flags/llm", Some(json!({ "enabled": "on" })), &[]).await;
    assert_eq!(wrong.wrong_fields(), ["enabled"]);
}

#[tokio::test]
async fn the_command_switches_lists_and_takes_back() {
    let db = TestDb::new().await;
    two_tenants(&db.app).await;
    let (folder, url) = (Folder::new(), db.url_owner());
    let flag = |arguments: &[&str]| {
        let all = [&["flag"], arguments].concat();
        Program::pontual(&folder.0, &all, &[("DATABASE_URL", &url)]).end()
    };
    let (went, said) = flag(&["set", "reminders", "off", "--tenant", "studio-lua"]);
    assert!(went && said == "reminders is off for studio-lua\n", "{said}");
    let (_, listed) = flag(&["list", "--tenant", "studio-lua"]);
    assert!(listed.contains("reminders          off*  customers are reminded"), "{listed}");
    let (_, listed) = flag(&["list"]);
    assert!(listed.contains("reminders          on    customers are reminded"), "{listed}");
    let (went, said) = flag(&["set", "reminders", "default", "--tenant", "studio-lua"]);
    assert!(went && said == "reminders is on for studio-lua\n", "{said}");
    let (went, said) = flag(&["set", "reminders", "default"]);
    assert!(!went && said.contains("--tenant"), "{said}");
    let (went, said) = flag(&["set", "remindres", "off"]);
    assert!(!went && said.contains("the flags are interactive_menus, llm"), "{said}");
}

/// How many turns each worker has taken so far, as it tells at its port.
async fn turns(ports: &[u16]) -> Vec<u64> {
    let mut turns = Vec::new();
    for port in ports {
        let told = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
        let told = told.text().await.unwrap();
        let counted = told.lines().filter(|line| line.starts_with("pontual_catalogues_total{"));
        turns.push(
            counted.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum(),
        );
    }
    turns
}

/// People write, some at once, until each worker has answered somebody since the call; the answers.
async fn answers_of_all(deployment: &Deployment, ports: &[u16], first: u32) -> Vec<String> {
    let before = turns(ports).await;
    let (mut answers, mut next) = (Vec::new(), first);
    while turns(ports).await.iter().zip(&before).any(|(now, before)| now == before) {
        assert!(next < first + 600, "a worker takes no turns: {}", deployment.logs());
        let phones: Vec<_> = (next..next + 12).map(|n| format!("55119666{n:05}")).collect();
        next += 12;
        let said = phones.iter().map(|phone| deployment.say("studio-lua", phone, "oi"));
        answers.extend(join_all(said).await);
    }
    answers
}

/// Whether a web process tells its tenant that customers may book by chat.
async fn tells(base: &str, key: &str) -> bool {
    let asked = reqwest::Client::new().get(format!("{base}/api/v1/flags")).bearer_auth(key);
    let told: Value = asked.send().await.unwrap().json().await.unwrap();
    told["flags"][3]["enabled"].as_bool().unwrap()
}

#[tokio::test]
async fn three_workers_and_two_web_processes_see_a_flip_at_once() {
    let db = TestDb::new().await;
    apply_tenants(&db.owner, &["studio-lua"]).await;
    sqlx::query("update app.instances set send_gap = '0'").execute(&db.owner).await.unwrap();
    let url = db.url_app();
    let key = keys::create(&db.app, Clock::default().now(), "studio-lua", "panel").await.unwrap();
    let key = key.reveal();
    let mut deployment = Deployment::of(&["studio-lua"]).await;
    deployment.start_web(&[("DATABASE_URL", &url)]).await;
    let ports = [free_port(), free_port(), free_port()];
    for port in ports {
        let listen = format!("127.0.0.1:{port}");
        deployment.start_worker(&[("DATABASE_URL", &url), ("PONTUAL_LISTEN", &listen)]);
        until("a worker", async || {
            reqwest::get(format!("http://{listen}/health/live")).await.is_ok()
        })
        .await;
    }
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PONTUAL_LISTEN", &listen),
        ("EVOLUTION_WEBHOOK_SECRETS", "another"),
    ];
    deployment.programs.push(Program::pontual(&deployment.folder.0, &["web"], &settings));
    let webs = [deployment.base(), format!("http://{listen}")];
    until("a second web", async || reqwest::get(format!("{}/health/ready", webs[1])).await.is_ok())
        .await;

    let answers = answers_of_all(&deployment, &ports, 0).await;
    assert!(answers.iter().all(|answer| answer.contains("1 Corte")), "{answers:#?}");
    for (round, on) in [false, true].into_iter().enumerate() {
        // As somebody at a console does.
        sqlx::query(
            "insert into app.feature_flags (tenant_id, flag, enabled)
             select id, 'whatsapp_booking', $1 from app.tenants
             on conflict on constraint feature_flags_once_a_tenant do update set enabled = excluded.enabled",
        )
        .bind(on)
        .execute(&db.owner)
        .await
        .unwrap();
        let flipped = Instant::now();
        for base in &webs {
            assert_eq!(tells(base, &key).await, on);
        }
        let by_web = flipped.elapsed();
        let first = 1_000 * u32::try_from(round + 1).unwrap();
        let answers = answers_of_all(&deployment, &ports, first).await;
        let took = flipped.elapsed();
        // Every message that came after the flip, whoever read it.
        let expected = if on { "1 Corte" } else { "pausados" };
        assert!(answers.iter().all(|answer| answer.contains(expected)), "{answers:#?}");
        println!(
            "booking by chat {on}: both web processes within {by_web:?}, {} answers of three workers within {took:?}",
            answers.len()
        );
        assert!(by_web < Duration::from_secs(2), "{by_web:?}");
    }
}
