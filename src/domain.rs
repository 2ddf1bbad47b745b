//! What Pontual decides, as pure functions: no clock, no I/O, no async. Time is an argument.

pub mod availability;
pub mod catalogue;
pub mod code;
pub mod conversation;
pub mod flag;
pub mod ical;
pub mod language;
pub mod letter;
pub mod locale;
pub mod notice;
pub mod recurrence;
pub mod segments;
pub mod template;
pub mod temporal;
pub mod tenant_file;
