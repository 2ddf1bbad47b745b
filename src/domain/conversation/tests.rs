//! The conversation as customers see it, against a small world in memory.

mod away;
mod language;
mod late;
mod leaving;
mod questions;
mod returning;
mod silence;
mod notices;
mod properties;
mod rules;
mod scripts;
mod stored;
mod table;
mod visits;
mod vocabulary;
mod wishes;
mod wordings;
pub(crate) mod world;
