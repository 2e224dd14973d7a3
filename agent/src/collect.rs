//! Inventory: one collector a section, each in the file of its name.
//!
//! A collector reads through a `Scope` and hands what it read to pure parse functions. Invariants: no subprocess is ever started;
//! a collector that fails or panics harms no other; absence is a value, a malformed source is an error that names path and line,
//! and neither is ever turned into a zero; rows hold nothing that changes while the machine is idle.

use crate::clock::Clock;
use crate::probe::ProbeSource;
use crate::root::Root;
use rollcall_shared::section::{Row, sort_rows};
use rollcall_shared::{Outcome, Section, SectionName, limits};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

pub mod boot;
mod clean;
pub mod options;
mod plan;
#[cfg(linux)]
mod round;
mod runner;
mod scope;
pub(crate) mod secrets;
pub(crate) mod text;
pub mod trace;

#[cfg(any(not(linux), test))]
mod elsewhere;

pub use boot::Boots;
pub use options::Options;
pub use plan::{Plan, Volatility};
pub use runner::Runner;
pub(crate) use scope::{Failure, Round, Scope};

#[cfg(all(linux, any(test, feature = "fuzzing")))]
pub(crate) use clean::mend as clean;

macro_rules! linux_collectors {
    ($($module:ident)*) => { $(#[cfg(linux)] pub(crate) mod $module;)* };
}

linux_collectors! {
    batteries bus certificates connections containers cpus custom databases disk_health disks dns filesystems firewall
    firmware gpus groups images kernel_modules listeners logins memory_modules monitors mount_options mounts neighbours
    netlink network_interfaces os packages pci_devices positioned power_supplies processes routes scheduled_tasks security services
    smbios sockets sqlite ssh_keys sudoers sysctls system udev units usb_devices users virtual_machines virtualisation volumes
    web_servers xml
}

/// What one collector brought back.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Which section.
    pub name: SectionName,
    /// The rows, in canonical order; none when failed or skipped.
    pub section: Option<Section>,
    /// How it went.
    pub outcome: Outcome,
    /// Why it is not complete, for people.
    pub reason: Option<String>,
    /// How long it took, on the monotonic clock.
    pub duration_us: u64,
    /// Bytes of files read.
    pub bytes_read: u64,
}

/// Every section that [`collect`] knows; the series table is the sampler's.
pub const COLLECTED: &[SectionName] = &[
    SectionName::System,
    SectionName::Os,
    SectionName::Cpus,
    SectionName::MemoryModules,
    SectionName::Disks,
    SectionName::Filesystems,
    SectionName::NetworkInterfaces,
    SectionName::Packages,
    SectionName::Services,
    SectionName::Users,
    SectionName::Processes,
    SectionName::Listeners,
    SectionName::Containers,
    SectionName::Firmware,
    SectionName::Volumes,
    SectionName::Routes,
    SectionName::Dns,
    SectionName::Neighbours,
    SectionName::PciDevices,
    SectionName::UsbDevices,
    SectionName::Gpus,
    SectionName::Monitors,
    SectionName::Batteries,
    SectionName::PowerSupplies,
    SectionName::Connections,
    SectionName::VirtualMachines,
    SectionName::Images,
    SectionName::Databases,
    SectionName::WebServers,
    SectionName::Groups,
    SectionName::SshKeys,
    SectionName::Sudoers,
    SectionName::Logins,
    SectionName::ScheduledTasks,
    SectionName::KernelModules,
    SectionName::Sysctls,
    SectionName::MountOptions,
    SectionName::Firewall,
    SectionName::Certificates,
    SectionName::Security,
    SectionName::Custom,
];

/// What the collectors work on, and what they were told.
#[derive(Debug)]
pub struct Setup {
    /// The host, or a captured tree.
    pub root: Root,
    /// What to leave out, and where to look.
    pub options: Options,
    /// The privileged helper.
    pub probe: ProbeSource,
    /// When the machine booted, however its clock is set.
    pub boots: Boots,
}

impl From<Root> for Setup {
    fn from(root: Root) -> Self {
        Self { root, options: Options::default(), probe: ProbeSource::none(), boots: Boots::default() }
    }
}

/// Runs the collectors of `names`, one after the other, without budgets. Never panics.
pub fn collect(setup: &Setup, names: &[SectionName], clock: &dyn Clock) -> Vec<Collected> {
    let round = Rc::default();
    names.iter().map(|&name| collect_one(setup, name, &round, clock)).collect()
}

/// Runs one collector of a round. Never panics.
pub(crate) fn collect_one(setup: &Setup, name: SectionName, round: &Rc<Round>, clock: &dyn Clock) -> Collected {
    let privileged = setup.probe.current(clock);
    let scope = Scope::with(&setup.root, &setup.options, &privileged).knowing(&setup.boots).within(round);
    run_in(&scope, name, clock)
}

/// Runs one collector and tells which sources it asked, and what came of each.
pub fn explain(setup: &Setup, name: SectionName, clock: &dyn Clock) -> (Collected, Vec<(String, trace::Found)>) {
    let privileged = setup.probe.current(clock);
    let scope = Scope::with(&setup.root, &setup.options, &privileged).knowing(&setup.boots).traced();
    let collected = run_in(&scope, name, clock);
    (collected, scope.into_trace().into_sources())
}

fn run_in(scope: &Scope<'_>, name: SectionName, clock: &dyn Clock) -> Collected {
    let started = clock.now().monotonic;
    let result = catch_unwind(AssertUnwindSafe(|| gather(scope, name))).unwrap_or(Err(Failure::Panicked));
    let (section, outcome, reason) = judge(result.map(|section| without_excluded(scope, section)), scope.problems());
    let duration = clock.now().monotonic.saturating_sub(started);
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Collected { name, section, outcome, reason, duration_us, bytes_read: scope.bytes_read() }
}

/// The section without what the operator excluded. That something was excluded is no problem: it was wanted.
fn without_excluded(scope: &Scope<'_>, mut section: Section) -> Section {
    let exclude = &scope.options().exclude;
    match &mut section {
        Section::Packages(rows) => {
            rows.retain(|row| !exclude.has_package(&row.name) && !row.location.as_ref().is_some_and(|path| exclude.has_path(path)))
        }
        Section::NetworkInterfaces(rows) => rows.retain(|row| !exclude.has_interface(&row.name)),
        Section::Routes(rows) => rows.retain(|row| !row.interface.as_ref().is_some_and(|name| exclude.has_interface(name))),
        Section::Neighbours(rows) => rows.retain(|row| !exclude.has_interface(&row.interface)),
        Section::Filesystems(rows) => rows.retain(|row| !exclude.has_path(&row.mount_point)),
        Section::MountOptions(rows) => rows.retain(|row| !exclude.has_path(&row.path)),
        Section::SshKeys(rows) => rows.retain(|row| !exclude.has_path(&row.path)),
        Section::Sudoers(rows) => rows.retain(|row| !exclude.has_path(&row.path)),
        Section::Certificates(rows) => rows.retain_mut(|row| {
            row.paths.retain(|path| !exclude.has_path(path));
            !row.paths.is_empty()
        }),
        _ => {}
    }
    section
}

fn judge(result: Result<Section, Failure>, problems: Option<String>) -> (Option<Section>, Outcome, Option<String>) {
    match (result, problems) {
        (Ok(section), None) => (Some(section), Outcome::Complete, None),
        (Ok(section), Some(problems)) => (Some(section), Outcome::Partial, Some(problems)),
        (Err(Failure::Skipped(reason)), _) => (None, Outcome::Skipped, Some(reason)),
        (Err(failure), None) => (None, Outcome::Failed, Some(failure.to_string())),
        (Err(failure), Some(problems)) => (None, Outcome::Failed, Some(format!("{failure}; {problems}"))),
    }
}

/// Rows with clean texts, in canonical order and within the contract's bound; what had to be left out is a problem.
fn ordered<R: Row>(scope: &Scope<'_>, mut rows: Vec<R>) -> Vec<R> {
    rows.iter_mut().for_each(clean::mend);
    sort_rows(&mut rows);
    if rows.len() > limits::SECTION_ROWS {
        scope.problem(format_args!("{} rows left out beyond the limit of {}", rows.len() - limits::SECTION_ROWS, limits::SECTION_ROWS));
        rows.truncate(limits::SECTION_ROWS);
    }
    rows
}

#[cfg(linux)]
fn gather(scope: &Scope<'_>, name: SectionName) -> Result<Section, Failure> {
    Ok(match name {
        SectionName::System => Section::System(ordered(scope, vec![system::collect(scope)?])),
        SectionName::Os => Section::Os(ordered(scope, vec![os::collect(scope)?])),
        SectionName::Cpus => Section::Cpus(ordered(scope, cpus::collect(scope)?)),
        SectionName::MemoryModules => Section::MemoryModules(ordered(scope, memory_modules::collect(scope)?)),
        SectionName::Disks => Section::Disks(ordered(scope, disks::collect(scope)?)),
        SectionName::Filesystems => Section::Filesystems(ordered(scope, filesystems::collect(scope)?)),
        SectionName::NetworkInterfaces => Section::NetworkInterfaces(ordered(scope, network_interfaces::collect(scope)?)),
        SectionName::Packages => Section::Packages(ordered(scope, packages::collect(scope)?)),
        SectionName::Services => Section::Services(ordered(scope, services::collect(scope)?)),
        SectionName::Users => Section::Users(ordered(scope, users::collect(scope)?)),
        SectionName::Processes => Section::Processes(ordered(scope, processes::collect(scope)?)),
        SectionName::Listeners => Section::Listeners(ordered(scope, listeners::collect(scope)?)),
        SectionName::Containers => Section::Containers(ordered(scope, containers::collect(scope)?)),
        SectionName::Firmware => Section::Firmware(ordered(scope, firmware::collect(scope)?)),
        SectionName::Volumes => Section::Volumes(ordered(scope, volumes::collect(scope)?)),
        SectionName::Routes => Section::Routes(ordered(scope, routes::collect(scope)?)),
        SectionName::Dns => Section::Dns(ordered(scope, dns::collect(scope)?)),
        SectionName::Neighbours => Section::Neighbours(ordered(scope, neighbours::collect(scope)?)),
        SectionName::PciDevices => Section::PciDevices(ordered(scope, pci_devices::collect(scope)?)),
        SectionName::UsbDevices => Section::UsbDevices(ordered(scope, usb_devices::collect(scope)?)),
        SectionName::Gpus => Section::Gpus(ordered(scope, gpus::collect(scope)?)),
        SectionName::Monitors => Section::Monitors(ordered(scope, monitors::collect(scope)?)),
        SectionName::Batteries => Section::Batteries(ordered(scope, batteries::collect(scope)?)),
        SectionName::PowerSupplies => Section::PowerSupplies(ordered(scope, power_supplies::collect(scope)?)),
        SectionName::Connections => Section::Connections(ordered(scope, connections::collect(scope)?)),
        SectionName::VirtualMachines => Section::VirtualMachines(ordered(scope, virtual_machines::collect(scope)?)),
        SectionName::Images => Section::Images(ordered(scope, images::collect(scope)?)),
        SectionName::Databases => Section::Databases(ordered(scope, databases::collect(scope)?)),
        SectionName::WebServers => Section::WebServers(ordered(scope, web_servers::collect(scope)?)),
        SectionName::Groups => Section::Groups(ordered(scope, groups::collect(scope)?)),
        SectionName::SshKeys => Section::SshKeys(ordered(scope, ssh_keys::collect(scope)?)),
        SectionName::Sudoers => Section::Sudoers(ordered(scope, sudoers::collect(scope)?)),
        SectionName::Logins => Section::Logins(ordered(scope, logins::collect(scope)?)),
        SectionName::ScheduledTasks => Section::ScheduledTasks(ordered(scope, scheduled_tasks::collect(scope)?)),
        SectionName::KernelModules => Section::KernelModules(ordered(scope, kernel_modules::collect(scope)?)),
        SectionName::Sysctls => Section::Sysctls(ordered(scope, sysctls::collect(scope)?)),
        SectionName::MountOptions => Section::MountOptions(ordered(scope, mount_options::collect(scope)?)),
        SectionName::Firewall => Section::Firewall(ordered(scope, firewall::collect(scope)?)),
        SectionName::Certificates => Section::Certificates(ordered(scope, certificates::collect(scope)?)),
        SectionName::Security => Section::Security(ordered(scope, security::collect(scope)?)),
        SectionName::Custom => Section::Custom(ordered(scope, custom::collect(scope)?)),
        SectionName::Checks => return Err(Failure::Skipped("checks are run by the agent itself".to_owned())),
        SectionName::Series => return Err(Failure::Skipped("the series table comes from the sampler".to_owned())),
    })
}

#[cfg(not(linux))]
fn gather(scope: &Scope<'_>, name: SectionName) -> Result<Section, Failure> {
    elsewhere::gather(scope, name)
}

#[cfg(all(test, linux))]
mod hostile;
#[cfg(all(test, linux))]
pub(crate) mod testing;
#[cfg(all(test, linux))]
mod tests;
