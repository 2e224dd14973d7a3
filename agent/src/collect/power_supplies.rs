//! Power supplies: SMBIOS type 39, which needs privileges.
//!
//! Bays without a power supply are rows too. Laptops' chargers are none: `/sys/class/power_supply` shows whether one is plugged in,
//! which changes while the machine is idle.

use super::{Failure, Scope, smbios};
use rollcall_shared::section::PowerSupply;

/// Collects the section; a machine without SMBIOS has no power supplies that could be known.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<PowerSupply>, Failure> {
    let table = smbios::required(scope, "power supplies")?;
    Ok(table.power_supplies.into_iter().enumerate().map(|(at, supply)| row(at + 1, supply)).collect())
}

fn row(number: usize, supply: smbios::PowerSupply) -> PowerSupply {
    PowerSupply {
        location: supply.location.unwrap_or_else(|| format!("power supply {number}")),
        name: supply.name,
        manufacturer: supply.manufacturer,
        part_number: supply.part_number,
        serial: supply.serial,
        asset_tag: supply.asset_tag,
        revision: supply.revision,
        max_watts: supply.max_watts,
        present: supply.present,
        hot_replaceable: supply.hot_replaceable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn a_bay_without_a_name_is_numbered() {
        let directory = plant(
            "=== /sys/firmware/dmi/tables/DMI (hex)
271600000000000000000000ee0203000000000000000000 271601000000000000000000008000000000000000000000 7f04ffff0000",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let rows = collect(&scope).expect("collected");
        let short: Vec<_> = rows.iter().map(|row| (row.location.as_str(), row.max_watts, row.present)).collect();
        assert_eq!(short, [("power supply 1", Some(750), Some(true)), ("power supply 2", None, Some(false))]);
        assert_eq!(scope.problems(), None);
    }

    #[test]
    fn a_container_shows_none() {
        let directory = plant("=== /run/.containerenv\n\n=== /sys/firmware/dmi/tables/DMI\nx");
        let root = Root::new(directory.path());
        assert!(matches!(collect(&Scope::new(&root)), Err(Failure::Skipped(_))));
    }

    #[test]
    fn a_table_that_was_not_captured_is_not_called_no_smbios() {
        let why = |tree: &str| {
            let directory = plant(tree);
            let root = Root::new(directory.path());
            collect(&Scope::new(&root)).expect_err("no power supplies").to_string()
        };
        assert_eq!(why("=== /sys/class/dmi/id/sys_vendor\nx"), "this machine has SMBIOS, but /sys/firmware/dmi/tables/DMI is not there");
        assert_eq!(why("=== /sys/class/net/\n"), "this machine has no SMBIOS");
    }

    #[test]
    fn a_broken_table_is_a_problem_with_its_place() {
        let directory = plant("=== /sys/firmware/dmi/tables/DMI (hex)\n2702000000");
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        assert_eq!(collect(&scope).expect("collected"), []);
        assert!(scope.problems().is_some_and(|said| said.starts_with("/sys/firmware/dmi/tables/DMI:0: structure 0x0000 says")));
    }
}
