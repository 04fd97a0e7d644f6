//! Redis: connections with deadlines, a connection pool, and circuit breakers for reads and writes.

mod check;
mod circuit_breaker;
mod connection;
mod connector;
mod deadline_stream;
mod error;
mod eviction;
mod health;
mod keys;
mod lease;
mod r2d2_pool;
#[cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "the fuzz targets use it"))]
mod reply;
mod reply_shape;
mod sentinel;
mod store;
mod stream;
mod tls;
mod write_breaker;

/// The parser of replies, for its fuzz target.
#[cfg(fuzzing)]
pub mod fuzz {
    pub use super::reply::{ReplyError, ReplyLimits, ReplyReader};
    pub use redis::{Value, parse_redis_value};
}

pub(crate) use check::{RedisCheck, RedisFacts, check_redis};
pub(crate) use lease::Lease;
pub(crate) use store::KEYS_PER_BATCH;
pub use store::RedisStore;
pub use tls::check_authorities;
