//! Whom the agent talks to: TLS configurations, and the verifier of the first contact.
//!
//! Invariants: TLS 1.3 only; before enrolment nothing is trusted but the one authority whose public key the join token pins,
//! afterwards nothing but the stored authority; the host's own trust store is never asked.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Certificates looked at in a chain: a server sends two or three; more is an attempt to keep us busy.
const CHAIN_CERTIFICATES: usize = 10;

/// The keep-alive protocol spoken on both listeners. One request is in flight at a time, so multiplexing would gain nothing.
const ALPN: &[u8] = b"http/1.1";

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A PEM text that does not hold what it should.
    #[error("{what}: {why}")]
    Pem {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// TLS refused the parts.
    #[error("the TLS configuration is refused: {0}")]
    Tls(#[from] Error),
}

/// SHA-256 of a certificate authority's SubjectPublicKeyInfo (DER).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CaPin([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a pin is 64 hexadecimal digits")]
pub struct NotAPin;

impl FromStr for CaPin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let hash: rollcall_shared::ContentHash = text.to_ascii_lowercase().parse().map_err(|_| NotAPin)?;
        Ok(Self(hash.0))
    }
}

impl fmt::Display for CaPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CaPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl CaPin {
    /// The pin of a certificate's public key; `None` when it is not a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self(Sha256::digest(parsed.public_key().raw).into()))
    }

    fn matches_authority(self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
        parsed.is_ca() && Self(Sha256::digest(parsed.public_key().raw).into()) == self
    }
}

/// The server presented no certificate authority with the pinned key.
#[derive(thiserror::Error)]
#[error(
    "the server does not show the certificate authority that the join token names (pin {pin}): this is another server, \
     somebody is in between, or the authority was replaced; get a new token"
)]
pub struct PinMismatch {
    pin: CaPin,
}

/// TLS shows its causes in this form only.
impl fmt::Debug for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Verifies the first contact: the chain must hold an authority whose key has the pin, and the leaf must be good under it.
#[derive(Debug)]
struct PinVerifier {
    pin: CaPin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned = intermediates.iter().take(CHAIN_CERTIFICATES).find(|certificate| self.pin.matches_authority(certificate));
        let Some(authority) = pinned else {
            let other = OtherError(Arc::new(PinMismatch { pin: self.pin }));
            return Err(Error::InvalidCertificate(CertificateError::Other(other)));
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(authority)?), self.provider.clone()).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn roots(authority: &CertificateDer<'_>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(roots)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// For the first contact: only the pinned authority counts, and no client certificate is shown.
///
/// # Errors
/// When TLS refuses it, which is a bug.
pub fn first_contact(pin: CaPin) -> Result<ClientConfig, TrustError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let verifier = Arc::new(PinVerifier { pin, provider });
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// For everything after enrolment: only `authority` counts, and the agent shows its certificate.
///
/// # Errors
/// When a PEM text is malformed, or key and certificate do not belong together.
pub fn enrolled(authority: &str, certificate: &str, key: &str) -> Result<ClientConfig, TrustError> {
    let roots = roots(&certificate_of("ca.pem", authority)?)?;
    let chain = vec![certificate_of("agent.pem", certificate)?];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| malformed("agent.key", &error))?;
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The first certificate in a PEM text; `what` names the text in errors.
///
/// # Errors
/// When there is none.
pub fn certificate_of(what: &'static str, pem: &str) -> Result<CertificateDer<'static>, TrustError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| malformed(what, &error))
}

fn malformed(what: &'static str, error: &rustls::pki_types::pem::Error) -> TrustError {
    TrustError::Pem { what, why: error.to_string() }
}

/// SubjectPublicKeyInfo (DER) of a certificate in PEM.
///
/// # Errors
/// When there is no certificate in it.
pub fn public_key_of(what: &'static str, pem: &str) -> Result<Vec<u8>, TrustError> {
    let der = certificate_of(what, pem)?;
    let parsed = X509Certificate::from_der(&der).map_err(|error| TrustError::Pem { what, why: error.to_string() });
    Ok(parsed?.1.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests;
