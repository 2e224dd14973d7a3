//! Files as lines.

use super::*;
use proptest::prelude::*;

/// The lines of a file with their numbers.
#[track_caller]
fn lines(content: &[u8]) -> Vec<(usize, String)> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("f"), content).expect("a file");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    let mut lines = Vec::new();
    let exists = scope.lines("/f", |number, line| {
        lines.push((number, line.to_owned()));
        Ok(true)
    });
    assert!(exists.expect("read"));
    assert_eq!(scope.bytes_read(), content.len() as u64);
    lines
}

#[track_caller]
fn check(content: &[u8], expected: &[&str]) {
    let expected: Vec<(usize, String)> = (1..).zip(expected.iter().map(|line| (*line).to_owned())).collect();
    assert_eq!(lines(content), expected);
}

#[test]
fn lines_end_with_their_newline_or_the_file() {
    check(b"", &[]);
    check(b"\n", &[""]);
    check(b"a\n\nb", &["a", "", "b"]);
    check(b"a\xff\xc3\nb\n", &["a\u{fffd}\u{fffd}", "b"]);
}

#[test]
fn a_line_that_is_longer_than_what_is_held_is_one_line() {
    let long = "é".repeat(HELD_BYTES);
    check(format!("a\n{long}\nb").as_bytes(), &["a", &long, "b"]);
}

#[test]
fn a_line_without_end_is_cut() {
    let found = lines(&vec![b'x'; 2 * LINE_BYTES + 5]);
    assert_eq!(found.iter().map(|(_, line)| line.len()).collect::<Vec<_>>(), [LINE_BYTES, LINE_BYTES, 5]);
}

#[test]
fn whoever_has_enough_ends_the_reading() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("f"), "a\nb\n".repeat(1 << 20)).expect("a file");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    assert!(scope.lines("/f", |number, _| Ok(number < 2)).expect("read"));
    assert!(!scope.lines("/g", |_, _| Ok(true)).expect("absence is no error"));
    assert_eq!(scope.bytes_read(), HELD_BYTES as u64);
}

#[test]
fn what_is_excluded_is_neither_read_nor_listed() {
    let tree = crate::collect::testing::plant("=== /srv/a/f\nx\n=== /srv/b/f\ny\n=== /srv/b/g\nz\n");
    let mut options = Options::default();
    options.exclude.paths = vec!["/srv/a/".to_owned(), "/srv/*/g".to_owned()];
    let root = Root::new(tree.path());
    let scope = Scope::with(&root, &options, Privileged::none_ref());
    assert_eq!((scope.list("/srv"), scope.list("/srv/a"), scope.list("/srv/b/")), (vec!["b".to_owned()], vec![], vec!["f".to_owned()]));
    assert_eq!((scope.attribute("/srv/a/f"), scope.attribute("/srv/b/f"), scope.attribute("/srv/b/g")), (None, Some("y".to_owned()), None));
    assert!(!scope.lines("/srv/a/f", |_, _| panic!("it is not read")).expect("absence is no error"));
    assert!(crate::collect::positioned::Positioned::open(&scope, "/srv/a/f", 9, 9).expect("absence is no error").is_none());
    assert_eq!((scope.bytes_read(), scope.problems()), (1, None));
}

proptest! {
    #[test]
    fn lines_are_those_of_the_text(parts in proptest::collection::vec(("[a-zé]{0,20}", 0_usize..3000), 0..40)) {
        let text: String = parts.iter().map(|(word, times)| format!("{}\n", word.repeat(*times))).collect();
        let expected: Vec<(usize, String)> = (1..).zip(text.lines().map(str::to_owned)).collect();
        prop_assert_eq!(lines(text.as_bytes()), expected);
    }
}
