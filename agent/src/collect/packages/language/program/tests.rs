//! Programs made of headers and one section, whole and damaged.

use super::super::super::super::testing::bytes_of;
use super::*;
use crate::root::Root;
use proptest::prelude::*;

/// A 64-bit little-endian ELF file with one segment that is the whole file, a section, and the names of sections.
fn elf(name: &str, content: &[u8]) -> Vec<u8> {
    const HEADER: usize = 64;
    let names = [b"\0".to_vec(), name.as_bytes().to_vec(), b"\0.shstrtab\0".to_vec()].concat();
    let (content_at, names_at) = (HEADER + 56, HEADER + 56 + content.len());
    let table_at = names_at + names.len();
    let eight = |number: usize| (number as u64).to_le_bytes().to_vec();
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(32, 0);
    head.extend(eight(HEADER));
    head.extend(eight(table_at));
    for number in [0_u16, 0, 64, 56, 1, 64, 3, 2] {
        head.extend(number.to_le_bytes());
    }
    let segment: Vec<u8> = [vec![1, 0, 0, 0, 5, 0, 0, 0], eight(0), eight(0x1000), eight(0), eight(table_at), eight(table_at), eight(0)].concat();
    let section = |name: u32, at: usize, size: usize| {
        let mut section = [name.to_le_bytes().to_vec(), vec![0; 20], eight(at), eight(size)].concat();
        section.resize(64, 0);
        section
    };
    let own = u32::try_from(name.len() + 2).expect("small");
    let table = [section(0, 0, 0), section(1, content_at, content.len()), section(own, names_at, names.len())].concat();
    [head[..HEADER].to_vec(), segment, content.to_vec(), names, table].concat()
}

fn read_bytes(bytes: &[u8]) -> (Vec<(String, String)>, Option<String>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("program"), bytes).expect("a program");
    let root = Root::new(directory.path());
    let mut packages = Vec::new();
    let failure = read(&Scope::new(&root), "/program", &mut packages).err().map(|failure| failure.to_string());
    (packages.into_iter().map(|package| (package.name, package.purl.unwrap_or_default())).collect(), failure)
}

const MODULES: &str = "0123456789abcdef\
    path\texample.org/tool/cmd\nmod\texample.org/tool\t(devel)\t\ndep\tgithub.com/Azure/sdk\tv1.2.3\th1:x=\ndep\texample.org/old\tv0.1.0\n\
    =>\texample.org/new\tv0.2.0\th1:y=\ndep\texample.org/here\tv0.0.1\n=>\t./here\t(devel)\t\nbuild\t-compiler=gc\n0123456789abcdef";

fn go_expected() -> Vec<(String, String)> {
    let expected = [
        ("stdlib", "pkg:golang/stdlib@1.22.1"),
        ("example.org/tool", "pkg:golang/example.org/tool"),
        ("github.com/Azure/sdk", "pkg:golang/github.com/azure/sdk@v1.2.3"),
        ("example.org/new", "pkg:golang/example.org/new@v0.2.0"),
        ("example.org/here", "pkg:golang/example.org/here"),
    ];
    expected.map(|(name, purl)| (name.to_owned(), purl.to_owned())).to_vec()
}

fn go_inline() -> Vec<u8> {
    let length = MODULES.len();
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.push(8);
    info.extend(b"go1.22.1");
    info.extend([u8::try_from(length & 0x7f).expect("small") | 0x80, u8::try_from(length >> 7).expect("small")]);
    info.extend(MODULES.as_bytes());
    elf(".go.buildinfo", &info)
}

#[test]
fn a_go_program_names_its_modules() {
    assert_eq!(read_bytes(&go_inline()), (go_expected(), None));
}

#[test]
fn an_older_go_program_points_to_its_modules() {
    let base = 0x1000 + 64 + 56_u64;
    let mut info = b"\xff Go buildinf:\x08\x00".to_vec();
    info.extend((base + 32).to_le_bytes());
    info.extend((base + 48).to_le_bytes());
    for (at, length) in [(base + 64, 8), (base + 72, MODULES.len() as u64)] {
        info.extend(at.to_le_bytes());
        info.extend(u64::to_le_bytes(length));
    }
    info.extend(b"go1.22.1");
    info.extend(MODULES.as_bytes());
    assert_eq!(read_bytes(&elf(".go.buildinfo", &info)), (go_expected(), None));
}

fn auditable() -> Vec<u8> {
    let json = br#"{"packages":[{"name":"anyhow","version":"1.0.75","source":"crates.io"},{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},{"name":"mine","version":"0.1.0","source":"local","root":true}]}"#;
    // zlib with one stored block.
    let length = u16::try_from(json.len()).expect("small");
    let sum = {
        let (low, high) = json.iter().fold((1_u32, 0_u32), |(low, high), &byte| ((low + u32::from(byte)) % 65_521, (high + low + u32::from(byte)) % 65_521));
        high << 16 | low
    };
    [bytes_of("7801 01"), length.to_le_bytes().to_vec(), (!length).to_le_bytes().to_vec(), json.to_vec(), sum.to_be_bytes().to_vec()].concat()
}

#[test]
fn a_rust_program_names_its_crates_but_not_those_that_built_it() {
    let (found, failure) = read_bytes(&elf(".dep-v0", &auditable()));
    let names: Vec<&str> = found.iter().map(|(_, purl)| purl.as_str()).collect();
    assert_eq!((names, failure), (vec!["pkg:cargo/anyhow@1.0.75", "pkg:cargo/mine@0.1.0"], None));
}

#[test]
fn a_list_that_cannot_be_unfolded_is_named() {
    let (found, failure) = read_bytes(&elf(".dep-v0", b"nonsense"));
    assert!(found.is_empty() && failure.is_some_and(|failure| failure.starts_with("/program (.dep-v0): ")));
}

#[test]
fn other_files_are_no_programs() {
    for bytes in [&b"#!/bin/sh\n"[..], b"", b"\x7fELF", &[0; 200]] {
        assert_eq!(read_bytes(bytes), (vec![], None));
    }
}

proptest! {
    #[test]
    fn no_damage_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10), length in any::<prop::sample::Index>(), rust in any::<bool>()) {
        let mut bytes = if rust { elf(".dep-v0", &auditable()) } else { go_inline() };
        for (at, value) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        bytes.truncate(bytes.len() - length.index(8));
        let _ = read_bytes(&bytes);
    }
}
