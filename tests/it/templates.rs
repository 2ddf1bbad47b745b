//! A tenant's own texts: set with the program, said by it, and nobody else's.
//! The program is waited for in the test's own thread, so the server needs another one.

use std::process::{Command, Output};

use pontual::clock::Clock;
use sqlx::AssertSqlSafe;

use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";

fn template(stack: &Stack, arguments: &[&str]) -> Output {
    let (verb, rest) = arguments.split_first().unwrap();
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .args(["template", verb, "--tenant", "studio-lua"])
        .args(rest)
        .env("DATABASE_URL", stack.db.url_app())
        .env_remove("MIGRATION_DATABASE_URL")
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_words_are_said_in_its_conversations_and_in_nobody_elses() {
    let mut stack = Stack::new().await;
    let set = template(&stack, &["set", "--key", "intro_named", "Salve, {name}! Aqui é a Lua."]);
    assert!(set.status.success(), "{}", told(&set));
    stack.work();
    let said = stack.say("studio-lua", MARINA, "Oi").await;
    assert!(said.starts_with("Salve, Marina! Aqui é a Lua. O que"), "{said}");
    let said = stack.say("salon-luna", MARINA, "Oi").await;
    assert!(said.starts_with("Oi, Marina! Sou") || said.starts_with("¡Hola, Marina!"), "{said}");

    let reset = template(&stack, &["reset", "--key", "intro_named"]);
    assert!(reset.status.success(), "{}", told(&reset));
    let said = stack.say("studio-lua", "+5511988886666", "Oi").await;
    assert!(said.contains("assistente de agendamento"), "{said}");
    stack.stop_working().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_turn_asked_for_is_told_in_the_tenants_words_too() {
    let mut stack = Stack::new().await;
    let set = template(
        &stack,
        &["set", "--key", "confirmed_by_staff", "Marcamos para você: {what}. Seu código é {code}."],
    );
    assert!(set.status.success(), "{}", told(&set));
    stack.work();
    let tenant = stack.tenant("studio-lua").await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "with c as (insert into app.customers (tenant_id, phone) values ('{tenant}', '{MARINA}') returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select '{tenant}', c.id, s.id, m.id, '2026-03-12T14:00:00-03:00', 'confirmed'
           from c, app.services s, app.staff m
          where s.tenant_id = '{tenant}' and s.key = 'corte' and m.tenant_id = '{tenant}' and m.key = 'ana'"
    )))
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack.settle().await;
    let told: String = stack
        .value("select body from app.outbound_messages where template = 'booking_confirmed'")
        .await;
    assert!(told.starts_with("Marcamos para você: Corte com Ana"), "{told}");
    stack.stop_working().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_would_mislead_is_refused_whole_and_the_list_shows_what_may_be_said() {
    let stack = Stack::new().await;
    let refused = template(&stack, &["set", "--key", "booked", "Pronto, {desconto}!"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = told(&refused);
    assert!(said.contains("{desconto}") && said.contains("{code}"), "{said}");
    let refused = template(&stack, &["set", "--lang", "fr", "--key", "booked", "Voilà {code}"]);
    assert_eq!(refused.status.code(), Some(2));
    let rows: i64 = stack.value("select count(*) from app.message_templates").await;
    assert_eq!(rows, 0);

    let set = template(&stack, &["set", "--lang", "en", "--key", "booked", "All set: {code}"]);
    assert!(set.status.success(), "{}", told(&set));
    let list = told(&template(&stack, &["list", "--lang", "en", "booked"]));
    assert!(list.contains("* booked  {code}\n      All set: {code}\n"), "{list}");
    let ours = told(&template(&stack, &["list", "booked"]));
    assert!(ours.contains("  booked  {code}\n      Agendado"), "{ours}");
    let audited: i64 = stack
        .value("select count(*) from app.audit_log where table_name = 'message_templates'")
        .await;
    assert_eq!(audited, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formal_tenant_with_privacy_speaks_so_and_its_reminders_keep_the_service_to_themselves() {
    let mut stack = Stack::new().await;
    let seed = include_str!("../../sql/seeds/studio-lua.toml");
    let text =
        seed.replace("\"informal\"", "\"formal\"").replace("privacy = false", "privacy = true");
    let file = pontual::domain::tenant_file::parse(&text).unwrap();
    pontual::db::tenants::apply(&stack.pool, stack.clock, &file).await.unwrap();
    sqlx::query("update app.instances set typing = false").execute(&stack.db.owner).await.unwrap();
    stack.work();
    let said = stack.say("studio-lua", MARINA, "Oi").await;
    assert!(said.starts_with("Olá, Marina. Sou a assistente"), "{said}");
    assert!(said.contains("O que deseja agendar?"), "{said}");
    let said = stack.say("studio-lua", MARINA, "corte com a Ana quinta às 15h").await;
    assert!(said.contains("Por favor, confira:"), "{said}");
    let said = stack.say("studio-lua", MARINA, "1").await;
    assert!(said.starts_with("Agendado ✅"), "{said}");
    stack.settle().await;
    stack.restart_at(Clock::starting_at("2026-03-11T18:01:00Z".parse().unwrap())).await;
    stack.work();
    loop {
        let told: Option<String> = sqlx::query_scalar(
            "select body from app.outbound_messages where template = 'reminder' and status in ('sent', 'delivered', 'read')",
        )
        .fetch_optional(&stack.db.owner)
        .await
        .unwrap();
        if let Some(told) = told {
            assert!(
                told.starts_with(
                    "Olá, Marina. Amanhã, quinta-feira, 12 de março, às 15h, Rua das Flores"
                ),
                "{told}"
            );
            assert!(!told.contains("Ana") && !told.to_lowercase().contains("corte"), "{told}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stack.stop_working().await;
}
