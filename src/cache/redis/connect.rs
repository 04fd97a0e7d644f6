//! How a connection is made: where to, logged in, on the right database, and, where Sentinels are
//! asked, to the master. Every step has a deadline, so that a silent Redis pins nothing.

use super::connection::Connection;
use super::sentinel;
use super::tls::Tls;
use super::trouble::{Kind, Trouble};
use super::wire::Wire;
use crate::config::{RedisAddress, RedisConfig};
use r2d2::ManageConnection;
use redis::{Cmd, Value};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A login that was refused is not tried again sooner: each try stands in Redis's ACL log, and may
/// ban the address.
const BETWEEN_LOGINS: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Manager {
    inner: Arc<Inner>,
}

struct Inner {
    config: RedisConfig,
    tls: Option<Tls>,
    /// When a login was refused, and how.
    refused: Mutex<Option<(Instant, Trouble)>>,
    /// The master that the sentinels named last, and the sentinel to ask first.
    master: Mutex<Option<(String, u16)>>,
    first: Mutex<usize>,
}

impl Manager {
    pub(super) fn new(config: &RedisConfig) -> io::Result<Self> {
        let tls = config.tls.as_ref().map(Tls::new).transpose()?;
        let (config, refused, master) = (config.clone(), Mutex::default(), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { config, tls, refused, master, first: Mutex::default() }) })
    }

    pub(super) fn asks_sentinels(&self) -> bool {
        matches!(self.inner.config.address, RedisAddress::Sentinel(_))
    }

    /// A connection found from the beginning: sentinels are asked anew who the master is. That may
    /// take as long as all of them do, so only the trial thread and `doctor` come here.
    pub(super) fn seek(&self) -> Result<Connection, Trouble> {
        let RedisAddress::Sentinel(sentinels) = &self.inner.config.address else { return self.connect() };
        self.may_log_in()?;
        let mut why = Vec::new();
        let mut last_kind = Kind::Away;
        let count = sentinels.nodes.len().max(1);
        let first = *self.inner.first.lock().unwrap_or_else(PoisonError::into_inner);
        for n in (0..count).map(|n| (first + n) % count) {
            let Some((host, port)) = sentinels.nodes.get(n) else { continue };
            let asked = self.tcp(host, *port).and_then(|c| sentinel::master(c, sentinels));
            if let Err(trouble) = &asked
                && trouble.kind == Kind::Login
            {
                let words = format!("sentinel {host}:{port}: {trouble}");
                return Err(self.refused(Trouble::new(Kind::Login, words)));
            }
            let found =
                asked.map_err(|trouble| (format!("sentinel {host}:{port}"), trouble)).and_then(|(host, port)| {
                    self.open(&host, port)
                        .map_err(|trouble| (format!("{host}:{port}, the master by a sentinel"), trouble))
                        .map(|connection| ((host, port), connection))
                });
            match found {
                Ok((master, connection)) => {
                    *self.inner.master.lock().unwrap_or_else(PoisonError::into_inner) = Some(master);
                    *self.inner.first.lock().unwrap_or_else(PoisonError::into_inner) = n;
                    return Ok(connection);
                }
                Err((place, trouble)) => {
                    last_kind = trouble.kind;
                    why.push(format!("{place}: {trouble}"));
                }
            }
        }
        Err(Trouble::new(last_kind, why.join("; ")).at_start())
    }

    fn tcp(&self, host: &str, port: u16) -> Result<Connection, Trouble> {
        let wire = Wire::tcp(host, port, self.inner.tls.as_ref(), self.inner.config.timeout);
        wire.map(Connection::new).map_err(|error| Trouble::from(error).at_start())
    }

    /// Logged in on the master at that address.
    fn open(&self, host: &str, port: u16) -> Result<Connection, Trouble> {
        let started = Instant::now();
        let mut connection = self.log_in(|| self.tcp(host, port))?;
        let role: Result<Vec<Value>, Trouble> = connection.ask(Cmd::new().arg("ROLE"));
        match role {
            Ok(role) if role.first() == Some(&Value::BulkString(b"master".to_vec())) => {
                self.in_time(started).map(|()| connection)
            }
            Ok(_) => Err(Trouble::new(Kind::Away, "it is no master (any more)")),
            // Where this user may not ask, it is taken at the sentinel's word.
            Err(trouble) if trouble.code == "NOPERM" => Ok(connection),
            Err(trouble) => Err(trouble),
        }
    }

    fn may_log_in(&self) -> Result<(), Trouble> {
        let refused = self.inner.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match refused {
            Some((at, trouble)) if at.elapsed() < BETWEEN_LOGINS => Err(trouble),
            _ => Ok(()),
        }
    }

    fn log_in(&self, connect: impl FnOnce() -> Result<Connection, Trouble>) -> Result<Connection, Trouble> {
        self.may_log_in()?;
        let started = Instant::now();
        let mut connection = connect()?;
        let config = &self.inner.config;
        if let Some(password) = &config.password {
            let mut cmd = Cmd::new();
            cmd.arg("AUTH");
            if let Some(username) = &config.username {
                cmd.arg(username);
            }
            if let Err(trouble) = connection.ask::<Value>(cmd.arg(password)) {
                return Err(self.login_refused(trouble.without(password)));
            }
        }
        if config.db != 0 {
            connection.ask::<Value>(Cmd::new().arg("SELECT").arg(config.db)).map_err(Trouble::at_start)?;
        }
        self.in_time(started).map(|()| connection)
    }

    /// Who waits for a connection waits for one timeout only. One that takes longer would be of use to
    /// the trial, and to nobody else.
    fn in_time(&self, started: Instant) -> Result<(), Trouble> {
        let (took, most) = (started.elapsed(), self.inner.config.timeout);
        if took <= most {
            return Ok(());
        }
        let took = took.as_millis();
        Err(Trouble::new(Kind::Away, format!("connecting takes {took} ms, REDIS_TIMEOUT_MS is {}", most.as_millis())))
    }

    fn login_refused(&self, trouble: Trouble) -> Trouble {
        if matches!(trouble.kind, Kind::Login | Kind::Refused) { self.refused(trouble) } else { trouble.at_start() }
    }

    /// Redis let us in no further: nobody tries again for a while.
    pub(super) fn refused(&self, trouble: Trouble) -> Trouble {
        let trouble = Trouble { kind: Kind::Login, ..trouble };
        let noted = Some((Instant::now(), trouble.clone()));
        *self.inner.refused.lock().unwrap_or_else(PoisonError::into_inner) = noted;
        trouble
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = Trouble;

    fn connect(&self) -> Result<Connection, Trouble> {
        match &self.inner.config.address {
            RedisAddress::Tcp(host, port) => self.log_in(|| self.tcp(host, *port)),
            RedisAddress::Unix(path) => self.log_in(|| {
                let wire = Wire::unix(path, self.inner.config.timeout);
                wire.map(Connection::new).map_err(|error| Trouble::from(error).at_start())
            }),
            RedisAddress::Sentinel(_) => {
                let master = self.inner.master.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let (host, port) =
                    master.ok_or_else(|| Trouble::new(Kind::Away, "no sentinel has named the master yet"))?;
                self.open(&host, port)
            }
        }
    }

    /// Never asked for: a PING at every checkout would double the round trips.
    fn is_valid(&self, connection: &mut Connection) -> Result<(), Trouble> {
        connection.ask::<Value>(Cmd::new().arg("PING")).map(drop)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !connection.is_sound()
    }
}
