//! Tests of the whole, on a real Postgres. One binary, so that it is linked once and all its tests
//! share one server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agenda;
mod api;
mod api_bookings;
mod architecture;
mod booking_core;
mod browser;
mod calendar;
mod channels;
mod commands;
mod conversation_times;
mod conversation_visits;
mod conversations_api;
mod delivery;
mod embedded;
mod flags;
mod gateway;
mod gateway_client;
mod gateway_inbound;
mod identity;
mod inbound_changes;
mod inbound_variants;
mod instances;
mod isolation;
mod main_path;
mod menus;
mod onboarding;
mod plans;
mod promises;
mod queue;
mod reminders;
mod replay;
mod schema;
mod sending;
mod sim;
mod storm;
mod support;
mod templates;
mod tenants;
mod time_travel;
mod transcripts;
mod understand;
mod web_restart;
mod webhook;
