//! The table of sources: what is read with every sample, and what at which pace.

use super::slow::Slow;
use super::{HealthOptions, Raw, room};
use crate::clock::{Clock, Reading};
use crate::collect::{Scope, Setup};
use crate::probe::Privileged;
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

/// It does not change while the machine runs; it is looked at again in case it was not noted yet.
const BOOT: Duration = Duration::from_hours(1);

/// What is measured, and by whose leave.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) setup: Arc<Setup>,
    pub(super) options: HealthOptions,
    pub(super) clock: Arc<dyn Clock>,
}

/// The readers of everything else, each with its share of the series.
pub(super) fn slow(subject: &Subject) -> Vec<Slow> {
    let mut processes = super::processes::Processes::new(&subject.options.processes);
    let options = subject.options.clone();
    let software = move |scope: &Scope<'_>, _| vec![processes.read(scope), super::units::read(scope, &options), super::links::read(scope)];
    let hardware = |scope: &Scope<'_>, _| {
        use super::hardware::{arrays, memory_errors, supplies};
        vec![super::sensors::read(scope), arrays(scope), supplies(scope), memory_errors(scope)]
    };
    let services = |scope: &Scope<'_>, _| vec![super::services::read(scope)];
    let disks = |scope: &Scope<'_>, _| vec![super::disk_health::read(scope)];
    let certificates = |scope: &Scope<'_>, now: Reading| vec![super::certificates::read(scope, now.wall)];
    let boot = |scope: &Scope<'_>, _| vec![super::boot::read(scope)];
    let [software_room, hardware_room, services_room, disks_room, certificates_room, boot_room] = room::SLOW;
    vec![
        one(subject, ("software", UNHURRIED, software_room), software),
        one(subject, ("hardware", UNHURRIED, hardware_room), hardware),
        one(subject, ("services", UNHURRIED, services_room), services),
        with_helper(subject, ("disks", DISKS, disks_room), disks),
        one(subject, ("certificates", CERTIFICATES, certificates_room), certificates),
        one(subject, ("boot", BOOT, boot_room), boot),
    ]
}

fn one(
    subject: &Subject,
    (name, every, room): (&'static str, Duration, usize),
    mut read: impl FnMut(&Scope<'_>, Reading) -> Vec<Vec<Raw>> + Send + 'static,
) -> Slow {
    let setup = subject.setup.clone();
    let source = move |now: Reading| read(&Scope::with(&setup.root, &setup.options, Privileged::none_ref()), now);
    Slow::new(name, every, room, Box::new(source))
}

/// With what the privileged helper brings, which is asked each time: for sources that are read rarely.
fn with_helper(
    subject: &Subject,
    (name, every, room): (&'static str, Duration, usize),
    mut read: impl FnMut(&Scope<'_>, Reading) -> Vec<Vec<Raw>> + Send + 'static,
) -> Slow {
    let Subject { setup, clock, .. } = subject.clone();
    let source = move |now: Reading| {
        let privileged = setup.probe.current(&*clock);
        read(&Scope::with(&setup.root, &setup.options, &privileged), now)
    };
    Slow::new(name, every, room, Box::new(source))
}
