//! Nothing of a person is in logs, metrics and the arguments and errors of jobs.

use std::io;
use std::sync::{Arc, Mutex};

use pontual::gateway_sim::Fault;
use pontual::gateway_sim::fault::SendFault;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::lives;
use super::marks::{self, Words};
use crate::support::stack::{PATIENCE, Stack};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

// One thread for all, so that whatever runs is heard.
#[tokio::test(flavor = "current_thread")]
async fn logs_metrics_and_jobs_hold_nothing_of_a_person() {
    // In a process of its own: what others do not listen to in this one would stay unheard.
    if std::env::var_os("PONTUAL_TEST_ALONE").is_none() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "privacy::logs::logs_metrics_and_jobs_hold_nothing_of_a_person"])
            .env("PONTUAL_TEST_ALONE", "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&alone.stdout);
        assert!(alone.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("pontual=trace,sqlx=debug,apalis=debug,apalis_core=debug,apalis_postgres=debug,tower_http=trace,info"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _heard = tracing::subscriber::set_default(subscriber);
    let mut stack = Stack::new().await;
    let words = Words::new();
    let api = lives(&mut stack, &words).await;
    // A gateway that quotes what it refuses, and a job that dies of it.
    stack.sim.set_fault(Fault::of_sends(SendFault::UnknownNumber));
    let conversation: uuid::Uuid = stack.value("select id from app.conversations").await;
    let path = format!("/conversations/{conversation}/messages");
    let written = api.post(&path, json!({"text": words.next()})).await;
    assert!(written.status < 300, "{written:?}");
    let failed = async {
        while stack
            .value::<i64>("select count(*) from app.outbound_messages where status = 'failed'")
            .await
            == 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("a failed message");
    stack.stop_working().await;

    let text = log.text();
    assert!(text.contains("http.route") && text.contains("request{"), "nothing was heard: {text}");
    assert_eq!(marks::found_in(&text, &words), Vec::<String>::new(), "in logs");

    let metrics = stack.http.get(format!("{}/metrics", stack.base)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert_eq!(marks::found_in(&metrics, &words), Vec::<String>::new(), "in metrics");

    let jobs: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', convert_from(job, 'UTF8'), metadata::text, last_result::text, idempotency_key, lock_by) from apalis.jobs",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert!(jobs.len() >= 10, "{jobs:?}");
    assert_eq!(marks::found_in(&jobs.join("\n"), &words), Vec::<String>::new(), "in jobs");
    let errors: Vec<String> =
        sqlx::query_scalar("select error from app.outbound_messages where error is not null")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert!(!errors.is_empty());
    assert_eq!(marks::found_in(&errors.join("\n"), &words), Vec::<String>::new(), "in errors");
}
