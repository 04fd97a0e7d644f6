//! The pool of connections, implemented with r2d2.
//!
//! The project's charter prescribes r2d2. In this program it keeps connections for reuse and limits their number: `get`
//! returns an idle connection, or waits, at most for the timeout, until a thread of r2d2 has opened one or another
//! caller returns one. A connection that is no longer usable is dropped when it is returned.
//!
//! r2d2 does nothing else here. It opens no connection ahead of need and tests none at checkout, which would double the
//! round trips. Its retries end with the pool: the circuit breaker drops the pool at the first failure and creates a
//! new one when Redis is available again. This is the only file that uses the crate.

use super::connection::RedisConnection;
use super::connector::Connector;
use super::error::RedisError;
use r2d2::{ManageConnection, NopErrorHandler, Pool};
use redis::{Cmd, Value};
use std::ops::DerefMut;
use std::time::Duration;

pub(super) struct ConnectionPool(Pool<Connector>);

impl ConnectionPool {
    /// Opens no connection yet. `timeout` is the maximum time that `get` waits.
    pub(super) fn new(connector: Connector, max_connections: u32, timeout: Duration) -> Self {
        let pool = Pool::builder()
            .max_size(max_connections)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(timeout)
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(connector);
        Self(pool)
    }

    /// A connection, which is returned to the pool when dropped. `None` if none is available in time.
    pub(super) fn get(&self) -> Option<impl DerefMut<Target = RedisConnection>> {
        self.0.get().ok()
    }
}

impl ManageConnection for Connector {
    type Connection = RedisConnection;
    type Error = RedisError;

    fn connect(&self) -> Result<RedisConnection, RedisError> {
        Self::connect(self)
    }

    /// Required by the trait, but not called: connections are not tested at checkout.
    fn is_valid(&self, connection: &mut RedisConnection) -> Result<(), RedisError> {
        connection.ask::<Value>(Cmd::new().arg("PING"))?;
        Ok(())
    }

    fn has_broken(&self, connection: &mut RedisConnection) -> bool {
        !connection.is_usable()
    }
}
