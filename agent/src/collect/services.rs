//! System services: systemd's unit files and the links that enable them, else OpenRC's or System V's scripts.
//!
//! The states come from systemd itself, over D-Bus. Where it cannot be asked (a captured tree, a bus that refuses), that a unit runs is
//! seen from its control group and from the marks in `/run/systemd/units`; whether one that does not run failed is in no file: unknown.
//! What is enabled is told from the links on disk everywhere: systemd itself would read all folders once for each unit to say it
//! (`ListUnitFiles`: 0.4 s of process 1 for 120 units, against 5 ms for all states).
//! Main process and memory are not collected: they change while the service does what it always does. What comes and goes with
//! log-ins (`user@1000.service`) and unnamed commands (`run-u7.service`) are no services of the system.

use super::text::tidy;
use super::trace::Found;
use super::{Failure, Scope, bus, secrets};
use rollcall_shared::section::Service;
use std::collections::{BTreeMap, BTreeSet};

mod script;
mod systemd;
mod unit_file;

use systemd::Units;

/// Services kept; a large host has some 500.
const SERVICES: usize = 20_000;

/// Services that are asked how often they were restarted: each costs systemd some 20 µs.
const RESTARTS: usize = 2_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Service>, Failure> {
    let has_systemd = runs_systemd(scope);
    let loaded = if has_systemd && scope.root().is_live() { ask(scope) } else { None };
    let mut services = of_systemd(scope, loaded);
    // systemd wraps the scripts of System V itself; without it they are the services.
    if !has_systemd || services.is_empty() {
        let units: BTreeSet<String> = services.iter().map(|unit| stem(&unit.name).to_owned()).collect();
        services.extend(script::read(scope).into_iter().filter(|script| !units.contains(&script.name)));
    }
    if services.is_empty() {
        return Err(Failure::Skipped("there are neither unit files nor init scripts".to_owned()));
    }
    if services.len() > SERVICES {
        scope.problem(format_args!("{} services left out beyond the limit of {SERVICES}", services.len() - SERVICES));
        services.truncate(SERVICES);
    }
    Ok(services)
}

/// Units that need somebody's attention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Units of any kind that have failed, sorted.
    pub(crate) failed: Vec<String>,
    /// Services that ended and wait to be started again, sorted.
    pub(crate) restarting: Vec<String>,
}

/// The units that have failed or wait to be started again: one call of a quarter of a millisecond, whose answer holds only those. None where systemd does not run.
pub(crate) fn trouble(scope: &Scope<'_>) -> Option<Result<Trouble, String>> {
    let units = || bus::Manager::open()?.units_in(&["failed", "auto-restart"]);
    (scope.root().is_live() && runs_systemd(scope)).then(|| units().map(trouble_of))
}

/// How often systemd restarted each service that runs or tries to: a count that grows is a service that keeps ending. One call and one
/// small one for each of them (90 take 2 ms over systemd's own socket, 4 ms over the bus), so better asked each minute than each second.
/// None where systemd does not run.
pub(crate) fn restarts(scope: &Scope<'_>) -> Option<Result<BTreeMap<String, u32>, String>> {
    (scope.root().is_live() && runs_systemd(scope)).then(|| {
        let mut manager = bus::Manager::open()?;
        let units = manager.units_in(&["running", "activating", "failed"])?;
        Ok(restarts_of(&mut manager, &units)?.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
    })
}

fn trouble_of(units: Vec<bus::Unit>) -> Trouble {
    let named = |wanted: &dyn Fn(&bus::Unit) -> bool| {
        let mut names: Vec<String> = units.iter().filter(|unit| wanted(unit)).filter_map(|unit| tidy(&unit.name)).collect();
        names.sort_unstable();
        names
    };
    Trouble { failed: named(&|unit| unit.active_state == "failed"), restarting: named(&|unit| unit.sub_state == "auto-restart") }
}

fn runs_systemd(scope: &Scope<'_>) -> bool {
    scope.root().exists("/run/systemd/system")
}

/// What systemd says: its services by name, and counts of restarts.
struct Loaded {
    units: BTreeMap<String, bus::Unit>,
    restarts: BTreeMap<String, u32>,
}

/// None when systemd does not answer; what it leaves open is a problem.
fn ask(scope: &Scope<'_>) -> Option<Loaded> {
    let noted = |call: &str, found| scope.asked(&format!("D-Bus org.freedesktop.systemd1 {call}"), found);
    let answer = bus::Manager::open().and_then(|mut manager| manager.units().map(|units| (manager, units)));
    let (mut manager, units) = match answer {
        Ok(answer) => answer,
        Err(what) => {
            noted("ListUnits", Found::Failed(what.clone()));
            scope.problem(format_args!("the states of units that do not run are unknown: {what}"));
            return None;
        }
    };
    noted("ListUnits", Found::Read(units.len()));
    let restarts = restarts_of(&mut manager, &units).unwrap_or_else(|what| {
        scope.problem(format_args!("restarts of services are unknown: {what}"));
        Vec::new()
    });
    let restarts = restarts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    let units = units.into_iter().filter(|unit| unit.name.ends_with(".service")).map(|unit| (unit.name.clone(), unit)).collect();
    Some(Loaded { units, restarts })
}

/// Counts of the services that run, start or failed; the others were never started, or have done what they had to.
fn restarts_of<'a>(manager: &mut bus::Manager, units: &'a [bus::Unit]) -> Result<Vec<(&'a str, u32)>, String> {
    let counts = |unit: &&bus::Unit| {
        unit.name.ends_with(".service") && (unit.sub_state == "running" || matches!(unit.active_state.as_str(), "activating" | "failed"))
    };
    let asked: Vec<&bus::Unit> = units.iter().filter(counts).take(RESTARTS).collect();
    let paths: Vec<&str> = asked.iter().map(|unit| unit.path.as_str()).collect();
    let answers = manager.restarts(&paths)?;
    Ok(asked.iter().zip(answers).filter_map(|(unit, count)| Some((unit.name.as_str(), count?))).collect())
}

fn of_systemd(scope: &Scope<'_>, loaded: Option<Loaded>) -> Vec<Service> {
    let units = Units::list(scope);
    let mut names = units.names();
    if let Some(loaded) = &loaded {
        names.extend(loaded.units.values().filter(|unit| is_started(unit)).map(|unit| unit.name.as_str()));
    }
    let names = names.into_iter().filter(|name| !is_passing(name)).take(SERVICES);
    match &loaded {
        Some(loaded) => names.filter_map(|name| asked_for(loaded, name, units.service(scope, name))).collect(),
        None => names.filter_map(|name| Some(seen(scope, units.service(scope, name)?))).collect(),
    }
}

/// Loaded, and more than a name that others mention.
fn is_started(unit: &bus::Unit) -> bool {
    unit.load_state == "loaded" && unit.active_state != "inactive"
}

/// What log-ins and `systemd-run` make, and what ends with them.
fn is_passing(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|character| character.is_ascii_hexdigit());
    let is_numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| is_number(stem(rest)));
    ["user@", "user-runtime-dir@", "run-u", "run-r", "run-p"].into_iter().any(is_numbered)
}

/// A service with the states that systemd gives; none for a second name of another one. A unit that is not loaded is not running.
fn asked_for(loaded: &Loaded, name: &str, service: Option<Service>) -> Option<Service> {
    let unit = loaded.units.get(name);
    let mut service = match (service, unit) {
        (Some(service), _) => service,
        // Its file is gone; it runs on.
        (None, Some(unit)) if is_started(unit) => Service { name: tidy(name)?, ..Service::default() },
        (None, _) => return None,
    };
    service.restarts = loaded.restarts.get(name).copied();
    match unit {
        Some(unit) => {
            // That of a transient unit is its command line.
            service.description = secrets::redacted(unit.description.split_whitespace()).filter(|text| text != name).or(service.description);
            service.load_state = tidy(&unit.load_state);
            service.active_state = tidy(&unit.active_state);
            service.sub_state = tidy(&unit.sub_state);
        }
        // A template is nothing that could run.
        None if name.contains("@.") => {}
        None => (service.active_state, service.sub_state) = (Some("inactive".to_owned()), Some("dead".to_owned())),
    }
    Some(service)
}

/// A service with what its control group shows.
fn seen(scope: &Scope<'_>, service: Service) -> Service {
    let running = systemd::running(scope, &service.name);
    Service { active_state: running.map(|_| "active".to_owned()), sub_state: running.map(str::to_owned), ..service }
}

fn stem(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, load: &str, active: &str, sub: &str) -> bus::Unit {
        let text = str::to_owned;
        bus::Unit { name: text(name), description: text("From the bus"), load_state: text(load), active_state: text(active), sub_state: text(sub), path: text("/") }
    }

    #[track_caller]
    fn check(name: &str, has_file: bool, expected: Option<(Option<&str>, Option<u32>)>) {
        let units = [unit("a.service", "loaded", "failed", "failed"), unit("gone.service", "loaded", "active", "running"), unit("x.service", "not-found", "inactive", "dead")];
        let loaded = Loaded {
            units: units.into_iter().map(|unit| (unit.name.clone(), unit)).collect(),
            restarts: BTreeMap::from([("a.service".to_owned(), 7)]),
        };
        let file = has_file.then(|| Service { name: name.into(), ..Service::default() });
        let found = asked_for(&loaded, name, file);
        assert_eq!(found.as_ref().map(|row| (row.active_state.as_deref(), row.restarts)), expected);
    }

    #[test]
    fn a_unit_that_is_not_loaded_does_not_run_and_a_template_has_no_state() {
        check("a.service", true, Some((Some("failed"), Some(7))));
        check("b.service", true, Some((Some("inactive"), None)));
        check("c@.service", true, Some((None, None)));
        check("gone.service", false, Some((Some("active"), None)));
        check("x.service", false, None);
    }

    #[test]
    fn what_comes_with_a_log_in_is_no_service() {
        for (name, passes) in [("user@1000.service", true), ("user@.service", false), ("run-u12.service", true), ("run-udev-hook.service", false), ("ssh.service", false)] {
            assert_eq!(is_passing(name), passes, "{name}");
        }
    }

    #[test]
    fn trouble_is_told_by_state() {
        let units = vec![unit("b.mount", "loaded", "failed", "failed"), unit("a.service", "loaded", "failed", "failed"), unit("c.service", "loaded", "activating", "auto-restart")];
        assert_eq!(trouble_of(units), Trouble { failed: vec!["a.service".into(), "b.mount".into()], restarting: vec!["c.service".into()] });
    }
}
