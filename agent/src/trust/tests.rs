use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()).unwrap()
}

fn leaf(authority: &Authority, name: &str, years: (i32, i32)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    params.signed_by(&key, authority).unwrap().der().clone()
}

fn pin(authority: &Authority) -> CaPin {
    CaPin::of(authority.der()).unwrap()
}

/// 2030-01-01.
const NOW: std::time::Duration = std::time::Duration::from_secs(1_893_456_000);

#[track_caller]
fn check(pin: CaPin, chain: &[&CertificateDer<'static>], expected: Result<(), &str>) {
    let verifier = PinVerifier { pin, provider: provider() };
    let intermediates: Vec<CertificateDer<'_>> = chain[1..].iter().map(|der| (*der).clone()).collect();
    let name = ServerName::try_from("rollcall.example").unwrap();
    let result = verifier.verify_server_cert(chain[0], &intermediates, &name, &[], UnixTime::since_unix_epoch(NOW));
    match (result, expected) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err(text)) => assert!(format!("{error:?} {error}").contains(text), "{error:?}"),
        (result, expected) => panic!("{result:?} instead of {expected:?}"),
    }
}

const GOOD: (i32, i32) = (2020, 2040);

#[test]
fn a_leaf_under_the_pinned_authority_is_accepted() {
    let authority = authority();
    let leaf = leaf(&authority, "rollcall.example", GOOD);
    check(pin(&authority), &[&leaf, authority.der()], Ok(()));
}

#[test]
fn another_authority_is_refused_even_if_its_chain_is_good() {
    let (ours, other) = (authority(), authority());
    let leaf = leaf(&other, "rollcall.example", GOOD);
    check(pin(&ours), &[&leaf, other.der()], Err("does not show the certificate authority"));
}

#[test]
fn a_foreign_leaf_beside_the_pinned_authority_is_refused() {
    let (ours, other) = (authority(), authority());
    let leaf = leaf(&other, "rollcall.example", GOOD);
    check(pin(&ours), &[&leaf, ours.der(), other.der()], Err("BadSignature"));
}

#[test]
fn an_expired_leaf_is_refused() {
    let authority = authority();
    check(pin(&authority), &[&leaf(&authority, "rollcall.example", (2020, 2025)), authority.der()], Err("Expired"));
    check(pin(&authority), &[&leaf(&authority, "rollcall.example", (2035, 2040)), authority.der()], Err("NotValidYet"));
}

#[test]
fn a_leaf_for_another_name_is_refused() {
    let authority = authority();
    check(pin(&authority), &[&leaf(&authority, "other.example", GOOD), authority.der()], Err("NotValidForName"));
}

#[test]
fn a_pinned_key_in_a_certificate_that_is_no_authority_is_refused() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let plain = CertificateParams::new(vec!["rollcall.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    check(CaPin::of(plain.der()).unwrap(), &[plain.der(), plain.der()], Err("does not show the certificate authority"));
}

#[test]
fn a_chain_without_the_authority_is_refused() {
    let authority = authority();
    let leaf = leaf(&authority, "rollcall.example", GOOD);
    check(pin(&authority), &[&leaf], Err("does not show the certificate authority"));
}

#[test]
fn a_pin_is_64_hexadecimal_digits() {
    let pin = pin(&authority());
    assert_eq!(pin.to_string().parse(), Ok(pin));
    assert_eq!(pin.to_string().to_uppercase().parse(), Ok(pin));
    assert_eq!("abc".parse::<CaPin>(), Err(NotAPin));
}

#[test]
fn a_key_that_does_not_belong_to_the_certificate_is_refused() {
    let authority = authority();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().signed_by(&key, &authority).unwrap().pem();
    assert!(enrolled(&authority.pem(), &certificate, &key.serialize_pem()).is_ok());
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    assert!(matches!(enrolled(&authority.pem(), &certificate, &other), Err(TrustError::Tls(_))));
    assert!(matches!(enrolled("nothing", &certificate, &other), Err(TrustError::Pem { what: "ca.pem", .. })));
}
