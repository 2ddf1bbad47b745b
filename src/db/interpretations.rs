//! Questions to a language model: what waits for an answer, and what asking has cost so far.

use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::catalogue::Catalogue;
use crate::domain::conversation::{Interpretation, Question};

/// A question that a conversation waits with.
#[derive(Debug, Deserialize)]
pub struct Open {
    pub question: Question,
    pub catalogue: Catalogue,
}

/// What may be done about a question.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Admitted {
    /// An equal one was answered before.
    Cached { answer: Option<Interpretation> },
    /// It may be asked, and is counted.
    Call,
    /// The tenant has spent its day's budget.
    OverBudget,
}

/// What a call has used up.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// 0: it was not made after all.
    pub attempts: i32,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// In the provider's credits.
    pub cost: f64,
}

/// The question, if it is still waited for.
pub async fn open(
    db: &mut TenantTx,
    conversation: Uuid,
    question: Uuid,
) -> sqlx::Result<Option<Open>> {
    let open = sqlx::query_scalar::<_, Option<Json<Open>>>("select app.open_question($1, $2)")
        .bind(conversation)
        .bind(question)
        .fetch_one(db.conn())
        .await?;
    Ok(open.map(|Json(open)| open))
}

/// Looks for an earlier answer, else counts a call against the day's budget: `calls` and `cost`,
/// where the tenant has no limits of its own.
pub async fn admit(
    db: &mut TenantTx,
    hash: &[u8; 32],
    calls: i32,
    cost: f64,
) -> sqlx::Result<Admitted> {
    let Json(admitted) =
        sqlx::query_scalar::<_, Json<Admitted>>("select app.begin_model_call($1, $2, $3::numeric)")
            .bind(&hash[..])
            .bind(calls)
            .bind(cost)
            .fetch_one(db.conn())
            .await?;
    Ok(admitted)
}

/// Counts what a call has used up, and remembers its answer: `Some(&None)` is one, that nothing was
/// meant.
pub async fn record(
    db: &mut TenantTx,
    hash: &[u8; 32],
    used: Used,
    answer: Option<&Option<Interpretation>>,
) -> sqlx::Result<()> {
    sqlx::query("select app.end_model_call($1, $2, $3, $4, $5::numeric, $6)")
        .bind(&hash[..])
        .bind(used.attempts)
        .bind(used.prompt_tokens)
        .bind(used.completion_tokens)
        .bind(used.cost)
        .bind(answer.map(Json))
        .execute(db.conn())
        .await?;
    Ok(())
}

/// Gives the conversation its answer; false: it does not wait for it any more.
pub async fn answer(
    db: &mut TenantTx,
    conversation: Uuid,
    question: Uuid,
    answer: Option<&Interpretation>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.answer_question($1, $2, $3)")
        .bind(conversation)
        .bind(question)
        .bind(Json(answer))
        .fetch_one(db.conn())
        .await
}
