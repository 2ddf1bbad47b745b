//! `/api/v1`: the JSON API of a tenant.

mod availability;
mod bookings;
mod calendar;
mod catalogue;
mod idempotency;
mod input;
mod key;
mod page;
mod problem;
mod visits;
