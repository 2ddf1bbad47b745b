//! Everything through PgBouncer in transaction mode, the real one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pontual::clock::Clock;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::support::database::TestDb;
use crate::support::process::{Deployment, Program, apply_tenants, free_port, until};

const SALON: &str = "studio-lua";
/// Server connections that the pooler may open: fewer than there are clients, so that they are shared.
const SERVERS: i64 = 4;

/// PgBouncer in front of a test's database.
struct PgBouncer {
    _process: Program,
    /// The program's URL through it.
    url: String,
}

impl PgBouncer {
    /// `None` where the machine has none: says so.
    async fn before(db: &TestDb, folder: &Path, cleans: bool) -> Option<Self> {
        let binary = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let Some(binary) = binary else {
            assert!(std::env::var_os("CI").is_none(), "CI has a pgbouncer");
            eprintln!("skipped: no pgbouncer on this machine; apt-get install pgbouncer");
            return None;
        };
        let server: PgConnectOptions = db.url_app().parse().unwrap();
        let host = server
            .get_socket()
            .map_or(server.get_host().to_owned(), |socket| socket.display().to_string());
        let (port, always) = (free_port(), u8::from(cleans));
        let settings = folder.join("pgbouncer.ini");
        let users = folder.join("users.txt");
        let login = server.get_username();
        std::fs::write(&users, format!("\"{login}\" \"{login}\"\n")).unwrap();
        let text = format!(
            "[databases]\n* = host={host} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {SERVERS}\nmax_client_conn = 500\n\
             server_reset_query = DEALLOCATE ALL\nserver_reset_query_always = {always}\n",
            server.get_port(),
            users.display(),
        );
        std::fs::write(&settings, text).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(binary);
        if rustix::process::geteuid().is_root() {
            // It refuses root, and the socket's folder opens to the server's own account alone.
            let owner =
                server.get_socket().map_or("nobody".to_owned(), |socket| account_of(socket));
            command.args(["-u", &owner]);
        }
        command.arg(&settings);
        let process = Program::start(folder, "pgbouncer", command);
        until("a pooler", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let url = format!("postgres://{login}@127.0.0.1:{port}/{}", server.get_database().unwrap());
        Some(Self { _process: process, url })
    }
}

/// The name of who owns a file.
fn account_of(path: &Path) -> String {
    let output = Command::new("stat").args(["-c", "%U"]).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_and_workers_run_through_pgbouncer_in_transaction_mode() {
    let db = TestDb::new().await;
    let mut deployment = Deployment::of(&[SALON]).await;
    let Some(pooler) = PgBouncer::before(&db, &deployment.folder.0, true).await else { return };
    apply_tenants(&db.owner, &[SALON]).await;
    let direct = db.url_app();
    let through = [("DATABASE_URL", pooler.url.as_str()), ("DATABASE_POOLER", "transaction")];
    deployment.start_web(&through).await;
    deployment.start_worker(&through);
    let woken = [through[0], through[1], ("DATABASE_DIRECT_URL", direct.as_str())];
    deployment.start_worker(&woken);

    let talk = async |phone: String| {
        deployment.say(SALON, &phone, "oi").await;
        // Others want the same times: whoever loses one is offered the next.
        for _ in 0..20 {
            if deployment.say(SALON, &phone, "1").await.starts_with("Agendado") {
                return;
            }
        }
        panic!("never booked: {}", deployment.logs());
    };
    let talks = (0..8).map(|n| talk(format!("+55119888877{n:02}")));
    let mut talking = std::pin::pin!(futures::future::join_all(talks));
    let mut most = 0;
    loop {
        tokio::select! {
            _ = &mut talking => break,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                most = most.max(server_connections(&db.owner).await);
            }
        }
    }
    assert!((1..=SERVERS).contains(&most), "{most} server connections");
    let booked: i64 =
        sqlx::query_scalar("select count(*) from app.bookings where status = 'confirmed'")
            .fetch_one(&db.owner)
            .await
            .unwrap();
    assert_eq!(booked, 8);

    let key = pontual::db::keys::create(&db.app, Clock::default().now(), SALON, "till")
        .await
        .unwrap()
        .reveal();
    let http = reqwest::Client::new();
    let ask = async |path: &str| {
        let request = http.get(format!("{}/api/v1{path}", deployment.base())).bearer_auth(&key);
        request.send().await.unwrap().status().as_u16()
    };
    let paths = ["/services", "/bookings", "/conversations", "/staff"];
    let asked = futures::future::join_all((0..40).map(|n| ask(paths[n % paths.len()]))).await;
    assert!(asked.iter().all(|status| *status == 200), "{asked:?}: {}", deployment.logs());
    let (logs, dead): (String, i64) = (
        deployment.logs(),
        sqlx::query_scalar("select count(*) from ops.dead_jobs")
            .fetch_one(&db.owner)
            .await
            .unwrap(),
    );
    assert!(!logs.contains("prepared statement") && !logs.contains("ERROR"), "{logs}");
    assert!(
        logs.contains("looked for once a second"),
        "one worker has no direct connection: {logs}"
    );
    assert_eq!(dead, 0, "{logs}");
}

/// Those that the pooler has open for the program.
async fn server_connections(owner: &PgPool) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pontual (pooled)'",
    )
    .fetch_one(owner)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_is_not_set_up_for_us_is_told_so_at_the_start() {
    let db = TestDb::new().await;
    let deployment = Deployment::of(&[]).await;
    let Some(pooler) = PgBouncer::before(&db, &deployment.folder.0, false).await else { return };
    let url = ("DATABASE_URL", pooler.url.as_str());
    let listen = format!("127.0.0.1:{}", free_port());
    let common = [("EVOLUTION_WEBHOOK_SECRETS", "x"), ("PONTUAL_LISTEN", listen.as_str()), url];
    for (setting, told) in [
        (("DATABASE_POOLER", ""), "DATABASE_POOLER=transaction"),
        (("DATABASE_POOLER", "transaction"), "server_reset_query_always = 1"),
        (("DATABASE_POOLER", "session"), "neither none nor transaction"),
    ] {
        let web =
            Program::pontual(&deployment.folder.0, &["web"], &[&common[..], &[setting]].concat());
        let (well, log) = web.end();
        assert!(!well && log.contains(told), "{setting:?}: {log}");
    }
}

/// Queries that are given a pool go through `db::alone`, or they break behind a pooler.
#[test]
fn no_query_runs_on_a_pool_without_a_transaction_behind_a_pooler() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let (mut found, mut guarded) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The owner migrates past any pooler.
            if path.ends_with("db/migrate.rs") || path.ends_with("db/pooler.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (number, line) in text.lines().enumerate() {
                guarded += usize::from(line.contains("alone("));
                if runs_on_a_pool(line) {
                    let file = path.strip_prefix(&root).unwrap().display();
                    found.push(format!("src/{file}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(guarded > 10);
    assert!(found.is_empty(), "write db::alone(…) around the pool:\n{}", found.join("\n"));
}

fn runs_on_a_pool(line: &str) -> bool {
    [".execute(", ".fetch(", ".fetch_one(", ".fetch_all(", ".fetch_optional("].iter().any(
        |method| {
            line.match_indices(method).any(|(at, _)| {
                let argument = line[at + method.len()..].split(')').next().unwrap_or_default();
                argument.ends_with("pool") && !argument.contains('(')
            })
        },
    )
}
