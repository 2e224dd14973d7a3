//! What a disk says of its own health: SMART attributes of ATA disks, log pages of SCSI disks, the health log of NVMe disks.
//!
//! Taken from the privileged helper, else asked by ioctl on the running machine, else the temperature that the kernel shows to
//! everybody. It never wakes a disk that sleeps, never writes to one, and waits a few seconds for an answer at most. Virtual disks
//! and those behind USB bridges (some of which hang on commands that they do not know) are not asked.

mod ata;
mod nvme;
mod scsi;

use super::disks::{self, node};
use super::trace::Found;
use super::Scope;
use crate::kernel;
use crate::probe::DiskHealth;
use std::fs::File;
use std::io;

/// Asks the disk of that kernel name; none when it has no such thing. Where privileges are missing but the temperature is shown,
/// that is the answer and the rest a problem.
///
/// # Errors
/// Why it could not be asked, for people.
pub(crate) fn read(scope: &Scope<'_>, name: &str) -> Result<Option<DiskHealth>, String> {
    if let Some(known) = scope.privileged().disk_health(name) {
        return Ok(Some(known.clone()));
    }
    let temperature = shown_temperature(scope, name);
    let only_temperature = || temperature.map(|_| DiskHealth { temperature_celsius: temperature, ..DiskHealth::default() });
    match ask(scope, name) {
        Ok(Some(mut health)) => {
            health.temperature_celsius = health.temperature_celsius.or(temperature);
            Ok(Some(health))
        }
        Ok(None) => Ok(only_temperature()),
        Err(reason) => only_temperature().map_or(Err(reason.clone()), |health| {
            scope.problem(reason);
            Ok(Some(health))
        }),
    }
}

/// In which language a disk is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Nvme,
    Ata,
    Scsi,
}

fn language(scope: &Scope<'_>, name: &str) -> Option<Language> {
    const VIRTUAL: [&str; 8] = ["QEMU", "VMware", "VBOX", "Msft", "Xen", "Google", "LIO-ORG", "Linux"];
    const VIRTUAL_ATA: [&str; 3] = ["QEMU ", "VBOX ", "VMware "];
    let folder = format!("/sys/block/{name}");
    let attribute = |of: &str| scope.attribute(&format!("{folder}/{of}")).unwrap_or_default();
    if disks::is_noise(name) {
        return None;
    }
    if name.starts_with("nvme") {
        return Some(Language::Nvme);
    }
    let path = scope.root().link(&folder)?;
    if !path.contains("/host") || ["/usb", "/virtio", "/VMBUS", "/vbd-"].iter().any(|mark| path.contains(mark)) {
        return None;
    }
    match attribute("device/vendor").as_str() {
        "ATA" => (!VIRTUAL_ATA.iter().any(|of| attribute("device/model").starts_with(of))).then_some(Language::Ata),
        vendor => (attribute("device/type") == "0" && !VIRTUAL.contains(&vendor)).then_some(Language::Scsi),
    }
}

fn ask(scope: &Scope<'_>, name: &str) -> Result<Option<DiskHealth>, String> {
    let Some(language) = language(scope, name).filter(|_| scope.root().is_live()) else { return Ok(None) };
    if scope.attribute(&format!("/sys/block/{name}/device/power/runtime_status")).as_deref() == Some("suspended") {
        return Ok(asleep(scope, name));
    }
    let asked = node::open(scope, name).and_then(|device| match (device, language) {
        (None, _) => Ok(None),
        (Some(device), Language::Nvme) => ask_nvme(scope, name, &device),
        (Some(device), Language::Ata) => ask_ata(scope, name, &device),
        (Some(device), Language::Scsi) => Ok(ask_scsi(scope, name, &device)),
    });
    asked.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => format!("/dev/{name}: privileges are missing to ask for its health ({})", needed(language)),
        _ => format!("/dev/{name}: {error}"),
    })
}

/// A disk that sleeps is not woken to be asked, and that it sleeps is no fault: else every nap would be a change of the inventory.
fn asleep(scope: &Scope<'_>, name: &str) -> Option<DiskHealth> {
    scope.asked(&format!("health of /dev/{name}, which sleeps"), Found::Absent);
    None
}

fn needed(language: Language) -> &'static str {
    match language {
        Language::Nvme => "the device node and CAP_SYS_ADMIN",
        Language::Ata => "the device node and CAP_SYS_RAWIO",
        Language::Scsi => "the device node",
    }
}

fn ask_nvme(scope: &Scope<'_>, name: &str, device: &File) -> io::Result<Option<DiskHealth>> {
    let log = kernel::nvme_health_log(device)?;
    scope.asked(&format!("NVMe log page 02h of /dev/{name}"), Found::Read(log.len()));
    scope.count(log.len());
    Ok(nvme::parse(&log))
}

fn ask_ata(scope: &Scope<'_>, name: &str, device: &File) -> io::Result<Option<DiskHealth>> {
    let mode = kernel::ask_scsi(device, &ata::CHECK_POWER_MODE, &mut [])?;
    if ata::Registers::parse(&mode.sense).is_some_and(ata::Registers::is_in_standby) {
        return Ok(asleep(scope, name));
    }
    let Some(table) = ata_table(device, &ata::READ_DATA)? else { return Ok(None) };
    scope.asked(&format!("SMART data of /dev/{name}"), Found::Read(table.len()));
    scope.count(table.len());
    let status = kernel::ask_scsi(device, &ata::RETURN_STATUS, &mut [])?;
    let judgement = ata::Registers::parse(&status.sense).filter(|registers| !registers.is_error()).and_then(ata::Registers::passed);
    // Controllers that lose the registers leave it to the thresholds.
    let thresholds = if judgement.is_none() { ata_table(device, &ata::READ_THRESHOLDS)? } else { None };
    let rotational = match scope.attribute(&format!("/sys/block/{name}/queue/rotational")).as_deref() {
        Some("0") => Some(false),
        Some("1") => Some(true),
        _ => None,
    };
    match ata::parse(&table, thresholds.as_deref(), rotational) {
        Ok(health) => Ok(Some(DiskHealth { passed: judgement.or(health.passed), ..health })),
        Err(error) if judgement.is_some() => {
            scope.problem(format_args!("/dev/{name}: {error}"));
            Ok(Some(DiskHealth { passed: judgement, ..DiskHealth::default() }))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// One table; none when the disk does not know SMART or has it switched off.
fn ata_table(device: &File, command: &[u8; 16]) -> io::Result<Option<Vec<u8>>> {
    const GOOD: u8 = 0;
    let mut table = vec![0; ata::TABLE_BYTES];
    let answer = kernel::ask_scsi(device, command, &mut table)?;
    Ok((answer.status == GOOD && answer.received == table.len()).then_some(table))
}

/// Each page is optional; a disk that has none of them says nothing.
fn ask_scsi(scope: &Scope<'_>, name: &str, device: &File) -> Option<DiskHealth> {
    let page = |code: u8| scsi_page(scope, name, device, code);
    let (passed, excepted) = page(scsi::INFORMATIONAL_EXCEPTIONS).and_then(|page| scsi::exceptions(&page)).unwrap_or_default();
    let uncorrected: Vec<u64> = [scsi::READ_ERRORS, scsi::WRITE_ERRORS, scsi::VERIFY_ERRORS]
        .into_iter()
        .filter_map(|code| scsi::uncorrected(&page(code)?, code))
        .collect();
    let mut head = [0; 4];
    let defects = kernel::ask_scsi(device, &scsi::GROWN_DEFECTS, &mut head).ok().filter(|answer| answer.received == head.len());
    let health = DiskHealth {
        passed,
        temperature_celsius: page(scsi::TEMPERATURE).and_then(|page| scsi::temperature(&page)).or(excepted),
        power_on_hours: page(scsi::BACKGROUND_SCAN).and_then(|page| scsi::power_on_hours(&page)),
        percentage_used: page(scsi::SOLID_STATE).and_then(|page| scsi::percentage_used(&page)),
        media_errors: uncorrected.iter().copied().reduce(u64::saturating_add),
        reallocated_sectors: defects.and_then(|_| scsi::grown_defects(&head)),
        ..DiskHealth::default()
    };
    (health != DiskHealth::default()).then_some(health)
}

fn scsi_page(scope: &Scope<'_>, name: &str, device: &File, code: u8) -> Option<Vec<u8>> {
    let mut page = vec![0; usize::from(scsi::PAGE_BYTES)];
    let answer = kernel::ask_scsi(device, &scsi::log_sense(code), &mut page).ok().filter(|answer| answer.status == 0);
    page.truncate(answer.map_or(0, |answer| answer.received));
    scope.asked(&format!("log page {code:02x}h of /dev/{name}"), if page.is_empty() { Found::Absent } else { Found::Read(page.len()) });
    scope.count(page.len());
    (!page.is_empty()).then_some(page)
}

/// What the kernel's hardware monitoring shows to everybody (`drivetemp`, `nvme`), in thousandths of a degree.
fn shown_temperature(scope: &Scope<'_>, name: &str) -> Option<i32> {
    let device = format!("/sys/block/{name}/device");
    // Below a disk, below the controller of an NVMe disk, below that controller's PCI function, by the age of the kernel.
    let controllers = if name.starts_with("nvme") { disks::nvme::controllers(scope, name) } else { Vec::new() };
    let folders = controllers.iter().flat_map(|controller| {
        let folder = format!("/sys/class/nvme/{controller}");
        [folder.clone(), format!("{folder}/hwmon"), format!("{folder}/device/hwmon")]
    });
    folders.chain([format!("{device}/hwmon")]).find_map(|folder| {
        let monitors = scope.root().list(&folder).ok().flatten().unwrap_or_default();
        let monitor = monitors.into_iter().find(|entry| entry.strip_prefix("hwmon").is_some_and(|number| !number.is_empty()))?;
        scope.number::<i32>(&format!("{folder}/{monitor}/temp1_input")).map(|thousandths| thousandths.div_euclid(1000))
    })
}

/// What disks answer, as each of the three languages reads it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let said = ata::Registers::parse(bytes).map(|registers| (registers.passed(), registers.is_in_standby(), registers.is_error()));
    let nvme = nvme::parse(bytes);
    let scsi = [
        scsi::temperature(bytes).map(|_| ()),
        scsi::exceptions(bytes).map(|_| ()),
        scsi::uncorrected(bytes, scsi::READ_ERRORS).map(|_| ()),
        scsi::percentage_used(bytes).map(|_| ()),
        scsi::power_on_hours(bytes).map(|_| ()),
        scsi::grown_defects(bytes).map(|_| ()),
    ];
    let mut mended = bytes.to_vec();
    mended.chunks_exact_mut(ata::TABLE_BYTES).for_each(crate::fuzz::mend::sum);
    let (table, thresholds) = mended.split_at(mended.len().min(ata::TABLE_BYTES));
    let ata = [Some(true), Some(false), None].map(|rotational| ata::parse(table, Some(thresholds), rotational).ok());
    usize::from(said.is_some()) + usize::from(nvme.is_some()) + scsi.iter().flatten().count() + ata.iter().flatten().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    const ATA: &str = "=== /sys/block/sda -> ../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda
=== /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/vendor
ATA
=== /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/hwmon/hwmon2/temp1_input
34000
=== /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/device -> ../../../0:0:0:0
=== /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/model
ST4000NM000A
";

    #[test]
    fn the_kernel_shows_temperatures_without_privileges() {
        let tree = plant(ATA);
        let root = Root::new(tree.path());
        let health = read(&Scope::new(&root), "sda").expect("no error").expect("health");
        assert_eq!(health, DiskHealth { temperature_celsius: Some(34), ..DiskHealth::default() });
    }

    #[test]
    fn nvme_temperatures_stand_below_the_controller() {
        let tree = plant(
            "=== /sys/block/nvme0n1/device -> /sys/class/nvme/nvme0\n=== /sys/class/nvme/nvme0/hwmon3/temp1_input\n-1850\n\
             === /sys/class/nvme/nvme0/serial\nS1\n",
        );
        let root = Root::new(tree.path());
        let health = read(&Scope::new(&root), "nvme0n1").expect("no error");
        assert_eq!(health.and_then(|health| health.temperature_celsius), Some(-2));
    }

    #[track_caller]
    fn check(tree: &str, name: &str, expected: Option<Language>) {
        let tree = plant(tree);
        let root = Root::new(tree.path());
        assert_eq!(language(&Scope::new(&root), name), expected);
    }

    #[test]
    fn disks_are_asked_in_their_language_and_virtual_ones_are_not_asked() {
        check(ATA, "sda", Some(Language::Ata));
        check(&ATA.replace("ST4000NM000A", "QEMU HARDDISK"), "sda", None);
        check("", "nvme0n1", Some(Language::Nvme));
        check("=== /sys/block/vda -> ../devices/pci0000:00/0000:00:02.0/virtio1/block/vda\n", "vda", None);
        let scsi = "=== /sys/block/sdb -> ../devices/x/host1/y/block/sdb
=== /sys/devices/x/host1/y/block/sdb/device/vendor
SEAGATE
=== /sys/devices/x/host1/y/block/sdb/device/type
0
";
        check(scsi, "sdb", Some(Language::Scsi));
        check(&scsi.replace("SEAGATE", "VMware"), "sdb", None);
        check(&scsi.replace("/x/", "/usb1/"), "sdb", None);
    }

    #[test]
    fn what_the_helper_brought_comes_first() {
        let known: crate::probe::Privileged =
            serde_json::from_str(r#"{"files":{},"disk_health":{"sda":{"passed":false}},"socket_owners":{}}"#).expect("a helper's answer");
        let tree = plant(ATA);
        let root = Root::new(tree.path());
        let scope = Scope::with(&root, crate::collect::options::Options::default_ref(), &known);
        assert_eq!(read(&scope, "sda").expect("no error").and_then(|health| health.passed), Some(false));
    }
}
