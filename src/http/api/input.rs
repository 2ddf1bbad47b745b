//! Reading what a request says, every bad field named at once.
