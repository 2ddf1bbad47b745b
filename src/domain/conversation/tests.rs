//! The conversation as customers see it, against a small world in memory.

mod notices;
mod properties;
mod rules;
mod scripts;
mod stored;
mod table;
mod vocabulary;
mod wishes;
mod world;
