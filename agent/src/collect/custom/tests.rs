use super::*;
use crate::collect::testing::plant;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

const FOLDER: &str = "etc/rollcall/extensions.d";

fn gather(tree: &tempfile::TempDir) -> (Vec<String>, Option<String>) {
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    (rows.iter().map(|row| format!("{}/{}", row.extension, row.key)).collect(), scope.problems())
}

#[test]
fn each_file_is_a_table() {
    let tree = plant(
        "=== /etc/rollcall/extensions.d/licences.json\n[{\"key\":\"a\"},{\"key\":\"b\"},{\"key\":\"a\",\"n\":1}]\n\
         === /etc/rollcall/extensions.d/rack.json\n{\"row\":\"R12\"}\n=== /etc/rollcall/extensions.d/README\nA text.\n=== /etc/rollcall/extensions.d/.x.json\n{}\n",
    );
    let problem = "/etc/rollcall/extensions.d/licences.json: a second row with the key \"a\"";
    assert_eq!(gather(&tree), (vec!["licences/a".into(), "licences/b".into(), "rack/".into()], Some(problem.to_owned())));
}

#[test]
fn what_anyone_may_write_is_refused() {
    let tree = plant("=== /etc/rollcall/extensions.d/a.json\n{\"a\":1}\n");
    set_permissions(tree.path().join(FOLDER).join("a.json"), Permissions::from_mode(0o666)).expect("set");
    assert_eq!(gather(&tree), (vec![], Some("/etc/rollcall/extensions.d/a.json: refused, because everyone may write it".to_owned())));
}

#[test]
fn what_is_not_roots_is_refused() {
    let tree = plant("=== /etc/rollcall/extensions.d/a.json\n{\"a\":1}\n");
    // Only root can give files away.
    if std::os::unix::fs::chown(tree.path().join(FOLDER).join("a.json"), Some(4711), None).is_err() {
        return;
    }
    assert!(gather(&tree).1.is_some_and(|problems| problems.contains("belongs to user 4711 and not to root")));
}

#[test]
fn large_strange_and_binary_files_are_refused_by_name() {
    let tree = plant(
        "=== /etc/rollcall/extensions.d/folder.json/x\n=== /etc/rollcall/extensions.d/binary.json (hex)\n22ff22\n=== /etc/rollcall/extensions.d/cut.json\n{\"a\":\n",
    );
    std::fs::write(tree.path().join(FOLDER).join("large.json"), " ".repeat(1 << 21)).expect("written");
    let (rows, problems) = gather(&tree);
    assert_eq!(rows, [""; 0]);
    let problems = problems.expect("problems");
    for part in [
        "binary.json: not UTF-8 at byte 1",
        "cut.json:2:0: not JSON",
        "folder.json: not a regular file",
        "large.json: larger than 1048576 bytes",
    ] {
        assert!(problems.contains(part), "{part} is not in {problems}");
    }
}

#[test]
fn a_machine_without_extensions_has_no_rows_and_a_tree_without_etc_is_none() {
    assert_eq!(gather(&plant("=== /etc/hostname\na\n")), (vec![], None));
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert!(matches!(collect(&Scope::new(&Root::new(directory.path()))), Err(Failure::Skipped(_))));
}
