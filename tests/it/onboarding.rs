//! `pontual instance`: from nothing at the gateway to a customer's first answer, as a process.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use pontual::gateway_sim::{self, Sim, SimConfig, Version};
use qrcode::{Color, EcLevel, QrCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use crate::support::stack::{PATIENCE, SECRET, Stack};

const LUA: &str = "studio-lua";
const PHONE: &str = "5511988887777";

/// The program against a stack's database and some gateway.
fn pontual(stack: &Stack, gateway: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontual"));
    command
        // Not where somebody keeps settings in files.
        .current_dir("/")
        .args(arguments)
        .env_remove("MIGRATION_DATABASE_URL")
        .env_remove("PONTUAL_PUBLIC_URL")
        .env_remove("RUST_LOG")
        .env("DATABASE_URL", stack.db.url_app())
        .env("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string())
        .env("EVOLUTION_API_URL", gateway)
        .env("EVOLUTION_API_KEY", SimConfig::default().api_key)
        .env("EVOLUTION_WEBHOOK_SECRETS", format!("{SECRET},an-older-one"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Exit code, standard output, standard error.
async fn ended(mut command: Command) -> (Option<i32>, String, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A process that shows a code, and its output so far.
struct Pairing {
    process: Child,
    output: BufReader<ChildStdout>,
    told: String,
}

impl Pairing {
    fn begin(stack: &Stack, gateway: &str) -> Self {
        let arguments = ["instance", "connect", "--tenant", LUA, "--webhook-url", &stack.base];
        let mut process = pontual(stack, gateway, &arguments).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output, told: String::new() }
    }

    /// Reads on until it has told this.
    async fn until(&mut self, end: impl Fn(&str) -> bool) {
        let read = async {
            while !end(&self.told) {
                if self.output.read_line(&mut self.told).await.unwrap() == 0 {
                    let mut errors = String::new();
                    self.process.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
                    panic!("it ended: {} {errors}", self.told);
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap();
    }
}

/// The code as a terminal shows it, two modules a character.
fn drawn(code: &str) -> String {
    let code = QrCode::with_error_correction_level(code, EcLevel::L).unwrap();
    let (width, colors) = (code.width(), code.to_colors());
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| (4..width + 4).contains(&at);
        inside(x) && inside(y) && colors[(y - 4) * width + x - 4] == Color::Dark
    };
    let line = |y: usize| {
        let cell = |x| match (dark(x, y), dark(x, y + 1)) {
            (true, true) => ' ',
            (true, false) => '▄',
            (false, true) => '▀',
            (false, false) => '█',
        };
        (0..width + 8).map(cell).collect::<String>()
    };
    // The last line may have no second half.
    (0..width + 7).step_by(2).map(line).collect::<Vec<_>>().join("\n")
}

async fn serve(sim: &Sim) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router: Router = gateway_sim::router(sim.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

#[tokio::test]
async fn from_nothing_at_the_gateway_to_a_customers_first_answer() {
    let mut stack = Stack::new().await;
    let gateway = format!("{}/gateway-sim", stack.base);
    let key = SimConfig::default().api_key;
    let gone = stack.http.delete(format!("{gateway}/instance/delete/{LUA}")).header("apikey", &key);
    assert!(gone.send().await.unwrap().status().is_success());

    let mut pairing = Pairing::begin(&stack, &gateway);
    pairing.until(|told| told.contains("Then scan:")).await;
    let code = stack.sim.code(LUA).unwrap();
    let first_lines: String = drawn(&code).lines().take(20).collect::<Vec<_>>().join("\n");
    pairing.until(|told| told.contains(&first_lines)).await;
    assert!(stack.sim.scan(LUA));
    pairing.until(|told| told.contains("studio-lua is connected")).await;
    assert_eq!(pairing.process.wait().await.unwrap().code(), Some(0));
    assert!(pairing.told.contains("gateway: Evolution API 2.3.7"), "{}", pairing.told);

    let state: String =
        stack.value("select state from app.instances where name = 'studio-lua'").await;
    assert_eq!(state, "open");
    // The webhook reaches us with a secret that we take.
    stack.work();
    assert!(stack.say(LUA, PHONE, "oi").await.contains("Studio Lua"));

    let find = stack.http.get(format!("{gateway}/settings/find/{LUA}")).header("apikey", &key);
    let settings: Value = find.send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["groupsIgnore"], true);
}

#[tokio::test]
async fn what_is_there_and_connected_is_taken_as_it_is() {
    let stack = Stack::new().await;
    let gateway = format!("{}/gateway-sim", stack.base);
    let arguments = ["instance", "connect", "--tenant", LUA, "--webhook-url", &stack.base];
    let (code, told, errors) = ended(pontual(&stack, &gateway, &arguments)).await;
    assert_eq!(code, Some(0), "{errors}");
    assert!(told.contains("instance: studio-lua is there, open"), "{told}");
    assert!(told.ends_with("studio-lua is connected\n"), "{told}");
    assert!(!told.contains(SECRET) && !errors.contains(SECRET));
}

#[tokio::test]
async fn a_code_that_runs_out_is_shown_anew() {
    let stack = Stack::new().await;
    let sim = Sim::new(SimConfig {
        code_time: Duration::from_secs(3),
        clock: stack.clock,
        ..SimConfig::fast()
    });
    let gateway = serve(&sim).await;
    let mut pairing = Pairing::begin(&stack, &gateway);
    pairing.until(|told| told.contains("Then scan:")).await;
    let first = sim.code(LUA).unwrap();
    let second = tokio::time::timeout(PATIENCE, async {
        loop {
            match sim.code(LUA) {
                Some(code) if code != first => return code,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    let second = second.await.unwrap();
    let lines: String = drawn(&second).lines().take(20).collect::<Vec<_>>().join("\n");
    pairing.until(|told| told.contains(&lines)).await;

    // Ctrl-C ends it at once, with what to do.
    let id = Pid::from_raw(pairing.process.id().unwrap().cast_signed()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let mut errors = String::new();
    pairing.process.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
    let code = tokio::time::timeout(Duration::from_secs(30), pairing.process.wait()).await;
    assert_eq!(code.unwrap().unwrap().code(), Some(1));
    assert!(errors.contains("not connected yet; run this again"), "{errors}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do() {
    let stack = Stack::new().await;
    let gateway = format!("{}/gateway-sim", stack.base);
    let licensed = Sim::new(SimConfig { version: Version::V2_4_0, ..SimConfig::fast() });
    let licensed = serve(&licensed).await;
    let nobody = "http://127.0.0.1:9";
    let connect = ["instance", "connect", "--tenant", LUA, "--webhook-url", &stack.base];
    let no_url = ["instance", "connect", "--tenant", LUA];
    let no_tenant = ["instance", "connect", "--tenant", "nobody", "--webhook-url", &stack.base];
    let no_address = ["instance", "connect", "--tenant", LUA, "--webhook-url", "pontual:8080"];
    #[rustfmt::skip]
    let cases: [(&str, &[&str], Option<&str>, &str); 6] = [
        (nobody,    &connect,    None,          "does not answer; check EVOLUTION_API_URL"),
        (&gateway,  &connect,    Some("wrong"), "does not take the key in EVOLUTION_API_KEY"),
        (&licensed, &connect,    None,          "wants a licence"),
        (&gateway,  &no_url,     None,          "set PONTUAL_PUBLIC_URL"),
        (&gateway,  &no_tenant,  None,          "`pontual tenant list` shows all of them"),
        (&gateway,  &no_address, None,          "is no address for webhooks"),
    ];
    for (gateway, arguments, key, told) in cases {
        let mut command = pontual(&stack, gateway, arguments);
        if let Some(key) = key {
            command.env("EVOLUTION_API_KEY", key);
        }
        let (code, _, errors) = ended(command).await;
        assert_eq!(code, Some(1), "{told}: {errors}");
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

#[tokio::test]
async fn status_tells_one_line_an_instance_with_what_its_webhook_lacks() {
    let stack = Stack::new().await;
    let gateway = format!("{}/gateway-sim", stack.base);
    stack.sim.create_instance("luna-salon", "http://elsewhere.example/hook", &[]);
    stack.sim.set_instance_state("salon-luna", "close");
    let (code, told, errors) = ended(pontual(&stack, &gateway, &["instance", "status"])).await;
    assert_eq!(code, Some(0), "{errors}");
    let line = |tenant: &str| {
        let of = |line: &&str| line.starts_with(tenant);
        told.lines().find(of).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("studio-lua"), "studio-lua studio-lua unknown open 2.3.7 ok");
    assert_eq!(
        line("luna-salon"),
        "luna-salon luna-salon unknown open 2.3.7 goes to http://elsewhere.example/hook; without jwt_key"
    );
    assert!(line("salon-luna").contains(" close 2.3.7"), "{told}");

    let only = ["instance", "status", "--tenant", LUA];
    let (_, told, _) = ended(pontual(&stack, &gateway, &only)).await;
    assert_eq!(told.lines().count(), 2, "{told}");
}
