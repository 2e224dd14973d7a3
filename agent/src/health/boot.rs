//! Whether the machine was started without having been shut down before: power was lost, the kernel crashed, somebody pressed the button.

use super::Raw;
use crate::collect::{Scope, logins};

/// Reads the series; none where nothing can be known.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let was_shut_down = logins::was_shut_down(scope);
    was_shut_down.map(|was_shut_down| Raw::flag("system.boot.unexpected", &[], Some(!was_shut_down))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn what_cannot_be_known_is_no_series() {
        let tree = plant("=== /proc/stat\nbtime 1700000000\n");
        assert_eq!(read(&Scope::new(&Root::new(tree.path()))), []);
    }

    #[test]
    fn a_panic_before_the_start_makes_it_unexpected() {
        let tree = plant("=== /sys/fs/pstore/dmesg-erst-1\nPanic#1 Part1\n");
        let now = std::fs::metadata(tree.path().join("sys/fs/pstore/dmesg-erst-1")).and_then(|facts| facts.modified()).expect("a time");
        let seconds = now.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() + 60;
        let tree_with_start = tree.path().join("proc");
        std::fs::create_dir_all(&tree_with_start).expect("a folder");
        std::fs::write(tree_with_start.join("stat"), format!("btime {seconds}\n")).expect("written");
        assert_eq!(read(&Scope::new(&Root::new(tree.path()))), [Raw::flag("system.boot.unexpected", &[], Some(true))]);
    }
}
