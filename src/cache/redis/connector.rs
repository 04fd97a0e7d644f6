//! Opens connections: to the configured address or the master that Sentinel reports, logged in, on the configured
//! database. Every step has a deadline, so that a Redis that does not reply blocks nothing.

use super::connection::RedisConnection;
use super::error::{FailureKind, RedisError};
use super::sentinel;
use super::stream::RedisStream;
use super::tls::Tls;
use crate::config::{RedisAddress, RedisConfig, Sentinels};
use redis::{Cmd, Value};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Interval between login attempts after a rejected one: Redis records each attempt in its ACL log, and the address may
/// be banned for repeated ones.
const LOGIN_RETRY_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Connector {
    shared: Arc<ConnectorState>,
}

struct ConnectorState {
    config: RedisConfig,
    tls: Option<Tls>,
    /// The last rejected login.
    rejected_login: Mutex<Option<(Instant, RedisError)>>,
    /// The master that a sentinel reported last.
    master: Mutex<Option<(String, u16)>>,
    /// The sentinel to ask first.
    first_sentinel: Mutex<usize>,
}

impl Connector {
    pub(super) fn new(config: &RedisConfig) -> io::Result<Self> {
        let tls = config.tls.as_ref().map(Tls::new).transpose()?;
        let (config, rejected_login, master) = (config.clone(), Mutex::default(), Mutex::default());
        Ok(Self {
            shared: Arc::new(ConnectorState { config, tls, rejected_login, master, first_sentinel: Mutex::default() }),
        })
    }

    pub(super) fn uses_sentinels(&self) -> bool {
        matches!(self.shared.config.address, RedisAddress::Sentinel(_))
    }

    /// Connects to the configured address, or to the master that a sentinel reported last.
    pub(super) fn connect(&self) -> Result<RedisConnection, RedisError> {
        match &self.shared.config.address {
            RedisAddress::Tcp(host, port) => self.connect_logged_in(|| self.connect_tcp(host, *port)),
            RedisAddress::Unix(path) => {
                self.connect_logged_in(|| connection_over(RedisStream::unix(path, self.shared.config.timeout)))
            }
            RedisAddress::Sentinel(_) => {
                let master = self.shared.master.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Some((host, port)) = master else {
                    return Err(RedisError::new(FailureKind::Unavailable, "no sentinel has reported the master yet"));
                };
                self.connect_to_master(&host, port)
            }
        }
    }

    /// Connects after a new query of the sentinels. That may take as long as the timeouts of all of them, so only the
    /// probe thread and `doctor` call it.
    pub(super) fn discover_and_connect(&self) -> Result<RedisConnection, RedisError> {
        let RedisAddress::Sentinel(sentinels) = &self.shared.config.address else { return self.connect() };
        self.check_login_allowed()?;
        let mut why = Vec::new();
        let mut last_kind = FailureKind::Unavailable;
        let count = sentinels.nodes.len().max(1);
        let first = *self.shared.first_sentinel.lock().unwrap_or_else(PoisonError::into_inner);
        for index in (0..count).map(|offset| (first + offset) % count) {
            let Some((host, port)) = sentinels.nodes.get(index) else { continue };
            let master = match self.query_sentinel(host, *port, sentinels) {
                Ok(master) => master,
                Err(error) if error.kind == FailureKind::Login => {
                    let message = format!("sentinel {host}:{port}: {error}");
                    return Err(self.record_rejected_login(RedisError::new(FailureKind::Login, message)));
                }
                Err(error) => {
                    last_kind = error.kind;
                    why.push(format!("sentinel {host}:{port}: {error}"));
                    continue;
                }
            };
            let (host, port) = &master;
            match self.connect_to_master(host, *port) {
                Ok(connection) => {
                    *self.shared.master.lock().unwrap_or_else(PoisonError::into_inner) = Some(master);
                    *self.shared.first_sentinel.lock().unwrap_or_else(PoisonError::into_inner) = index;
                    return Ok(connection);
                }
                Err(error) => {
                    last_kind = error.kind;
                    why.push(format!("{host}:{port}, the master that a sentinel reports: {error}"));
                }
            }
        }
        Err(RedisError::new(last_kind, why.join("; ")).at_connect())
    }

    fn query_sentinel(&self, host: &str, port: u16, sentinels: &Sentinels) -> Result<(String, u16), RedisError> {
        sentinel::query_master(self.connect_tcp(host, port)?, sentinels)
    }

    fn connect_tcp(&self, host: &str, port: u16) -> Result<RedisConnection, RedisError> {
        connection_over(RedisStream::tcp(host, port, self.shared.tls.as_ref(), self.shared.config.timeout))
    }

    /// Connects to a master and logs in. Any other server is an error.
    fn connect_to_master(&self, host: &str, port: u16) -> Result<RedisConnection, RedisError> {
        let started = Instant::now();
        let mut connection = self.connect_logged_in(|| self.connect_tcp(host, port))?;
        let role: Result<Vec<Value>, RedisError> = connection.ask(Cmd::new().arg("ROLE"));
        match role {
            Ok(role) if role.first() == Some(&Value::BulkString(b"master".to_vec())) => {
                self.check_connect_time(started).map(|()| connection)
            }
            Ok(_) => Err(RedisError::new(FailureKind::Unavailable, "it is not a master (any more)")),
            // If this user may not use ROLE, the reply of the sentinel must suffice.
            Err(error) if error.code == "NOPERM" => Ok(connection),
            Err(error) => Err(error),
        }
    }

    fn check_login_allowed(&self) -> Result<(), RedisError> {
        let rejected = self.shared.rejected_login.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match rejected {
            Some((at, error)) if at.elapsed() < LOGIN_RETRY_INTERVAL => Err(error),
            _ => Ok(()),
        }
    }

    fn connect_logged_in(
        &self,
        connect: impl FnOnce() -> Result<RedisConnection, RedisError>,
    ) -> Result<RedisConnection, RedisError> {
        self.check_login_allowed()?;
        let started = Instant::now();
        let mut connection = connect()?;
        let config = &self.shared.config;
        if let Some(password) = &config.password {
            let mut cmd = Cmd::new();
            cmd.arg("AUTH");
            if let Some(username) = &config.username {
                cmd.arg(username);
            }
            if let Err(error) = connection.ask::<Value>(cmd.arg(password)) {
                return Err(self.login_failed(error.redacted(password)));
            }
        }
        if config.db != 0 {
            connection.ask::<Value>(Cmd::new().arg("SELECT").arg(config.db)).map_err(RedisError::at_connect)?;
        }
        self.check_connect_time(started).map(|()| connection)
    }

    /// Fails if connecting took longer than the timeout, since no caller waits longer for a connection.
    fn check_connect_time(&self, started: Instant) -> Result<(), RedisError> {
        let (took, timeout) = (started.elapsed(), self.shared.config.timeout);
        if took <= timeout {
            return Ok(());
        }
        let took = took.as_millis();
        Err(RedisError::new(
            FailureKind::Unavailable,
            format!("connecting took {took} ms, REDIS_TIMEOUT_MS is {}", timeout.as_millis()),
        ))
    }

    fn login_failed(&self, error: RedisError) -> RedisError {
        if matches!(error.kind, FailureKind::Login | FailureKind::Rejected) {
            self.record_rejected_login(error)
        } else {
            error.at_connect()
        }
    }

    /// Records that Redis has rejected the login, which is not repeated for a while.
    pub(super) fn record_rejected_login(&self, error: RedisError) -> RedisError {
        let error = RedisError { kind: FailureKind::Login, ..error };
        let record = Some((Instant::now(), error.clone()));
        *self.shared.rejected_login.lock().unwrap_or_else(PoisonError::into_inner) = record;
        error
    }
}

fn connection_over(stream: io::Result<RedisStream>) -> Result<RedisConnection, RedisError> {
    match stream {
        Ok(stream) => Ok(RedisConnection::new(stream)),
        Err(error) => Err(RedisError::from(error).at_connect()),
    }
}
