//! The gateway's own API: instances, webhooks, sends, the record of messages.
//!
//! Checks come in the real server's order: the body's JSON, whether the instance exists (told to
//! anyone), the key, the fields, whether this kind of instance has the call at all.

mod arrivals;
mod chat;
mod connection;
mod find;
mod instances;
mod kinds;
mod schema;
mod sends;
mod settings;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::Sim;
use super::fault::{failure, licence_required};
use super::shape::instances::welcome;

pub(super) fn router(sim: &Sim) -> Router<Sim> {
    Router::new()
        .route("/instance/create", post(instances::create))
        .route("/instance/fetchInstances", get(instances::fetch))
        .route("/instance/connectionState/{instance}", get(connection::state))
        .route("/instance/connect/{instance}", get(connection::connect))
        .route("/instance/restart/{instance}", post(connection::restart))
        .route("/instance/logout/{instance}", delete(connection::log_out))
        .route("/instance/delete/{instance}", delete(instances::delete))
        .route("/webhook/set/{instance}", post(settings::set_webhook))
        .route("/webhook/find/{instance}", get(settings::find_webhook))
        .route("/settings/set/{instance}", post(settings::set))
        .route("/settings/find/{instance}", get(settings::find))
        .route("/message/{action}/{instance}", post(sends::send))
        .route("/chat/sendPresence/{instance}", post(chat::presence))
        .route("/chat/whatsappNumbers/{instance}", post(chat::numbers))
        .route("/chat/markMessageAsRead/{instance}", post(chat::mark_read))
        .route("/chat/findMessages/{instance}", post(find::messages))
        .route("/chat/findChats/{instance}", post(find::chats))
        .route("/chat/findContacts/{instance}", post(find::contacts))
        .route("/webhook/evolution", post(arrivals::evolution))
        .route("/webhook/meta", post(arrivals::meta))
        .route_layer(from_fn_with_state(sim.clone(), licence))
        .route("/", get(root))
}

async fn root(State(sim): State<Sim>) -> axum::Json<Value> {
    axum::Json(welcome(sim.state().version))
}

/// Versions that want a licence answer nothing without.
async fn licence(State(sim): State<Sim>, request: Request, next: Next) -> Response {
    let locked = {
        let state = sim.state();
        state.version.wants_licence() && !state.licensed
    };
    if locked {
        return Failure::from(licence_required()).into_response();
    }
    next.run(request).await
}

/// What the real server answers where nothing is.
pub(super) async fn no_such_route(method: Method, uri: Uri) -> Failure {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Failure::no_such_route(&method, path)
}

/// A failure in the real server's shape.
pub(super) struct Failure {
    status: u16,
    body: Value,
}

impl Failure {
    fn new(status: u16, error: &str, message: Value) -> Self {
        Self { status, body: failure(status, error, message) }
    }

    fn bad_request(message: Value) -> Self {
        Self::new(400, "Bad Request", message)
    }

    /// An exception that nobody has caught.
    fn broken(message: &str) -> Self {
        Self::new(500, "Internal Server Error", json!(message))
    }

    /// What a schema says of fields that are wrong.
    fn schema(messages: &[String]) -> Self {
        Self::bad_request(json!([messages]))
    }

    fn no_such_route(method: &Method, path: &str) -> Self {
        Self::new(404, "Not Found", json!([format!("Cannot {method} {path}")]))
    }
}

impl From<(u16, Value)> for Failure {
    fn from((status, body): (u16, Value)) -> Self {
        Self { status, body }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self.body)).into_response()
    }
}

/// The body's JSON; an empty body is an empty object.
fn parse(body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        // The status says one thing and the name another, in the real one too.
        Failure::new(400, "Internal Server Error", json!(format!("{error} in JSON")))
    })
}

impl Sim {
    /// Whether the instance exists and the key opens it.
    fn authorise(&self, instance: &str, headers: &HeaderMap) -> Result<(), Failure> {
        let token = self.state().instance(instance).map(|found| found.token.clone());
        let Some(token) = token else {
            let message = format!("The \"{instance}\" instance does not exist");
            return Err(Failure::new(404, "Not Found", json!([message])));
        };
        let given = key_of(headers);
        if matches(given, &token) || matches(given, &self.config().api_key) {
            return Ok(());
        }
        Err(unauthorised())
    }

    fn is_global_key(&self, headers: &HeaderMap) -> bool {
        matches(key_of(headers), &self.config().api_key)
    }
}

fn key_of(headers: &HeaderMap) -> &[u8] {
    headers.get("apikey").map(HeaderValue::as_bytes).unwrap_or_default()
}

fn matches(given: &[u8], key: &str) -> bool {
    !key.is_empty() && given.ct_eq(key.as_bytes()).into()
}

fn unauthorised() -> Failure {
    Failure::new(401, "Unauthorized", json!("Unauthorized"))
}
