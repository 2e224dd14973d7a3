use super::*;
use crate::collect::options::Options;
use crate::collect::testing::plant;
use crate::probe::Privileged;
use crate::root::Root;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use std::path::Path;

/// A key that the same certificate comes from each time.
const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+Dyvh6EJPxS9LhF0HhpCd3TVYyMMM8Xe9JZ9zyD2rb\n-----END PRIVATE KEY-----\n";

fn signed(names: &[&str], is_authority: bool) -> rcgen::Certificate {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params.serial_number = Some(vec![0x01, 0xab].into());
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params.self_signed(&KeyPair::from_pem(KEY).expect("a key")).expect("signed")
}

pub(super) fn self_signed(names: &[&str], is_authority: bool) -> Vec<u8> {
    signed(names, is_authority).der().to_vec()
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

fn gather(root: &Path, paths: &[&str]) -> (Vec<Certificate>, Option<String>) {
    let mut options = Options::default();
    options.collect.certificate_paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let root = Root::new(root);
    let scope = Scope::with(&root, &options, Privileged::none_ref());
    (collect(&scope).expect("collected"), scope.problems())
}

#[test]
fn a_certificate_is_described_in_full() {
    let der = self_signed(&["example.org", "192.0.2.7"], false);
    let certificate = parse::describe(&der).expect("a certificate");
    assert_eq!(certificate.subject.as_deref(), Some("CN=example.org,O=Example\\, Inc."));
    assert_eq!((certificate.issuer.as_deref(), certificate.serial.as_deref()), (certificate.subject.as_deref(), Some("01ab")));
    assert_eq!(certificate.sans, ["192.0.2.7", "example.org"]);
    assert_eq!((certificate.key_type.as_deref(), certificate.key_bits), (Some("ed25519"), Some(256)));
    assert_eq!((certificate.signature.as_deref(), certificate.is_ca), (Some("ed25519"), Some(false)));
    assert_eq!(certificate.not_after.map(|at| at.to_string()).as_deref(), Some("2027-01-01T00:00:00.000Z"));
}

#[test]
fn excluded_certificates_are_not_read_whoever_names_them() {
    let tree = plant(
        "=== /etc/nginx/nginx.conf\nssl_certificate /srv/secret/named.pem;\n=== /etc/pki/link.pem -> /srv/secret/linked.pem\n=== /etc/pki/folder -> /srv/secret\n",
    );
    for (at, path) in ["srv/secret/named.pem", "srv/secret/linked.pem", "etc/pki/hidden/a.pem", "etc/pki/seen/a.pem"].iter().enumerate() {
        write(tree.path(), path, signed(&[&format!("n{at}.example.org")], false).pem());
    }
    let mut options = Options::default();
    options.collect.certificate_paths = vec!["/etc/pki".to_owned()];
    options.exclude.paths = vec!["/srv/secret".to_owned(), "/etc/*/hidden".to_owned()];
    let root = Root::new(tree.path());
    let scope = Scope::with(&root, &options, Privileged::none_ref());
    let rows = collect(&scope).expect("collected");
    let paths: Vec<&str> = rows.iter().flat_map(|row| row.paths.iter().map(String::as_str)).collect();
    assert_eq!((paths.as_slice(), scope.problems()), (["/etc/pki/seen/a.pem"].as_slice(), None));
}

#[test]
fn one_row_names_every_file_and_user_of_a_certificate() {
    let tree = plant(
        "=== /etc/live/a/cert.pem -> ../../archive/cert1.pem\n=== /etc/live/a/privkey.pem\nsecret\n\
         === /etc/nginx/sites-enabled/a\nssl_certificate /etc/live/a/chain.pem;\n=== /etc/postfix/main.cf\nsmtpd_tls_cert_file=/etc/missing.pem\n",
    );
    let (leaf, authority) = (signed(&["a.example.org"], false), signed(&["CA"], true));
    write(tree.path(), "etc/archive/cert1.pem", leaf.pem());
    write(tree.path(), "etc/live/a/chain.pem", format!("{KEY}{}{}", leaf.pem(), authority.pem()));
    let (rows, problems) = gather(tree.path(), &["/etc/live"]);
    assert_eq!(problems, None);
    let short: Vec<_> = rows.iter().map(|row| (row.is_chain_only, row.is_ca, row.paths.join(" "), row.used_by.join(" "))).collect();
    let expected = [
        (false, Some(false), "/etc/live/a/cert.pem /etc/live/a/chain.pem".to_owned(), "configuration nginx".to_owned()),
        (true, Some(true), "/etc/live/a/chain.pem".to_owned(), "configuration nginx".to_owned()),
    ];
    let mut sorted = short;
    sorted.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn what_expires_is_named_by_a_file_that_a_renewal_keeps() {
    let tree = plant("=== /etc/nginx/conf.d/a.conf\nssl_certificate chain.pem;\n");
    write(tree.path(), "etc/nginx/chain.pem", signed(&["a"], false).pem() + &signed(&["CA"], true).pem());
    let root = Root::new(tree.path());
    let end = Timestamp(1_798_761_600_000);
    assert_eq!(expiries(&Scope::new(&root)), [("/etc/nginx/chain.pem".to_owned(), end)]);
}

#[test]
fn no_private_key_reaches_a_row() {
    let tree = plant("=== /etc/x/\n");
    write(tree.path(), "etc/x/both.pem", KEY.to_owned() + &signed(&["a"], false).pem());
    let (rows, _) = gather(tree.path(), &["/etc/x"]);
    assert_eq!(rows.len(), 1);
    assert!(!format!("{rows:?}").contains("J+Dyvh6EJPxS9LhF0Hhp"));
}

#[test]
fn trust_stores_are_no_inventory() {
    let tree = plant(
        "=== /etc/pki/tls/certs/a.pem -> /etc/pki/ca-trust/extracted/pem/a.pem\n=== /etc/pki/tls/certs/loop.pem -> loop.pem\n\
         === /etc/pki/tls/certs/sub -> ..\n=== /etc/pki/tls/certs/README\nA text.\n",
    );
    let one = signed(&["CA"], true).pem();
    write(tree.path(), "etc/pki/ca-trust/extracted/pem/a.pem", &one);
    write(tree.path(), "etc/pki/tls/certs/bundle.crt", one.repeat(CHAIN + 1));
    let (rows, problems) = gather(tree.path(), &["/etc/pki/tls/certs"]);
    assert_eq!(rows, []);
    assert_eq!(problems.as_deref(), Some("/etc/pki/tls/certs/loop.pem: a loop of links"));
}

#[test]
fn a_spoilt_file_is_named_with_its_line() {
    let tree = plant(
        "=== /etc/x/a.pem\ntext\n-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n=== /etc/nginx/nginx.conf\nssl_certificate /etc/x/b.pem;\n=== /etc/x/b.pem\nnothing\n",
    );
    let (rows, problems) = gather(tree.path(), &["/etc/x"]);
    assert_eq!(rows, []);
    let problems = problems.expect("problems");
    assert!(problems.contains("/etc/x/a.pem:2: not a certificate"), "{problems}");
    assert!(problems.contains("/etc/x/b.pem: no certificate in it"), "{problems}");
}

#[test]
fn openssl_says_the_same_of_an_rsa_certificate_in_der() {
    let directory = plant("=== /etc/x/\n");
    let path = directory.path().join("etc/x/a.der");
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-outform",
            "DER",
            "-subj",
            "/C=DE/CN=a+O=Ex",
            "-days",
            "9",
            "-out",
        ])
        .arg(&path)
        .output();
    // Not every machine has it.
    if !made.is_ok_and(|made| made.status.success()) {
        return;
    }
    let said = std::process::Command::new("openssl")
        .args(["x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-serial", "-in"])
        .arg(&path)
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&said.stdout).to_lowercase().replace(':', "");
    let (rows, problems) = gather(directory.path(), &["/etc/x"]);
    assert_eq!((rows.len(), problems), (1, None));
    assert!(
        said.contains(&rows[0].fingerprint) && said.contains(rows[0].serial.as_deref().expect("a serial").trim_start_matches('0')),
        "{said} {:?}",
        rows[0]
    );
    assert_eq!((rows[0].key_type.as_deref(), rows[0].key_bits, rows[0].is_ca), (Some("rsa"), Some(2048), Some(true)));
    assert_eq!((rows[0].subject.as_deref(), rows[0].signature.as_deref()), (Some("CN=a+O=Ex,C=DE"), Some("sha256WithRSAEncryption")));
}
