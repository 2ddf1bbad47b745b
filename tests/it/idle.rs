//! What processes cost that have nothing to do.

use std::fs;
use std::time::{Duration, Instant};

use pontual::gateway_sim::SimConfig;

use crate::support::process::{Folder, Program, free_port, until};
use crate::support::proxy::Proxy;
use crate::support::stack::{SECRET, Stack};

const WATCHED: Duration = Duration::from_secs(12);

/// Processor time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the name, which may hold spaces: user and system time are the 12th and 13th, in ticks
    // of a hundredth of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory in MiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Statements a second, processor use in hundredths of a core, and memory, over a while.
async fn watch(proxy: &Proxy, program: &Program) -> (f64, f64, u64) {
    let (statements, used, since) = (proxy.statements(), cpu(program.id()), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let seconds = since.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    let rate = (proxy.statements() - statements) as f64 / seconds;
    let used = cpu(program.id()).saturating_sub(used).as_secs_f64() / seconds * 100.0;
    (rate, used, resident(program.id()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_and_a_web_process_without_work_cost_next_to_nothing() {
    let stack = Stack::new().await;
    let folder = Folder::new();
    let (worker_line, worker_database) = Proxy::before(&stack.db.url_app()).await;
    let (web_line, web_database) = Proxy::before(&stack.db.url_app()).await;
    let gateway = format!("{}/gateway-sim", stack.base);
    let offset = stack.clock.offset().num_seconds().to_string();
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [
        ("DATABASE_URL", worker_database.as_str()),
        ("EVOLUTION_API_URL", gateway.as_str()),
        ("EVOLUTION_API_KEY", &SimConfig::default().api_key),
        ("PONTUAL_CLOCK_OFFSET", offset.as_str()),
    ];
    let worker = Program::pontual(&folder.0, &["worker"], &settings);
    let settings = [
        ("DATABASE_URL", web_database.as_str()),
        ("EVOLUTION_WEBHOOK_SECRETS", SECRET),
        ("PONTUAL_LISTEN", listen.as_str()),
        ("PONTUAL_CLOCK_OFFSET", offset.as_str()),
    ];
    let web = Program::pontual(&folder.0, &["web"], &settings);
    let url = format!("http://{listen}/health/ready");
    until("web is ready", async || {
        stack.http.get(&url).send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    until("the worker sleeps", async || {
        stack.value::<bool>("select bool_and(asleep) from queue.kinds").await
    })
    .await;
    // The first round of upkeep and the instances' first looks are over.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let ((rate, used, memory), (web_rate, web_used, web_memory)) =
        tokio::join!(watch(&worker_line, &worker), watch(&web_line, &web));
    println!(
        "worker: {rate:.1} statements/s, {used:.1} % of a core, {memory} MiB; \
         web: {web_rate:.1} statements/s, {web_used:.1} % of a core, {web_memory} MiB"
    );
    assert!(rate > 0.5, "it has to look, and to show that it lives: {rate}");
    assert!(rate < 5.0 && web_rate < 0.5, "{rate} {web_rate}: {}", worker.log());
    assert!(used < 2.0 && web_used < 1.0, "{used} {web_used}");
    // Of a build with debug information; docs/benchmarks.md has the release's.
    assert!(memory < 100 && web_memory < 100, "{memory} {web_memory}");
}
