//! Batteries: `/sys/class/power_supply`, the machine's own only.
//!
//! A mouse's or headset's battery (scope `Device`) is left out: it belongs to a peripheral that comes and goes, and is there only
//! while that is in reach. So is an uninterruptible power supply's, which is a device of its own. What wears is health: only values
//! by design are read.

use super::pci_devices::without;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::Battery;

/// Supplies looked at; a laptop has four.
const SUPPLIES: usize = 256;

const FOLDER: &str = "/sys/class/power_supply";

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Battery>, Failure> {
    virtualisation::outside_containers(scope, "batteries")?;
    if !scope.root().exists(FOLDER) {
        return without(scope, "/sys/class", "battery");
    }
    Ok(scope.list(FOLDER).into_iter().take(SUPPLIES).filter_map(|name| battery(scope, name)).collect())
}

fn battery(scope: &Scope<'_>, name: String) -> Option<Battery> {
    let path = |attribute: &str| format!("{FOLDER}/{name}/{attribute}");
    let read = |attribute: &str| scope.attribute(&path(attribute));
    let is_own = read("type").as_deref() == Some("Battery") && read("scope").as_deref() != Some("Device");
    // A bay without a battery.
    if !is_own || read("present").as_deref() == Some("0") {
        return None;
    }
    let number = |attribute: &str| scope.number::<u64>(&path(attribute)).filter(|&value| value > 0);
    let microvolts = number("voltage_min_design").or_else(|| number("voltage_max_design"));
    let microwatt_hours = number("energy_full_design").or_else(|| energy(number("charge_full_design")?, microvolts?));
    let thousandth = |value: Option<u64>| value.and_then(|value| u32::try_from(value / 1000).ok());
    Some(Battery {
        manufacturer: read("manufacturer"),
        model: read("model_name"),
        serial: read("serial_number"),
        technology: read("technology").and_then(|word| technology(&word)),
        design_capacity_mwh: thousandth(microwatt_hours),
        design_voltage_mv: thousandth(microvolts),
        name,
    })
}

/// Microwatt-hours of microampere-hours at microvolts.
fn energy(microampere_hours: u64, microvolts: u64) -> Option<u64> {
    Some(microampere_hours.checked_mul(microvolts)? / 1_000_000)
}

/// The kernel's word in snake_case.
fn technology(word: &str) -> Option<String> {
    (word != "Unknown").then(|| word.to_ascii_lowercase().replace(['-', ' '], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    fn supply(name: &str, attributes: &[(&str, &str)]) -> String {
        attributes.iter().map(|(attribute, value)| format!("=== /sys/class/power_supply/{name}/{attribute}\n{value}\n")).collect()
    }

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expected: Option<(Option<u32>, Option<u32>, Option<&str>)>) {
        let directory = plant(&supply("BAT0", attributes));
        let rows = collect(&Scope::new(&Root::new(directory.path()))).expect("collected");
        let found = rows.first().map(|row| (row.design_capacity_mwh, row.design_voltage_mv, row.technology.as_deref()));
        assert_eq!(found, expected);
    }

    #[test]
    fn capacity_is_given_as_energy_or_as_charge() {
        let own = ("type", "Battery");
        let energy = [own, ("energy_full_design", "57020000"), ("voltage_min_design", "11400000"), ("technology", "Li-poly")];
        check(&energy, Some((Some(57_020), Some(11_400), Some("li_poly"))));
        let charge = [own, ("charge_full_design", "5000000"), ("voltage_min_design", "11400000"), ("technology", "Unknown")];
        check(&charge, Some((Some(57_000), Some(11_400), None)));
        check(&[own, ("charge_full_design", "5000000")], Some((None, None, None)));
        check(&[own, ("charge_full_design", "18446744073709551615"), ("voltage_min_design", "9000000")], Some((None, Some(9000), None)));
    }

    #[test]
    fn only_the_machines_own_batteries_count() {
        check(&[("type", "Battery"), ("scope", "Device")], None);
        check(&[("type", "Battery"), ("present", "0")], None);
        check(&[("type", "UPS")], None);
        check(&[("type", "Mains")], None);
        check(&[("type", "Battery"), ("scope", "System")], Some((None, None, None)));
    }

    #[test]
    fn a_number_that_is_none_is_a_problem() {
        let directory = plant(&supply("BAT0", &[("type", "Battery"), ("energy_full_design", "much")]));
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        assert_eq!(collect(&scope).expect("collected")[0].design_capacity_mwh, None);
        assert!(scope.problems().is_some_and(|said| said.contains("/sys/class/power_supply/BAT0/energy_full_design")));
    }
}
