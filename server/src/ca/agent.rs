//! Agents' certificates: from a signing request to a leaf, and from a leaf back to the agent.

use super::{Authority, CaError, DAY, params};
use crate::entropy::Entropy;
use crate::token::hexadecimal;
use rcgen::{
    ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SanType, SubjectPublicKeyInfo,
};
use rollcall_shared::{AgentId, Timestamp, endpoint};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Life of an agent's certificate.
const LEAF_DAYS: u32 = 7;

/// An agent's public key, taken from a signing request whose signature was good: the asker holds the private one.
pub struct AgentKey {
    public: SubjectPublicKeyInfo,
    fingerprint: String,
}

/// Why a signing request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// No PEM block of the right kind.
    #[error("csr: not a PKCS#10 certificate signing request in PEM")]
    NotPem,
    /// The block's content.
    #[error("csr: not a well-formed PKCS#10 certificate signing request")]
    Malformed,
    /// Not signed with its own key.
    #[error("csr: its signature was not made with its key")]
    Signature,
    /// Another kind of key.
    #[error("csr: the key must be P-256 (ECDSA) or Ed25519")]
    KeyType,
}

impl AgentKey {
    /// Takes the public key out of a signing request. Its subject and extensions are not even looked at.
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn from_csr(pem: &str) -> Result<Self, CsrError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| CsrError::NotPem)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| CsrError::Malformed)?;
        if !rest.is_empty() {
            return Err(CsrError::Malformed);
        }
        let public = SubjectPublicKeyInfo::from_der(request.certification_request_info.subject_pki.raw).map_err(|_| CsrError::KeyType)?;
        if ![&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519].contains(&public.algorithm()) {
            return Err(CsrError::KeyType);
        }
        request.verify_signature().map_err(|_| CsrError::Signature)?;
        let fingerprint = hexadecimal(&Sha256::digest(public.subject_public_key_info()));
        Ok(Self { public, fingerprint })
    }

    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// A certificate that was just made.
pub struct IssuedLeaf {
    /// PEM.
    pub certificate: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Authority {
    /// Makes an agent's certificate.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn issue_agent(&self, key: &AgentKey, agent: AgentId, now: Timestamp, entropy: &dyn Entropy) -> Result<IssuedLeaf, CaError> {
        let life = DAY * LEAF_DAYS;
        let mut params = params(agent.to_string(), now, life, entropy);
        let uri = format!("{}{agent}", endpoint::AGENT_URI);
        params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key.public, &self.issuer)?.pem();
        Ok(IssuedLeaf { certificate, expires_at: now.plus(life) })
    }
}

/// Why a certificate is not an agent's, although its signature may be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not X.509.
    #[error("the certificate is malformed")]
    Malformed,
    /// May sign others, or says nothing about it.
    #[error("the certificate is one of an authority")]
    Authority,
    /// Good for something else, or for more.
    #[error("the certificate is not for client authentication alone")]
    Purpose,
    /// Names nobody, several, or something else.
    #[error("the certificate does not name exactly one agent")]
    Name,
}

/// Which agent a certificate names. Checks shape alone: who signed it and when it ends is the verifier's business.
///
/// # Errors
/// [`IdentityError`] for every certificate that [`Authority::issue_agent`] would not have made.
pub fn agent_of(certificate: &CertificateDer<'_>) -> Result<AgentId, IdentityError> {
    let (rest, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| IdentityError::Malformed)?;
    if !rest.is_empty() {
        return Err(IdentityError::Malformed);
    }
    if parsed.is_ca() {
        return Err(IdentityError::Authority);
    }
    let usage = parsed.extended_key_usage().map_err(|_| IdentityError::Malformed)?.ok_or(IdentityError::Purpose)?.value;
    let others =
        usage.any || usage.server_auth || usage.code_signing || usage.email_protection || usage.time_stamping || usage.ocsp_signing;
    if !usage.client_auth || others || !usage.other.is_empty() {
        return Err(IdentityError::Purpose);
    }
    let names = parsed.subject_alternative_name().map_err(|_| IdentityError::Malformed)?.ok_or(IdentityError::Name)?;
    match &names.value.general_names[..] {
        [GeneralName::URI(uri)] => uri.strip_prefix(endpoint::AGENT_URI).and_then(|id| id.parse().ok()).ok_or(IdentityError::Name),
        _ => Err(IdentityError::Name),
    }
}
