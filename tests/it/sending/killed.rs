//! Worker processes die in the middle of sends.

use std::process::Stdio;
use std::time::Duration;

use pontual::gateway_sim::SimConfig;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::stage::{ALL_SENT, INSTANCES, Stage, assert_in_order, assert_one_at_a_time};
use super::weather::Trouble;

/// A send that was claimed by a process that dies before the gateway has it may be about to go out
/// for all that anybody knows, until its lease is over: a minute and a half.
const LEASES: Duration = Duration::from_secs(150);

/// `pontual worker`, on the stage's database and gateway.
fn worker(stage: &Stage) -> Child {
    let offset = stage.stack.clock.offset().num_seconds().to_string();
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .args(["worker", "--concurrency", "4"])
        .current_dir(std::env::temp_dir())
        .env("DATABASE_URL", stage.stack.db.url_app())
        .env("EVOLUTION_API_URL", &stage.weather.base)
        .env("EVOLUTION_API_KEY", SimConfig::default().api_key)
        .env("PONTUAL_CLOCK_OFFSET", offset)
        .env("RUST_LOG", "error")
        .env_remove("PONTUAL_LISTEN")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn workers_killed_in_the_middle_of_sends_lose_nothing_and_double_nothing() {
    let stage = Stage::new().await;
    // Without echoes: what the dead ones sent has to be looked up.
    stage.without_echoes("studio-lua").await;
    for (instance, customers) in INSTANCES.into_iter().zip([0..12, 12..24, 24..36]) {
        stage.queue(instance, customers, 3).await;
    }
    stage.weather.turns(|_, _, _| Trouble::LateAnswer(200));
    let mut workers = [worker(&stage), worker(&stage)];
    let mut killed_in_flight = 0;
    for round in 1..=3 {
        let sends = round * 12;
        let under_way = async {
            while stage.weather.flights().len() < sends {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LEASES, under_way).await.expect("sends go on");
        killed_in_flight +=
            stage.weather.flights().iter().filter(|flight| flight.ended.is_none()).count();
        // One takes over from the other; in the end nobody is left, and new ones come.
        let dying = if round < 3 { &mut workers[..1] } else { &mut workers[..] };
        for dying in dying {
            dying.kill().await.unwrap();
            *dying = worker(&stage);
        }
    }
    let began = Instant::now();
    while !stage.stack.value::<bool>(ALL_SENT).await {
        assert!(began.elapsed() < LEASES, "{:#?}", stage.stack.jobs().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let copies = stage.copies();
    let twice = copies.values().filter(|copies| **copies > 1).count();
    println!(
        "108 messages, 4 workers killed while {killed_in_flight} sends were in flight: {} delivered, {twice} twice, {} look-ups, the rest {:?} after the last",
        copies.len(),
        stage.weather.look_ups(),
        began.elapsed(),
    );
    assert_eq!((copies.len(), twice), (108, 0));
    assert_in_order(&stage.heard());
    assert_one_at_a_time(&stage.weather.by_instance());
    assert!(killed_in_flight > 0);
    for mut worker in workers {
        worker.kill().await.unwrap();
    }
    stage.stop().await;
}
