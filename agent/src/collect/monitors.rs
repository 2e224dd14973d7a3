//! Monitors: the EDID blocks that the kernel shows for each connector in `/sys/class/drm`.
//!
//! A connector without EDID has no monitor, or one that says nothing of itself: no row either way.

use super::pci_devices::without;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::Monitor;

mod edid;
mod makers;

/// Connectors looked at; a card has some ten.
const CONNECTORS: usize = 1024;

/// A base block and 255 extensions of 128 bytes.
const EDID_BYTES: usize = 256 * 128;

const FOLDER: &str = "/sys/class/drm";

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Monitor>, Failure> {
    virtualisation::outside_containers(scope, "monitors")?;
    if !scope.root().exists(FOLDER) {
        return without(scope, "/sys/class", "monitor");
    }
    // `card0-HDMI-A-1` is a connector, `card0` and `renderD128` are not.
    let connectors = scope.list(FOLDER).into_iter().filter(|name| name.starts_with("card") && name.contains('-'));
    Ok(connectors.take(CONNECTORS).filter_map(|connector| monitor(scope, connector)).collect())
}

fn monitor(scope: &Scope<'_>, connector: String) -> Option<Monitor> {
    let path = format!("{FOLDER}/{connector}/edid");
    let bytes = match scope.bytes(&path, EDID_BYTES) {
        Ok(bytes) => bytes?,
        Err(error) => {
            scope.problem(error);
            return None;
        }
    };
    // The kernel shows an empty file where nothing is connected.
    if bytes.is_empty() {
        return None;
    }
    let (monitor, defects) = edid::parse(&bytes);
    for defect in defects {
        scope.problem(Failure::malformed(&path, defect.at, defect.what));
    }
    Some(Monitor { connector, ..monitor? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn only_connectors_with_a_readable_edid_are_monitors() {
        let directory = plant(
            "=== /sys/class/drm/card0-eDP-1/edid (hex)
00ffffffffffff004ca3424200000000001001
=== /sys/class/drm/card0-HDMI-A-1/edid (hex)

=== /sys/class/drm/card0/dev
226:0
=== /sys/class/drm/version
drm 1.1.0",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        assert_eq!(collect(&scope).expect("collected"), []);
        assert_eq!(scope.problems().as_deref(), Some("/sys/class/drm/card0-eDP-1/edid:19: the base block has 128 bytes, here are 19"));
    }
}
