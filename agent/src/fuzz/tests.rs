//! Every target over its corpus: whole, cut at many places, and changed at random from a fixed seed.
//!
//! `ROLLCALL_UPDATE_CORPUS=1` writes those seeds anew that are in the project's own formats or that only a library makes.
//! With `ROLLCALL_TEST_DATA` real tables and databases are further seeds.

use super::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Runs a target at most so often on changed bytes of its seeds, all of them together: the whole test takes some seconds.
const MUTATIONS: usize = 400;

/// Cuts of one seed.
const CUTS: usize = 24;

/// Seeds from real data are cut to this: enough for headers, index pages and the first entries.
const REAL_BYTES: usize = 64 << 10;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect());
    let mut files: Vec<PathBuf> = entries.unwrap_or_default();
    files.sort();
    files
}

/// Seeds by file name.
fn seeds(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), std::fs::read(&path).expect("a seed"));
    files_in(&corpus().join(target.name)).into_iter().map(read).collect()
}

/// What others' machines have, for the targets that read it.
fn real_seeds(target: &Target) -> Vec<Vec<u8>> {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA").map(PathBuf::from) else { return Vec::new() };
    let whole = |path: &Path| std::fs::read(path).expect("a file");
    let beginning = |path: &str| {
        let mut bytes = whole(&data.join(path));
        bytes.truncate(REAL_BYTES);
        vec![bytes]
    };
    match target.name {
        "smbios" => files_in(&data.join("smbios"))
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "dmi"))
            .map(|path| whole(path))
            .collect(),
        "edid" => files_in(&data.join("edid")).iter().map(|path| monitor(&String::from_utf8_lossy(&whole(path)))).collect(),
        "rpm_sqlite" => beginning("rpm/rpm-sqlite/rpmdb.sqlite"),
        "rpm_ndb" => beginning("rpm/rpm-ndb/Packages.db"),
        "rpm_berkeley" => beginning("rpm/rpm-bdb/Packages"),
        _ => Vec::new(),
    }
}

/// The hexadecimal digits in a decoder's text.
fn monitor(text: &str) -> Vec<u8> {
    let digits = text.split_once("edid-decode (hex):").and_then(|(_, rest)| rest.split_once("----------------"));
    digits.map(|(digits, _)| collect::testing::bytes_of(digits)).unwrap_or_default()
}

/// The same numbers at each run: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("below the bound")
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let length = self.below(32).min(bytes.len() - at);
        match self.below(7) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = u8::try_from(self.below(256)).expect("a byte")),
            // Numbers at the ends of their ranges, of one to eight bytes.
            2 => bytes[at..].iter_mut().take(1 << self.below(4)).for_each(|byte| *byte = 0xff),
            3 => bytes[at..].iter_mut().take(1 << self.below(4)).for_each(|byte| *byte = 0),
            4 => drop(bytes.drain(at..at + length)),
            5 => drop(bytes.splice(at..at, bytes[at..at + length].repeat(1 + self.below(4)))),
            _ => {
                let from = self.below(bytes.len() - length + 1);
                bytes.copy_within(from..from + length, at);
            }
        }
    }
}

/// Runs a target on bytes; a panic names the seed that was changed.
#[track_caller]
fn check(target: &Target, seed: &str, bytes: &[u8]) -> usize {
    let result = std::panic::catch_unwind(|| (target.run)(bytes));
    result.unwrap_or_else(|_| {
        let kept = std::env::temp_dir().join(format!("rollcall-fuzz-{}", target.name));
        std::fs::write(&kept, bytes).expect("written");
        panic!("{} panics at what was made of {seed}, kept in {}", target.name, kept.display())
    })
}

fn check_target(target: &Target) {
    let seeds = seeds(target);
    let found: usize = seeds.iter().map(|(name, bytes)| check(target, name, bytes)).sum();
    assert!(found > 0, "{}: no seed leads to a row or a value", target.name);
    let real = real_seeds(target);
    let all: Vec<(&str, &[u8])> = seeds
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .chain(real.iter().map(|bytes| ("real data", bytes.as_slice())))
        .collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, bytes) in all.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for cut in (0..bytes.len()).step_by(bytes.len().div_ceil(CUTS)) {
            check(target, name, &bytes[..cut]);
        }
        for _ in 0..MUTATIONS / all.len() {
            let mut changed = bytes.to_vec();
            for _ in 0..1 + random.below(4) {
                if !changed.is_empty() {
                    random.change(&mut changed);
                }
            }
            check(target, name, &changed);
        }
    }
}

#[test]
fn no_corpus_and_nothing_like_it_panics_a_parser() {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        while let Some(target) = TARGETS.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            check_target(target);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(worker))));
}

#[test]
fn every_target_is_a_program_for_the_fuzzer_and_every_folder_of_the_corpus_a_targets() {
    let programs = std::fs::read_to_string(corpus().with_file_name("Cargo.toml")).expect("a manifest");
    for target in TARGETS {
        assert!(
            programs.contains(&format!("[[bin]]\nname = \"{}\"\n", target.name)),
            "{}: fuzz/Cargo.toml has no program of this name",
            target.name
        );
    }
    assert_eq!(programs.matches("[[bin]]").count(), TARGETS.len());
    for folder in files_in(&corpus()) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(target(&name).is_some(), "{name}: no target has this name");
    }
}

/// In formats of our own, and what cannot be written by hand.
fn made_seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let payload = |text: &str| wire::to_bincode(&message::Payload::Goodbye { at: Timestamp(1), reason: text.to_owned() }).expect("encoded");
    let mut segment = Vec::new();
    spool::record::write_message(&mut segment, 1, &payload("one"));
    spool::record::write_acknowledgement(&mut segment, 1);
    spool::record::write_message(&mut segment, 2, &payload("two"));
    let damaged = [&segment[..20], &segment[30..]].concat();
    let tree = collect::testing::plant(
        "=== /etc/sudoers\nroot ALL=(ALL) ALL\n=== /etc/shadow\nroot:$6$x:1:2:3\n=== /sys/firmware/dmi/tables/DMI\n\\0\n",
    );
    let reply = message::PushReply { acknowledged: 7, wanted: vec![ContentHash([9; 32])], settings: None, server_time: Timestamp(3) };
    let uploaded = message::UploadReply { stored: vec![ContentHash([9; 32]); 20] };
    let framed = |bytes: Result<Vec<u8>, wire::WireError>| bytes.expect("a frame");
    let probe = probe::answer(&Root::new(tree.path())).expect("an answer");
    let package = rollcall_shared::section::Package { name: "bash".to_owned(), version: "5.2".to_owned(), ..Default::default() };
    let (_, packages) = Section::Packages(vec![package]).canonical().expect("canonical");
    let set = |at: i64, values: &[Option<f64>]| SampleSet { table: ContentHash([9; 32]), at: Timestamp(at), values: values.to_vec() };
    let minute = packed::pack(&[
        set(1_000, &[Some(0.0), Some(1.0), None, Some(0.25), Some(1.5e7), Some(1.0 / 3.0), Some(-7.0)]),
        set(11_000, &[Some(0.0), Some(1.0), None, Some(0.5), Some(320.0), Some(2.0 / 3.0), None]),
        set(21_001, &[Some(0.0), Some(1.0), None, Some(0.125), Some(0.0), Some(0.1), Some(9.0)]),
    ]);
    let claims = |counts: &[u8]| [counts, &minute[2..]].concat();
    vec![
        ("sample_sets", "a_minute", minute.clone()),
        ("sample_sets", "a_hundred_sets", claims(&[100, 7])),
        ("sample_sets", "four_thousand_values", claims(&[3, 0x80, 0x20])),
        ("sample_sets", "more_than_a_message_may_have", claims(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 3])),
        ("section", "packages", packages.clone()),
        ("section", "counts_4_billion_rows", [&packages[..6], &[0xfc, 0xff, 0xff, 0xff, 0xff, 1]].concat()),
        ("spool_record", "two_messages", segment),
        ("spool_record", "damaged", damaged),
        ("probe_answer", "whole", probe),
        ("server_answer", "pushed", framed(wire::encode(SCHEMA, &reply))),
        ("server_answer", "uploaded", framed(wire::encode(SCHEMA, &uploaded))),
        ("certificates", "bare", certificate(&["example.org", "192.0.2.7", "2001:db8::1"])),
        ("certificates", "armoured", armoured(&certificate(&["example.org"])).into_bytes()),
        ("certificates", "armoured_without_end", armoured(&certificate(&["a"])).replace("-----END", "----").into_bytes()),
        ("certificates", "not_base_64", b"-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n".to_vec()),
        ("certificates", "a_length_of_all_numbers", [&[0x30, 0x88][..], &[0xff; 8], &certificate(&["a"])].concat()),
        ("certificates", "sequences_in_sequences", [0x30, 0x80].repeat(200)),
    ]
}

/// From a key of its own, the same each time.
fn certificate(names: &[&str]) -> Vec<u8> {
    const KEY: &str =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+Dyvh6EJPxS9LhF0HhpCd3TVYyMMM8Xe9JZ9zyD2rb\n-----END PRIVATE KEY-----\n";
    let mut params = rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, names[0]);
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Own,\u{1b} Inc.");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params.serial_number = Some(vec![0x01, 0xab].into());
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&rcgen::KeyPair::from_pem(KEY).expect("a key")).expect("signed").der().to_vec()
}

fn armoured(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn the_seeds_in_our_own_formats_are_as_the_formats_are() {
    for (target, name, bytes) in made_seeds() {
        let path = corpus().join(target).join(name);
        if std::env::var_os("ROLLCALL_UPDATE_CORPUS").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, &bytes).expect("written");
        }
        assert!(std::fs::read(&path).is_ok_and(|kept| kept == bytes), "{target}/{name} differs; ROLLCALL_UPDATE_CORPUS=1 writes it");
    }
}
