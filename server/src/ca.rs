//! The certificate authority: signs the server and the agents, nobody else.
//!
//! Invariants: the authority's key never leaves its file and this module; a certificate says only what this module decides,
//! never what a request asked for; an agent's leaf is good for client authentication alone, the server's for server
//! authentication alone.

mod agent;
mod server;

pub use agent::{AgentKey, CsrError, IdentityError, IssuedLeaf, agent_of};
pub use server::{ServerIdentity, is_name};

use crate::data_directory::{self, DataDirectory, DirectoryError, Secrecy};
use crate::entropy::Entropy;
use crate::token::hexadecimal;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use rollcall_shared::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Life of the authority: longer than the machines that trust it.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3652 * 24 * 3600);

/// How far back certificates begin: clocks of hosts and servers differ.
const BACKDATE: Duration = Duration::from_secs(3600);

/// A certificate authority, ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    pin: String,
}

/// What went wrong with the authority or a certificate.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file.
    #[error(transparent)]
    File(#[from] DirectoryError),
    /// A file's content.
    #[error("{path}: {reason}")]
    Content {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that no certificate can carry.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    Name(String),
    /// The library refused to sign.
    #[error("signing a certificate: {0}")]
    Sign(#[from] rcgen::Error),
}

impl Authority {
    /// Makes an authority with a new P-256 key and writes both files.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn create(directory: &DataDirectory, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, CaError> {
        let key = KeyPair::generate()?;
        let pin = hexadecimal(&Sha256::digest(key.subject_public_key_info()));
        let mut params = params(format!("Rollcall CA {}", &pin[..8]), now, AUTHORITY_LIFE, entropy);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        data_directory::make_private(&directory.ca())?;
        data_directory::write_atomically(&directory.ca_key(), key.serialize_pem().as_bytes(), Secrecy::Secret)?;
        data_directory::write_atomically(&directory.ca_certificate(), certificate.pem().as_bytes(), Secrecy::Open)?;
        Self::open(directory)
    }

    /// Reads the authority of a data directory.
    ///
    /// # Errors
    /// When a file is missing, readable by others, damaged, or does not belong to the other.
    pub fn open(directory: &DataDirectory) -> Result<Self, CaError> {
        let content =
            |path: &std::path::Path, reason: &str| CaError::Content { path: path.display().to_string(), reason: reason.to_owned() };
        let (key_path, certificate_path) = (directory.ca_key(), directory.ca_certificate());
        let key =
            KeyPair::from_pem(&data_directory::read_secret(&key_path)?).map_err(|_| content(&key_path, "not a private key in PEM"))?;
        let certificate_pem = data_directory::read(&certificate_path)?;
        let no_certificate = || content(&certificate_path, "not a certificate in PEM");
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| no_certificate())?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| no_certificate())?;
        let public_key = parsed.public_key().raw;
        if public_key != key.subject_public_key_info() {
            return Err(content(&certificate_path, "does not belong to ca.key beside it"));
        }
        let pin = hexadecimal(&Sha256::digest(public_key));
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { issuer, certificate, certificate_pem, pin })
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal: what agents trust at first contact.
    #[must_use]
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// The authority's certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

/// What all our certificates have in common.
fn params(common_name: String, now: Timestamp, life: Duration, entropy: &dyn Entropy) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut serial = [0; 16];
    entropy.fill(&mut serial);
    // A serial number is positive and has no leading zero byte (RFC 5280, 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Rollcall");
    params.distinguished_name.push(DnType::CommonName, common_name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_1970(now.minus(BACKDATE));
    params.not_after = epoch + since_1970(now.plus(life));
    params.use_authority_key_identifier_extension = true;
    params
}

/// Certificates cannot date beyond the year 9999; a clock that far off is wrong anyway.
fn since_1970(moment: Timestamp) -> Duration {
    const YEAR_9999: u64 = 253_370_764_800_000;
    Duration::from_millis(u64::try_from(moment.0).unwrap_or(0).min(YEAR_9999))
}

#[cfg(test)]
mod tests;
