//! Catalogues that a process remembers: never older than the last commit, and no more than a saving.

use pontual::db::{Copies, TenantTx, catalogues::Catalogues, flags};
use pontual::domain::flag::Flag;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::stack::{Stack, tuesday_at_ten};

const LUA: &str = "studio-lua";
const PHONE: &str = "5511988887777";

/// A tenant's catalogue and its version, in one statement.
async fn seen(stack: &Stack, tenant: Uuid) -> (String, Value) {
    let mut db = TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    sqlx::query_as("select app.catalogue_version(), app.catalogue()")
        .fetch_one(db.conn())
        .await
        .unwrap()
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

#[tokio::test]
async fn whatever_changes_a_catalogue_gives_it_another_version_and_nobody_elses() {
    let stack = Stack::new().await;
    let (lua, other) = (stack.tenant(LUA).await, stack.tenant("luna-salon").await);
    let of_lua = "tenant_id = app.tenant_named('studio-lua')";
    let staff = format!("(select id from app.staff where {of_lua} order by key limit 1)");
    let service = format!("(select id from app.services where {of_lua} order by key limit 1)");
    let changes = [
        "update app.tenants set name = 'Lua' where slug = 'studio-lua'".to_owned(),
        "update app.tenants set hold = '5 min' where slug = 'studio-lua'".to_owned(),
        format!("update app.services set price = price + 1 where id = {service}"),
        format!("insert into app.services (tenant_id, key, name, duration, position) select tenant_id, 'nova', 'Nova', '30 min', 99 from app.services where id = {service}"),
        format!("update app.services set retired_at = now() where {of_lua} and key = 'nova'"),
        format!("update app.staff set name = 'Outra' where id = {staff}"),
        format!("delete from app.staff_services where {of_lua} and staff_id = {staff}"),
        format!("insert into app.staff_services (tenant_id, staff_id, service_id) select tenant_id, {staff}, {service} from app.staff where id = {staff}"),
        format!("update app.opening_hours set closes = closes - interval '15 min' where {of_lua}"),
        format!("delete from app.opening_hours where {of_lua} and weekday = 6"),
        "insert into app.closures (tenant_id, day, reason) select id, '2026-03-20', 'x' from app.tenants where slug = 'studio-lua'".to_owned(),
        format!("delete from app.closures where {of_lua} and day = '2026-03-20'"),
        format!("insert into app.time_off (tenant_id, staff_id, during) select tenant_id, id, '[2026-03-12 12:00Z, 2026-03-12 15:00Z)' from app.staff where id = {staff}"),
        format!("delete from app.time_off where {of_lua}"),
        "insert into app.message_templates (tenant_id, key, language, body, channel) select id, 'greeting', 'pt', 'Olá!', 'whatsapp' from app.tenants where slug = 'studio-lua'".to_owned(),
        format!("delete from app.message_templates where {of_lua}"),
        "insert into app.feature_flags (tenant_id, flag, enabled) select id, 'whatsapp_booking', false from app.tenants where slug = 'studio-lua'".to_owned(),
        format!("delete from app.feature_flags where {of_lua}"),
    ];
    let others = seen(&stack, other).await;
    let mut before = seen(&stack, lua).await;
    for change in &changes {
        run(&stack.db.owner, change).await;
        let after = seen(&stack, lua).await;
        assert_ne!(before.1, after.1, "it changes what is told: {change}");
        assert_ne!(before.0, after.0, "{change}");
        assert_eq!(after, seen(&stack, lua).await, "the same until the next change");
        before = after;
    }
    assert_eq!(others, seen(&stack, other).await);
    // A default is everybody's.
    flags::set(&stack.pool, tuesday_at_ten(), None, Flag::WhatsappBooking, false).await.unwrap();
    for (tenant, before) in [(lua, before), (other, others)] {
        assert_ne!(before.0, seen(&stack, tenant).await.0);
    }
}

#[tokio::test]
async fn every_table_that_a_catalogue_is_made_of_says_that_it_changed() {
    let stack = Stack::new().await;
    // What the functions name, read from their text: one more table is one more to watch.
    let unwatched: Vec<String> = sqlx::query_scalar(
        "select distinct named[1]
           from pg_proc p, regexp_matches(p.prosrc, '(?:from|join) app\\.([a-z_]+) [a-z]', 'g') named
          where p.oid in ('app.catalogue()'::regprocedure, 'app.openings(uuid)'::regprocedure)
            and not exists (
              select from pg_trigger g where g.tgrelid = to_regclass('app.' || named[1])
                 and g.tgname = 'catalogue_changes' and g.tgdeferrable)",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert!(unwatched.is_empty(), "{unwatched:?}");
    let watched: i64 =
        stack.value("select count(*) from pg_trigger where tgname = 'catalogue_changes'").await;
    assert_eq!(watched, 8);
}

#[tokio::test]
async fn the_day_that_ends_closures_and_time_off_is_part_of_the_version() {
    let stack = Stack::new().await;
    let lua = stack.tenant(LUA).await;
    run(
        &stack.db.owner,
        "insert into app.closures (tenant_id, day, reason) select id, '2026-03-10', 'x' from app.tenants where slug = 'studio-lua';
         insert into app.time_off (tenant_id, staff_id, during)
         select tenant_id, id, '[2026-03-10 11:00Z, 2026-03-10 12:00Z)' from app.staff where tenant_id = app.tenant_named('studio-lua') and key = 'ana'",
    )
    .await;
    let at = async |at: &str| -> (String, Value) {
        let mut db = TenantTx::begin(&stack.pool, lua, at.parse().unwrap()).await.unwrap();
        sqlx::query_as("select app.catalogue_version(), app.catalogue()")
            .fetch_one(db.conn())
            .await
            .unwrap()
    };
    let (morning, night) = (at("2026-03-10T03:00:00Z").await, at("2026-03-11T02:59:59Z").await);
    assert_eq!(morning, night, "one day in São Paulo");
    let next = at("2026-03-11T03:00:00Z").await;
    assert_ne!(night.0, next.0);
    let told = |catalogue: &Value| {
        let staff = catalogue["staff"].as_array().unwrap();
        let off = staff.iter().map(|it| it["time_off"].as_array().unwrap().len()).sum::<usize>();
        (catalogue["closures"].as_array().unwrap().len(), off)
    };
    let (before, after) = (told(&night.1), told(&next.1));
    assert_eq!((before.0 - after.0, before.1 - after.1), (1, 1));
}

#[tokio::test]
async fn two_processes_go_by_a_change_from_its_commit_on() {
    let mut stack = Stack::new().await;
    for _ in 0..2 {
        stack.copies = Copies::default();
        stack.work();
    }
    for _ in 0..4 {
        assert!(stack.say(LUA, PHONE, "menu").await.contains("1 Corte"));
    }
    for round in 0..8 {
        let name = format!("Tosa {round}");
        let mut change = stack.db.owner.begin().await.unwrap();
        sqlx::query("update app.services set name = $1 where tenant_id = app.tenant_named('studio-lua') and key = 'corte'")
            .bind(&name)
            .execute(&mut *change)
            .await
            .unwrap();
        let before = stack.say(LUA, PHONE, "menu").await;
        assert!(!before.contains(&name), "not committed: {before}");
        change.commit().await.unwrap();
        let after = stack.say(LUA, PHONE, "menu").await;
        assert!(after.contains(&name), "{after}");
    }
    stack.settle().await;
    // What the journal says a turn knew is what it knew.
    let unknown: i64 = stack
        .value(
            "select count(*) from app.conversation_turns t where not exists (
               select from app.catalogue_snapshots s where s.tenant_id = t.tenant_id and encode(s.hash, 'hex') = t.known ->> 'catalogue')",
        )
        .await;
    assert_eq!(unknown, 0);
    let distinct: i64 = stack
        .value("select count(distinct known ->> 'catalogue') from app.conversation_turns")
        .await;
    assert_eq!(distinct, 9);
}

/// A turn as the database sends it to a process that remembers this.
async fn sent(stack: &Stack, tenant: Uuid, known: Value) -> Value {
    let mut db = TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    sqlx::query("update app.inbound_messages set processed_at = null")
        .execute(db.conn())
        .await
        .unwrap();
    let Json(turn): Json<Value> = sqlx::query_scalar(
        "select app.begin_turn((select id from app.conversations limit 1), known => $1)",
    )
    .bind(known)
    .fetch_one(db.conn())
    .await
    .unwrap();
    db.rollback().await.unwrap();
    turn
}

#[tokio::test]
async fn a_catalogue_is_sent_unless_it_is_known_by_version_and_the_journal_can_name_it() {
    let mut stack = Stack::new().await;
    let lua = stack.tenant(LUA).await;
    stack.work();
    stack.say(LUA, PHONE, "oi").await;
    stack.settle().await;
    let whole = sent(&stack, lua, json!({})).await;
    assert!(whole["catalogue"].is_object());
    let known = json!({ "catalogue_version": whole["catalogue_version"], "catalogue_hash": whole["catalogue_hash"] });
    let saved = sent(&stack, lua, known.clone()).await;
    assert_eq!(saved["catalogue"], Value::Null);
    assert_eq!(saved["catalogue_hash"], whole["catalogue_hash"]);
    println!(
        "a turn of {LUA}: {} bytes with the catalogue, {} without",
        whole.to_string().len(),
        saved.to_string().len()
    );
    let old = json!({ "catalogue_version": "another", "catalogue_hash": whole["catalogue_hash"] });
    assert!(sent(&stack, lua, old).await["catalogue"].is_object());
    run(&stack.db.owner, "delete from app.catalogue_snapshots").await;
    assert!(
        sent(&stack, lua, known.clone()).await["catalogue"].is_object(),
        "nobody could replay it"
    );
    // A tenant without a version, as after rows were brought in with triggers off, is never remembered.
    run(&stack.db.owner, "delete from app.catalogue_versions").await;
    let unnamed = sent(&stack, lua, known).await;
    assert!(unnamed["catalogue"].is_object() && unnamed["catalogue_version"].is_null());
    assert!(stack.say(LUA, PHONE, "menu").await.contains("1 Corte"));
}

#[tokio::test]
async fn without_a_cache_everything_is_as_with_it() {
    let mut replies = Vec::new();
    for mib in [0, 16] {
        let mut stack = Stack::new().await;
        let catalogues = Catalogues::with_room(mib);
        stack.copies = Copies { catalogues: catalogues.clone(), ..Copies::default() };
        stack.work();
        let mut said = Vec::new();
        for text in ["oi", "corte", "quinta às 15h", "sim", "menu"] {
            said.push(stack.say(LUA, PHONE, text).await);
        }
        // The booking's code is drawn.
        said.remove(3);
        replies.push(said);
        assert_eq!(catalogues.size().0, u64::from(mib > 0));
    }
    assert_eq!(replies[0], replies[1]);
}
