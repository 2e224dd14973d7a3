use super::*;
use crate::entropy::SeededEntropy;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rollcall_shared::AgentId;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp(1_795_235_460_000);

fn authority() -> (tempfile::TempDir, DataDirectory, Authority) {
    let root = tempfile::tempdir().unwrap();
    let directory = DataDirectory::at(root.path());
    let authority = Authority::create(&directory, NOW, &SeededEntropy::new(1)).unwrap();
    (root, directory, authority)
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn an_authority_is_read_back_as_it_was_made() {
    let (_root, directory, authority) = authority();
    let again = Authority::open(&directory).unwrap();
    assert_eq!((authority.pin(), authority.certificate()), (again.pin(), again.certificate()));
    assert_eq!(authority.pin().len(), 64);
}

#[test]
fn an_authority_lives_ten_years_and_signs_leaves_alone() {
    let (_root, _directory, authority) = authority();
    let (_, parsed) = x509_parser::parse_x509_certificate(authority.certificate()).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap().value;
    assert_eq!((constraints.ca, constraints.path_len_constraint), (true, Some(0)));
    let days = (parsed.validity().not_after.timestamp() - NOW.0 / 1000) / 86_400;
    assert_eq!(days, 3652);
}

#[test]
fn the_pin_is_the_hash_of_the_public_key() {
    let (_root, _directory, authority) = authority();
    let (_, parsed) = x509_parser::parse_x509_certificate(authority.certificate()).unwrap();
    assert_eq!(authority.pin(), hexadecimal(&Sha256::digest(parsed.public_key().raw)));
}

#[test]
fn files_that_do_not_fit_are_named() {
    let (_one, first, _) = authority();
    let (_two, second, _) = authority();
    std::fs::copy(second.ca_certificate(), first.ca_certificate()).unwrap();
    let error = Authority::open(&first).err().unwrap().to_string();
    assert!(error.ends_with("ca.crt: does not belong to ca.key beside it"), "{error}");
    std::fs::write(first.ca_key(), "not a key").unwrap();
    let error = Authority::open(&first).err().unwrap().to_string();
    assert!(error.ends_with("ca.key: not a private key in PEM"), "{error}");
}

#[test]
fn an_agents_certificate_names_the_agent_and_lives_a_week_from_an_hour_ago() {
    let (_root, _directory, authority) = authority();
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let key = AgentKey::from_csr(&crate::testing::csr(&key)).unwrap();
        let leaf = authority.issue_agent(&key, AgentId(7), NOW, &SeededEntropy::new(2)).unwrap();
        let der = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
        assert_eq!(agent_of(&der), Ok(AgentId(7)));
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(parsed.validity().not_before.timestamp(), NOW.0 / 1000 - 3600);
        assert_eq!(parsed.validity().not_after.timestamp(), NOW.0 / 1000 + 7 * 86_400);
        assert_eq!(leaf.expires_at, Timestamp(NOW.0 + 7 * 86_400_000));
        let (_, issuer) = x509_parser::parse_x509_certificate(authority.certificate()).unwrap();
        assert!(parsed.verify_signature(Some(issuer.public_key())).is_ok());
    }
}

#[test]
fn the_servers_certificate_is_kept_while_it_is_good() {
    let (_root, directory, authority) = authority();
    let entropy = SeededEntropy::new(3);
    let wanted = names(&["localhost", "127.0.0.1", "2001:db8::7"]);
    let identity =
        |wanted: &BTreeSet<String>, days: u32| authority.server_identity(&directory, wanted, NOW.plus(DAY * days), &entropy).unwrap();
    let first = identity(&wanted, 0);
    assert!(first.renewed);
    let kept = identity(&wanted, 243);
    assert_eq!((kept.renewed, &kept.chain), (false, &first.chain));
    assert!(identity(&wanted, 245).renewed, "below a third of its life");
    assert!(identity(&names(&["localhost"]), 245).renewed, "other names");
}

#[test]
fn a_server_certificate_of_another_authority_is_replaced() {
    let (_one, first, old) = authority();
    let entropy = SeededEntropy::new(4);
    let wanted = names(&["localhost"]);
    old.server_identity(&first, &wanted, NOW, &entropy).unwrap();
    let (_two, _, new) = authority();
    assert!(new.server_identity(&first, &wanted, NOW, &entropy).unwrap().renewed);
}

#[test]
fn a_damaged_server_certificate_is_replaced() {
    let (_root, directory, authority) = authority();
    let entropy = SeededEntropy::new(5);
    data_directory::write_atomically(&directory.server_identity(), b"scrambled", Secrecy::Secret).unwrap();
    assert!(authority.server_identity(&directory, &names(&["localhost"]), NOW, &entropy).unwrap().renewed);
}

#[test]
fn names_that_fit_no_certificate_are_refused() {
    for good in ["localhost", "rollcall.example", "192.0.2.7", "2001:db8::7", "host_1"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "a b", "https://x", "x:8443", "ä.example", "-", &"x".repeat(300)] {
        assert!(!is_name(bad), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        use base64::Engine as _;
        let _ = agent_of(&CertificateDer::from(bytes.clone()));
        let body = base64::engine::general_purpose::STANDARD.encode(bytes);
        let _ = AgentKey::from_csr(&format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"));
    }
}
