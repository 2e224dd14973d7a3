//! The table of sources: what is read with every sample, and what at which pace.

use super::slow::Slow;
use super::{Raw, Setup, room};
use crate::clock::Reading;
use crate::collect::Scope;
use crate::root::Root;
use std::sync::Arc;
use std::time::Duration;

/// Reads some series.
pub(super) type Read = fn(&Scope<'_>) -> Vec<Raw>;

/// Read with every sample: files that the kernel writes from memory.
pub(super) const STEADY: [(&str, Read); 10] = [
    ("clock", super::clock::read),
    ("cpu", super::cpu::read),
    ("disks", super::disks::read),
    ("filesystems", super::filesystems::read),
    ("memory", super::memory::read),
    ("network", super::network::read),
    ("own", super::own::read),
    ("pressure", super::pressure::read),
    ("protocols", super::protocols::read),
    ("resources", super::resources::read),
];

/// Many small files, sensors on slow buses, a question to systemd: half a minute is soon enough for rules that wait five.
const UNHURRIED: Duration = Duration::from_secs(30);

/// Wear takes weeks; asking a disk interrupts it for milliseconds.
const DISKS: Duration = Duration::from_mins(10);

/// Days are counted.
const CERTIFICATES: Duration = Duration::from_hours(1);

/// The readers of everything else, each with its share of the series.
pub(super) fn slow(root: &Root, setup: &Arc<Setup>) -> Vec<Slow> {
    let mut processes = super::processes::Processes::new(&setup.health.processes);
    let options = setup.health.clone();
    let software = move |scope: &Scope<'_>, _| vec![processes.read(scope), super::units::read(scope, &options), super::links::read(scope)];
    let hardware = |scope: &Scope<'_>, _| {
        use super::hardware::{arrays, memory_errors, supplies};
        vec![super::sensors::read(scope), arrays(scope), supplies(scope), memory_errors(scope)]
    };
    let services = |scope: &Scope<'_>, _| vec![super::services::read(scope)];
    let disks = |scope: &Scope<'_>, _| vec![super::disk_health::read(scope)];
    let certificates = |scope: &Scope<'_>, now: Reading| vec![super::certificates::read(super::certificates::expiries(scope), now.wall)];
    let [software_room, hardware_room, services_room, disks_room, certificates_room] = room::SLOW;
    vec![
        one(root, setup, ("software", UNHURRIED, software_room), software),
        one(root, setup, ("hardware", UNHURRIED, hardware_room), hardware),
        one(root, setup, ("services", UNHURRIED, services_room), services),
        one(root, setup, ("disks", DISKS, disks_room), disks),
        one(root, setup, ("certificates", CERTIFICATES, certificates_room), certificates),
    ]
}

fn one(
    root: &Root,
    setup: &Arc<Setup>,
    (name, every, room): (&'static str, Duration, usize),
    mut read: impl FnMut(&Scope<'_>, Reading) -> Vec<Vec<Raw>> + Send + 'static,
) -> Slow {
    let (root, setup) = (root.clone(), setup.clone());
    let source = move |now: Reading| read(&Scope::with(&root, &setup.collect, &setup.privileged), now);
    Slow::new(name, every, room, Box::new(source))
}
