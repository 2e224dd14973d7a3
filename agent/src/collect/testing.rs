//! Trees for tests, written as text.
//!
//! `=== /PATH` begins a file whose content follows, `\\0` in it standing for NUL; `=== /PATH -> TARGET` is a link, `=== /PATH/` an
//! empty folder, and `=== /PATH (hex)` a file whose bytes follow as hexadecimal digits, blanks and line ends between them ignored.
//! What stands before the first `===` is a comment.

use std::path::Path;

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
    let folder_of = |path: &str| std::fs::create_dir_all(directory.join(path).parent().expect("a parent")).expect("a folder");
    if let Some((path, target)) = head.split_once(" -> ") {
        folder_of(path);
        std::os::unix::fs::symlink(target, directory.join(path)).expect("a link");
    } else if let Some(path) = head.strip_suffix(" (hex)") {
        folder_of(path);
        std::fs::write(directory.join(path), bytes_of(content)).expect("a file");
    } else {
        folder_of(head);
        std::fs::write(directory.join(head), content.replace("\\0", "\0")).expect("a file");
    }
}

/// Bytes from hexadecimal digits.
#[track_caller]
pub(crate) fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter(|c| !c.is_whitespace()).map(|c| u8::try_from(c.to_digit(16).expect("a digit")).expect("four bits")).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
