//! A database for each test: a clone of a template that is migrated once for each schema.
//!
//! The server is `TEST_DATABASE_URL`'s, where the tests may create databases and roles, or else an
//! embedded one that all test processes of a checkout share. Works alike for threads of one process
//! and for processes of one test each.
//!
//! Each process holds an advisory lock on the number that is part of its databases' names. Whoever
//! can take that lock knows that the process is gone, on this machine or another, and removes what
//! it left. Advisory locks belong to a database, so all of this goes on in `postgres`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use pontual::embedded::{Cluster, Options, Profile};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};

/// The login that the program has in tests: a member of `pontual_app` and of nothing else.
const APP_LOGIN: &str = "pontual_test_app";
/// Only a server named by `TEST_DATABASE_URL` may ask for it.
const APP_PASSWORD: &str = "pontual_test_app";
/// First half of the advisory locks' keys: one for templates, one for living processes.
const TEMPLATE_LOCK: i32 = 0x706f_0001;
const PROCESS_LOCK: i32 = 0x706f_0002;
/// Templates of earlier schemas that stay, for another build that may be cloning them right now.
const OLD_TEMPLATES: i64 = 3;

/// A migrated database without rows, dropped with this value.
#[derive(Debug)]
pub(crate) struct TestDb {
    /// Connected as superuser: sees every row, as a DBA does.
    pub(crate) owner: PgPool,
    /// Connected as the program is: policies apply.
    pub(crate) app: PgPool,
    name: String,
}

impl TestDb {
    /// # Panics
    ///
    /// If there is no server or the schema cannot be made; the message says why.
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(Server::shared).await.expect("a server");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{count}", database_prefix(server.process));
        let (done, created) = oneshot::channel();
        server.run(
            // A copy of files: three times as fast in memory as the default, through the log.
            format!("create database {name} template {} strategy file_copy", server.template),
            move |result| drop(done.send(result)),
        );
        created.await.expect("a server").expect("cloning the template");
        Self { owner: pool(5, server.as_owner(&name)), app: pool(10, server.as_app(&name)), name }
    }

    /// The URL that connects as superuser.
    pub(crate) fn url_owner(&self) -> String {
        Server::shared().as_owner(&self.name).to_url_lossy().into()
    }

    /// As [`TestDb::url_owner`], for programs built on libpq: without what sqlx alone knows.
    pub(crate) fn libpq_url_owner(&self) -> String {
        let mut url = Server::shared().as_owner(&self.name).to_url_lossy();
        let known: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| ["host", "sslmode", "user", "password"].contains(&&**name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(known);
        url.into()
    }

    /// The URL that connects as the program.
    pub(crate) fn url_app(&self) -> String {
        Server::shared().as_app(&self.name).to_url_lossy().into()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // Waits, because the process may end right after its last test. Not by a future: the
        // test's runtime is about to end.
        let (done, dropped) = std::sync::mpsc::channel();
        let sql = format!("drop database if exists {} with (force)", self.name);
        Server::shared().run(sql, move |result| drop(done.send(result)));
        if let Ok(Err(error)) | Err(error) =
            dropped.recv_timeout(Duration::from_secs(20)).map_err(|_| sqlx::Error::PoolTimedOut)
        {
            eprintln!("database {} stays: {error}", self.name);
        }
    }
}

fn pool(max_connections: u32, options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(20))
        .connect_lazy_with(options)
}

type Done = Box<dyn FnOnce(sqlx::Result<()>) + Send>;

/// The server of this process's tests. Its statements run on a thread with a runtime of its own,
/// since those of the tests end with each test.
#[derive(Debug)]
struct Server {
    postgres: PgConnectOptions,
    template: String,
    process: u32,
    statements: mpsc::UnboundedSender<(String, Done)>,
}

impl Server {
    /// Starts it, or panics, the first time; blocks.
    fn shared() -> &'static Self {
        static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
        let server = SERVER.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        server.as_ref().unwrap_or_else(|error| panic!("no database for the tests: {error}"))
    }

    fn start() -> anyhow::Result<Self> {
        let url = match std::env::var("TEST_DATABASE_URL") {
            Ok(url) if !url.is_empty() => url,
            _ => share_of_embedded_server()?,
        };
        let postgres: PgConnectOptions = url.parse().context("TEST_DATABASE_URL")?;
        let postgres = postgres.database("postgres").application_name("pontual tests");
        let (statements, received) = mpsc::unbounded_channel();
        let (prepared, is_prepared) = std::sync::mpsc::channel();
        let options = postgres.clone();
        std::thread::Builder::new().name("test databases".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(options, received, &prepared));
        })?;
        let (template, process) = is_prepared.recv()??;
        Ok(Self { postgres, template, process, statements })
    }

    fn run(&self, sql: String, done: impl FnOnce(sqlx::Result<()>) + Send + 'static) {
        // If the thread is gone, `done` is dropped and the caller sees its channel closed.
        let _ = self.statements.send((sql, Box::new(done)));
    }

    fn as_owner(&self, database: &str) -> PgConnectOptions {
        self.postgres.clone().database(database)
    }

    fn as_app(&self, database: &str) -> PgConnectOptions {
        self.as_owner(database).username(APP_LOGIN).password(APP_PASSWORD)
    }
}

/// The body of the thread: prepares the server, then runs statements as they come.
async fn serve(
    postgres: PgConnectOptions,
    mut statements: mpsc::UnboundedReceiver<(String, Done)>,
    prepared: &std::sync::mpsc::Sender<anyhow::Result<(String, u32)>>,
) {
    let ready = async {
        // Open as long as the process lives: it holds the process's lock.
        let mut connection = postgres.connect().await.context("connecting")?;
        remove_databases_of_dead_processes(&mut connection).await?;
        let process = lock_process(&mut connection).await?;
        let template = template(&mut connection, &postgres).await?;
        anyhow::Ok((connection, template, process))
    };
    let _connection = match ready.await {
        Ok((connection, template, process)) => {
            let _ = prepared.send(Ok((template, process)));
            connection
        }
        Err(error) => {
            let _ = prepared.send(Err(error));
            return;
        }
    };
    let pool = pool(4, postgres);
    while let Some((sql, done)) = statements.recv().await {
        let pool = pool.clone();
        tokio::spawn(async move {
            done(sqlx::query(AssertSqlSafe(sql)).execute(&pool).await.map(drop));
        });
    }
}

fn database_prefix(process: u32) -> String {
    format!("pontual_test_{process:08x}_")
}

/// Takes a number for this process that no living one has.
async fn lock_process(connection: &mut PgConnection) -> sqlx::Result<u32> {
    loop {
        let process = uuid::Uuid::new_v4().as_fields().0;
        if try_lock_process(connection, process).await? {
            return Ok(process);
        }
    }
}

async fn try_lock_process(connection: &mut PgConnection, process: u32) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
        .bind(PROCESS_LOCK)
        .bind(process.cast_signed())
        .fetch_one(connection)
        .await
}

/// The locks of this very connection do not count: the server grants them again.
async fn remove_databases_of_dead_processes(connection: &mut PgConnection) -> sqlx::Result<()> {
    let left: Vec<(String, String)> = sqlx::query_as(
        r"select datname::text, substring(datname from '^pontual_test_([0-9a-f]{8})_\d+$')
            from pg_database
           where datname ~ '^pontual_test_[0-9a-f]{8}_\d+$'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (database, process) in left {
        let process = u32::from_str_radix(&process, 16).expect("eight hexadecimal digits");
        if try_lock_process(connection, process).await? {
            drop_database(connection, &database).await?;
            sqlx::query("select pg_advisory_unlock($1, $2)")
                .bind(PROCESS_LOCK)
                .bind(process.cast_signed())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// The name of the template for this build's schema, made unless it is there. One process makes
/// one, the others wait: the making grants roles, which two could not do at once.
async fn template(
    connection: &mut PgConnection,
    postgres: &PgConnectOptions,
) -> anyhow::Result<String> {
    let fingerprint = Sha256::digest(pontual::db::schema_fingerprint());
    let hash = fingerprint[..8].iter().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    let name = format!("pontual_template_{hash:016x}");
    lock_templates(connection, "pg_advisory_lock").await?;
    let is_there: bool = sqlx::query_scalar(
        "select exists (select from pg_database where datname = $1 and datistemplate)",
    )
    .bind(&name)
    .fetch_one(&mut *connection)
    .await?;
    if !is_there {
        make_template(connection, postgres, &name).await.context("making the template")?;
    }
    lock_templates(connection, "pg_advisory_unlock").await?;
    Ok(name)
}

async fn lock_templates(connection: &mut PgConnection, function: &str) -> sqlx::Result<()> {
    let sql = format!("select {function}({TEMPLATE_LOCK}, 0)");
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

async fn make_template(
    connection: &mut PgConnection,
    postgres: &PgConnectOptions,
    name: &str,
) -> anyhow::Result<()> {
    // What is there under this name and is no template yet was interrupted.
    drop_database(connection, name).await?;
    execute(connection, format!("create database {name}")).await?;
    let pool = pool(4, postgres.clone().database(name));
    pontual::db::migrate(&pool).await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "do $$ begin create role {APP_LOGIN}; exception when duplicate_object then null; end $$;
         alter role {APP_LOGIN} login nosuperuser nobypassrls password '{APP_PASSWORD}';
         grant pontual_app to {APP_LOGIN};"
    )))
    .execute(&pool)
    .await?;
    pool.close().await;
    let sql = format!("alter database {name} with is_template true allow_connections false");
    execute(connection, sql).await?;

    let old: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database
          where datname like 'pontual\\_template\\_%' and datistemplate and datname <> $1
          order by oid desc offset $2",
    )
    .bind(name)
    .bind(OLD_TEMPLATES)
    .fetch_all(&mut *connection)
    .await?;
    for old in old {
        execute(connection, format!("alter database {old} with is_template false")).await?;
        drop_database(connection, &old).await?;
    }
    Ok(())
}

async fn drop_database(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    execute(connection, format!("drop database if exists {name} with (force)")).await
}

async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

static SHARE: Mutex<Option<Cluster>> = Mutex::new(None);

/// Takes this process's share of the checkout's test server, given back when the process exits.
fn share_of_embedded_server() -> anyhow::Result<String> {
    let state_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/.data");
    let cluster = Cluster::start(&Options::from_environment(state_dir, Profile::Test)?)?;
    let url = cluster.url("postgres");
    *share() = Some(cluster);
    give_back_at_exit();
    Ok(url)
}

fn share() -> MutexGuard<'static, Option<Cluster>> {
    SHARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The test harness leaves by `exit`, which drops no statics. A run that is killed gives its share
/// back as well, but its server goes on until the next run stops it.
#[expect(unsafe_code, reason = "neither std nor a crate in use registers exit handlers")]
fn give_back_at_exit() {
    extern "C" fn give_back() {
        let _ = std::panic::catch_unwind(|| drop(share().take()));
    }
    // SAFETY: the handler is a function of this program that does not unwind, and the statics it
    // uses are never destroyed.
    unsafe { libc::atexit(give_back) };
}

#[tokio::test]
async fn tests_do_not_see_each_others_rows() {
    let (one, other) = tokio::join!(TestDb::new(), TestDb::new());
    sqlx::query("create table public.notes (n int)").execute(&one.owner).await.unwrap();
    let missing = sqlx::query("select from public.notes").execute(&other.owner).await;
    assert!(missing.unwrap_err().to_string().contains("does not exist"));
}

#[tokio::test]
async fn a_database_is_migrated_and_goes_with_its_test() {
    let (db, other) = tokio::join!(TestDb::new(), TestDb::new());
    let exists = "select to_regnamespace('app') is not null";
    assert!(sqlx::query_scalar::<_, bool>(exists).fetch_one(&db.owner).await.unwrap());
    let names = "select count(*) from pg_database where datname = $1";
    let count = async |name: &str| -> i64 {
        sqlx::query_scalar(names).bind(name).fetch_one(&other.owner).await.unwrap()
    };
    let name = db.name.clone();
    assert_eq!(count(&name).await, 1);
    drop(db);
    assert_eq!(count(&name).await, 0);
}

#[tokio::test]
async fn the_program_has_no_more_rights_in_tests_than_in_production() {
    let db = TestDb::new().await;
    let mut connection = PgConnection::connect(&db.url_app()).await.unwrap();
    let (login, is_bound, groups): (String, bool, Vec<String>) = sqlx::query_as(
        "select rolname::text,
                not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb),
                array(select roleid::regrole::text from pg_auth_members where member = r.oid)
           from pg_roles r
          where rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(login, APP_LOGIN);
    assert!(is_bound);
    assert_eq!(groups, ["pontual_app"]);
    let pooled: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&db.app).await.unwrap();
    assert_eq!(pooled, APP_LOGIN);

    let mut owner = PgConnection::connect(&db.url_owner()).await.unwrap();
    let is_super: String = sqlx::query_scalar("select current_setting('is_superuser')")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(is_super, "on");
}

#[tokio::test]
async fn databases_of_dead_processes_are_removed_and_those_of_the_living_stay() {
    let db = TestDb::new().await;
    let postgres = Server::shared().as_owner("postgres");
    let [mut ours, mut living] =
        [postgres.connect().await.unwrap(), postgres.connect().await.unwrap()];
    let process = lock_process(&mut living).await.unwrap();
    let kept = format!("{}0", database_prefix(process));
    execute(&mut ours, format!("create database {kept}")).await.unwrap();
    let remaining = async || -> Vec<String> {
        sqlx::query_scalar(
            "select datname::text from pg_database where datname = any($1) order by 1",
        )
        .bind(vec![kept.clone(), db.name.clone()])
        .fetch_all(&db.owner)
        .await
        .unwrap()
    };

    remove_databases_of_dead_processes(&mut ours).await.unwrap();
    assert_eq!(remaining().await.len(), 2, "both processes live");

    living.close().await.unwrap();
    // The server lets the lock go a moment after the connection has ended.
    let limit = Instant::now() + Duration::from_secs(5);
    while remaining().await.len() == 2 && Instant::now() < limit {
        remove_databases_of_dead_processes(&mut ours).await.unwrap();
    }
    assert_eq!(remaining().await, [db.name.as_str()]);
}
