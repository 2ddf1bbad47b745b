//! Menus that are tapped: polls on Baileys, lists and buttons on Cloud, text where nothing else works.

use chrono::TimeDelta;
use pontual::db::flags;
use pontual::domain::flag::Flag;
use pontual::gateway_sim::fault::SendFault;
use pontual::gateway_sim::{ChatMessage, Fault, Integration, MenuKind, Tap, Version};
use pontual::jobs::watch_instances;
use serde_json::Value;

use crate::support::stack::{PATIENCE, SECRET, Stack};

const LUA: &str = "studio-lua";
const PHONE: &str = "5511988887777";

/// With the flag on, and its gateway looked at.
async fn with_menus(integration: Integration, version: Version) -> Stack {
    let mut stack = Stack::new().await;
    let webhook = format!("{}/webhooks/evolution", stack.base);
    stack.sim.create_instance_of(integration, LUA, &webhook, &[("jwt_key", SECRET)]);
    stack.sim.set_version(version, None);
    stack.sim.set_licensed(true);
    let tenant = stack.tenant(LUA).await;
    flags::set(&stack.pool, stack.clock.now(), Some(tenant), Flag::InteractiveMenus, true)
        .await
        .unwrap();
    watch_instances(&stack.context()).await.unwrap();
    stack.work();
    stack
}

/// The next message of the business after the one with this id.
async fn next(stack: &Stack, after: &str) -> ChatMessage {
    match stack.sim.wait_for_reply(LUA, PHONE, after, PATIENCE).await {
        Some(reply) => reply,
        None => panic!("no answer; jobs: {:#?}", stack.jobs().await),
    }
}

async fn write(stack: &Stack, text: &str) -> ChatMessage {
    let written = stack.sim.customer_writes(LUA, PHONE, "Marina", text).await.unwrap();
    next(stack, &written.id).await
}

/// Taps what begins with these words, and gives the answer.
async fn tap(stack: &Stack, on: &ChatMessage, label: &str) -> ChatMessage {
    let menu = on.menu.as_ref().unwrap_or_else(|| panic!("no menu: {}", on.text));
    let option = menu.options.iter().find(|option| option.label.contains(label));
    let option = option.unwrap_or_else(|| panic!("no {label} in {menu:?}"));
    let written = stack.sim.tap(LUA, Tap::on(PHONE, &on.id, &option.label)).await.unwrap();
    next(stack, &written.id).await
}

async fn confirmed(stack: &Stack) -> i64 {
    stack.value("select count(*) from app.bookings where status = 'confirmed'").await
}

#[tokio::test]
async fn a_booking_is_made_by_votes_alone() {
    let stack = with_menus(Integration::Baileys, Version::V2_3_7).await;
    let services = write(&stack, "oi").await;
    assert_eq!(services.menu.as_ref().map(|menu| menu.kind), Some(MenuKind::Poll));
    assert!(!services.text.contains("\n1 "), "the question alone: {}", services.text);
    let when = tap(&stack, &services, "Corte").await;
    let times = if when.menu.is_some() { when } else { write(&stack, "amanhã").await };
    let check = tap(&stack, &times, "10").await;
    let booked = tap(&stack, &check, "Confirmar").await;
    assert!(booked.text.contains('✅'), "{}", booked.text);
    stack.settle().await;
    assert_eq!(confirmed(&stack).await, 1);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_booking_is_made_by_rows_and_buttons_of_a_cloud_instance() {
    let stack = with_menus(Integration::Cloud, Version::V2_4_0).await;
    let services = write(&stack, "oi").await;
    assert_eq!(services.menu.as_ref().map(|menu| menu.kind), Some(MenuKind::List));
    let when = tap(&stack, &services, "Corte").await;
    let times = if when.menu.is_some() { when } else { write(&stack, "amanhã").await };
    let check = tap(&stack, &times, "10").await;
    assert_eq!(check.menu.as_ref().map(|menu| menu.kind), Some(MenuKind::Buttons));
    let booked = tap(&stack, &check, "Confirmar").await;
    assert!(booked.text.contains('✅'), "{}", booked.text);
    assert_eq!(confirmed(&stack).await, 1);
}

#[tokio::test]
async fn without_the_flag_or_the_version_the_numbered_text_goes() {
    for (integration, version, flag) in [
        (Integration::Baileys, Version::V2_3_7, false),
        (Integration::Baileys, Version::V2_3_6, true),
        (Integration::Cloud, Version::V2_3_7, true),
        (Integration::Evolution, Version::V2_3_7, true),
    ] {
        let stack = with_menus(integration, version).await;
        if !flag {
            flags::set(
                &stack.pool,
                stack.clock.now(),
                Some(stack.tenant(LUA).await),
                Flag::InteractiveMenus,
                false,
            )
            .await
            .unwrap();
        }
        let services = write(&stack, "oi").await;
        assert!(
            services.menu.is_none() && services.text.contains("\n1 "),
            "{version:?} {}",
            services.text
        );
    }
}

#[tokio::test]
async fn a_kind_that_is_refused_goes_as_text_at_once_and_the_next_ones_too() {
    let stack = with_menus(Integration::Baileys, Version::V2_3_7).await;
    stack.sim.set_fault(Fault::of_sends(SendFault::KindRefused));
    let services = write(&stack, "oi").await;
    assert!(services.menu.is_none() && services.text.contains("\n1 "), "{}", services.text);
    stack.settle().await;
    let refused = |sent: &pontual::gateway_sim::SentRecord| sent.kind == "poll";
    assert_eq!(stack.sim.sent().iter().filter(|sent| refused(sent)).count(), 1);
    let attempts: i32 = stack.value("select max(attempts) from app.outbound_messages").await;
    assert_eq!(attempts, 1);
    // The digit works on it as ever, and no second poll is tried.
    write(&stack, "1").await;
    assert_eq!(stack.sim.sent().iter().filter(|sent| refused(sent)).count(), 1);
    let kind: Option<String> = stack
        .value("select menus_refused from app.instance_health h join app.instances i on i.id = h.instance_id where i.name = 'studio-lua'")
        .await;
    assert_eq!(kind.as_deref(), Some("poll"));
}

#[tokio::test]
async fn a_vote_on_an_older_poll_is_one_on_an_older_menu() {
    let stack = with_menus(Integration::Baileys, Version::V2_3_7).await;
    let services = write(&stack, "oi").await;
    let when = tap(&stack, &services, "Corte").await;
    // The first poll again: the conversation has gone on.
    let again = tap(&stack, &services, "Manicure").await;
    assert_ne!(again.text, when.text);
    stack.settle().await;
    assert_eq!(confirmed(&stack).await, 0);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_poll_whose_answer_was_lost_is_found_and_not_sent_again() {
    let stack = with_menus(Integration::Baileys, Version::V2_3_7).await;
    stack.sim.set_faults(vec![
        Fault::of_sends(SendFault::SentThenFailed).times(1),
        Fault::of_webhooks(pontual::gateway_sim::fault::WebhookFault::Drop)
            .of_events(&["send.message", "messages.upsert"])
            .after(1),
    ]);
    write(&stack, "oi").await;
    stack.settle().await;
    let out = stack.sim.sent().iter().filter(|sent| sent.went_out).count();
    assert_eq!(out, 1, "{:#?}", stack.sim.sent());
    let status: String = stack.value("select status from app.outbound_messages").await;
    assert!(["sent", "delivered", "read"].contains(&status.as_str()), "{status}");
}

#[tokio::test]
async fn another_version_of_the_server_gets_menus_again() {
    let stack = with_menus(Integration::Baileys, Version::V2_3_6).await;
    assert!(write(&stack, "oi").await.menu.is_none());
    stack.settle().await;
    stack.sim.set_version(Version::V2_3_7, None);
    let later = pontual::jobs::Context {
        clock: pontual::clock::Clock::with_offset(stack.clock.offset() + TimeDelta::minutes(11)),
        ..stack.context()
    };
    watch_instances(&later).await.unwrap();
    assert!(write(&stack, "menu").await.menu.is_some());
}
