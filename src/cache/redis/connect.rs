//! How a connection is made: every step with a deadline, so that a silent Redis pins nothing.

use crate::config::{RedisAddress, RedisConfig};
use r2d2::ManageConnection;
use redis::{Client, Connection, ConnectionAddr, ConnectionLike, IntoConnectionInfo, RedisConnectionInfo, RedisError};
use std::time::Duration;

/// r2d2's own manager for redis sets no timeouts: against a server that accepts and never
/// answers it waits for ever, and the pool with it.
#[derive(Clone)]
pub(super) struct Manager {
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    timeout: Duration,
}

impl Manager {
    pub(super) fn new(config: &RedisConfig) -> Self {
        let address = match &config.address {
            RedisAddress::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
            RedisAddress::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        let mut login = RedisConnectionInfo::default().set_db(config.db).set_skip_set_lib_name();
        if let Some(username) = &config.username {
            login = login.set_username(username);
        }
        if let Some(password) = &config.password {
            login = login.set_password(password);
        }
        Self { address, login, timeout: config.timeout }
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    fn connect(&self) -> Result<Connection, RedisError> {
        let info = self.address.clone().into_connection_info()?.set_redis_settings(self.login.clone());
        let connection = Client::open(info)?.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }

    /// Never asked for: a PING at every checkout would double the round trips.
    fn is_valid(&self, connection: &mut Connection) -> Result<(), RedisError> {
        redis::Cmd::new().arg("PING").query(connection)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !connection.is_open()
    }
}
