//! The server's own certificate, kept in one file with its key and renewed when the server starts.

use super::{Authority, CaError, DAY, params};
use crate::data_directory::{self, DataDirectory, Secrecy};
use crate::entropy::Entropy;
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rollcall_shared::Timestamp;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeSet;
use std::net::IpAddr;
use x509_parser::extensions::GeneralName;

/// Life of the server's certificate.
const SERVER_DAYS: u32 = 365;

/// Below a third of its life a certificate is renewed at the next start.
const RENEW_BELOW_DAYS: u32 = SERVER_DAYS / 3;

/// Key and chain that the listeners present. The chain includes the authority, whose key agents compare with their pin.
pub struct ServerIdentity {
    /// Leaf, then authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Of the leaf.
    pub key: PrivateKeyDer<'static>,
    /// Whether it was made just now.
    pub renewed: bool,
}

impl Authority {
    /// The server's identity for exactly these names: the stored one while it is good, else a new one, which is stored.
    ///
    /// # Errors
    /// When the file cannot be written, or a name fits no certificate.
    pub fn server_identity(
        &self,
        directory: &DataDirectory,
        names: &BTreeSet<String>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<ServerIdentity, CaError> {
        let path = directory.server_identity();
        if path.exists() {
            let pem = data_directory::read_secret(&path)?;
            if let Some((leaf, key)) = read(&pem).filter(|(leaf, _)| self.is_good(leaf, names, now)) {
                return Ok(ServerIdentity { chain: vec![leaf, self.certificate.clone()], key, renewed: false });
            }
        }
        let pem = self.issue_server(names, now, entropy)?;
        data_directory::write_atomically(&path, pem.as_bytes(), Secrecy::Secret)?;
        let unreadable = || CaError::Content { path: path.display().to_string(), reason: "not a key and a certificate in PEM".into() };
        let (leaf, key) = read(&pem).ok_or_else(unreadable)?;
        Ok(ServerIdentity { chain: vec![leaf, self.certificate.clone()], key, renewed: true })
    }

    fn issue_server(&self, names: &BTreeSet<String>, now: Timestamp, entropy: &dyn Entropy) -> Result<String, CaError> {
        let key = KeyPair::generate()?;
        let mut params = params("Rollcall server".into(), now, DAY * SERVER_DAYS, entropy);
        params.subject_alt_names = names.iter().map(|name| san(name)).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
    }

    fn is_good(&self, leaf: &CertificateDer<'_>, names: &BTreeSet<String>, now: Timestamp) -> bool {
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return false };
        let Ok((_, authority)) = x509_parser::parse_x509_certificate(&self.certificate) else { return false };
        let renew_from = Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000)).minus(DAY * RENEW_BELOW_DAYS);
        let begun = parsed.validity().not_before.timestamp().saturating_mul(1000) <= now.0;
        begun && now < renew_from && parsed.verify_signature(Some(authority.public_key())).is_ok() && names_of(&parsed) == *names
    }
}

/// Whether a certificate can carry a name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    san(name).is_ok()
}

fn san(name: &str) -> Result<SanType, CaError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || CaError::Name(name.chars().take(64).collect());
    rustls_pki_types::DnsName::try_from(name).map_err(|_| bad())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| bad())?))
}

fn names_of(certificate: &x509_parser::certificate::X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn read(pem: &str) -> Option<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    Some((leaf, key))
}
