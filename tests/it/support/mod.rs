//! What tests share: a database each, and the whole program around it.

pub(crate) mod api;
pub(crate) mod database;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod stack;
