//! **Pontual**: appointment booking over WhatsApp, run from Postgres.
//!
//! Customers write; the gateway brings each message as a webhook; a conversation of five states
//! finds out what they want and when, books it, confirms it and reminds them.
//!
//! ```text
//! customer ⇄ WhatsApp ⇄ Evolution API
//!                         │  ▲
//!    POST /webhooks/evolution  │ sendText
//!                         ▼  │
//!  http: authenticate, store, enqueue        jobs: deliver_messages, send_reminder
//!                         │  ▲
//!                ┌────────▼──┴──────────────────────────────┐
//!                │ Postgres: tenants' tables under row-level│
//!                │ security, inbox, outbox, bookings,       │
//!                │ reminders, jobs, audit, triggers         │
//!                └────────▲──┬──────────────────────────────┘
//!                         │  ▼
//!             jobs: process_message = load → step (pure) → save, one commit
//! ```
//!
//! Arrows between modules point one way: `command → http, jobs → db, channel, llm → domain`
//! (`tests/it/architecture.rs` reads the `use` lines and says so).
//!
//! | module | holds |
//! | --- | --- |
//! | [`domain`] | what is decided: the conversation, availability, dates; pure |
//! | [`db`] | Postgres: migrations, tenant transactions, queries |
//! | [`channel`] | ways to reach a customer: WhatsApp through the Evolution API |
//! | [`llm`] | asks a language model what words mean, where a tenant wants it |
//! | [`intake`] | what the gateway tells, on its way into the inbox |
//! | [`jobs`] | what runs later or elsewhere, and the workers that run it |
//! | [`http`] | the webhook, health, the chat simulator |
//! | [`metrics`], [`trace`] | what is counted, by name; what led to what |
//! | [`command`] | the program's commands |
//! | [`embedded`] | a private Postgres for `dev` and the tests |
//! | [`gateway_sim`] | a simulated gateway for `dev`, tests and load |
#![forbid(unsafe_code)]

pub mod channel;
pub mod clock;
pub mod command;
pub mod config;
pub mod db;
pub mod domain;
pub mod embedded;
pub mod gateway_sim;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod llm;
pub mod metrics;
pub mod telemetry;
pub mod trace;
