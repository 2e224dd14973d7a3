//! Rules for the source that no compiler checks.

use anyhow::{Context, Result};
use rollcall_tests::harness::binaries::workspace;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PACKAGES: [&str; 4] = ["shared", "agent", "server", "tests"];

/// Above this a file has a second reason to change.
const FILE_LINES: usize = 500;

/// Every Rust source file with its text.
fn sources() -> Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<PathBuf> = PACKAGES.iter().map(|package| workspace().join(package)).collect();
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                // What a fuzzer builds is nobody's text.
                waiting.extend(Some(path).filter(|path| !path.ends_with("target")));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)?;
                found.insert(path.strip_prefix(workspace())?.to_owned(), text);
            }
        }
    }
    Ok(found)
}

/// Fails with the paths for which `wrong` holds.
#[track_caller]
fn check(what: &str, wrong: impl Fn(&Path, &str) -> bool) {
    let found: Vec<PathBuf> =
        sources().expect("the sources are there").into_iter().filter(|(path, text)| wrong(path, text)).map(|(path, _)| path).collect();
    assert!(found.is_empty(), "{what}: {found:?}");
}

/// Only what runs in the product, without the text of tests.
fn is_product(path: &Path) -> bool {
    let text = path.to_string_lossy();
    !text.starts_with("tests/") && !text.contains("/tests") && !text.contains("/examples/") && !text.ends_with("tests.rs")
}

#[test]
fn modules_are_files_of_their_own_name() {
    check("mod.rs is not used", |path, _| path.ends_with("mod.rs"));
}

#[test]
fn every_module_says_what_it_is_for() {
    check("no //! at the top", |path, text| is_product(path) && !text.trim_start().starts_with("//!"));
}

#[test]
fn unsafe_code_lives_in_one_file_of_the_agent() -> Result<()> {
    let word = ["unsafe", "_code"].concat();
    let opts_out = |text: &str| text.lines().any(|line| line.starts_with("#![") && line.contains(&word) && !line.contains("forbid"));
    let found: Vec<PathBuf> = sources()?.into_iter().filter(|(_, text)| opts_out(text)).map(|(path, _)| path).collect();
    assert!(found.len() <= 1 && found.iter().all(|path| path.starts_with("agent")), "{found:?}");
    Ok(())
}

#[test]
fn nothing_in_the_core_depends_on_the_order_of_a_hash() {
    let words = [["Hash", "Map"].concat(), ["Hash", "Set"].concat()];
    check("hash-ordered collections in server/domain", |path, text| {
        path.starts_with("server/domain") && words.iter().any(|word| text.contains(word.as_str()))
    });
}

#[test]
fn clocks_are_read_in_one_file_a_side() {
    let calls = ["SystemTime::now()", "Instant::now()", "Timestamp::now()"];
    check("a clock is read outside of clock.rs", |path, text| {
        is_product(path) && !path.ends_with("clock.rs") && calls.iter().any(|call| text.contains(call))
    });
}

#[test]
fn files_are_short_enough_to_be_read() {
    check(&format!("more than {FILE_LINES} lines"), |_, text| text.lines().count() > FILE_LINES);
}

#[test]
fn no_test_is_ignored() {
    let attribute = ["#[ig", "nore"].concat();
    check("an ignored test", |_, text| text.contains(&attribute));
}

/// Notes for the writer are for the writer: what is missing is an issue, not a comment.
#[test]
fn no_note_to_self_is_left() {
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat()];
    check("a note to self", |_, text| words.iter().any(|word| text.contains(word.as_str())));
}
