//! Tests of the whole, on a real Postgres. One binary, so that it is linked once and all its tests
//! share one server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod api_bookings;
mod architecture;
mod audit;
mod backup;
mod booking_core;
mod browser;
mod calendar;
mod commands;
mod conversation_times;
mod conversation_visits;
mod conversations_api;
mod delivery;
mod doctor;
mod embedded;
mod gateway;
mod gateway_client;
mod gateway_inbound;
mod invariants;
mod isolation;
mod keys;
mod main_path;
mod ops;
mod plans;
mod poolers;
mod privacy;
mod promises;
mod questions;
mod queue;
mod replay;
mod schema;
mod sim;
mod storm;
mod support;
mod templates;
mod tenants;
mod transcripts;
mod understand;
mod upgrades;
mod webhook;
