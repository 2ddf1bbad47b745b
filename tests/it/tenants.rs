//! Tenant files against a real database: what is saved, what is left alone, what is refused.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use pontual::clock::Clock;
use pontual::db::TenantTx;
use pontual::db::tenants::{TenantLine, apply, apply_all, list};
use pontual::domain::catalogue::{Catalogue, Opening, Span};
use pontual::domain::tenant_file::{TenantFile, parse};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::database::TestDb;

const LUNA_SALON: &str = include_str!("../../sql/seeds/luna-salon.toml");
const STUDIO_LUA: &str = include_str!("../../sql/seeds/studio-lua.toml");
const SALON_LUNA: &str = include_str!("../../sql/seeds/salon-luna.toml");

/// Before every closure of the demonstration tenants.
fn clock() -> Clock {
    Clock::starting_at("2026-03-10T13:00:00Z".parse().expect("a moment"))
}

fn file(text: &str) -> TenantFile {
    parse(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Studio Lua's file with some of its text exchanged; each piece must be there.
fn studio_lua_with(changes: &[(&str, &str)]) -> TenantFile {
    let mut text = STUDIO_LUA.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    file(&text)
}

async fn catalogue(pool: &PgPool, tenant: Uuid) -> Catalogue {
    let mut db = TenantTx::begin(pool, tenant, clock().now()).await.expect("an answer");
    let json: serde_json::Value =
        sqlx::query_scalar("select app.catalogue()").fetch_one(db.conn()).await.expect("an answer");
    serde_json::from_value(json).expect("a catalogue")
}

/// What the audit log holds, as `action table`, counted.
async fn audit(db: &TestDb) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select action || ' ' || table_name, count(*) from app.audit_log group by 1 order by 1",
    )
    .fetch_all(&db.owner)
    .await
    .expect("an answer")
}

/// What the audit log has now and had not `before`.
async fn audited_since(db: &TestDb, before: &[(String, i64)]) -> Vec<(String, i64)> {
    let had = |act: &str| before.iter().find(|(name, _)| name == act).map_or(0, |(_, n)| *n);
    let now = audit(db).await.into_iter();
    now.map(|(act, count)| (act.clone(), count - had(&act))).filter(|(_, n)| *n > 0).collect()
}

fn acts(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|&(act, count)| (act.to_owned(), count)).collect()
}

#[tokio::test]
async fn what_a_file_says_is_what_a_conversation_sees() {
    let db = TestDb::new().await;
    let declared = studio_lua_with(&[
        (
            "synonyms = [\"tintura\", \"pintar o cabelo\", \"luzes\"]",
            "buffer_after = \"10m\"\ncapacity = 3",
        ),
        (
            "services = [\"corte\"]",
            "services = [\"corte\"]\nhours = { sun = [\"20:00-24:00\"] }\ntime_off = [{ \
             from = \"2026-12-24T12:00\", to = \"2026-12-26T09:00\", reason = \"férias\" }]",
        ),
    ]);
    let id = apply(&db.app, clock(), &declared).await.unwrap();

    let seen = catalogue(&db.app, id).await;
    let tenant = &seen.tenant;
    assert_eq!(
        (tenant.id, tenant.slug.as_str(), tenant.name.as_str()),
        (id, "studio-lua", "Studio Lua")
    );
    assert_eq!((tenant.locale, tenant.timezone), (declared.locale, declared.timezone));
    assert_eq!((&tenant.currency, &tenant.address), (&declared.currency, &declared.address));
    assert_eq!((&tenant.rules, &tenant.hours), (&declared.rules, &declared.hours));
    assert_eq!(seen.closures, [declared.closures[0].day]);
    assert_eq!(seen.services.len(), 3);
    for (seen, declared) in seen.services.iter().zip(&declared.services) {
        assert_eq!(
            (&seen.key, &seen.name, &seen.synonyms),
            (&declared.key, &declared.name, &declared.synonyms)
        );
        assert_eq!(
            (seen.duration, seen.buffer_before, seen.buffer_after, seen.price, seen.capacity),
            (
                declared.duration,
                declared.buffer_before,
                declared.buffer_after,
                declared.price,
                declared.capacity
            ),
        );
    }
    let [ana, bruno] = &seen.staff[..] else { panic!("{:?}", seen.staff) };
    assert_eq!((ana.key.as_str(), ana.services.len(), &ana.hours), ("ana", 3, &None));
    assert_eq!((bruno.key.as_str(), &bruno.services), ("bruno", &vec![seen.services[0].id]));
    let own = &bruno.hours.as_ref().unwrap().openings;
    assert_eq!(own, &[Opening { weekday: 7, opens: 1200, closes: 1440 }]);
    let away = Span {
        start: "2026-12-24T15:00:00Z".parse().unwrap(),
        end: "2026-12-26T12:00:00Z".parse().unwrap(),
    };
    assert_eq!(bruno.time_off, [away]);
}

#[tokio::test]
async fn a_file_applied_again_changes_no_row() {
    let db = TestDb::new().await;
    let rich = studio_lua_with(&[
        (
            "services = [\"corte\"]",
            "services = [\"corte\"]\nhours = { sun = [\"20:00-24:00\"] }\n\
          time_off = [{ from = \"2026-12-24T12:00\", to = \"2026-12-26T09:00\" }]",
        ),
        ("hold = \"10m\"", "hold = \"90s\""),
        ("send_gap = \"0ms\"", "send_gap = \"1500ms\""),
    ]);
    for declared in [rich, file(LUNA_SALON), file(SALON_LUNA)] {
        let id = apply(&db.app, clock(), &declared).await.unwrap();
        let before = audit(&db).await;
        let later = Clock::starting_at("2026-03-11T13:00:00Z".parse().unwrap());
        assert_eq!(apply(&db.app, later, &declared).await.unwrap(), id);
        assert_eq!(apply(&db.owner, later, &declared).await.unwrap(), id, "as the owner");
        assert_eq!(audited_since(&db, &before).await, [], "{}", declared.slug);
    }
    let touched: i64 = sqlx::query_scalar(
        "select (select count(*) from app.tenants where updated_at > created_at)
              + (select count(*) from app.services where updated_at > created_at)",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(touched, 0);
}

#[tokio::test]
async fn a_changed_file_updates_by_key_and_nothing_else() {
    let db = TestDb::new().await;
    let id = apply(&db.app, clock(), &file(STUDIO_LUA)).await.unwrap();
    let (old, before) = (catalogue(&db.app, id).await, audit(&db).await);

    let changed = studio_lua_with(&[
        ("name = \"Studio Lua\"", "name = \"Estúdio Lua\""),
        ("price = \"80.00\"", "price = \"85.50\""),
        ("name = \"Bruno\"", "name = \"Bruno Silva\""),
        ("sat = [\"09:00-13:00\"]", "sat = [\"09:00-14:00\"]"),
        ("date = \"2026-12-25\"", "date = \"2027-01-01\""),
        ("services = [\"corte\", \"cor\", \"manicure\"]", "services = [\"corte\", \"manicure\"]"),
    ]);
    assert_eq!(apply(&db.app, clock(), &changed).await.unwrap(), id);

    let new = catalogue(&db.app, id).await;
    assert_eq!(new.tenant.name, "Estúdio Lua");
    assert_eq!((new.services[0].id, new.services[0].price), (old.services[0].id, Some(8_550)));
    assert_eq!((new.staff[1].id, new.staff[1].name.as_str()), (old.staff[1].id, "Bruno Silva"));
    assert_eq!(new.staff[0].services.len(), 2);
    assert_eq!(
        audited_since(&db, &before).await,
        acts(&[
            ("delete closures", 1),
            ("delete opening_hours", 1),
            ("delete staff_services", 1),
            ("insert closures", 1),
            ("insert opening_hours", 1),
            ("update services", 1),
            ("update staff", 1),
            ("update tenants", 1),
        ])
    );
    let actors: Vec<String> = sqlx::query_scalar("select distinct actor from app.audit_log")
        .fetch_all(&db.owner)
        .await
        .unwrap();
    assert_eq!(actors, ["command:tenant apply"]);
}

#[tokio::test]
async fn what_a_file_no_longer_has_is_retired_and_comes_back_as_itself() {
    let db = TestDb::new().await;
    let whole = file(STUDIO_LUA);
    let id = apply(&db.app, clock(), &whole).await.unwrap();
    let old = catalogue(&db.app, id).await;
    let (corte, bruno) = (old.services[0].id, old.staff[1].id);
    let booking: Uuid = sqlx::query_scalar(
        "with person as (
           insert into app.customers (tenant_id, phone) values ($1, '+5511988887777') returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, id, $2, $3, '2026-03-12T12:00:00Z', 'confirmed' from person returning id",
    )
    .bind(id)
    .bind(corte)
    .bind(bruno)
    .fetch_one(&db.owner)
    .await
    .unwrap();

    let mut less = whole.clone();
    less.services.remove(0);
    less.staff.remove(1);
    less.staff[0].services.remove(0);
    apply(&db.app, clock(), &less).await.unwrap();
    let seen = catalogue(&db.app, id).await;
    let keys: Vec<_> = seen.services.iter().map(|service| service.key.as_str()).collect();
    assert_eq!(keys, ["cor", "manicure"]);
    assert_eq!(seen.staff.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["ana"]);
    let kept: (Uuid, Uuid, String) =
        sqlx::query_as("select service_id, staff_id, status from app.bookings where id = $1")
            .bind(booking)
            .fetch_one(&db.owner)
            .await
            .unwrap();
    assert_eq!(kept, (corte, bruno, "confirmed".to_owned()));

    apply(&db.app, clock(), &whole).await.unwrap();
    let mut back = catalogue(&db.app, id).await;
    let mut old = old;
    for catalogue in [&mut old, &mut back] {
        catalogue.staff.iter_mut().for_each(|member| member.services.sort());
    }
    assert_eq!(back, old);
}

#[tokio::test]
async fn an_instance_of_another_tenant_is_refused_and_nothing_is_kept() {
    let db = TestDb::new().await;
    apply(&db.app, clock(), &file(STUDIO_LUA)).await.unwrap();
    let mut thief = file(LUNA_SALON);
    thief.instance.name = "studio-lua".to_owned();
    let before = audit(&db).await;
    let error = format!("{:#}", apply(&db.app, clock(), &thief).await.unwrap_err());
    assert!(
        error.contains("tenant luna-salon") && error.contains("\"studio-lua\" belongs to another"),
        "{error}"
    );
    assert_eq!(audited_since(&db, &before).await, []);
    assert_eq!(list(&db.app, clock()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_instance_under_a_new_name_stays_the_same_row_with_its_connection_unknown() {
    let db = TestDb::new().await;
    apply(&db.app, clock(), &file(STUDIO_LUA)).await.unwrap();
    let id: Uuid = sqlx::query_scalar(
        "update app.instances set state = 'open', state_at = app.now() returning id",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    let row = "select id, name, state, state_at is null, typing from app.instances";
    let saved = async || -> Vec<(Uuid, String, String, bool, bool)> {
        sqlx::query_as(row).fetch_all(&db.owner).await.unwrap()
    };

    let mut declared = file(STUDIO_LUA);
    declared.instance.typing = false;
    apply(&db.app, clock(), &declared).await.unwrap();
    assert_eq!(saved().await, [(id, "studio-lua".to_owned(), "open".to_owned(), false, false)]);

    declared.instance.name = "lua-2".to_owned();
    apply(&db.app, clock(), &declared).await.unwrap();
    assert_eq!(saved().await, [(id, "lua-2".to_owned(), "unknown".to_owned(), true, false)]);
}

#[tokio::test]
async fn a_new_tenant_applied_by_several_at_once_is_one_tenant() {
    let db = TestDb::new().await;
    let declared = file(STUDIO_LUA);
    let once = || apply(&db.app, clock(), &declared);
    let (a, b, c, d) = tokio::join!(once(), once(), once(), once());
    let ids = [a.unwrap(), b.unwrap(), c.unwrap(), d.unwrap()];
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let rows: (i64, i64) = sqlx::query_as(
        "select (select count(*) from app.opening_hours), (select count(*) from app.services)",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(rows, (11, 3));
}

#[tokio::test]
async fn files_in_any_order_are_applied_at_once_and_their_ids_come_in_their_order() {
    let db = TestDb::new().await;
    let files = [LUNA_SALON, SALON_LUNA, STUDIO_LUA].map(file);
    let mut reversed = files.clone();
    reversed.reverse();
    for currency in ["BRL", "EUR", "USD"] {
        // A change to each, so that each tenant's row is locked.
        let (mut one, mut other) = (files.clone(), reversed.clone());
        for file in one.iter_mut().chain(&mut other) {
            currency.clone_into(&mut file.currency);
        }
        let applying =
            async |files: &[TenantFile]| apply_all(&db.app, clock(), files).await.unwrap();
        let (a, b, c, mut d) =
            tokio::join!(applying(&one), applying(&other), applying(&one), applying(&other));
        d.reverse();
        assert_eq!((&a, &c), (&c, &d), "{b:?}");
        let slugs: Vec<String> =
            sqlx::query_scalar("select slug from app.tenants order by array_position($1, id)")
                .bind(&a)
                .fetch_all(&db.owner)
                .await
                .unwrap();
        assert_eq!(slugs, ["luna-salon", "salon-luna", "studio-lua"]);
    }
}

#[tokio::test]
async fn a_change_does_not_wait_for_customers_who_are_booking() {
    let db = TestDb::new().await;
    apply(&db.app, clock(), &file(STUDIO_LUA)).await.unwrap();
    // The locks that a booking's foreign keys take until its transaction ends.
    let mut booking = db.owner.begin().await.unwrap();
    for table in ["tenants", "instances", "services", "staff"] {
        let lock = format!("select 1 from app.{table} for key share");
        sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *booking).await.unwrap();
    }
    let changed = studio_lua_with(&[
        ("name = \"Studio Lua\"", "name = \"Estúdio Lua\""),
        ("name = \"Corte\"", "name = \"Corte feminino\""),
        ("name = \"Manicure\"\n", "name = \"Unhas\"\n"),
        ("name = \"Bruno\"", "name = \"Bruno Silva\""),
        ("typing = true ", "typing = false "),
    ]);
    tokio::time::timeout(Duration::from_secs(5), apply(&db.app, clock(), &changed))
        .await
        .expect("no wait")
        .unwrap();
    booking.rollback().await.unwrap();
}

#[tokio::test]
async fn the_list_has_a_line_for_every_tenant_by_slug() {
    let db = TestDb::new().await;
    for text in [STUDIO_LUA, SALON_LUNA] {
        apply(&db.app, clock(), &file(text)).await.unwrap();
    }
    let line = |slug: &str, name: &str, locale: &str, timezone: &str| TenantLine {
        slug: slug.to_owned(),
        name: name.to_owned(),
        locale: locale.to_owned(),
        timezone: timezone.to_owned(),
        instance: Some(slug.to_owned()),
        state: Some("unknown".to_owned()),
    };
    assert_eq!(
        list(&db.app, clock()).await.unwrap(),
        [
            line("salon-luna", "Salón Luna", "es-CL", "America/Santiago"),
            line("studio-lua", "Studio Lua", "pt-BR", "America/Sao_Paulo"),
        ]
    );
}

/// Runs `pontual tenant …` where no settings file lies about.
fn pontual(folder: &Path, url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir(folder)
        .env_remove("MIGRATION_DATABASE_URL")
        .env_remove("PONTUAL_CLOCK_OFFSET")
        .env("DATABASE_URL", url)
        .arg("tenant")
        .args(arguments)
        .output()
        .expect("the program starts")
}

#[tokio::test]
async fn the_command_applies_every_file_or_none() {
    let db = TestDb::new().await;
    let folder = std::env::temp_dir().join(format!("pontual-tenants-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let bad = STUDIO_LUA
        .replace("duration = \"45m\"", "duration = \"45\"")
        .replace("capacity", "capazity");
    for (name, text) in [("a.toml", LUNA_SALON), ("b.toml", STUDIO_LUA), ("bad.toml", &bad)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let run = |arguments: &[&str]| pontual(&folder, &db.url_app(), arguments);
    let line_of = |piece: &str| bad.lines().position(|line| line.contains(piece)).unwrap() + 1;

    let refused = run(&["apply", "a.toml", "bad.toml", "none.toml"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{told}");
    for expected in [
        format!("bad.toml:{}: services[0].duration: expected a length of time", line_of("\"45\"")),
        format!("bad.toml:{}: services[0].capazity: unknown field", line_of("capazity")),
        "none.toml: cannot be read".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected} in\n{told}");
    }
    let twice = run(&["apply", "b.toml", "b.toml"]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(String::from_utf8(twice.stderr).unwrap().contains("slug: \"studio-lua\""));
    assert_eq!(list(&db.app, clock()).await.unwrap(), []);
    assert_eq!(run(&["apply"]).status.code(), Some(2), "no file is bad usage");

    let applied = run(&["apply", "a.toml", "b.toml"]);
    let told = String::from_utf8(applied.stderr).unwrap();
    assert_eq!(applied.status.code(), Some(0), "{told}");
    let lines: Vec<(String, String)> =
        sqlx::query_as("select slug, id::text from app.tenants order by slug")
            .fetch_all(&db.owner)
            .await
            .unwrap();
    let expected: String = lines.iter().flat_map(|(slug, id)| [slug, " ", id, "\n"]).collect();
    assert_eq!((lines.len(), String::from_utf8(applied.stdout).unwrap()), (2, expected));

    let listed = String::from_utf8(run(&["list"]).stdout).unwrap();
    assert_eq!(
        listed,
        "SLUG        NAME        LOCALE  ZONE               INSTANCE    STATE\n\
         luna-salon  Luna Salon  en-US   America/New_York   luna-salon  unknown\n\
         studio-lua  Studio Lua  pt-BR   America/Sao_Paulo  studio-lua  unknown\n"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_command_keeps_nothing_of_any_file_when_the_database_refuses_one() {
    let db = TestDb::new().await;
    for text in [STUDIO_LUA, LUNA_SALON] {
        apply(&db.app, clock(), &file(text)).await.unwrap();
    }
    let before = audit(&db).await;
    let folder = std::env::temp_dir().join(format!("pontual-tenants-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let changed = LUNA_SALON.replace("name = \"Luna Salon\"", "name = \"Luna\"");
    let thief = SALON_LUNA.replace("name = \"salon-luna\"", "name = \"studio-lua\"");
    assert!(changed != LUNA_SALON && thief != SALON_LUNA);
    std::fs::write(folder.join("changed.toml"), changed).unwrap();
    std::fs::write(folder.join("thief.toml"), thief).unwrap();
    for files in [["changed.toml", "thief.toml"], ["thief.toml", "changed.toml"]] {
        let refused = pontual(&folder, &db.url_app(), &["apply", files[0], files[1]]);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{told}");
        let expected = "no tenant was applied; mend these and try again:\n\
                        thief.toml: instance.name: \"studio-lua\" belongs to another tenant";
        assert!(told.contains(expected), "{told}");
        assert_eq!(audited_since(&db, &before).await, []);
        assert_eq!(list(&db.app, clock()).await.unwrap().len(), 2);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
