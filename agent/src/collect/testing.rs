//! Trees for tests, written as text.
//!
//! `=== /PATH` begins a file whose content follows, `\\0` in it standing for NUL; `=== /PATH = TEXT` is a file of that one line,
//! `=== /PATH -> TARGET` a link, `=== /PATH/` an empty folder. `=== /PATH (script)` is a file that may be executed, and `=== /PATH (hex)`
//! one whose bytes follow as hexadecimal digits, blanks, line ends and what follows a `#` ignored. What stands before the first `===`
//! is a comment. All files were last changed at one moment, so that what is told by that is the same every time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When planted files were changed: 2025-06-01T08:00:00Z, in seconds.
pub(crate) const PLANTED_AT: u64 = 1_748_764_800;

/// Unpacks a tree into a directory that lives as long as the result.
#[track_caller]
pub(crate) fn plant(tree: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tree = format!("\n{tree}");
    for entry in tree.split("\n=== /").skip(1) {
        let (head, content) = entry.split_once('\n').unwrap_or((entry, ""));
        plant_one(directory.path(), head, content);
    }
    directory
}

fn plant_one(directory: &Path, head: &str, content: &str) {
    if head.ends_with('/') {
        return std::fs::create_dir_all(directory.join(head)).expect("a folder");
    }
    if let Some((path, target)) = head.split_once(" -> ") {
        std::fs::create_dir_all(directory.join(path).parent().expect("a parent")).expect("a folder");
        std::os::unix::fs::symlink(target, directory.join(path)).expect("a link");
    } else if let Some((path, text)) = head.split_once(" = ") {
        assert!(content.trim().is_empty(), "{path} has one line, and more follows: {content}");
        write(&directory.join(path), text.replace("\\0", "\0").as_bytes(), 0o644);
    } else if let Some(path) = head.strip_suffix(" (hex)") {
        let digits: Vec<&str> = content.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
        write(&directory.join(path), &bytes_of(&digits.join("\n")), 0o644);
    } else if let Some(path) = head.strip_suffix(" (script)") {
        write(&directory.join(path), content.as_bytes(), 0o755);
    } else {
        write(&directory.join(head), content.replace("\\0", "\0").as_bytes(), 0o644);
    }
}

fn write(path: &Path, content: &[u8], mode: u32) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("a file");
    let file = std::fs::File::open(path).expect("the file");
    file.set_permissions(std::fs::Permissions::from_mode(mode)).expect("a mode");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(PLANTED_AT)).expect("a time");
}

/// Bytes from hexadecimal digits.
#[track_caller]
pub(crate) fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter(|c| !c.is_whitespace()).map(|c| u8::try_from(c.to_digit(16).expect("a digit")).expect("four bits")).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
