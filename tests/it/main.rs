//! Tests of the whole, on a real Postgres. One binary, so that it is linked once and all its tests
//! share one server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod browser;
mod commands;
mod conversation_times;
mod conversations_api;
mod delivery;
mod embedded;
mod gateway;
mod gateway_client;
mod gateway_inbound;
mod isolation;
mod main_path;
mod promises;
mod queue;
mod replay;
mod schema;
mod sim;
mod support;
mod templates;
mod tenants;
mod transcripts;
mod understand;
mod webhook;
