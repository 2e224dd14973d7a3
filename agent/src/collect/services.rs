//! System services: systemd's unit files and the links that enable them, else OpenRC's or System V's scripts.
//!
//! The states come from systemd itself, over D-Bus. Where it cannot be asked (a captured tree, a bus that refuses), that a unit runs is
//! seen from its control group and from the marks in `/run/systemd/units`; whether one that does not run failed is in no file: unknown.

use super::text::tidy;
use super::{Failure, Scope, bus};
use rollcall_shared::section::Service;
use std::collections::BTreeMap;

mod script;
mod systemd;
mod unit_file;

/// Services kept; a large host has some 500.
const SERVICES: usize = 20_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Service>, Failure> {
    let mut services = systemd::read(scope);
    let has_systemd = !services.is_empty() && scope.root().exists("/run/systemd/system");
    // systemd wraps the scripts of System V itself; without it they are the services.
    if !has_systemd || services.is_empty() {
        let scripts = script::read(scope);
        services.extend(scripts.into_iter().filter(|script| !services.iter().any(|unit| stem(&unit.name) == script.name)).collect::<Vec<_>>());
    }
    if has_systemd && scope.root().is_live() {
        match bus::units() {
            Ok(units) => set_states(&mut services, units),
            Err(what) => scope.problem(format_args!("the states of units that do not run are unknown: {what}")),
        }
    }
    if services.is_empty() {
        return Err(Failure::Skipped("there are neither unit files nor init scripts".to_owned()));
    }
    services.truncate(SERVICES);
    Ok(services)
}

/// A unit that systemd has not loaded is not running.
fn set_states(services: &mut [Service], units: Vec<bus::Unit>) {
    let units: BTreeMap<String, bus::Unit> = units.into_iter().map(|unit| (unit.name.clone(), unit)).collect();
    for service in services {
        let (active, sub) = match units.get(&service.name) {
            Some(unit) => {
                service.load_state = tidy(&unit.load_state);
                (tidy(&unit.active_state), tidy(&unit.sub_state))
            }
            // A template is nothing that could run.
            None if service.name.contains("@.") => (None, None),
            None => (Some("inactive".to_owned()), Some("dead".to_owned())),
        };
        service.active_state = active;
        service.sub_state = sub;
    }
}

fn stem(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_is_not_loaded_does_not_run_and_a_template_has_no_state() {
        let named = |name: &str| Service { name: name.into(), ..Service::default() };
        let mut services = [named("a.service"), named("b.service"), named("c@.service")];
        let failed = bus::Unit { name: "a.service".into(), load_state: "loaded".into(), active_state: "failed".into(), sub_state: "failed".into() };
        set_states(&mut services, vec![failed]);
        let states: Vec<_> = services.iter().map(|service| service.active_state.as_deref()).collect();
        assert_eq!(states, [Some("failed"), Some("inactive"), None]);
    }
}
