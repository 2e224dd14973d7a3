//! TLS of the two listeners. One provider, one place that chooses versions and verifiers.
//!
//! The agent listener speaks TLS 1.3 only, demands a certificate of our authority and resumes nothing: a resumed session would
//! bypass the verifier. The API listener speaks 1.2 and 1.3. Neither takes early data (0-RTT), which could be replayed.

use crate::ca::{Authority, ServerIdentity, agent_of};
use crate::clock::Clock;
use rollcall_shared::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore, ServerConfig, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Certificates that an agent may send beside its own: our authority signs leaves directly, so none is needed and one is
/// tolerated. Long chains only burn time.
const INTERMEDIATES: usize = 1;

/// HTTP versions offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library refuses it.
    #[error("TLS configuration: {0}")]
    Config(#[from] rustls::Error),
    /// The authority's certificate is of no use as a root.
    #[error("TLS configuration: the authority's certificate: {0}")]
    Root(#[from] rustls::server::VerifierBuilderError),
}

/// The one cryptographic provider of the program.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// For people, programs and enrolment: no client certificate.
///
/// # Errors
/// When key and certificate do not fit.
pub fn api(identity: &ServerIdentity, clock: Arc<dyn Clock>) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(OurTime(clock)));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let mut config = builder.with_no_client_auth().with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

/// For agents.
///
/// # Errors
/// When key and certificate do not fit, or the authority is none.
pub fn agents(identity: &ServerIdentity, authority: &Authority, clock: Arc<dyn Clock>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(OurTime(clock)));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?.with_client_cert_verifier(Arc::new(AgentVerifier { inner }));
    let mut config = builder.with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Certificates are judged by the clock that everything else is judged by.
struct OurTime(Arc<dyn Clock>);

impl fmt::Debug for OurTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OurTime")
    }
}

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let Timestamp(milliseconds) = self.0.now();
        Some(UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(milliseconds).ok()?)))
    }
}

/// The library's verifier, and ours behind it: the chain must be good and the leaf must be one that we make for agents.
#[derive(Debug)]
struct AgentVerifier {
    inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for AgentVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if intermediates.len() > INTERMEDIATES {
            return Err(CertificateError::BadEncoding.into());
        }
        let verified = self.inner.verify_client_cert(leaf, intermediates, now)?;
        agent_of(leaf).map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
