//! The conversation as customers see it, against a small world in memory.

mod properties;
mod scripts;
mod table;
mod world;
