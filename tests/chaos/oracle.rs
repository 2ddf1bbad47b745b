//! Whether the promises were kept: judged from outside, by simple rules of its own.
//!
//! It knows what customers wrote and saw and what the road carried, and compares that with the rows.
//! Of the program's own judgement it takes one thing, its view of what must never be.

mod messages;
mod replies;
mod rows;

pub(crate) use self::replies::code_told;

use crate::evidence::Evidence;

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Broken {
    /// `P1` to `P11`.
    pub(crate) promise: &'static str,
    pub(crate) what: String,
}

/// All that was broken; empty: every promise was kept.
pub(crate) fn judge(evidence: &Evidence) -> Vec<Broken> {
    let mut broken = Verdict::default();
    messages::stored_once(evidence, &mut broken);
    messages::heard_once(evidence, &mut broken);
    messages::heard_in_order(evidence, &mut broken);
    replies::turns_are_whole(evidence, &mut broken);
    replies::sent_once_and_in_order(evidence, &mut broken);
    replies::told_only_what_is(evidence, &mut broken);
    rows::nobody_overlaps(evidence, &mut broken);
    rows::reminders_are_right(evidence, &mut broken);
    rows::tenants_are_apart(evidence, &mut broken);
    rows::work_went_on(evidence, &mut broken);
    rows::hands_have_consequences(evidence, &mut broken);
    broken.0
}

#[derive(Debug, Default)]
struct Verdict(Vec<Broken>);

impl Verdict {
    fn add(&mut self, promise: &'static str, what: impl Into<String>) {
        self.0.push(Broken { promise, what: what.into() });
    }
}

#[cfg(test)]
mod tests;
