//! All managers together: what a language package and a distribution's package have in common is reported once.

use super::super::testing::plant;
use super::*;
use crate::root::Root;

const PYTHON: &str = "=== /usr/lib/python3.12/site-packages/own-1.dist-info/METADATA\nName: own\nVersion: 1\n\
    === /usr/lib/python3.12/site-packages/added-2.dist-info/METADATA\nName: added\nVersion: 2\n";

#[track_caller]
fn check(tree: &str, expected: &[(&str, &str)]) {
    let tree = plant(&format!("{PYTHON}{tree}"));
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let packages = collect(&scope).expect("collected");
    let found: Vec<_> = packages.iter().map(|package| (package.manager.as_str(), package.name.as_str())).collect();
    assert_eq!((found.as_slice(), scope.problems()), (expected, None));
}

#[test]
fn what_dpkg_lists_is_dpkgs() {
    check(
        "=== /var/lib/dpkg/status\nPackage: python3-own\nStatus: install ok installed\nVersion: 1\n\
         === /var/lib/dpkg/info/python3-own.list\n/.\n/usr/lib/python3.12/site-packages/own-1.dist-info/METADATA\n",
        &[("dpkg", "python3-own"), ("python", "added")],
    );
}

#[test]
fn what_apk_lists_is_apks() {
    check(
        "=== /lib/apk/db/installed\nP:py3-own\nV:1\nF:usr/lib/python3.12/site-packages/own-1.dist-info\nR:METADATA\n",
        &[("apk", "py3-own"), ("python", "added")],
    );
}

#[test]
fn what_pacman_lists_is_pacmans() {
    check(
        "=== /var/lib/pacman/local/python-own-1/desc\n%NAME%\npython-own\n\n%VERSION%\n1\n\
         === /var/lib/pacman/local/python-own-1/files\n%FILES%\nusr/lib/python3.12/site-packages/own-1.dist-info/METADATA\n",
        &[("pacman", "python-own"), ("python", "added")],
    );
}

#[test]
fn what_portage_lists_is_portages() {
    check(
        "=== /var/db/pkg/dev-python/own-1/CONTENTS\nobj /usr/lib/python3.12/site-packages/own-1.dist-info/METADATA 0abc 1700000000\n",
        &[("portage", "dev-python/own"), ("python", "added")],
    );
}

#[test]
fn what_an_rpm_header_lists_is_rpms() {
    let tree = plant(PYTHON);
    rpm::tests::plant_with_file(tree.path(), "/usr/lib/python3.12/site-packages/own-1.dist-info/", "METADATA");
    let root = Root::new(tree.path());
    let packages = collect(&Scope::new(&root)).expect("collected");
    let found: Vec<_> = packages.iter().map(|package| (package.manager.as_str(), package.name.as_str())).collect();
    assert_eq!(found, [("rpm", "python3-own"), ("python", "added")]);
}

#[test]
fn a_tree_without_any_package_is_skipped() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert!(matches!(collect(&Scope::new(&Root::new(directory.path()))), Err(Failure::Skipped(_))));
}
