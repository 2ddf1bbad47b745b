//! Who asks: the key of a request.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use uuid::Uuid;

use super::failures::Failures;
use super::problem::Problem;
use super::scope;
use crate::db::TenantTx;
use crate::db::keys::{self, Holder, Scope, Secret};
use crate::http::App;

/// The holder of the key that a request carries; 401 for a request without one that is in use, 403
/// for one whose key lacks the scope that its route needs.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) tenant: Uuid,
    pub(super) key_id: Uuid,
    /// What the tenant calls the key.
    pub(super) key_name: String,
}

impl Caller {
    /// A transaction of the key's tenant, in which the key is the actor.
    pub(super) async fn begin(&self, app: &App) -> Result<TenantTx, Problem> {
        Ok(self.try_begin(app).await?)
    }

    /// As [`begin`](Self::begin), for callers that tell a database that is busy from other failures.
    pub(super) async fn try_begin(&self, app: &App) -> sqlx::Result<TenantTx> {
        keys::begin_as_key(&app.pool, app.clock.now(), self.tenant, &self.key_name).await
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let holder = admitted(parts, app).await?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let needed = scope::needed(&parts.method, route);
        if !holder.scopes.contains(&needed) {
            return Err(lacks(needed, &holder.scopes));
        }
        if holder.use_is_news
            && let Some(uses) = parts.extensions.get::<Uses>()
        {
            uses.note(app, holder.tenant_id, holder.key_id);
        }
        let caller =
            Self { tenant: holder.tenant_id, key_id: holder.key_id, key_name: holder.key_name };
        let span = tracing::Span::current();
        span.record("tenant.id", tracing::field::display(caller.tenant));
        span.record("key.id", tracing::field::display(caller.key_id));
        Ok(caller)
    }
}

/// Who holds the key of a request, unless its address came with too many wrong ones.
async fn admitted(parts: &Parts, app: &App) -> Result<Holder, Problem> {
    let failures = parts.extensions.get::<Failures>();
    let client = failures.and_then(|failures| failures.client(parts));
    let wrong = |detail: &str| {
        if let Some(failures) = failures {
            failures.was_wrong(client);
        }
        unauthorized(detail)
    };
    let secret = bearer(&parts.headers);
    if let Some(failures) = failures
        && !matches!(secret, Err(NoBearer::Missing))
    {
        failures.admit(client, secret.as_ref().ok())?;
    }
    let secret = match secret {
        Ok(secret) => secret,
        // Nothing was tried.
        Err(NoBearer::Missing) => return Err(unauthorized(NoBearer::Missing.told())),
        Err(NoBearer::NoKey) => return Err(wrong(NoBearer::NoKey.told())),
    };
    let Some(holder) = keys::holder(&app.pool, &secret).await? else {
        return Err(wrong("The key is unknown or revoked."));
    };
    if holder.has_expired {
        return Err(wrong("The key has expired."));
    }
    if let Some(failures) = failures {
        failures.was_right(&secret);
    }
    Ok(holder)
}

/// Why a request carries no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoBearer {
    Missing,
    NoKey,
}

impl NoBearer {
    fn told(self) -> &'static str {
        match self {
            Self::Missing => "Send the key as `Authorization: Bearer KEY`.",
            Self::NoKey => {
                "This is no key of Pontual: those are `pontual_` and 43 letters, digits, - and _."
            }
        }
    }
}

/// The key as `Authorization: Bearer KEY` carries it, or what is wrong.
fn bearer(headers: &HeaderMap) -> Result<Secret, NoBearer> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(NoBearer::Missing) };
    let parts = value.to_str().ok().and_then(|value| value.split_once(' '));
    match parts {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => {
            key.trim_matches(' ').parse().map_err(|_| NoBearer::NoKey)
        }
        _ => Err(NoBearer::Missing),
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The request needs a key", detail)
}

fn lacks(needed: Scope, scopes: &[Scope]) -> Problem {
    let has = scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ");
    Problem::new(
        StatusCode::FORBIDDEN,
        "scope-missing",
        "The key may not do this",
        format!("This needs a key with the scope {needed}; this one has {has}."),
    )
    .with("scope", needed.as_str())
}

/// Writes down when a key was used, beside the requests: one writer a key, however many ask at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses(Arc<Mutex<HashSet<Uuid>>>);

impl Uses {
    fn note(&self, app: &App, tenant: Uuid, key: Uuid) {
        if !self.being_written().insert(key) {
            return;
        }
        let (uses, pool, now) = (self.clone(), app.pool.clone(), app.clock.now());
        tokio::spawn(async move {
            if let Err(error) = keys::note_use(&pool, now, tenant, key).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the use of a key was not written down"
                );
            }
            uses.being_written().remove(&key);
        });
    }

    fn being_written(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_read_from_one_bearer_header_only() {
        let key = Secret::random().unwrap().reveal();
        let read = |values: &[String]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            bearer(&headers).map(|secret| secret.reveal())
        };
        assert_eq!(read(&[format!("Bearer {key}")]), Ok(key.clone()));
        assert_eq!(read(&[format!("bearer  {key}")]), Ok(key.clone()), "RFC 9110: any case");
        let bad = [
            vec![],
            vec![key.clone()],
            vec![format!("Basic {key}")],
            vec![format!("Bearer {key}x")],
            vec![format!("Bearer {key} {key}")],
            vec!["Bearer".to_owned()],
            vec!["Bearer ".to_owned()],
            vec![format!("Bearer {key}"), format!("Bearer {key}")],
        ];
        for values in bad {
            assert!(read(&values).is_err(), "{values:?}");
        }
    }
}
