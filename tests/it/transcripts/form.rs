//! The written form of a conversation; `docs/transcripts.md` tells it to those who write one.

use std::fmt::Write as _;

/// What the file writes where the assistant is expected to say nothing.
const SILENCE: &str = "(silence)";

/// One situation, in the order of the file.
#[derive(Debug, PartialEq)]
pub(super) struct Transcript {
    pub(super) steps: Vec<Step>,
    /// What follows the last step: blank lines and remarks.
    tail: Vec<String>,
}

/// Something happens, and the assistant answers or not.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    /// Of its first line, from 1.
    pub(super) line: usize,
    /// Blank lines and remarks before it.
    lead: Vec<String>,
    /// Its own lines, as they are in the file.
    source: Vec<String>,
    pub(super) action: Action,
    /// What the assistant is expected to say before anything else happens.
    pub(super) answers: Vec<Answer>,
}

/// A message of the assistant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// Whom it goes to.
    pub(super) to: String,
    pub(super) text: String,
}

#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// `# tenant SLUG`
    Tenant(String),
    /// `# clock 2026-03-10 10:00`, `# clock 10:20`, `# clock +15m`
    Clock(String),
    /// `# customer NAME [PHONE]`: who speaks from here on.
    Customer { name: String, phone: Option<String> },
    /// `> …`, several in a row: sent before the assistant has read the first of them.
    Says { by: String, messages: Vec<String> },
    /// `# database SQL`, by a DBA whose time zone is the salon's.
    Database(String),
    /// `# expect VALUE = SQL`
    Expect { value: String, sql: String },
    /// `# gateway down`, `# gateway up`
    Gateway { up: bool },
    /// `# owner writes TEXT`, from the salon's own phone to the customer who speaks.
    OwnerWrites { to: String, text: String },
    /// `# staff books SERVICE with STAFF at 2026-03-12 14:45 [for NAME]`
    StaffBooks { service: String, staff: String, at: String, customer: Option<String> },
}

impl Step {
    /// Its lines in the file, answers left out.
    pub(super) fn source(&self) -> &[String] {
        &self.source
    }
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Parser::default().read(text)
    }

    /// The file with other answers: those of each step, in order.
    pub(super) fn with_answers(&self, said: &[Vec<Answer>]) -> String {
        let mut text = String::new();
        let mut current = None;
        let mut add = |lines: &[String]| {
            for line in lines {
                let _ = writeln!(text, "{line}");
            }
        };
        for (step, answers) in self.steps.iter().zip(said) {
            add(&step.lead);
            match &step.action {
                Action::Customer { name, .. } => current = Some(name.clone()),
                Action::Says { by, .. } | Action::OwnerWrites { to: by, .. } => {
                    add(&switch(&mut current, by));
                }
                _ => {}
            }
            add(&step.source);
            for answer in answers {
                add(&switch(&mut current, &answer.to));
                add(&lines_of('<', &answer.text));
            }
            if answers.is_empty() && matches!(step.action, Action::Says { .. }) {
                add(&[format!("< {SILENCE}")]);
            }
        }
        add(&self.tail);
        text
    }
}

fn switch(current: &mut Option<String>, to: &str) -> Vec<String> {
    if current.as_deref() == Some(to) {
        return Vec::new();
    }
    *current = Some(to.to_owned());
    vec![format!("# customer {to}")]
}

/// A message as lines of a file: the mark, then the text, further lines set in by two spaces.
pub(super) fn lines_of(mark: char, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().map(str::trim_end).enumerate() {
        lines.push(match (number, line) {
            (0, line) => format!("{mark} {line}"),
            (_, "") => "  |".to_owned(),
            (_, line) => format!("  {line}"),
        });
    }
    lines
}

#[derive(Default)]
struct Parser {
    steps: Vec<Step>,
    lead: Vec<String>,
    current: Option<String>,
    /// Whom the next answers go to, where a `# customer` line stands among them.
    answers_to: Option<String>,
    /// The title is prose; after the first directive everything carries a mark.
    begun: bool,
    /// The last line was a customer's: the next one is of the same breath.
    in_breath: bool,
}

impl Parser {
    fn read(mut self, text: &str) -> Result<Transcript, String> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let mut at = 0;
        while at < lines.len() {
            let end = (at + 1..lines.len())
                .find(|next| !lines[*next].starts_with("  "))
                .unwrap_or(lines.len());
            let answers_follow = lines[end..]
                .iter()
                .find(|line| !line.is_empty())
                .is_some_and(|line| line.starts_with('<'));
            self.block(at + 1, &lines[at..end], answers_follow)
                .map_err(|error| format!("line {}: {error}", at + 1))?;
            at = end;
        }
        Ok(Transcript { steps: self.steps, tail: self.lead })
    }

    /// One line and those that continue it.
    fn block(&mut self, line: usize, lines: &[&str], answers_follow: bool) -> Result<(), String> {
        let first = lines[0];
        let mut text: Vec<&str> = vec![first.get(2..).unwrap_or_default().trim()];
        text.extend(lines[1..].iter().map(|line| if line.trim() == "|" { "" } else { &line[2..] }));
        let text = text.join("\n");
        match first.as_bytes() {
            [] | [b'#', b'#', ..] => {
                self.in_breath &= !first.is_empty();
                self.lead.extend(lines.iter().map(|line| (*line).to_owned()));
                Ok(())
            }
            [b'>', b' ', ..] => self.says(line, lines, text),
            [b'<', b' ', ..] => {
                self.in_breath = false;
                self.answers(text)
            }
            [b'#', b' ', ..] => {
                self.in_breath = false;
                self.begun = true;
                self.directive(line, lines, &text, answers_follow)
            }
            _ if !self.begun => {
                self.lead.extend(lines.iter().map(|line| (*line).to_owned()));
                Ok(())
            }
            _ => Err(format!("{first:?} has none of the marks \"> \", \"< \", \"# \", \"## \"")),
        }
    }

    fn says(&mut self, line: usize, lines: &[&str], text: String) -> Result<(), String> {
        let by = self.current.clone().ok_or("nobody speaks yet: # customer NAME PHONE")?;
        if self.in_breath
            && let Some(step) = self.steps.last_mut()
            && let Action::Says { messages, .. } = &mut step.action
        {
            messages.push(text);
            step.source.append(&mut self.lead);
            step.source.extend(lines.iter().map(|line| (*line).to_owned()));
            return Ok(());
        }
        self.push(line, lines, Action::Says { by, messages: vec![text] });
        self.in_breath = true;
        Ok(())
    }

    fn answers(&mut self, text: String) -> Result<(), String> {
        let to = self.answers_to.clone().or_else(|| self.current.clone());
        let to = to.ok_or("nobody is spoken to yet: # customer NAME PHONE")?;
        let step = self.steps.last_mut().ok_or("nothing has happened yet")?;
        if text != SILENCE {
            step.answers.push(Answer { to, text });
        }
        // A blank line within the answers is not worth keeping.
        self.lead.clear();
        Ok(())
    }

    fn directive(
        &mut self,
        line: usize,
        lines: &[&str],
        text: &str,
        answers_follow: bool,
    ) -> Result<(), String> {
        let (word, rest) = text.split_once([' ', '\n']).unwrap_or((text, ""));
        let rest = rest.trim().to_owned();
        let action = match word {
            "tenant" => Action::Tenant(rest),
            "clock" => Action::Clock(rest),
            "customer" => {
                let (name, phone) = match rest.rsplit_once(' ') {
                    Some((name, phone)) if phone.starts_with('+') => (name, Some(phone.to_owned())),
                    _ => (rest.as_str(), None),
                };
                if answers_follow && phone.is_none() {
                    self.answers_to = Some(name.to_owned());
                    self.current = Some(name.to_owned());
                    return Ok(());
                }
                self.current = Some(name.to_owned());
                Action::Customer { name: name.to_owned(), phone }
            }
            "database" => Action::Database(rest),
            "expect" => {
                let (value, sql) = rest.split_once(" = ").ok_or("# expect VALUE = SELECT …")?;
                Action::Expect { value: value.trim().to_owned(), sql: sql.trim().to_owned() }
            }
            "gateway" => match rest.as_str() {
                "down" => Action::Gateway { up: false },
                "up" => Action::Gateway { up: true },
                _ => return Err("# gateway down, or # gateway up".to_owned()),
            },
            "owner" => {
                let text = rest.strip_prefix("writes ").ok_or("# owner writes TEXT")?.to_owned();
                let to = self.current.clone().ok_or("to nobody yet: # customer NAME PHONE")?;
                Action::OwnerWrites { to, text }
            }
            "staff" => books(&rest)?,
            _ => return Err(format!("no directive is called {word:?}")),
        };
        self.push(line, lines, action);
        Ok(())
    }

    fn push(&mut self, line: usize, lines: &[&str], action: Action) {
        let lead = std::mem::take(&mut self.lead);
        let source = lines.iter().map(|line| (*line).to_owned()).collect();
        self.answers_to = None;
        self.steps.push(Step { line, lead, source, action, answers: Vec::new() });
    }
}

fn books(rest: &str) -> Result<Action, String> {
    let parts = || {
        let (service, rest) = rest.strip_prefix("books ")?.split_once(" with ")?;
        let (staff, rest) = rest.split_once(" at ")?;
        let (at, customer) = match rest.split_once(" for ") {
            Some((at, name)) => (at, Some(name.to_owned())),
            None => (rest, None),
        };
        Some(Action::StaffBooks {
            service: service.to_owned(),
            staff: staff.to_owned(),
            at: at.to_owned(),
            customer,
        })
    };
    parts().ok_or_else(|| "# staff books SERVICE with STAFF at DATE TIME [for NAME]".to_owned())
}
