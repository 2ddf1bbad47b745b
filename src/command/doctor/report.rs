//! What the checks found: a line each, or JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// What was looked at, for machines too.
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// What was found.
    pub(super) found: String,
    /// What to do about it; empty where all is well.
    pub(super) advice: String,
}

/// Every check so far, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
}

impl Report {
    pub(super) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Ok, found, "");
    }

    pub(super) fn warn(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(name, Status::Warn, found, advice);
    }

    pub(super) fn fail(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(name, Status::Fail, found, advice);
    }

    pub(super) fn add(
        &mut self,
        name: &'static str,
        status: Status,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        // A line each, whatever a server said.
        let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (found, advice) = (line(found.into()), line(advice.into()));
        self.checks.push(Check { name, status, found, advice });
    }

    pub(super) fn failures(&self) -> usize {
        self.checks.iter().filter(|check| check.status == Status::Fail).count()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let _ = write!(text, "{:4}  {}: {}", check.status.word(), check.name, check.found);
            if !check.advice.is_empty() {
                let _ = write!(text, "; {}", check.advice);
            }
            text.push('\n');
        }
        text
    }

    /// `{"status": …, "checks": [{"check", "status", "found", "advice"}]}`; the status is the worst.
    pub(super) fn json(&self) -> Value {
        let worst = self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                json!({
                    "check": check.name,
                    "status": check.status.word(),
                    "found": check.found,
                    "advice": check.advice,
                })
            })
            .collect();
        json!({ "status": worst.word(), "checks": checks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_one_line_and_the_worst_of_all_is_the_status() {
        let mut report = Report::default();
        report.ok("database", "PostgreSQL 15");
        report.warn("queue", "3 jobs\nare dead", "look");
        assert_eq!(
            report.text(),
            "ok    database: PostgreSQL 15\nwarn  queue: 3 jobs are dead; look\n"
        );
        assert_eq!((report.failures(), &report.json()["status"]), (0, &json!("warn")));
        report.fail("gateway", "away", "start it");
        assert_eq!((report.failures(), &report.json()["status"]), (1, &json!("fail")));
    }
}
