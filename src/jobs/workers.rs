//! A pool of workers: one apalis worker a kind, restarted when the database was away.

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use apalis::prelude::{
    Backend, BoxDynError, Data, Task, TaskBuilder, TaskId, WorkerBuilder, WorkerBuilderExt as _,
    WorkerContext,
};
use apalis_core::backend::BackendConfig;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::layers::Identity;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use uuid::Uuid;

use super::fetcher::{Fetcher, Kind, Taken, Wakes, listen};
use super::held::Held;
use super::{
    Attempt, Context, DeliverMessages, Done, Interpret, Job, JobError, MergeCustomers,
    ProcessMessage, ReplanReminders, SendReminder, maintenance, watch_instances,
};
use crate::db::Pooler;
use crate::metrics;
use crate::trace::{self, Span};

/// The queue's last word at a stop: what is given back, and that we are gone.
const FAREWELL: Duration = Duration::from_secs(3);

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
    /// Jobs, and what goes on beside them.
    tasks: Vec<JoinHandle<()>>,
    /// The fetcher, which outlives them, and what ends it.
    fetcher: JoinHandle<()>,
    gone: CancellationToken,
}

impl Workers {
    /// Starts a worker for each kind, and what they share.
    pub fn start(cx: Context, settings: Settings) -> Self {
        Self::start_listening_on(None, cx, settings)
    }

    /// As [`Workers::start`], woken through a connection of `direct`, which no pooler of transactions
    /// may stand before; `None`: of the jobs' own pool, unless it has such a pooler.
    pub fn start_listening_on(direct: Option<PgPool>, cx: Context, settings: Settings) -> Self {
        let (stop, gone) = (CancellationToken::new(), CancellationToken::new());
        let mut crew = Crew {
            cx: Arc::new(cx),
            settings,
            held: Arc::default(),
            stop: stop.clone(),
            kinds: Vec::new(),
            tasks: Vec::new(),
        };
        crew.hire::<ProcessMessage>();
        crew.hire::<DeliverMessages>();
        crew.hire::<SendReminder>();
        crew.hire::<ReplanReminders>();
        crew.hire::<MergeCustomers>();
        crew.hire::<Interpret>();
        let Crew { cx, held, kinds, mut tasks, .. } = crew;
        tasks.push(tokio::spawn(maintenance::keep(cx.pool.clone(), stop.clone())));
        let wakes = Arc::new(Wakes::of(&kinds));
        let own = || (Pooler::of(&cx.pool) == Pooler::None).then(|| cx.pool.clone());
        if let Some(pool) = direct.or_else(own) {
            tasks.push(tokio::spawn(listen(pool, Arc::clone(&wakes), stop.clone())));
        } else {
            tracing::info!(
                "no direct connection to listen on: work is looked for once a second; \
                 DATABASE_DIRECT_URL gives one"
            );
        }
        let fetcher = Fetcher::new(&cx.pool, kinds, held, wakes);
        let fetcher = tokio::spawn(fetcher.run(stop.clone(), gone.clone()));
        Self { cx, stop, tasks, fetcher, gone }
    }

    /// Also looks after the instances: how they are connected, and what their webhooks lost.
    #[must_use]
    pub fn watching(mut self) -> Self {
        let watching = watch_instances::keep(Arc::clone(&self.cx), self.stop.clone());
        self.tasks.push(tokio::spawn(watching));
        self
    }

    /// Takes no more jobs and gives back what has not begun, at once; lets running ones end, at most
    /// for `patience`; then stops those and gives them back too.
    pub async fn stop(self, patience: Duration) {
        self.stop.cancel();
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures::future::join_all(self.tasks);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("jobs were still running; others take them up");
            for task in aborts {
                task.abort();
            }
        }
        self.gone.cancel();
        if tokio::time::timeout(FAREWELL, self.fetcher).await.is_err() {
            tracing::warn!("the database does not answer; what was held runs elsewhere in 15 s");
        }
    }
}

/// What the workers of the kinds share, while they are started.
struct Crew {
    cx: Arc<Context>,
    settings: Settings,
    held: Arc<Held>,
    stop: CancellationToken,
    kinds: Vec<Kind>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Starts the worker of a kind.
    fn hire<J: Job>(&mut self) {
        let slots = self.settings.concurrency * J::SHARE;
        let (jobs, inbox) = mpsc::unbounded_channel();
        let worker = format!("{}:{}", J::KIND, Uuid::now_v7().simple());
        self.kinds.push(Kind { name: J::KIND, worker: worker.clone(), slots, jobs });
        let desk = Desk {
            cx: Arc::clone(&self.cx),
            held: Arc::clone(&self.held),
            stop: self.stop.clone(),
        };
        let inbox = Inbox(Arc::new(Mutex::new(inbox)));
        self.tasks.push(tokio::spawn(keep_running::<J>(desk, worker, slots, inbox)));
    }
}

/// What each attempt works with.
#[derive(Clone)]
struct Desk {
    cx: Arc<Context>,
    held: Arc<Held>,
    stop: CancellationToken,
}

/// Where apalis finds the jobs of a kind: what the fetcher has handed on.
struct Inbox(Arc<Mutex<mpsc::UnboundedReceiver<Taken>>>);

impl Backend for Inbox {
    type Task = Task<Taken>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Taken>, Infallible>>> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.poll_recv(cx).map(|taken| {
            let taken = taken?;
            let id = TaskId::from_string(taken.id.clone());
            Some(Ok(TaskBuilder::new(taken).task_id(id).build()))
        })
    }

    fn poll_close(
        &mut self,
        _: &mut std::task::Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Inbox {
    type Args = Taken;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// Runs a kind's worker until told to stop, anew should it end by itself.
async fn keep_running<J: Job>(desk: Desk, name: String, slots: usize, inbox: Inbox) {
    while !desk.stop.is_cancelled() {
        let worker = WorkerBuilder::new(name.as_str())
            .backend(Inbox(Arc::clone(&inbox.0)))
            .concurrency(slots)
            .data(desk.clone())
            .build(perform::<J>);
        let until = desk.stop.clone();
        let ended = worker
            .run_until(async move {
                until.cancelled().await;
                Ok::<(), apalis::prelude::WorkerError>(())
            })
            .await;
        if desk.stop.is_cancelled() {
            break;
        }
        tracing::error!(
            job.kind = J::KIND,
            error = ended.err().map(|error| error.to_string()),
            "a worker ended by itself; starting it again"
        );
        desk.stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await;
    }
}

/// One attempt: in a task of its own, so that a panic hurts nobody else, with a time limit.
async fn perform<J: Job>(taken: Taken, desk: Data<Desk>) -> Result<(), BoxDynError> {
    let Taken { id: job_id, worker, attempt: number, args, waited, traceparent } = taken;
    if !desk.held.begin(&job_id) {
        return Ok(()); // given back
    }
    let attempt = Attempt { job_id, worker, number, stop: desk.stop.clone() };
    let traced = traced::<J>(&attempt, &args, traceparent.as_deref());
    let span = tracing::info_span!(
        "job",
        job.kind = J::KIND, job.id = %attempt.job_id, job.attempt = attempt.number, trace.id = traced.trace_id(),
    );
    metrics::job_taken(J::KIND, waited);
    let began = Instant::now();
    let work = async {
        let outcome = attempted::<J>(args, Arc::clone(&desk.cx), attempt.clone()).await;
        let name = name_of(&outcome);
        metrics::job_attempt(J::KIND, name, began.elapsed());
        traced.note("job.outcome", name);
        if matches!(outcome, Err(JobError::Retry(_) | JobError::GiveUp(_))) {
            traced.fail(name);
        }
        record(&desk.cx, &attempt, outcome).await;
    };
    traced.around(work).instrument(span).await;
    desk.held.end(&attempt.job_id);
    Ok(())
}

/// The attempt's span, with the ids that its arguments are.
fn traced<J: Job>(attempt: &Attempt, args: &serde_json::Value, traceparent: Option<&str>) -> Span {
    let span = if J::IS_LATE {
        Span::late_job(J::KIND, traceparent)
    } else {
        Span::job(J::KIND, traceparent)
    };
    if trace::is_on() {
        span.note("job.id", attempt.job_id.clone());
        span.note("job.attempt", i64::try_from(attempt.number).unwrap_or(i64::MAX));
        for (argument, name) in [
            ("tenant_id", "tenant.id"),
            ("conversation_id", "conversation.id"),
            ("message_id", "message.id"),
            ("notification_id", "notification.id"),
        ] {
            // An id and nothing else, whatever somebody enqueues by hand.
            let id = args.get(argument).and_then(|id| id.as_str()?.parse::<Uuid>().ok());
            if let Some(id) = id {
                span.note(name, id.to_string());
            }
        }
    }
    span
}

/// What metrics and traces call an outcome.
fn name_of(outcome: &Result<Done, JobError>) -> &'static str {
    match outcome {
        Ok(Done::Finish | Done::Recorded) => "done",
        Err(JobError::Snooze(_)) => "snoozed",
        Err(JobError::Retry(_)) => "failed",
        Err(JobError::GiveUp(_)) => "gave_up",
    }
}

async fn attempted<J: Job>(
    args: serde_json::Value,
    cx: Arc<Context>,
    attempt: Attempt,
) -> Result<Done, JobError> {
    let job: J = serde_json::from_value(args).map_err(|error| {
        JobError::GiveUp(anyhow::anyhow!("arguments of another shape: {error}"))
    })?;
    // Ends with us, when what runs is stopped.
    let mut running = AbortOnDropHandle::new(tokio::spawn(
        trace::carried(async move { job.run(&cx, &attempt).await }).in_current_span(),
    ));
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

/// Writes the outcome. If even that fails, the next signs of life put the job back.
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
        let (channels, copies) = (Channels::default(), crate::db::Copies::default());
        Context { pool, clock: Clock::default(), gateway, keys, channels, copies, model: None }
    }

    async fn outcome(args: serde_json::Value) -> Result<Done, String> {
        let cx = context();
        let attempt = Attempt {
            job_id: "1".to_owned(),
            worker: "w".to_owned(),
            number: 1,
            stop: CancellationToken::new(),
        };
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
    async fn a_database_that_goes_just_before_the_stop_alarms_nobody() {
        let log = log_of_workers_stopped_after(Duration::from_millis(100)).await;
        assert!(!log.contains("cannot look for jobs"), "{log}");
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_told_of() {
        let log = log_of_workers_stopped_after(Duration::from_millis(800)).await;
        assert!(log.contains("cannot look for jobs"), "{log}");
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
