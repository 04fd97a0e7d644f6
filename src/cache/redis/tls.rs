//! TLS: trusted certificate authorities, the handshake, and error messages that name the cause.

use super::deadline_stream::DeadlineStream;
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
    /// Loads the certificate authorities of the system if none are configured. That takes a while, so it is done once.
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

    /// Completes the handshake within the deadline of the stream.
    pub(super) fn handshake(
        &self,
        host: &str,
        mut socket: DeadlineStream,
    ) -> io::Result<StreamOwned<ClientConnection, DeadlineStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| permanent_error(format!("{host} is not a valid name for TLS")))?;
        let mut client = ClientConnection::new(Arc::clone(&self.config), name).map_err(Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut socket).map_err(|error| with_cause(error, host))?;
        }
        Ok(StreamOwned::new(client, socket))
    }
}

/// Whether the certificates in `REDIS_CA_FILE` can be used, if there is such a file.
pub fn check_authorities(config: &RedisConfig) -> Result<(), ConfigError> {
    if let Some(RedisTls { authorities: Some(file), .. }) = &config.tls {
        authorities(file)?;
    }
    Ok(())
}

fn authorities(file: &CaFile) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file.pem) {
        let certificate = certificate.map_err(|error| CaFile::unusable(&file.path, &error.to_string()))?;
        roots.add(certificate).map_err(|error| CaFile::unusable(&file.path, &error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(CaFile::unusable(&file.path, "it contains no certificate"));
    }
    Ok(roots)
}

/// The certificate authorities of the system. Finding none is not an error: the handshake will fail with an unknown
/// issuer.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// A failure that retries would repeat.
fn permanent_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::PermissionDenied, message.into())
}

fn with_cause(error: Error, host: &str) -> Error {
    match error.kind() {
        // Redis without TLS waits for the end of a line, which never arrives.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            return Error::new(
                ErrorKind::TimedOut,
                "no reply to the TLS handshake in time (is this a port without TLS?)",
            );
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
            return permanent_error("it ended the TLS handshake (is this a port without TLS?)");
        }
        _ => {}
    }
    match rustls_error(&error) {
        Some(known) => permanent_error(describe(known, host)),
        None => error,
    }
}

/// The error of rustls in an I/O error.
pub(super) fn rustls_error(error: &Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Describes an error of rustls, with its probable cause.
pub(super) fn describe(error: &rustls::Error, host: &str) -> String {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet (is the clock right?)".to_owned()
            }
            Bad::NotValidForName => format!("its certificate is for another name than {host}"),
            Bad::NotValidForNameContext { presented, .. } => {
                // Each is shown as `DnsName("nas.example")`.
                let names = presented.iter().map(|shown| shown.split(['(', ')']).nth(1).unwrap_or(shown));
                let names: Vec<&str> = names.map(|name| name.trim_matches('"')).collect();
                format!("its certificate is for {}, not for {host}", names.join(", "))
            }
            // A CA of the same name with another key leads to a bad signature.
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate is signed by an unknown authority (REDIS_CA_FILE sets the trusted ones)".to_owned()
            }
            other => format!("its certificate cannot be used: {other}"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS (is this a port without TLS?)".to_owned(),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it requires a client certificate, which is not supported (set tls-auth-clients no in Redis)".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}
