//! One sender an instance: order, pace, pauses, and no message twice, whatever the gateway does.

mod killed;
mod plans;
mod stage;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pontual::db::TenantTx;
use uuid::Uuid;

use self::stage::{ALL_SENT, INSTANCES, Stage, assert_in_order, assert_one_at_a_time};
use self::weather::{Flight, Trouble};

#[tokio::test]
async fn two_hundred_confirmations_through_trouble_reach_everybody_once() {
    let mut stage = Stage::new().await;
    stage.without_echoes("salon-luna").await;
    for (instance, customers) in INSTANCES.into_iter().zip([0..67, 67..134, 134..200]) {
        stage.queue(instance, customers, 1).await;
    }
    // Each customer's first send; the second one of those that were lost gets through.
    let mut met = BTreeSet::new();
    stage.weather.turns(move |_, _, number| {
        let customer = number[number.len() - 3..].parse::<u32>().unwrap();
        match customer % 23 {
            _ if !met.insert(customer) => Trouble::None,
            5 | 14 => Trouble::SentThenFailed,
            9 => Trouble::Hang,
            18 => Trouble::SentThenHang,
            _ => Trouble::None,
        }
    });
    let began = Instant::now();
    stage.work().work();
    stage.until("everything is sent", ALL_SENT).await;
    let took = began.elapsed();

    let flights = stage.weather.flights();
    let mut troubles = BTreeMap::<Trouble, usize>::new();
    for flight in &flights {
        *troubles.entry(flight.trouble).or_default() += 1;
    }
    let copies = stage.copies();
    let twice = copies.values().filter(|copies| **copies > 1).count();
    println!(
        "200 messages in {took:?}: {} sends, {troubles:?}, {} look-ups; delivered {}, twice {twice}",
        flights.len(),
        stage.weather.look_ups(),
        copies.len(),
    );
    assert_eq!((copies.len(), twice), (200, 0));
    for (trouble, least) in
        [(Trouble::SentThenFailed, 10), (Trouble::Hang, 5), (Trouble::SentThenHang, 5)]
    {
        assert!(troubles[&trouble] >= least, "{troubles:?}");
    }
    assert_one_at_a_time(&stage.weather.by_instance());
    let failed: i64 = stage
        .stack
        .value("select count(*) from app.outbound_messages where status = 'failed'")
        .await;
    assert_eq!(failed, 0);
    stage.stop().await;
}

#[tokio::test]
async fn a_second_copy_goes_out_only_where_the_answer_was_lost_and_the_look_up_had_no_trace() {
    let mut stage = Stage::new().await;
    for instance in INSTANCES {
        stage.without_echoes(instance).await;
    }
    stage.weather.blind();
    stage.queue("studio-lua", 0..20, 1).await;
    stage.weather.turns(|n, _, _| match n {
        4 | 11 => Trouble::SentThenFailed,
        _ => Trouble::None,
    });
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    let lost: Vec<_> = stage
        .weather
        .flights()
        .into_iter()
        .filter(|flight| flight.trouble == Trouble::SentThenFailed)
        .map(|flight| flight.text)
        .collect();
    let twice: Vec<_> = stage
        .copies()
        .into_iter()
        .filter(|(_, copies)| *copies > 1)
        .map(|(text, _)| text)
        .collect();
    println!("20 messages, 2 answers lost without a trace: {} twice", twice.len());
    assert!(twice.iter().all(|text| lost.contains(text)), "{twice:?} {lost:?}");
    assert_eq!(twice.len(), 2, "{twice:?}");
    assert!(stage.copies().values().all(|copies| *copies <= 2));
    stage.stop().await;
}

#[tokio::test]
async fn a_closed_instance_waits_without_burning_attempts_and_goes_on_when_it_opens() {
    let mut stage = Stage::new().await;
    stage.weather.turns(|_, _, _| Trouble::Closed);
    stage.queue("studio-lua", 0..10, 3).await;
    stage.work().work();
    // Long enough that the pause has grown to 13 s and more.
    stage.until("some pauses", "select exists (select from app.senders where failures >= 5)").await;
    let tried = stage.weather.flights().len();
    assert!(tried <= 7, "one probe a pause: {tried}");
    let burnt: i64 = stage.stack.value("select sum(attempts) from app.outbound_messages").await;
    assert_eq!(burnt, 0, "and none in flight");
    let reason: String = stage.stack.value("select paused_reason from app.senders").await;
    assert_eq!(reason, "not connected");

    stage.weather.turns(|_, _, _| Trouble::None);
    stage.stack.sim.set_instance_state("studio-lua", "connecting");
    stage.stack.sim.set_instance_state("studio-lua", "open");
    let opened = Instant::now();
    stage.until("everything is sent", ALL_SENT).await;
    let took = opened.elapsed();
    println!("30 messages within {took:?} of the instance's return");
    assert!(took < Duration::from_secs(11), "{took:?}: not the pause's end, the event");
    assert_eq!(stage.copies().len(), 30);
    assert!(stage.copies().values().all(|copies| *copies == 1));
    assert_in_order(&stage.heard());
    let attempts: i32 = stage.stack.value("select max(attempts) from app.outbound_messages").await;
    assert_eq!(attempts, 1);
    stage.stop().await;
}

#[tokio::test]
async fn an_instance_whose_return_nobody_reports_goes_on_by_itself() {
    let mut stage = Stage::new().await;
    stage.weather.turns(|n, _, _| if n < 2 { Trouble::Closed } else { Trouble::None });
    stage.queue("studio-lua", 0..3, 1).await;
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    assert_eq!(stage.weather.flights().len(), 5);
    stage
        .until(
            "nothing is left of it",
            "select failures = 0 and paused_until is null and job is null from app.senders",
        )
        .await;
    stage.stop().await;
}

#[tokio::test]
async fn a_rate_limit_holds_one_instance_back_for_long_and_no_other() {
    let mut stage = Stage::new().await;
    stage.weather.turns(
        |_, instance, _| {
            if instance == "studio-lua" { Trouble::Rate } else { Trouble::None }
        },
    );
    stage.queue("studio-lua", 0..5, 1).await;
    stage.queue("luna-salon", 5..10, 1).await;
    stage.work();
    stage
        .until(
            "the other one is sent",
            "select count(*) = 5 from app.outbound_messages where status <> 'queued'",
        )
        .await;
    stage
        .until("a pause", "select exists (select from app.senders where paused_until is not null)")
        .await;
    let (reason, seconds): (String, f64) = sqlx::query_as(
        "select paused_reason, extract(epoch from paused_until - queue.now())::float8
           from app.senders where paused_until is not null",
    )
    .fetch_one(&stage.stack.db.owner)
    .await
    .unwrap();
    assert_eq!(reason, "rate limit");
    assert!((40.0..=75.0).contains(&seconds), "{seconds}");
    // What opens is not what is limited.
    stage.stack.sim.set_instance_state("studio-lua", "connecting");
    stage.stack.sim.set_instance_state("studio-lua", "open");
    stage.weather.turns(|_, _, _| Trouble::None);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.weather.by_instance()["studio-lua"].len(), 1);
    let burnt: i32 = stage
        .stack
        .value("select max(attempts) from app.outbound_messages where status = 'queued'")
        .await;
    assert_eq!(burnt, 0);
    stage.stop().await;
}

#[tokio::test]
async fn sends_of_one_instance_never_overlap_however_many_workers_there_are() {
    let mut stage = Stage::new().await;
    stage.weather.turns(|_, _, _| Trouble::LateAnswer(20));
    stage.queue("studio-lua", 0..15, 2).await;
    stage.queue("luna-salon", 15..30, 2).await;
    stage.work().work().work();
    stage.until("everything is sent", ALL_SENT).await;
    let flights = stage.weather.by_instance();
    assert_eq!(flights.values().map(Vec::len).sum::<usize>(), 60);
    assert_one_at_a_time(&flights);
    assert_in_order(&stage.heard());
    let (studio, salon) = (&flights["studio-lua"], &flights["luna-salon"]);
    let together = |one: &Flight, other: &Flight| {
        one.began < other.ended.unwrap() && other.began < one.ended.unwrap()
    };
    assert!(
        studio.iter().any(|one| salon.iter().any(|other| together(one, other))),
        "two instances wait for each other"
    );
    stage.stop().await;
}

#[tokio::test]
async fn an_instance_that_hangs_delays_nobody_else() {
    let mut stage = Stage::new().await;
    stage.answer = Duration::from_secs(20);
    stage.weather.turns(
        |_, instance, _| {
            if instance == "luna-salon" { Trouble::Hang } else { Trouble::None }
        },
    );
    // More conversations than a pool of workers has slots.
    stage.queue("luna-salon", 0..60, 1).await;
    stage.work();
    stage
        .until(
            "a send hangs",
            "select exists (select from app.outbound_messages where status = 'sending')",
        )
        .await;
    let began = Instant::now();
    stage.queue("studio-lua", 60..80, 1).await;
    stage
        .until(
            "the other instance is done",
            "select not exists (
               select from app.outbound_messages o join app.instances i on i.id = o.instance_id
                where i.name = 'studio-lua' and o.status in ('queued', 'sending', 'unknown'))",
        )
        .await;
    let took = began.elapsed();
    println!("20 messages beside a hanging instance in {took:?}");
    assert!(took < stage.answer, "{took:?}");
    assert_one_at_a_time(&stage.weather.by_instance());
    stage.weather.turns(|_, _, _| Trouble::None);
    stage.stop().await;
}

#[tokio::test]
async fn the_gap_between_two_sends_is_kept_within_its_jitter_and_holds_no_slot() {
    let mut stage = Stage::new().await;
    sqlx::query("update app.instances set send_gap = '200 milliseconds' where name = 'studio-lua'")
        .execute(&stage.stack.db.owner)
        .await
        .unwrap();
    stage.queue("studio-lua", 0..12, 1).await;
    stage.work().work();
    stage
        .until(
            "somebody waits",
            "select exists (select from app.senders where wake_at is not null)",
        )
        .await;
    stage.until("everything is sent", ALL_SENT).await;
    let flights = stage.weather.by_instance().remove("studio-lua").unwrap();
    let gaps: Vec<_> =
        flights.windows(2).map(|pair| pair[1].began - pair[0].ended.unwrap()).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(99)), "{gaps:?}");
    let distinct = gaps.iter().map(|gap| gap.as_millis() / 10).collect::<BTreeSet<_>>();
    assert!(distinct.len() > 3, "as a machine's: {gaps:?}");
    stage.stop().await;
}

#[tokio::test]
async fn the_longer_a_text_the_longer_it_is_typed() {
    let mut stage = Stage::new().await;
    sqlx::query("update app.instances set typing = true")
        .execute(&stage.stack.db.owner)
        .await
        .unwrap();
    stage.queue("studio-lua", 0..1, 1).await;
    sqlx::query(
        "insert into app.outbound_messages (tenant_id, conversation_id, body)
         select tenant_id, id, repeat('a', 200) || ' 2' from app.conversations",
    )
    .execute(&stage.stack.db.owner)
    .await
    .unwrap();
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    let typing: Vec<_> = stage.weather.flights().iter().map(|flight| flight.typing).collect();
    assert_eq!(typing, [400, 202 * 8]);
    stage.stop().await;
}

#[tokio::test]
async fn an_echo_before_the_answer_proves_the_send_and_ends_the_wait_for_it() {
    let mut stage = Stage::new().await;
    stage.answer = Duration::from_secs(20);
    stage.queue("studio-lua", 0..2, 1).await;
    stage.weather.turns(|n, _, _| if n == 0 { Trouble::SentThenHang } else { Trouble::None });
    let began = Instant::now();
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    let took = began.elapsed();
    assert!(took < stage.answer, "{took:?}: nobody waits for an answer that an echo has given");
    assert_eq!((stage.weather.flights().len(), stage.weather.look_ups()), (2, 0));
    assert!(stage.copies().values().all(|copies| *copies == 1));
    let named: i64 =
        stage.stack.value("select count(provider_id) from app.outbound_messages").await;
    assert_eq!(named, 2);
    stage.stop().await;
}

#[tokio::test]
async fn statuses_that_come_before_the_answer_are_kept_for_it() {
    let mut stage = Stage::new().await;
    stage.without_echoes("studio-lua").await;
    stage.queue("studio-lua", 0..1, 1).await;
    stage.weather.turns(|_, _, _| Trouble::LateAnswer(700));
    stage.work();
    stage.until("it is told to be read", "select count(*) = 3 from app.early_statuses").await;
    let status: String = stage.stack.value("select status from app.outbound_messages").await;
    assert_eq!(status, "sending", "the answer is still to come");
    stage.until("it is read", "select status = 'read' from app.outbound_messages").await;
    let told: bool = stage
        .stack
        .value(
            "select acknowledged_at is not null and delivered_at is not null and read_at is not null
               from app.outbound_messages",
        )
        .await;
    assert!(told);
    stage.stop().await;
}

#[tokio::test]
async fn where_one_address_is_unknown_the_next_one_is_tried() {
    let mut stage = Stage::new().await;
    stage.queue("studio-lua", 0..1, 1).await;
    sqlx::query("update app.customers set lid = '123456789012345@lid'")
        .execute(&stage.stack.db.owner)
        .await
        .unwrap();
    stage.weather.turns(|_, _, number| {
        if number.ends_with("@lid") { Trouble::None } else { Trouble::NoSuchNumber }
    });
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    let status: String = stage.stack.value("select status from app.outbound_messages").await;
    assert_ne!(status, "failed");
    assert!(stage.weather.flights().last().unwrap().number.ends_with("@lid"));
    let first = stage.weather.flights().len();

    // What worked comes first.
    sqlx::raw_sql(
        "insert into app.outbound_messages (tenant_id, conversation_id, body)
           select tenant_id, id, 'studio-lua 0 2' from app.conversations;
         select queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', id))
           from app.conversations",
    )
    .execute(&stage.stack.db.owner)
    .await
    .unwrap();
    stage.until("everything is sent", ALL_SENT).await;
    assert_eq!(stage.weather.flights().len(), first + 1);
    stage.stop().await;
}

#[tokio::test]
async fn a_number_that_nobody_has_is_given_up_and_holds_nobody_back() {
    let mut stage = Stage::new().await;
    stage.queue("studio-lua", 0..2, 2).await;
    stage.weather.turns(|_, _, number| {
        if number.ends_with("70000000") { Trouble::NoSuchNumber } else { Trouble::None }
    });
    stage.work();
    stage.until("everything is sent or given up", ALL_SENT).await;
    let failed: Vec<String> = sqlx::query_scalar("select error from ops.failed_messages")
        .fetch_all(&stage.stack.db.owner)
        .await
        .unwrap();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|why| why.contains("not on WhatsApp")), "{failed:?}");
    assert_eq!(stage.copies().len(), 2);
    stage.stop().await;
}

#[tokio::test]
async fn an_answer_goes_before_the_notices_that_wait() {
    let mut stage = Stage::new().await;
    stage.queue("studio-lua", 0..5, 1).await;
    // As notices that nobody waits for.
    let tenant: Uuid = stage.stack.tenant("studio-lua").await;
    let mut db = TenantTx::begin(&stage.stack.pool, tenant, stage.stack.clock.now()).await.unwrap();
    sqlx::query(
        "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select tenant_id, id, (select id from app.services where key = 'corte'), (select id from app.staff where key = 'ana'),
                '2026-03-12T12:00:00Z'::timestamptz + row_number() over () * interval '1 hour', 'confirmed'
           from app.customers",
    )
    .execute(db.conn())
    .await
    .unwrap();
    sqlx::query("delete from app.outbound_messages where template is null")
        .execute(&stage.stack.db.owner)
        .await
        .unwrap();
    db.commit().await.unwrap();
    stage.queue("studio-lua", 5..6, 1).await;
    stage.work();
    stage.until("everything is sent", ALL_SENT).await;
    let first = &stage.weather.flights()[0];
    assert_eq!((stage.weather.flights().len(), first.text.as_str()), (6, "studio-lua 5 1"));
    stage.stop().await;
}
