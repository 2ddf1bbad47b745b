//! Services and staff.
