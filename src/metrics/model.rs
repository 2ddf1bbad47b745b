//! What the language model was asked, how long it took and what it cost.

use std::time::Duration;

use metrics::{counter, histogram};

use super::catalogue::{MODEL, MODEL_COST, MODEL_DURATION, MODEL_TOKENS};

/// A question came to an end: `placed`, `nothing`, `cached`, `over_budget`, or why there is no answer.
pub fn model_asked(outcome: &'static str) {
    counter!(MODEL, "outcome" => outcome).increment(1);
}

/// How long the model took, its second attempt included.
pub fn model_answered(took: Duration) {
    histogram!(MODEL_DURATION).record(took);
}

/// What it used up; `cost` in the provider's credits.
pub fn model_used(prompt_tokens: i64, completion_tokens: i64, cost: f64) {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    counter!(MODEL_TOKENS, "kind" => "prompt").increment(count(prompt_tokens));
    counter!(MODEL_TOKENS, "kind" => "completion").increment(count(completion_tokens));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a price of at most thousands, never negative"
    )]
    counter!(MODEL_COST).increment((cost.clamp(0.0, 1e6) * 1e6).round() as u64);
}
