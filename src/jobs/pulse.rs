//! When a worker looks for jobs: fast while there is work, slowly while there is none, at once
//! when notified.
//!
//! The alternatives lost: apalis's stock polling waits for its heartbeat (a median of 21 s at 100
//! jobs/s), and a notify per job serialises commits. So a worker polls every few milliseconds
//! while busy; after a quiet moment it tells the database that it sleeps (`queue.fall_asleep`),
//! and only then does the next `queue.enqueue` notify. A worker with a job that is due within
//! seconds stays awake: the end of a burst is somebody's wait for an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::task::AtomicWaker;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// How often a busy worker looks.
const BUSY: Duration = Duration::from_millis(10);
/// How often a sleeping one looks: for what is due by time alone, and should a notify be lost.
const ASLEEP: Duration = Duration::from_secs(1);
/// How long without work until it falls asleep.
const DROWSY: Duration = Duration::from_millis(500);
/// How long it still polls fast after saying that it sleeps, for transactions that enqueued
/// before they could see it and commit after. Longer ones wait for the slow look.
const LAST_LOOK: Duration = Duration::from_millis(150);

/// Whether one kind's worker in this process is busy or asleep.
pub(super) struct Pulse {
    kind: &'static str,
    born: Instant,
    /// Milliseconds after `born` at which work was last found.
    last_work: AtomicU64,
    asleep: AtomicBool,
    waker: AtomicWaker,
}

impl Pulse {
    pub(super) fn new(kind: &'static str) -> Arc<Self> {
        Arc::new(Self {
            kind,
            born: Instant::now(),
            last_work: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    pub(super) fn strategy(self: &Arc<Self>) -> PulseStrategy {
        PulseStrategy { pulse: Arc::clone(self), timer: Box::pin(tokio::time::sleep(BUSY)) }
    }

    fn wake(&self) {
        self.worked();
        self.waker.wake();
    }

    fn worked(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_work.store(now, Ordering::Relaxed);
        self.asleep.store(false, Ordering::Relaxed);
    }

    fn quiet_for(&self) -> Duration {
        self.born
            .elapsed()
            .saturating_sub(Duration::from_millis(self.last_work.load(Ordering::Relaxed)))
    }

    fn period(&self) -> Duration {
        if self.asleep.load(Ordering::Relaxed) { ASLEEP } else { BUSY }
    }

    /// Tells the database that this kind sleeps whenever it has been quiet for a while.
    pub(super) async fn doze(self: Arc<Self>, pool: PgPool, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(DROWSY / 2)).await.is_some() {
            if self.asleep.load(Ordering::Relaxed) || self.quiet_for() < DROWSY {
                continue;
            }
            // No database, no sleep: the fast look notices its return.
            let due_soon = sqlx::query_scalar::<_, bool>("select queue.due_soon($1)")
                .bind(self.kind)
                .fetch_one(crate::db::alone(&pool))
                .await;
            if due_soon.unwrap_or(true) {
                continue;
            }
            let told = sqlx::query("select queue.fall_asleep($1)")
                .bind(self.kind)
                .execute(crate::db::alone(&pool))
                .await;
            if told.is_err() {
                continue;
            }
            tokio::time::sleep(LAST_LOOK).await;
            if self.quiet_for() >= DROWSY {
                self.asleep.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Wakes what `queue.enqueue` names. One direct connection a process (behind a transaction
/// pooler it must be direct, or workers see only what the slow look finds).
pub(super) async fn listen(pool: PgPool, pulses: Vec<Arc<Pulse>>, stop: CancellationToken) {
    let wait = async {
        loop {
            match PgListener::connect_with(&pool).await {
                Ok(mut listener) => {
                    if listener.listen("pontual_jobs").await.is_ok() {
                        // Whatever was told while nobody listened.
                        for pulse in &pulses {
                            pulse.wake();
                        }
                        while let Ok(told) = listener.try_recv().await {
                            for pulse in &pulses {
                                if told.as_ref().is_none_or(|told| told.payload() == pulse.kind) {
                                    pulse.wake();
                                }
                            }
                        }
                    }
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot listen for jobs; they are found by polling until the database answers"
                ),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    stop.run_until_cancelled(wait).await;
}

/// The poll strategy given to apalis: a timer whose period follows the pulse.
pub(super) struct PulseStrategy {
    pulse: Arc<Pulse>,
    timer: Pin<Box<Sleep>>,
}

impl PollStrategy for PulseStrategy {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        self.pulse.waker.register(cx.waker());
        let next = Instant::now() + self.pulse.period();
        if self.timer.deadline() > next {
            self.timer.as_mut().reset(next);
        }
        // Polled again after each reset: a timer that is not polled wakes nobody.
        while self.timer.as_mut().poll(cx).is_ready() {
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn on_poll(&mut self, snapshot: &PollSnapshot) {
        if snapshot.consecutive_ready > 0 {
            self.pulse.worked();
        }
    }
}
