//! Ways to reach a customer and to be reached by one, one module a channel.
//!
//! A channel reads what its provider delivers into types of its own or of [`crate::domain`], and
//! sends what it is given. It keeps no state beyond connections: rows and retries are the caller's.

pub mod whatsapp;
