//! Visits of several services.
