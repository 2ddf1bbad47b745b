//! Takes jobs for a whole process: one look for all kinds in one statement, on a connection of its
//! own, and one sign of life for all of them.
//!
//! The store that comes with apalis looks, and shows that it lives, for each kind by itself, which
//! an idle machine pays for: 27 statements a second where this makes two. It also looked while its
//! worker was full, took more than could begin, and gave that back only once everything that ran had
//! ended. Here no more is taken than there are free places, a look that is under way is always
//! waited for, and at a stop the rest goes back at once. What is taken and then lost, because the
//! answer did not arrive or an outcome could not be written, is put back by the sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgNotification, PgPool};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::held::Held;
use super::pulse::Pulse;
use crate::db::Pooler;

/// How often it shows that it lives. A process that has not for [`DEAD_AFTER`] is dead, and what it
/// held runs elsewhere: within 15 s, or one sign of life of somebody else more.
const HEARTBEAT: Duration = Duration::from_secs(5);
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// A statement that takes longer has met a server that hangs, or a connection that is dead.
const PATIENCE: Duration = Duration::from_secs(5);
/// Takes jobs. Metadata is read as text: where its type lives differs from server to server.
const LOOK: &str =
    "select id, job_type, job, attempts, extract(epoch from app.now() - run_at)::float8,
       substring(metadata::text from '\"traceparent\"=>\"([0-9a-f-]{55})\"')
  from queue.take($1, $2, $3)";
/// What it tells of each: id, kind, arguments, attempt, seconds it was due, the span that enqueued it.
type Row = (String, String, Vec<u8>, i32, f64, Option<String>);
/// Until the next try, when the database is away.
const RETRY: Duration = Duration::from_secs(1);
/// Who stops everything may stop the database a moment before us: no warning then.
const LAST_ORDERS: Duration = Duration::from_millis(200);

/// A job in the hands of this process.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: String,
    /// Under which name it is held.
    pub(super) worker: String,
    /// Which attempt this is, 1 for the first.
    pub(super) attempt: usize,
    pub(super) args: serde_json::Value,
    /// For how long it had been due, in seconds.
    pub(super) waited: f64,
    /// The span that enqueued it.
    pub(super) traceparent: Option<String>,
}

/// One kind of job, and where its jobs go.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// This process's name for what it holds of this kind; unique in the whole database.
    pub(super) worker: String,
    /// Jobs at once.
    pub(super) slots: usize,
    pub(super) jobs: mpsc::UnboundedSender<Taken>,
}

/// Kinds that `queue.enqueue` has named since the last look.
pub(super) struct Wakes {
    named: Vec<(&'static str, AtomicBool)>,
    some: Notify,
}

impl Wakes {
    pub(super) fn of(kinds: &[Kind]) -> Self {
        let named = kinds.iter().map(|kind| (kind.name, AtomicBool::new(false))).collect();
        Self { named, some: Notify::new() }
    }

    /// There may be work of this kind; `None`: of any.
    fn wake(&self, kind: Option<&str>) {
        for (_, woken) in
            self.named.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == *name))
        {
            woken.store(true, Ordering::Release);
        }
        self.some.notify_one();
    }

    /// Whether the kind of this number was named; forgets it.
    fn take(&self, number: usize) -> bool {
        self.named[number].1.swap(false, Ordering::AcqRel)
    }
}

/// Wakes what `queue.enqueue` names. One direct connection a process (behind a transaction
/// pooler it must be direct, or workers see only what the slow look finds).
pub(super) async fn listen(pool: PgPool, wakes: Arc<Wakes>, stop: CancellationToken) {
    let wait = async {
        loop {
            match PgListener::connect_with(&pool).await {
                Ok(mut listener) => {
                    if listener.listen("pontual_jobs").await.is_ok() {
                        // Whatever was told while nobody listened.
                        wakes.wake(None);
                        while let Ok(told) = listener.try_recv().await {
                            wakes.wake(told.as_ref().map(PgNotification::payload));
                        }
                    }
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot listen for jobs; they are found by looking until the database answers"
                ),
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    stop.run_until_cancelled(wait).await;
}

/// The queue's counterpart in this process.
pub(super) struct Fetcher {
    kinds: Vec<Kind>,
    held: Arc<Held>,
    wakes: Arc<Wakes>,
    line: Line,
    next_beat: Instant,
}

impl Fetcher {
    pub(super) fn new(pool: &PgPool, kinds: Vec<Kind>, held: Arc<Held>, wakes: Arc<Wakes>) -> Self {
        let line = Line { pool: pool.clone(), connection: None };
        Self { kinds, held, wakes, line, next_beat: Instant::now() }
    }

    /// Takes jobs until `stop`, gives back what has not begun, and lives on until `gone`: what runs
    /// is not to be taken for dead.
    pub(super) async fn run(mut self, stop: CancellationToken, gone: CancellationToken) {
        let mut pulses: Vec<_> = self.kinds.iter().map(|_| Pulse::new(Instant::now())).collect();
        let mut is_away = false;
        while !stop.is_cancelled() {
            match self.take_turns(&mut pulses, &stop).await {
                Ok(()) => is_away = false,
                Err(error) => {
                    self.line.connection = None;
                    if stop.run_until_cancelled(tokio::time::sleep(LAST_ORDERS)).await.is_none() {
                        break;
                    }
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot look for jobs, most likely because the database is away; trying again each second"
                        );
                    }
                    stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
            }
        }
        let unbegun = self.held.forget_unbegun();
        self.put_back(&unbegun, false).await;
        while gone.run_until_cancelled(sleep_until(self.next_beat)).await.is_some() {
            if self.beat().await.is_err() {
                self.line.connection = None;
                self.next_beat = Instant::now() + RETRY;
            }
        }
        // Whatever still ran has been stopped; another process takes it up, and knows by the job
        // how far it had come.
        let unfinished = self.held.ids();
        if self.put_back(&unfinished, true).await {
            let workers = self.workers();
            let left = self.line.ask::<()>("select queue.leave($1)", |query| query.bind(workers));
            left.await.ok();
        }
    }

    /// Waits until something is to be done, and does it.
    async fn take_turns(
        &mut self,
        pulses: &mut [Pulse],
        stop: &CancellationToken,
    ) -> sqlx::Result<()> {
        if self.next_beat <= Instant::now() {
            self.beat().await?;
        }
        let free: Vec<usize> = self
            .kinds
            .iter()
            .map(|kind| kind.slots.saturating_sub(self.held.count(kind.name)))
            .collect();
        for (number, pulse) in pulses.iter_mut().enumerate() {
            if self.wakes.take(number) {
                pulse.notified(Instant::now());
            }
        }
        let open = || (0..self.kinds.len()).filter(|number| free[*number] > 0);
        let next = open().map(|number| pulses[number].next_look()).min();
        let now = Instant::now();
        if next.is_none_or(|next| next > now) {
            let until = next.map_or(self.next_beat, |next| next.min(self.next_beat));
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wakes.some.notified() => {}
                // Only who is full waits for an end: others look in time.
                () = self.held.one_ended(), if open().count() < self.kinds.len() => {}
                () = sleep_until(until) => {}
            }
            return Ok(());
        }
        let asked: Vec<usize> = open().filter(|number| pulses[*number].joins(now)).collect();
        let found = self.look(&asked, &free).await?;
        let now = Instant::now();
        for number in &asked {
            pulses[*number].looked(now, free[*number], found[*number]);
        }
        let drowsy: Vec<usize> =
            asked.into_iter().filter(|number| pulses[*number].is_drowsy(now)).collect();
        if !drowsy.is_empty() {
            self.doze(&drowsy, pulses).await?;
        }
        Ok(())
    }

    /// Takes what is due of these kinds and hands it on; how many of each kind.
    async fn look(&mut self, asked: &[usize], free: &[usize]) -> sqlx::Result<Vec<usize>> {
        let of = |number: &usize| &self.kinds[*number];
        let workers: Vec<&str> = asked.iter().map(|number| of(number).worker.as_str()).collect();
        let kinds: Vec<&str> = asked.iter().map(|number| of(number).name).collect();
        let most: Vec<i32> =
            asked.iter().map(|number| i32::try_from(free[*number]).unwrap_or(i32::MAX)).collect();
        let rows: Vec<Row> =
            self.line.ask(LOOK, |query| query.bind(workers).bind(kinds).bind(most)).await?;
        let mut found = vec![0; self.kinds.len()];
        for (id, kind, args, attempts, waited, traceparent) in rows {
            let Some(number) = self.kinds.iter().position(|known| known.name == kind) else {
                continue;
            };
            found[number] += 1;
            let kind = &self.kinds[number];
            // One that still runs here from before: its outcome will be the job's.
            if !self.held.add(&id, kind.name) {
                continue;
            }
            let taken = Taken {
                id,
                worker: kind.worker.clone(),
                attempt: usize::try_from(attempts).unwrap_or(1),
                // What is no JSON has no shape that any job takes.
                args: serde_json::from_slice(&args).unwrap_or_default(),
                waited,
                traceparent,
            };
            // Nobody is there to take it once the stop has begun: it goes back with what has not.
            kind.jobs.send(taken).ok();
        }
        Ok(found)
    }

    async fn doze(&mut self, drowsy: &[usize], pulses: &mut [Pulse]) -> sqlx::Result<()> {
        let kinds: Vec<&str> = drowsy.iter().map(|number| self.kinds[*number].name).collect();
        let due: Vec<(String, Option<f64>)> = self
            .line
            .ask("select kind, extract(epoch from due_in)::float8 from queue.doze($1)", |query| {
                query.bind(kinds)
            })
            .await?;
        let now = Instant::now();
        for (kind, seconds) in due {
            let due_in = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            if let Some(number) = self.kinds.iter().position(|known| known.name == kind) {
                pulses[number].falls_asleep(now, due_in);
            }
        }
        Ok(())
    }

    /// Shows that it lives, and has others' and its own lost jobs put back.
    async fn beat(&mut self) -> sqlx::Result<()> {
        let (workers, held) = (self.workers(), self.held.ids());
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
        let lost: Vec<(i32,)> = self
            .line
            .ask("select queue.beat($1, $2, $3, $4)", |query| {
                query.bind(workers).bind(kinds).bind(held).bind(DEAD_AFTER)
            })
            .await?;
        self.next_beat = Instant::now() + HEARTBEAT;
        if let Some((lost @ 1..,)) = lost.first() {
            tracing::warn!(jobs = lost, "put back what workers that died, or this one, had lost");
        }
        Ok(())
    }

    /// Whether the database knows that these are ours no more.
    async fn put_back(&mut self, jobs: &[String], begun: bool) -> bool {
        if jobs.is_empty() {
            return true;
        }
        let workers = self.workers();
        let given = self
            .line
            .ask::<(i32,)>("select queue.give_back($1, $2, $3)", |query| {
                query.bind(jobs).bind(workers).bind(begun)
            })
            .await;
        if let Err(error) = &given {
            self.line.connection = None;
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "jobs could not be given back; others take them up when this process counts as dead"
            );
        }
        given.is_ok()
    }

    fn workers(&self) -> Vec<String> {
        self.kinds.iter().map(|kind| kind.worker.clone()).collect()
    }
}

/// A connection beside the pool's: jobs that take all of those must not keep us from showing that we
/// live. Made anew after each error.
struct Line {
    pool: PgPool,
    connection: Option<PgConnection>,
}

impl Line {
    /// Asks, and waits for an answer for so long. A statement whose answer did not come may have
    /// been carried out.
    async fn ask<'q, R>(
        &mut self,
        statement: &'static str,
        bind: impl FnOnce(QueryAs<'q, R>) -> QueryAs<'q, R>,
    ) -> sqlx::Result<Vec<R>>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let pooled = Pooler::of(&self.pool) == Pooler::Transaction;
        let answer = timeout(PATIENCE, async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => {
                    let options = self.pool.connect_options();
                    none.insert(PgConnection::connect_with(&options).await?)
                }
            };
            let query = bind(sqlx::query_as(statement));
            if pooled {
                let mut tx = connection.begin().await?;
                let rows = query.fetch_all(&mut *tx).await?;
                tx.commit().await?;
                return Ok(rows);
            }
            query.fetch_all(connection).await
        })
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }
}

type QueryAs<'q, R> = sqlx::query::QueryAs<'q, sqlx::Postgres, R, sqlx::postgres::PgArguments>;
