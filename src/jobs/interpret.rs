//! A turn did not understand some words: a language model is asked what they mean.
//!
//! Three steps, the network between two short transactions: the question is read, and its call
//! counted against the tenant's budget; the model is asked; its answer goes to the conversation,
//! which goes on at once. Whatever fails, the conversation goes on without an answer, at the latest
//! when its own timer says so. Nothing here reaches a customer or a booking.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::TenantTx;
use crate::db::interpretations::{self, Admitted, Open, Used};
use crate::domain::conversation::Interpretation;
use crate::llm::{Model, Reply};
use crate::metrics;

/// Kept for what comes after the answer: a transaction and the turn.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// Asks a language model about the words that a conversation waits with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Interpret {
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    pub question_id: Uuid,
}

impl Job for Interpret {
    const KIND: &'static str = "interpret_message";
    const TIMEOUT: Duration = Duration::from_secs(15);
    // The network is waited for, without a connection to the database.
    const SHARE: usize = 2;

    async fn run(self, cx: &Context, _: &Attempt) -> Result<Done, JobError> {
        let now = cx.clock.now();
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, now).await?;
        let open = interpretations::open(&mut db, self.conversation_id, self.question_id).await?;
        let Some(open) = open else {
            db.rollback().await?;
            return Ok(Done::Finish);
        };
        // A process without a model has been started since.
        let Some(model) = &cx.model else {
            self.answer(&mut db, None).await?;
            db.commit().await?;
            return Ok(Done::Finish);
        };
        let request = model.request(&open.question, &open.catalogue);
        let hash = request.digest();
        let limits = model.limits();
        let known = match interpretations::admit(&mut db, &hash, limits.calls, limits.cost).await? {
            Admitted::Cached { answer } => Some((answer, "cached")),
            Admitted::OverBudget => Some((None, "over_budget")),
            Admitted::Call => None,
        };
        if let Some((answer, outcome)) = known {
            self.answer(&mut db, answer.as_ref()).await?;
            db.commit().await?;
            metrics::model_asked(outcome);
            return Ok(Done::Finish);
        }
        db.commit().await?;

        let reply = asked(cx, model, &request, &open).await;
        let meant = reply.meant.as_ref().ok();
        let used = Used {
            attempts: i32::try_from(reply.attempts).unwrap_or(i32::MAX),
            prompt_tokens: reply.usage.prompt_tokens,
            completion_tokens: reply.usage.completion_tokens,
            cost: reply.usage.cost,
        };
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        interpretations::record(&mut db, &hash, used, meant).await?;
        self.answer(&mut db, meant.and_then(Option::as_ref)).await?;
        db.commit().await?;
        Ok(Done::Finish)
    }
}

impl Interpret {
    async fn answer(
        &self,
        db: &mut TenantTx,
        answer: Option<&Interpretation>,
    ) -> Result<(), JobError> {
        interpretations::answer(db, self.conversation_id, self.question_id, answer).await?;
        Ok(())
    }
}

/// Asks, as long as it is waited for, and counts what came of it.
async fn asked(
    cx: &Context,
    model: &Model,
    request: &crate::llm::prompt::Request,
    open: &Open,
) -> Reply {
    let now = cx.clock.now();
    let left = (open.question.until - now).to_std().unwrap_or_default();
    let left = left.saturating_sub(AFTERWARDS);
    let began = tokio::time::Instant::now();
    let reply = model.ask(request, &open.catalogue, &open.question, left, now).await;
    let outcome = match &reply.meant {
        Ok(Some(_)) => "placed",
        Ok(None) => "nothing",
        Err(failure) => failure.name(),
    };
    metrics::model_asked(outcome);
    if reply.attempts > 0 {
        metrics::model_answered(began.elapsed());
        metrics::model_used(
            reply.usage.prompt_tokens,
            reply.usage.completion_tokens,
            reply.usage.cost,
        );
    }
    reply
}
