//! What programs say they were built from: Go's build information (`.go.buildinfo`, since Go 1.13), and the list that
//! `cargo auditable` puts into Rust programs (`.dep-v0`).

use super::super::super::text::tidy;
use super::super::super::{Failure, Scope};
use super::super::super::positioned::{word32, word64};
use super::super::purl::Purl;
use super::elf::Program;
use super::{Result, package};
use rollcall_shared::section::Package;
use serde::Deserialize;

/// Bytes of Go's build information; the largest programs have some 100 KiB.
const GO_BYTES: usize = 4 << 20;

/// Compressed bytes of Rust's list, and what it may unfold to; some 20 KiB are usual.
const RUST_BYTES: usize = 1 << 20;
const RUST_UNFOLDED_BYTES: usize = 8 << 20;

pub(super) fn read(scope: &Scope<'_>, path: &str, packages: &mut Vec<Package>) -> Result {
    let Some(mut program) = Program::open(scope, path)? else { return Ok(()) };
    if let Some((version, modules)) = go_texts(&mut program) {
        packages.extend(go(&version, &modules, path));
    }
    if let Some((list, _)) = program.section(".dep-v0", RUST_BYTES) {
        let found = rust(list, path).map_err(|what| Failure::source(format!("{path} (.dep-v0)"), what))?;
        packages.extend(found);
    }
    Ok(())
}

/// The version of Go and the list of modules.
fn go_texts(program: &mut Program<'_>) -> Option<(String, String)> {
    const HEAD: usize = 32;
    let (order, wide) = program.form();
    let (info, _) = program.section(".go.buildinfo", GO_BYTES)?;
    if !info.starts_with(b"\xff Go buildinf:") {
        return None;
    }
    let (&flags, mut rest) = (info.get(15)?, info.get(HEAD..)?);
    const INLINE: u8 = 2;
    if flags & INLINE != 0 {
        return Some((go_text(&mut rest)?, go_text(&mut rest)?));
    }
    // Before Go 1.18 the section had pointers to the texts, which are pairs of address and length.
    let address = |bytes: &[u8], at: usize| if wide { word64(bytes, 8 * at, order) } else { word32(bytes, 4 * at, order).map(u64::from) };
    let pointers = info.get(16..HEAD)?;
    let (version, modules) = (address(pointers, 0)?, address(pointers, 1)?);
    let mut text = |at: u64| {
        let pair = program.at_address(at, if wide { 16 } else { 8 })?;
        let (at, length) = (address(pair, 0)?, address(pair, 1)?);
        let length = usize::try_from(length).ok().filter(|&length| length <= GO_BYTES)?;
        Some(String::from_utf8_lossy(program.at_address(at, length)?).into_owned())
    };
    Some((text(version)?, text(modules).unwrap_or_default()))
}

/// A length in groups of seven bits, least significant first, then the text.
fn go_text(bytes: &mut &[u8]) -> Option<String> {
    let mut length = 0_usize;
    for shift in (0..28).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    None
}

/// Lines of `mod`, `dep` and, for a module that replaces the one above it, `=>`: path, version, checksum, with tabs between.
/// Sixteen bytes before and behind mark the list for other tools.
fn go(version: &str, modules: &str, path: &str) -> Vec<Package> {
    let mut found: Vec<(String, String)> = Vec::new();
    if let Some(version) = version.strip_prefix("go").and_then(|version| version.split_whitespace().next()) {
        found.push(("stdlib".to_owned(), version.to_owned()));
    }
    for line in modules.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        // The mark before the list ends with bytes that are no tab: the first line begins behind it.
        let kind = kind.get(kind.len().saturating_sub(4)..).unwrap_or(kind);
        let (Some(module), Some(version)) = (fields.next().and_then(tidy), fields.next().and_then(tidy)) else { continue };
        match kind {
            "mod" | "dep" => found.push((module, version)),
            // A folder instead of a module: the name stays, and what is in it has no version that means anything.
            "=>" if module.starts_with(['.', '/']) => found.last_mut().into_iter().for_each(|(_, known)| *known = DEVELOPED.to_owned()),
            "=>" => {
                found.pop();
                found.push((module, version));
            }
            _ => {}
        }
    }
    found.into_iter().map(|(module, version)| go_package(module, version, path)).collect()
}

/// What was built from a folder has this version, which names nothing.
const DEVELOPED: &str = "(devel)";

fn go_package(module: String, version: String, path: &str) -> Package {
    let known = if version == DEVELOPED { "" } else { version.as_str() };
    let (namespace, name) = module.rsplit_once('/').map_or((None, module.as_str()), |(namespace, name)| (Some(namespace), name));
    let purl = Purl::new("golang", name, known).namespace(namespace).text();
    package("go", module, version, path, purl)
}

#[derive(Deserialize)]
struct Audit {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    kind: Option<String>,
}

fn rust(list: &[u8], path: &str) -> std::result::Result<Vec<Package>, String> {
    let unfolded = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(list, RUST_UNFOLDED_BYTES);
    let unfolded = unfolded.map_err(|error| format!("cannot be unfolded: {:?}", error.status))?;
    let audit: Audit = serde_json::from_slice(&unfolded).map_err(|error| error.to_string())?;
    // What was needed to build the program is not in it.
    let inside = audit.packages.into_iter().filter(|one| one.kind.as_deref() != Some("build"));
    Ok(inside
        .filter_map(|one| {
            let (name, version) = (tidy(&one.name)?, tidy(&one.version)?);
            let purl = Purl::new("cargo", &name, &version).text();
            Some(package("cargo", name, version, path, purl))
        })
        .collect())
}

#[cfg(test)]
mod tests;
