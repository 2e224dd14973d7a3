//! Whether a newer kernel than the running one is installed: it waits for a reboot.
//!
//! Only kernels of one flavour are compared, for an installed `-rt` says nothing about a running `-generic`. In a container, whose kernel
//! is its host's, none of the flavour is installed, and nothing is known.

use crate::collect::Scope;
use crate::root::Kind;
use std::collections::BTreeSet;

/// Where kernels keep their modules; on a merged `/usr` both are one.
const FOLDERS: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

/// None when no installed kernel is comparable.
pub(super) fn is_newer_installed(scope: &Scope<'_>, running: &str) -> Option<bool> {
    let folder = FOLDERS.iter().find(|folder| scope.root().exists(folder))?;
    let names = scope.list(folder);
    let is_kernel = |name: &&String| {
        let file = |file: &str| scope.root().facts(&format!("{folder}/{name}/{file}")).is_some_and(|facts| facts.kind == Kind::File);
        // A removed kernel leaves a folder with what others built for it, but without these.
        flavour(name) == flavour(running) && (file("modules.order") || file("modules.dep") || file("vmlinuz"))
    };
    let newest = names.iter().filter(is_kernel).map(|name| numbers(name)).max()?;
    match newest.cmp(&numbers(running)) {
        std::cmp::Ordering::Greater => Some(true),
        std::cmp::Ordering::Equal => Some(false),
        // The running one was removed, and what is left is older: either may be meant.
        std::cmp::Ordering::Less => None,
    }
}

/// The words of a release: `amd`, `generic`, `el x`, `rpi v`.
fn flavour(release: &str) -> BTreeSet<&str> {
    release.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty() && *word != "rc").collect()
}

/// The numbers of a release in their order, a candidate (`-rc3`) before what it is a candidate for.
fn numbers(release: &str) -> Vec<u64> {
    let spread = release.replace("-rc", "!");
    let mut numbers = Vec::new();
    // Every number is followed by whether it ends a candidate's version: nothing sorts before it.
    for part in spread.split(|c: char| !c.is_ascii_digit() && c != '!').filter(|part| !part.is_empty()) {
        let (number, candidate) = part.split_once('!').map_or((part, None), |(number, candidate)| (number, Some(candidate)));
        numbers.push(number.parse().unwrap_or(u64::MAX));
        numbers.push(candidate.map_or(u64::MAX, |candidate| candidate.parse().unwrap_or(0)));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    #[track_caller]
    fn check(installed: &[&str], running: &str, expected: Option<bool>) {
        let tree: String = installed.iter().map(|name| format!("=== /lib/modules/{name}/modules.dep\n")).collect();
        let tree = plant(&(tree + "=== /lib/modules/9.9.9-99-amd64/build/x\n"));
        let root = Root::new(tree.path());
        assert_eq!(is_newer_installed(&Scope::new(&root), running), expected, "{installed:?} {running}");
    }

    #[test]
    fn only_a_newer_kernel_of_the_same_flavour_waits() {
        check(&["6.1.0-13-amd64", "6.1.0-9-amd64"], "6.1.0-13-amd64", Some(false));
        check(&["6.1.0-13-amd64", "6.1.0-9-amd64"], "6.1.0-9-amd64", Some(true));
        check(&["6.6.1-0-lts"], "6.6.0-0-virt", None);
        check(&["5.14.0-427.1.1.el9_4.x86_64"], "5.14.0-362.8.1.el9_3.x86_64", Some(true));
        check(&["5.15.0-200.131.27.el9uek.x86_64"], "5.14.0-362.8.1.el9_3.x86_64", None);
        check(&["6.8.0-rc3-generic"], "6.8.0-generic", None);
        check(&["6.8.0-generic"], "6.8.0-rc3-generic", Some(true));
        check(&["6.1.0-rpi7-rpi-v8"], "6.1.0-rpi4-rpi-v8", Some(true));
        check(&[], "6.1.0-13-amd64", None);
    }

    #[test]
    fn a_running_kernel_that_was_removed_for_an_older_one_tells_nothing() {
        check(&["6.1.0-9-amd64"], "6.1.0-13-amd64", None);
    }

    proptest! {
        #[test]
        fn no_release_panics(release in "[0-9a-z.!+-]{0,40}", other in any::<String>()) {
            let _ = (numbers(&release), flavour(&release), numbers(&other), flavour(&other));
        }
    }
}
