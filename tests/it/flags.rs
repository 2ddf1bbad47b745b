//! Feature flags: a default for everybody, a value of a tenant, one as good as the other.

use pontual::clock::Clock;
use pontual::db::{self, flags, tenants};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::database::TestDb;
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
    let shipped: Vec<_> = shipped.iter().map(|l| (l.flag.as_str(), l.default)).collect();
    let expected = [
        ("interactive_menus", false),
        ("llm", false),
        ("reminders", true),
        ("whatsapp_booking", true),
    ];
    assert_eq!(shipped, expected);

    flags::set(&db.app, now, Some(one), "reminders", false).await.unwrap();
    assert_eq!(
        (is_on(&db.app, one, "reminders").await, is_on(&db.app, two, "reminders").await),
        (false, true)
    );
    // The default moves under the tenants that have no value, and under them alone.
    flags::set(&db.app, now, Some(one), "llm", false).await.unwrap();
    flags::set(&db.app, now, None, "llm", true).await.unwrap();
    assert_eq!((is_on(&db.app, one, "llm").await, is_on(&db.app, two, "llm").await), (false, true));
    assert!(!is_on(&db.app, one, "no_such_flag").await);
}

#[tokio::test]
async fn a_tenant_changes_its_own_flags_and_no_default() {
    let db = TestDb::new().await;
    let [one, two] = two_tenants(&db.app).await;
    let now = tuesday_at_ten();
    flags::set(&db.app, now, Some(two), "reminders", false).await.unwrap();

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
    flags::set(&db.app, now, Some(one), "llm", true).await.unwrap();
    flags::set(&db.app, now, None, "llm", true).await.unwrap();
    flags::set(&db.app, now, None, "llm", true).await.unwrap();
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
    flags::set(&stack.pool, now, Some(id), "whatsapp_booking", false).await.unwrap();
    let told = stack.say(lua, phone, "1").await;
    assert_eq!(
        told,
        "Os agendamentos por aqui estão pausados no momento. Alguém da equipe responde nesta conversa."
    );
    let mode: String = stack.value("select mode from app.conversations").await;
    assert_eq!(mode, "human");
    // Other tenants book as ever.
    assert!(stack.say("luna-salon", "12025550123", "hi").await.contains("1 Haircut"));

    flags::set(&stack.pool, now, Some(id), "whatsapp_booking", true).await.unwrap();
    assert!(stack.say(lua, phone, "menu").await.contains("1 "));
    let mode: String = stack.value(
        "select c.mode from app.conversations c join app.tenants t on t.id = c.tenant_id where t.slug = 'studio-lua'",
    ).await;
    assert_eq!(mode, "bot");
}
