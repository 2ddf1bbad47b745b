//! `/unsubscribe/{token}`: where the link in a mail ends the mails of a tenant to its recipient.
//!
//! To open the page changes nothing, since programs that guard mailboxes open every link; its button,
//! or one click in the mail program (RFC 8058), posts. The token names tenant and customer and proves
//! that we gave it out; it works for as long as the tenant's secret stays.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::App;
use crate::channel::email::escaped;
use crate::db::TenantTx;
use crate::db::direct::{self, Subscription};
use crate::domain::locale::{Language, Locale};

const ID: usize = 16;

/// Whose mails end, and the proof that we said so.
struct Token {
    tenant: Uuid,
    customer: Uuid,
    proof: Vec<u8>,
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tenant, rest) = bytes.split_at_checked(ID)?;
        let (customer, proof) = rest.split_at_checked(ID)?;
        let id = |bytes| Uuid::from_slice(bytes).ok();
        Some(Self { tenant: id(tenant)?, customer: id(customer)?, proof: proof.to_owned() })
    }
}

pub(super) async fn page(State(app): State<App>, Path(token): Path<String>) -> Response {
    answer(&app, &token, false).await
}

pub(super) async fn act(State(app): State<App>, Path(token): Path<String>) -> Response {
    answer(&app, &token, true).await
}

async fn answer(app: &App, token: &str, act: bool) -> Response {
    let Some(token) = Token::read(token) else { return gone() };
    match end(app, &token, act).await {
        Ok(Some(found)) => shown(StatusCode::OK, &found),
        Ok(None) => gone(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a wish for no more mails could not be stored"
            );
            (StatusCode::SERVICE_UNAVAILABLE, "Please try again in a minute.\n").into_response()
        }
    }
}

async fn end(app: &App, token: &Token, act: bool) -> sqlx::Result<Option<Subscription>> {
    let mut db = TenantTx::begin(&app.pool, token.tenant, app.clock.now()).await?;
    let found = direct::unsubscribe(&mut db, token.customer, &token.proof, act).await?;
    db.commit().await?;
    Ok(found)
}

/// What the page says: a question and its button, or that it is done.
struct Words {
    question: &'static str,
    button: &'static str,
    done: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            question: "No more e-mails from {tenant}?",
            button: "No more e-mails",
            done: "Done. There will be no more e-mails from {tenant}.",
        },
        Language::Portuguese => Words {
            question: "Não receber mais e-mails de {tenant}?",
            button: "Não receber mais e-mails",
            done: "Pronto. Não haverá mais e-mails de {tenant}.",
        },
        Language::Spanish => Words {
            question: "¿No recibir más correos de {tenant}?",
            button: "No recibir más correos",
            done: "Listo. No habrá más correos de {tenant}.",
        },
    }
}

fn shown(status: StatusCode, found: &Subscription) -> Response {
    let locale = found.locale.parse::<Locale>();
    let language = locale.map_or(Language::English, Locale::language);
    let words = words(language);
    let tenant = escaped(&found.tenant);
    let body = if found.done {
        format!("<p>{}</p>", words.done.replace("{tenant}", &tenant))
    } else {
        format!(
            "<p>{}</p>\n<form method=\"post\"><button>{}</button></form>",
            words.question.replace("{tenant}", &tenant),
            words.button
        )
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"robots\" content=\"noindex\"><title>{tenant}</title></head>\n\
         <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:3em auto;padding:0 1em\">\n\
         <h1 style=\"font-size:1.2em\">{tenant}</h1>\n{body}\n</body></html>\n",
        language.tag()
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // The address is the key.
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
    ];
    (status, headers, page).into_response()
}

fn gone() -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (StatusCode::NOT_FOUND, headers, "This link is not valid.\n").into_response()
}
