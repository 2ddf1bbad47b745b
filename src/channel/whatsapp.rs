//! WhatsApp through the Evolution API, versions 1 to 2.3.7.
//!
//! | module | does |
//! | --- | --- |
//! | [`signature`] | says whether a webhook comes from the gateway |
//! | [`inbound`] | reads a webhook body, whatever its shape |
//! | [`client`] | sends, asks for the connection's state, looks sent messages up |
//! | [`address`], [`phone`] | WhatsApp addresses, and the one form of a phone number that we compare |
//! | [`status`] | how far a message has got, and how an instance is connected |
//!
//! The gateway promises little: webhooks come repeatedly, late and out of order; an accepted send
//! may never arrive, and a refused one may have been sent. So the modules here are lenient readers
//! and exact about what is known, and leave deduplication, order and retries to the database.

pub mod address;
pub mod client;
pub mod inbound;
pub mod phone;
pub mod signature;
pub mod status;
