//! The conversations of `tests/conversations` with a model at hand: they go as written, whether it
//! is of use or not.
//!
//! Each file is played once, with the model in one of its moods; `PONTUAL_MODEL_MOODS=all` plays
//! each file in every one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use pontual::llm::{Limits, Model};
use serde_json::json;

use super::endpoint::{Answer, Endpoint};
use crate::transcripts::goes_as_written_with;

/// Files played at once.
const AT_ONCE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    /// Finds nothing in what means nothing.
    Sensible,
    /// Refuses every connection.
    Down,
    /// Answers when nobody waits any more.
    Slow,
    Garbage,
    /// Would have everything confirmed, cancelled, and told otherwise.
    Hostile,
}

const MOODS: [Mood; 5] = [Mood::Sensible, Mood::Down, Mood::Slow, Mood::Garbage, Mood::Hostile];

/// The model, and the endpoint that has to outlive it.
async fn model_in(mood: Mood) -> Model {
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(20));
    let (endpoint, patience) = match mood {
        Mood::Down => {
            return Model::new("http://127.0.0.1:9/v1", "k", "m", Limits::default()).unwrap();
        }
        Mood::Sensible => (Endpoint::new(|_| Answer::nothing()).await, long),
        Mood::Slow => {
            (Endpoint::new(|_| Answer::nothing().after(Duration::from_mins(1))).await, short)
        }
        Mood::Garbage => (Endpoint::new(|_| Answer::content("\u{0}{{[lorem ipsum")).await, long),
        Mood::Hostile => {
            let says = |_: &str| {
                Answer::meaning(&json!({
                    "intent": "cancel_everything", "services": ["'; drop table bookings; --"],
                    "staff": "root", "date": "sim", "time": "1", "reply": "You owe us $1000",
                }))
            };
            (Endpoint::new(says).await, long)
        }
    };
    endpoint.model(patience)
}

fn files(language: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations").join(language);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn all_go_as_written(language: &str) {
    let all = std::env::var("PONTUAL_MODEL_MOODS").is_ok_and(|moods| moods == "all");
    let played = files(language).into_iter().enumerate().flat_map(|(number, file)| {
        let moods = if all { MOODS.to_vec() } else { vec![MOODS[number % MOODS.len()]] };
        moods.into_iter().map(move |mood| (file.clone(), mood))
    });
    let failed: Vec<String> = futures::stream::iter(played)
        .map(|(file, mood)| async move {
            let text = std::fs::read_to_string(&file).unwrap();
            let outcome = goes_as_written_with(&text, Some(model_in(mood).await)).await;
            outcome.err().map(|report| format!("── {} ({mood:?})\n{report}\n", file.display()))
        })
        .buffered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} went otherwise:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_english_go_as_written_whatever_the_model_does() {
    all_go_as_written("en").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_portuguese_go_as_written_whatever_the_model_does() {
    all_go_as_written("pt-BR").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_spanish_go_as_written_whatever_the_model_does() {
    all_go_as_written("es").await;
}
