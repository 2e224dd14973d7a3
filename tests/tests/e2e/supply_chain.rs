//! What Rollcall is built from: where it comes from, and under which licences.

use anyhow::{Context, Result};
use rollcall_tests::harness::binaries::workspace;
use rollcall_tests::harness::server::succeed;
use serde_json::Value;
use std::process::Command;

/// Licences that a product under Apache-2.0 OR MIT may include.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn packages() -> Result<Vec<Value>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    // Only what is built here: packages for other systems need not have been fetched.
    let host = succeed(Command::new(&cargo).args(["-vV"]).output()?)?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo names its host")?.to_owned();
    let arguments = ["metadata", "--format-version", "1", "--offline", "--filter-platform", &host];
    let output = Command::new(cargo).current_dir(workspace()).args(arguments).output()?;
    let metadata: Value = serde_json::from_str(&succeed(output)?)?;
    Ok(metadata["packages"].as_array().context("packages")?.clone())
}

#[test]
fn everything_comes_from_the_registry_or_from_here() -> Result<()> {
    for package in packages()? {
        let source = package["source"].as_str();
        assert!(source.is_none_or(|source| source == REGISTRY), "{} comes from {source:?}", package["name"]);
    }
    Ok(())
}

#[test]
fn every_licence_is_one_that_a_permissive_product_may_include() -> Result<()> {
    for package in packages()? {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence), "{} {}: licence {licence:?}", package["name"], package["version"]);
    }
    Ok(())
}

/// Whether a licence expression can be met with allowed licences alone. `/` is how old packages write `OR`.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut tokens = expression.replace('(', " ( ").replace(')', " ) ");
    // `WITH` binds its two sides to one name.
    tokens = tokens.replace(" WITH ", "+WITH+");
    let tokens: Vec<String> = tokens.split_whitespace().map(|token| token.replace("+WITH+", " WITH ")).collect();
    let mut position = 0;
    either(&tokens, &mut position) && position == tokens.len()
}

fn either(tokens: &[String], position: &mut usize) -> bool {
    let mut allowed = both(tokens, position);
    while tokens.get(*position).is_some_and(|token| token == "OR") {
        *position += 1;
        allowed |= both(tokens, position);
    }
    allowed
}

fn both(tokens: &[String], position: &mut usize) -> bool {
    let mut allowed = one(tokens, position);
    while tokens.get(*position).is_some_and(|token| token == "AND") {
        *position += 1;
        allowed &= one(tokens, position);
    }
    allowed
}

fn one(tokens: &[String], position: &mut usize) -> bool {
    let Some(token) = tokens.get(*position) else { return false };
    *position += 1;
    if token != "(" {
        return ALLOWED.contains(&token.as_str());
    }
    let allowed = either(tokens, position);
    let closed = tokens.get(*position).is_some_and(|token| token == ")");
    *position += 1;
    allowed && closed
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
        ("", false),
        ("(MIT", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression:?}");
    }
}
