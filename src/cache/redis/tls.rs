//! TLS: who is believed, the handshake, and what its failures mean in words that help.

use super::wire::Bounded;
use crate::config::{CaFile, ConfigError, RedisConfig, RedisTls};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Error, ErrorKind};
use std::sync::Arc;

pub(super) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the system's authorities where no others are set; once, as that takes a while.
    pub(super) fn new(settings: &RedisTls) -> io::Result<Self> {
        let roots = match &settings.authorities {
            Some(file) => authorities(file).map_err(Error::other)?,
            None => system_roots(),
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// Within the deadline that the socket has.
    pub(super) fn shake_hands(
        &self,
        host: &str,
        mut socket: Bounded,
    ) -> io::Result<StreamOwned<ClientConnection, Bounded>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| refused(format!("{host} is no name for TLS")))?;
        let mut client = ClientConnection::new(Arc::clone(&self.config), name).map_err(Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut socket).map_err(|error| explained(error, host))?;
        }
        Ok(StreamOwned::new(client, socket))
    }
}

/// Whether the certificates in `REDIS_CA_FILE` can be used, if there is such a file.
pub fn check_authorities(config: &RedisConfig) -> Result<(), ConfigError> {
    match config.tls.as_ref().and_then(|tls| tls.authorities.as_ref()) {
        Some(file) => authorities(file).map(drop),
        None => Ok(()),
    }
}

fn authorities(file: &CaFile) -> Result<RootCertStore, ConfigError> {
    let wrong = |why: &str| CaFile::unusable(&file.path, why);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file.pem) {
        let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("no certificate in it"));
    }
    Ok(roots)
}

/// None at all is no error here: the handshake will say that nobody is believed.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// A failure that trying again does not mend.
fn refused(words: impl Into<String>) -> Error {
    Error::new(ErrorKind::PermissionDenied, words.into())
}

fn explained(error: Error, host: &str) -> Error {
    match error.kind() {
        // Redis without TLS waits for the end of a line that never comes.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            return Error::new(
                ErrorKind::TimedOut,
                "no answer to the TLS handshake in time (is this a port without TLS?)",
            );
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
            return refused("it ended the TLS handshake (is this a port without TLS?)");
        }
        _ => {}
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(known) => refused(words(known, host)),
        None => error,
    }
}

/// What rustls found, and what was wanted.
pub(super) fn words(error: &rustls::Error, host: &str) -> String {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet (is the clock right?)".to_owned()
            }
            Bad::NotValidForName => format!("its certificate is for another name than {host}"),
            Bad::NotValidForNameContext { presented, .. } => {
                // `DnsName("nas.example")`
                let name =
                    |shown: &String| shown.split(['(', ')']).nth(1).unwrap_or(shown).trim_matches('"').to_owned();
                let names: Vec<String> = presented.iter().map(name).collect();
                format!("its certificate is for {}, not for {host}", names.join(", "))
            }
            // Also one of the same name with another key: a CA that was made anew.
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate is signed by nobody who is known here (REDIS_CA_FILE names who is believed)".to_owned()
            }
            other => format!("its certificate cannot be used: {other}"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS (is this a port without TLS?)".to_owned(),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a certificate of its client, and there is none (Redis: tls-auth-clients no)".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}
