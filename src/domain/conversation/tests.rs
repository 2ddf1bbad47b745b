//! The conversation as customers see it, against a small world in memory.

mod away;
mod interpreted;
mod language;
mod late;
mod leaving;
mod notices;
mod properties;
mod questions;
mod returning;
mod rules;
mod scripts;
mod second_thoughts;
mod silence;
mod stored;
mod switched_off;
mod table;
mod visits;
mod vocabulary;
mod wishes;
mod wordings;
pub(crate) mod world;
