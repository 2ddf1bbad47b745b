//! Conversations as a salon's owner would write them down, played on the whole program.
//!
//! Each file below `tests/conversations/<language>` is one situation; `docs/transcripts.md` explains
//! their form. `PONTUAL_TRANSCRIPT=word` plays only those with the word in their path;
//! `PONTUAL_BLESS=1` writes what the assistant says now into the files, to be read before it is kept.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use pontual::llm::Model;

use form::{Answer, Transcript, lines_of};
use stage::{Played, play};

mod form;
mod stage;

/// Files played at once: each has a program and a database of its own, which mostly wait.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_english_go_as_written() {
    all_go_as_written("en").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_portuguese_go_as_written() {
    all_go_as_written("pt-BR").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_in_spanish_go_as_written() {
    all_go_as_written("es").await;
}

async fn all_go_as_written(language: &str) {
    let wanted = std::env::var("PONTUAL_TRANSCRIPT").unwrap_or_default();
    let may_write = std::env::var_os("PONTUAL_BLESS").is_some_and(|value| value == "1");
    assert!(!may_write || std::env::var_os("CI").is_none(), "nothing is blessed in CI");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations").join(language);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no conversations in {}", folder.display());
    files.retain(|file| file.to_string_lossy().contains(&wanted));
    let failed: Vec<String> = futures::stream::iter(files)
        .map(|file| async move {
            let name = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
            let outcome = file_goes_as_written(&file, may_write).await;
            outcome.err().map(|report| format!("── {name}\n{report}\n"))
        })
        .buffered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} went otherwise:\n{}", failed.len(), failed.join("\n"));
}

async fn file_goes_as_written(file: &Path, may_write: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    if !may_write {
        return goes_as_written(&text).await;
    }
    let transcript = Transcript::parse(&text)?;
    let mut played = play(&transcript, None).await?;
    let said: Vec<Vec<Answer>> =
        played.iter_mut().map(|step| std::mem::take(&mut step.answers)).collect();
    let blessed = transcript.with_answers(&said);
    if blessed != text {
        std::fs::write(file, blessed).map_err(|error| error.to_string())?;
    }
    // What the database is expected to hold is nothing to be blessed.
    let complaints: Vec<String> = played.into_iter().filter_map(|step| step.complaint).collect();
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// Plays a file's text.
///
/// # Errors
///
/// What went otherwise, step by step, or why it cannot be played.
pub(crate) async fn goes_as_written(text: &str) -> Result<(), String> {
    goes_as_written_with(text, None).await
}

/// As [`goes_as_written`], with a language model that every tenant has switched on.
pub(crate) async fn goes_as_written_with(text: &str, model: Option<Model>) -> Result<(), String> {
    let transcript = Transcript::parse(text)?;
    let report = compare(&transcript, &play(&transcript, model).await?);
    if report.is_empty() { Ok(()) } else { Err(report) }
}

/// What went otherwise than written, step by step; empty: nothing.
fn compare(transcript: &Transcript, played: &[Played]) -> String {
    let mut report = String::new();
    for (step, played) in transcript.steps.iter().zip(played) {
        let mut expected = step.answers.clone();
        let mut got = played.answers.clone();
        // Messages to different people have no order among each other.
        expected.sort_by(|a, b| a.to.cmp(&b.to));
        got.sort_by(|a, b| a.to.cmp(&b.to));
        let differs = expected != got;
        if differs || played.complaint.is_some() {
            let _ = writeln!(report, "line {}:", step.line);
            for line in step.source() {
                let _ = writeln!(report, "   {line}");
            }
        }
        if differs {
            let _ = write!(report, "{}", difference(&lines(&expected), &lines(&got)));
        }
        if let Some(complaint) = &played.complaint {
            let _ = writeln!(report, "   {complaint}");
        }
    }
    report
}

fn lines(answers: &[Answer]) -> Vec<String> {
    if answers.is_empty() {
        return vec!["< (silence)".to_owned()];
    }
    let of_one = |answer: &Answer| {
        let mut lines = lines_of('<', &answer.text);
        lines[0] = format!("{} (to {})", lines[0], answer.to);
        lines
    };
    answers.iter().flat_map(of_one).collect()
}

/// `- ` what was expected, `+ ` what was said, around what is the same.
fn difference(expected: &[String], got: &[String]) -> String {
    let mut longest = vec![vec![0_usize; got.len() + 1]; expected.len() + 1];
    for (i, left) in expected.iter().enumerate().rev() {
        for (j, right) in got.iter().enumerate().rev() {
            longest[i][j] = if left == right {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < expected.len() || j < got.len() {
        let (mark, line) = if i < expected.len() && j < got.len() && expected[i] == got[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &expected[i - 1])
        } else if j == got.len() || (i < expected.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            i += 1;
            ('-', &expected[i - 1])
        } else {
            j += 1;
            ('+', &got[j - 1])
        };
        let _ = writeln!(text, "  {mark} {line}");
    }
    text
}

#[test]
fn a_file_is_read_and_written_without_a_change() {
    let text = "\
Two lines that tell
what this is about.

# tenant studio-lua
# clock 2026-03-10 10:00
# customer Marina +5511988887777
# customer Rita Maria +5521977776666

> oi
> tudo
  |
  bem?
< Oi!
  1 Corte

## Nothing is answered to a sticker.
> [sticker]
< (silence)

# database update app.bookings
  set status = 'cancelled'
# customer Marina
< Sentimos muito.
# customer Rita Maria
< Você também.

# staff books Corte with Ana at 2026-03-12 14:45 for Marina
# expect 1 = select count(*) from app.bookings where status = 'held'
> tchau
< (silence)

## The end.
";
    let transcript = Transcript::parse(text).unwrap();
    let said: Vec<Vec<Answer>> = transcript.steps.iter().map(|step| step.answers.clone()).collect();
    assert_eq!(transcript.with_answers(&said), text);
    let to: Vec<&str> = said.iter().flatten().map(|answer| answer.to.as_str()).collect();
    assert_eq!(to, ["Rita Maria", "Marina", "Rita Maria"]);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line() {
    let head = "# tenant studio-lua\n# customer Marina +5511988887777\n";
    for (lines, reason) in [
        ("> oi\nOi!", "line 4: \"Oi!\" has none of the marks"),
        ("# clok 10:00", "line 3: no directive is called \"clok\""),
        ("# gateway sideways", "line 3: # gateway down, or # gateway up"),
        ("# expect 3", "line 3: # expect VALUE = SELECT"),
        ("# staff books Corte", "line 3: # staff books SERVICE with STAFF at DATE TIME"),
    ] {
        let refused = Transcript::parse(&format!("{head}{lines}\n")).unwrap_err();
        assert!(refused.starts_with(reason), "{lines}: {refused}");
    }
    for text in ["# tenant studio-lua\n> oi", "< oi"] {
        assert!(Transcript::parse(text).is_err(), "{text}");
    }
}
