//! Loaded kernel modules: `/proc/modules`, and the version that some state in `/sys/module`.
//!
//! How often a module is in use is no field: it changes all the time.

use super::text::tidy;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::KernelModule;

const PATH: &str = "/proc/modules";

/// Modules kept; distributions ship some 6,000 in all.
const MODULES: usize = 20_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<KernelModule>, Failure> {
    virtualisation::outside_containers(scope, "kernel and its modules")?;
    let mut modules = Vec::new();
    let found = scope.lines(PATH, |number, line| {
        match module(line) {
            Ok(module) => modules.extend(module),
            Err(what) => scope.problem(Failure::malformed(PATH, number, what)),
        }
        Ok(modules.len() < MODULES)
    })?;
    // A kernel without modules has no such file, but others.
    if !found && !scope.root().exists("/proc/stat") {
        return Err(Failure::Skipped(format!("there is no {PATH}")));
    }
    for module in &mut modules {
        module.version = scope.attribute(&format!("/sys/module/{}/version", module.name));
    }
    Ok(modules)
}

/// `name size uses users state address (taint)`; none for one that is on its way in or out.
fn module(line: &str) -> Result<Option<KernelModule>, &'static str> {
    let mut words = line.split_whitespace();
    let name = words.next().ok_or("an empty line")?;
    // Names become part of a path.
    if name.contains('/') || name == ".." {
        return Err("not a name of a module");
    }
    let size: u64 = words.next().and_then(|size| size.parse().ok()).ok_or("no size")?;
    let users = words.nth(1).ok_or("no users")?;
    // Kernels that cannot unload leave the rest out.
    let state = words.next().unwrap_or("Live");
    let mut used_by: Vec<String> = users.split(',').filter(|user| *user != "-" && !user.starts_with('[')).filter_map(tidy).collect();
    used_by.sort_unstable();
    used_by.dedup();
    let taint = words.nth(1).and_then(|word| word.strip_prefix('(')?.strip_suffix(')')).and_then(tidy);
    Ok((state == "Live").then_some(KernelModule {
        name: tidy(name).ok_or("an empty name")?,
        size_bytes: Some(size),
        version: None,
        used_by,
        taint,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    /// Name, users, taint.
    type Short<'a> = (&'a str, &'a str, Option<&'a str>);

    #[track_caller]
    fn check(line: &str, expected: Result<Option<Short<'_>>, &str>) {
        let read = module(line);
        let used_by = read.iter().flatten().map(|module| module.used_by.join(" ")).next().unwrap_or_default();
        let short = read
            .as_ref()
            .map(|read| read.as_ref().map(|one| (one.name.as_str(), used_by.as_str(), one.taint.as_deref())))
            .map_err(|what| *what);
        assert_eq!(short, expected);
    }

    #[test]
    fn lines_are_read_with_users_and_taint() {
        check(
            "nvidia 56 10 nvidia_uvm,nvidia_drm,[permanent], Live 0x0000000000000000 (POE)",
            Ok(Some(("nvidia", "nvidia_drm nvidia_uvm", Some("POE")))),
        );
        check("ext4 1 2 - Live 0x0", Ok(Some(("ext4", "", None))));
        check("x 1 0 - Unloading 0x0 -", Ok(None));
        check("x 1 - -", Ok(Some(("x", "", None))));
    }

    #[test]
    fn what_is_no_module_says_why() {
        check("", Err("an empty line"));
        check("x big 0 -", Err("no size"));
        check("x 1", Err("no users"));
        check("../x 1 0 - Live", Err("not a name of a module"));
    }

    #[test]
    fn versions_come_from_sysfs_and_a_kernel_without_modules_has_none() {
        let tree = plant("=== /proc/modules\ne1000e 5 0 - Live 0x0\n=== /sys/module/e1000e/version\n3.2.6-k\n");
        let root = Root::new(tree.path());
        let rows = collect(&Scope::new(&root)).expect("collected");
        assert_eq!(rows.iter().map(|row| row.version.as_deref()).collect::<Vec<_>>(), [Some("3.2.6-k")]);
        let tree = plant("=== /proc/stat\ncpu 1\n");
        assert_eq!(collect(&Scope::new(&Root::new(tree.path()))).expect("collected"), []);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[a-z_]{0,5}( [0-9a-zA-Z,()\\[\\]-]{0,8}){0,7}", other in any::<String>()) {
            let _ = (module(&line), module(&other));
        }
    }
}
