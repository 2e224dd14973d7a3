//! Certificates in the bytes of a file, RFC 7468 or bare DER, and what one says of itself, RFC 5280.

use super::name::{alternative, distinguished, hexadecimal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rollcall_shared::Timestamp;
use rollcall_shared::section::Certificate;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{ASN1Time, FromDer, SubjectPublicKeyInfo, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

/// Alternative names kept; authorities sign up to some hundred.
const ALTERNATIVE_NAMES: usize = 1_000;

/// Blocks looked at in one file; beyond it is a trust store whatever follows.
const BLOCKS: usize = 64;

/// Bytes of one certificate in base 64; post-quantum ones have some 20 kB.
const BLOCK_BYTES: usize = 512 << 10;

/// The certificates of a file, each with the line it begins in, undecodable ones with what is wrong. Other blocks are passed over.
pub(super) fn certificates(bytes: &[u8]) -> Vec<(usize, Result<Vec<u8>, String>)> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return armoured(bytes);
    }
    // A sequence; every other file is not for us.
    if bytes.first() == Some(&0x30) { vec![(1, Ok(bytes.to_vec()))] } else { Vec::new() }
}

fn armoured(bytes: &[u8]) -> Vec<(usize, Result<Vec<u8>, String>)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if let Some(label) = label(line, b"-----BEGIN ") {
            if let Some((begin, _)) = open.take() {
                found.push((begin, Err("a certificate without an end".to_owned())));
            }
            // The second holds trust settings after the certificate; the third is a name of long ago.
            let is_certificate = matches!(label, b"CERTIFICATE" | b"TRUSTED CERTIFICATE" | b"X509 CERTIFICATE");
            open = is_certificate.then(|| (number, Vec::new()));
        } else if label(line, b"-----END ").is_some() {
            if let Some((begin, text)) = open.take() {
                found.push((begin, STANDARD.decode(&text).map_err(|_| "a certificate that is not base 64".to_owned())));
            }
        } else if let Some((_, text)) = &mut open
            && text.len() < BLOCK_BYTES
        {
            text.extend(line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()));
        }
        if found.len() >= BLOCKS {
            return found;
        }
    }
    if let Some((begin, _)) = open {
        found.push((begin, Err("a certificate without an end".to_owned())));
    }
    found
}

fn label<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(begin)?.strip_suffix(b"-----")
}

/// What a certificate says of itself; paths and users are the caller's.
pub(super) fn describe(der: &[u8]) -> Result<Certificate, String> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| format!("not a certificate: {error}"))?;
    let der = der.get(..der.len().saturating_sub(rest.len())).unwrap_or(der);
    let (key_type, key_bits) = key(parsed.public_key());
    Ok(Certificate {
        fingerprint: hexadecimal(&Sha256::digest(der)),
        subject: distinguished(parsed.subject()),
        issuer: distinguished(parsed.issuer()),
        serial: serial(parsed.raw_serial()),
        sans: alternative_names(&parsed),
        not_before: Some(moment(parsed.validity().not_before)),
        not_after: Some(moment(parsed.validity().not_after)),
        key_type: Some(key_type),
        key_bits,
        signature: Some(signature(&parsed.signature_algorithm.algorithm.to_id_string())),
        is_ca: is_authority(&parsed),
        ..Certificate::default()
    })
}

fn moment(time: ASN1Time) -> Timestamp {
    Timestamp(time.timestamp().saturating_mul(1000))
}

/// Without the zero that only keeps the number positive. RFC 5280 allows 20 bytes.
fn serial(raw: &[u8]) -> Option<String> {
    const BYTES: usize = 64;
    let digits = raw.iter().position(|byte| *byte != 0).and_then(|first| raw.get(first..)).unwrap_or(&[0]);
    (!raw.is_empty() && digits.len() <= BYTES).then(|| hexadecimal(digits))
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let mut names: Vec<String> = names.value.general_names.iter().take(ALTERNATIVE_NAMES).filter_map(alternative).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Certificates of version 1 cannot say.
fn is_authority(certificate: &X509Certificate<'_>) -> Option<bool> {
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => Some(constraints.value.ca),
        Ok(None) => (certificate.version() == X509Version::V3).then_some(false),
        Err(_) => None,
    }
}

/// RFC 8017, 5480, 8410, 9881.
fn key(key: &SubjectPublicKeyInfo<'_>) -> (String, Option<u32>) {
    let algorithm = key.algorithm.algorithm.to_id_string();
    let (name, bits) = match algorithm.as_str() {
        "1.2.840.113549.1.1.1" => ("rsa", modulus_bits(key)),
        "1.2.840.113549.1.1.10" => ("rsa-pss", modulus_bits(key)),
        "1.2.840.10045.2.1" => ("ecdsa", curve_bits(key)),
        "1.2.840.10040.4.1" => ("dsa", None),
        "1.3.101.112" => ("ed25519", Some(256)),
        "1.3.101.113" => ("ed448", Some(456)),
        "2.16.840.1.101.3.4.3.17" => ("ml-dsa-44", None),
        "2.16.840.1.101.3.4.3.18" => ("ml-dsa-65", None),
        "2.16.840.1.101.3.4.3.19" => ("ml-dsa-87", None),
        other => (other, None),
    };
    (name.to_owned(), bits)
}

fn modulus_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return None };
    let first = rsa.modulus.iter().position(|byte| *byte != 0)?;
    let digits = rsa.modulus.get(first..)?;
    let bits = digits.len().checked_mul(8)?.checked_sub(digits.first()?.leading_zeros() as usize)?;
    u32::try_from(bits).ok()
}

fn curve_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
    Some(match curve.as_str() {
        "1.2.840.10045.3.1.1" => 192,
        "1.3.132.0.33" => 224,
        "1.2.840.10045.3.1.7" | "1.3.132.0.10" | "1.3.36.3.3.2.8.1.1.7" => 256,
        "1.3.132.0.34" | "1.3.36.3.3.2.8.1.1.11" => 384,
        "1.3.36.3.3.2.8.1.1.13" => 512,
        "1.3.132.0.35" => 521,
        _ => return None,
    })
}

/// RFC 8017, 5758, 8410, 9881; others by their number.
fn signature(algorithm: &str) -> String {
    match algorithm {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10040.4.3" => "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.2" => "dsaWithSHA256",
        "1.2.840.10045.4.1" => "ecdsaWithSHA1",
        "1.2.840.10045.4.3.1" => "ecdsaWithSHA224",
        "1.2.840.10045.4.3.2" => "ecdsaWithSHA256",
        "1.2.840.10045.4.3.3" => "ecdsaWithSHA384",
        "1.2.840.10045.4.3.4" => "ecdsaWithSHA512",
        "1.3.101.112" => "ed25519",
        "1.3.101.113" => "ed448",
        "2.16.840.1.101.3.4.3.17" => "ml-dsa-44",
        "2.16.840.1.101.3.4.3.18" => "ml-dsa-65",
        "2.16.840.1.101.3.4.3.19" => "ml-dsa-87",
        other => other,
    }
    .to_owned()
}

/// The certificates of a file.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let found = certificates(bytes).into_iter().filter_map(|(_, der)| describe(&der.ok()?).ok());
    crate::fuzz::examined_rows(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<(usize, bool)> {
        certificates(text.as_bytes()).into_iter().map(|(line, block)| (line, block.is_ok())).collect()
    }

    #[test]
    fn keys_and_other_blocks_are_passed_over() {
        let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nx\n-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(lines(text), [(5, true)]);
    }

    #[test]
    fn a_block_that_is_cut_off_or_not_base_64_is_malformed() {
        assert_eq!(lines("-----BEGIN CERTIFICATE-----\nMAAA"), [(1, false)]);
        assert_eq!(lines("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"), [(1, false)]);
        assert_eq!(
            lines("-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----"),
            [(1, false), (2, true)]
        );
        assert_eq!(lines("text"), []);
    }

    #[test]
    fn serial_numbers_lose_only_the_zero_of_the_sign() {
        assert_eq!(serial(&[0, 0xff, 0]).as_deref(), Some("ff00"));
        assert_eq!(serial(&[0]).as_deref(), Some("00"));
        assert_eq!((serial(&[]), serial(&[1; 100])), (None, None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (certificates(&bytes), describe(&bytes));
        }

        #[test]
        fn a_spoilt_certificate_does_not_panic(at in 0usize..1000, byte in any::<u8>(), length in 0usize..1000) {
            let mut der = super::super::tests::self_signed(&["example.org"], false);
            let end = der.len();
            der[at % end] = byte;
            let _ = describe(&der[..length.min(end)]);
            let _ = describe(&der);
        }
    }
}
