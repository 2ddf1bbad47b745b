//! Requests that may come twice: their answers, kept with their effects.

use crate::db::TenantTx;

/// What is known of a key when a request with it comes.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: the request is ours to do. Others with the key wait until this transaction ends.
    Ours,
    /// It was answered with this status and body.
    Answered { status: i16, body: String },
    /// It was used for another request.
    OtherRequest,
}

/// Takes a key for the request with this hash, or finds what became of the first one.
///
/// Waits for a transaction that has the key and is not over.
///
/// # Errors
///
/// `lock_not_available` when that takes too long.
pub async fn claim(db: &mut TenantTx, key: &str, request_hash: &[u8]) -> sqlx::Result<Claim> {
    let inserted = sqlx::query(
        "insert into app.idempotent_requests (tenant_id, key, request_hash)
         values (app.tenant_id(), $1, $2)
         on conflict on constraint idempotent_requests_pkey do nothing",
    )
    .bind(key)
    .bind(request_hash)
    .execute(db.conn())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::Ours);
    }
    let (known_hash, status, body): (Vec<u8>, _, Option<String>) = sqlx::query_as(
        "select request_hash, status, response::text from app.idempotent_requests where key = $1",
    )
    .bind(key)
    .fetch_one(db.conn())
    .await?;
    match (status, body) {
        (Some(status), Some(body)) if known_hash == request_hash => {
            Ok(Claim::Answered { status, body })
        }
        _ => Ok(Claim::OtherRequest),
    }
}

/// Keeps the answer of a request whose key is ours.
pub async fn answer(db: &mut TenantTx, key: &str, status: u16, body: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update app.idempotent_requests set status = $2, response = $3::json where key = $1",
    )
    .bind(key)
    .bind(i32::from(status))
    .bind(body)
    .execute(db.conn())
    .await
    .map(drop)
}
