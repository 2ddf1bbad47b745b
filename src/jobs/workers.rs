//! A pool of workers: one apalis worker a kind, restarted when the database was away.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{
    Attempt as ApalisAttempt, BackendExt as _, BoxDynError, Data, TaskId, WorkerBuilder,
    WorkerBuilderExt as _, WorkerContext,
};
use apalis_postgres::{Config, PostgresStorage};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

use super::pulse::{Pulse, listen};
use super::{
    Attempt, Context, DeliverMessages, Done, Job, JobError, MergeCustomers, ProcessMessage,
    ReplanReminders, SendReminder, maintenance, watch_instances,
};
use crate::db::Pooler;

/// A worker that has not shown itself for this many heartbeats is dead, and what it held runs
/// elsewhere: within 15 s, or one heartbeat more.
const HEARTBEAT: Duration = Duration::from_secs(5);
const MISSED: usize = 3;

/// A worker that ended by itself is worth a warning only if no stop follows within this time.
const LAST_ORDERS: Duration = Duration::from_millis(200);

/// How a pool works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Jobs of one kind at once, at least 1. The pool of connections should be larger.
    pub concurrency: usize,
}

/// A running pool; [`Workers::stop`] ends it.
pub struct Workers {
    cx: Arc<Context>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts a worker for each kind, and what they share.
    pub fn start(cx: Context, settings: Settings) -> Self {
        Self::start_listening_on(None, cx, settings)
    }

    /// As [`Workers::start`], woken through a connection of `direct`, which no pooler of transactions
    /// may stand before; `None`: of the jobs' own pool, unless it has such a pooler.
    pub fn start_listening_on(direct: Option<PgPool>, cx: Context, settings: Settings) -> Self {
        let stop = CancellationToken::new();
        let cx = Arc::new(cx);
        let pulses = [
            ProcessMessage::KIND,
            DeliverMessages::KIND,
            SendReminder::KIND,
            ReplanReminders::KIND,
            MergeCustomers::KIND,
        ]
        .map(Pulse::new);
        let mut tasks = vec![
            tokio::spawn(keep_running::<ProcessMessage>(&cx, settings, &pulses[0], &stop)),
            tokio::spawn(keep_running::<DeliverMessages>(&cx, settings, &pulses[1], &stop)),
            tokio::spawn(keep_running::<SendReminder>(&cx, settings, &pulses[2], &stop)),
            tokio::spawn(keep_running::<ReplanReminders>(&cx, settings, &pulses[3], &stop)),
            tokio::spawn(keep_running::<MergeCustomers>(&cx, settings, &pulses[4], &stop)),
            tokio::spawn(maintenance::keep(cx.pool.clone(), stop.clone())),
        ];
        for pulse in &pulses {
            tasks.push(tokio::spawn(Arc::clone(pulse).doze(cx.pool.clone(), stop.clone())));
        }
        let own = || (Pooler::of(&cx.pool) == Pooler::None).then(|| cx.pool.clone());
        if let Some(pool) = direct.or_else(own) {
            tasks.push(tokio::spawn(listen(pool, pulses.to_vec(), stop.clone())));
        } else {
            tracing::info!(
                "no direct connection to listen on: work is looked for once a second; \
                 DATABASE_DIRECT_URL gives one"
            );
        }
        Self { cx, stop, tasks }
    }

    /// Also looks after the instances: how they are connected, and what their webhooks lost.
    #[must_use]
    pub fn watching(mut self) -> Self {
        let watching = watch_instances::keep(Arc::clone(&self.cx), self.stop.clone());
        self.tasks.push(tokio::spawn(watching));
        self
    }

    /// Takes no more jobs, lets running ones end (at most `patience`), gives the rest back.
    pub async fn stop(self, patience: Duration) {
        self.stop.cancel();
        let all = futures::future::join_all(self.tasks);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(
                "jobs were still running; others take them up when this process is gone"
            );
        }
    }
}

/// Runs a kind's worker until told to stop, anew whenever it ends by itself.
fn keep_running<J: Job>(
    cx: &Arc<Context>,
    settings: Settings,
    pulse: &Arc<Pulse>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<J> {
    let (cx, pulse, stop) = (Arc::clone(cx), Arc::clone(pulse), stop.clone());
    let slots = settings.concurrency * J::SHARE;
    async move {
        while !stop.is_cancelled() {
            let config = Config::default()
                .queue(J::KIND)
                .batch_size(slots)
                .heartbeat_interval(HEARTBEAT)
                .missed_heartbeats(MISSED)
                .lock_tasks(false)
                .persist_results(false);
            let backend = PostgresStorage::<serde_json::Value>::new(&cx.pool)
                .with_config(config)
                .poll_with_strategy(pulse.strategy());
            // A name of its own each time: names are unique in the whole database.
            let worker = WorkerBuilder::new(format!("{}:{}", J::KIND, Uuid::now_v7().simple()))
                .backend(backend)
                .concurrency(slots)
                .data(Arc::clone(&cx))
                .build(perform::<J>);
            let until = stop.clone();
            let ended = worker
                .run_until(async move {
                    until.cancelled().await;
                    Ok::<(), apalis::prelude::WorkerError>(())
                })
                .await;
            // Who stops everything may stop the database a moment before us.
            if stop.run_until_cancelled(tokio::time::sleep(LAST_ORDERS)).await.is_none() {
                break;
            }
            tracing::warn!(
                job.kind = J::KIND,
                error = ended.err().map(|error| error.to_string()),
                "a worker ended, most likely because the database was away; starting it again"
            );
            stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await;
        }
    }
}

/// One attempt: in a task of its own, so that a panic hurts nobody else, with a time limit.
async fn perform<J: Job>(
    args: serde_json::Value,
    id: TaskId,
    number: ApalisAttempt,
    worker: WorkerContext,
    cx: Data<Arc<Context>>,
) -> Result<(), BoxDynError> {
    let attempt = Attempt {
        job_id: id.to_string(),
        worker: worker.name().to_owned(),
        number: number.current(),
    };
    let span = tracing::info_span!("job", job.kind = J::KIND, job.id = %attempt.job_id, job.attempt = attempt.number);
    let outcome =
        attempted::<J>(args, Arc::clone(&cx), attempt.clone()).instrument(span.clone()).await;
    record(&cx, &attempt, outcome).instrument(span).await;
    Ok(())
}

async fn attempted<J: Job>(
    args: serde_json::Value,
    cx: Arc<Context>,
    attempt: Attempt,
) -> Result<Done, JobError> {
    let job: J = serde_json::from_value(args).map_err(|error| {
        JobError::GiveUp(anyhow::anyhow!("arguments of another shape: {error}"))
    })?;
    let mut running = tokio::spawn(async move { job.run(&cx, &attempt).await }.in_current_span());
    match tokio::time::timeout(J::TIMEOUT, &mut running).await {
        Ok(Ok(outcome)) => outcome,
        // What a panic says may quote a customer.
        Ok(Err(_panic)) => Err(JobError::Retry(anyhow::anyhow!("the attempt panicked"))),
        Err(_) => {
            running.abort();
            Err(JobError::Retry(anyhow::anyhow!("the attempt took longer than {:?}", J::TIMEOUT)))
        }
    }
}

/// Writes the outcome. If even that fails the job stays ours until we end, or ten minutes.
async fn record(cx: &Context, attempt: &Attempt, outcome: Result<Done, JobError>) {
    let (id, worker) = (&attempt.job_id, &attempt.worker);
    let query = match &outcome {
        Ok(Done::Recorded) => return,
        Ok(Done::Finish) => sqlx::query("select queue.finish($1, $2)").bind(id).bind(worker),
        Err(JobError::Snooze(delay)) => {
            sqlx::query("select queue.snooze($1, $2, $3)").bind(id).bind(worker).bind(*delay)
        }
        Err(JobError::Retry(error)) => {
            tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "attempt failed");
            sqlx::query("select queue.retry($1, $2, $3)").bind(id).bind(worker).bind(said(error))
        }
        Err(JobError::GiveUp(error)) => {
            tracing::error!(error = error.as_ref() as &dyn std::error::Error, "gave up");
            sqlx::query("select queue.give_up($1, $2, $3)").bind(id).bind(worker).bind(said(error))
        }
    };
    if let Err(error) = query.execute(crate::db::alone(&cx.pool)).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            source = error.source(),
            "the outcome could not be written; the job runs again once it is taken back"
        );
    }
}

fn said(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use sqlx::postgres::PgPoolOptions;

    use super::*;
    use crate::channel::Channels;
    use crate::channel::whatsapp::client::Gateway;
    use crate::clock::Clock;
    use crate::jobs::GatewayKeys;

    /// Does what its arguments say.
    #[derive(Debug, Serialize, Deserialize)]
    struct DoAsTold {
        does: String,
    }

    impl Job for DoAsTold {
        const KIND: &'static str = "do_as_told";
        const TIMEOUT: Duration = Duration::from_millis(50);

        async fn run(self, _: &Context, _: &Attempt) -> Result<Done, JobError> {
            match self.does.as_str() {
                "panic" => panic!("with words of a customer"),
                "hang" => std::future::pending().await,
                _ => Ok(Done::Finish),
            }
        }
    }

    /// Without database and gateway.
    fn context() -> Context {
        let pool =
            PgPoolOptions::new().connect_lazy("postgres://nobody@localhost/nowhere").unwrap();
        let gateway = Gateway::new("http://localhost:9").unwrap();
        let keys = GatewayKeys::new(String::new(), HashMap::new());
        Context { pool, clock: Clock::default(), gateway, keys, channels: Channels::default() }
    }

    async fn outcome(args: serde_json::Value) -> Result<Done, String> {
        let cx = context();
        let attempt = Attempt { job_id: "1".to_owned(), worker: "w".to_owned(), number: 1 };
        attempted::<DoAsTold>(args, Arc::new(cx), attempt).await.map_err(|error| {
            let kind = match error {
                JobError::Retry(_) => "retry",
                JobError::GiveUp(_) => "give up",
                JobError::Snooze(_) => "snooze",
            };
            format!("{kind}: {error}")
        })
    }

    /// What is logged while workers run that find no database, until they are stopped.
    async fn log_of_workers_stopped_after(running: Duration) -> String {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || LogWriter(Arc::clone(&writer))).finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let mut cx = context();
        cx.pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(20))
            .connect_lazy("postgres://nobody@127.0.0.1:1/nowhere")
            .unwrap();
        let workers = Workers::start(cx, Settings { concurrency: 1 });
        tokio::time::sleep(running).await;
        workers.stop(Duration::from_secs(5)).await;
        let bytes = log.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    struct LogWriter(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for LogWriter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_worker_that_ends_just_before_the_stop_alarms_nobody() {
        let log = log_of_workers_stopped_after(Duration::from_millis(100)).await;
        assert!(!log.contains("a worker ended"), "{log}");
    }

    #[tokio::test]
    async fn a_worker_that_ends_by_itself_is_told_of() {
        let log = log_of_workers_stopped_after(Duration::from_millis(800)).await;
        assert!(log.contains("a worker ended"), "{log}");
    }

    #[tokio::test]
    async fn an_attempt_that_panics_is_tried_again_and_its_words_are_told_to_nobody() {
        let panicked = outcome(json!({ "does": "panic" })).await;
        assert_eq!(panicked, Err("retry: the attempt panicked".to_owned()));
    }

    #[tokio::test]
    async fn an_attempt_that_hangs_is_stopped_and_tried_again() {
        let hung = outcome(json!({ "does": "hang" })).await;
        assert_eq!(hung, Err("retry: the attempt took longer than 50ms".to_owned()));
    }

    #[tokio::test]
    async fn arguments_of_another_shape_can_never_succeed() {
        let wrong = outcome(json!({ "does": 3 })).await.unwrap_err();
        assert!(wrong.starts_with("give up: arguments of another shape"), "{wrong}");
        assert_eq!(outcome(json!({ "does": "end" })).await, Ok(Done::Finish));
    }
}
