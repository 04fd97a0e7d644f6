//! Faults of Redis.
