//! Processors, a row a socket: `/proc/cpuinfo` for what they are, `/sys/devices/system/cpu` for how they hang together.
//!
//! Only what stays: highest frequencies, never present ones.

use super::text::tidy;
use super::{Failure, Scope, smbios, virtualisation};
use rollcall_shared::section::Cpu;
use std::collections::{BTreeMap, BTreeSet};

mod arm;
mod cpuinfo;

use cpuinfo::Processor;

/// Logical processors looked at; the kernel's largest configuration has 8,192.
const PROCESSORS: u32 = 8192;

/// Bytes of `/proc/cpuinfo`: as many processors, with 4 KiB each (a present one has 1.6).
pub(super) const CPUINFO_BYTES: usize = PROCESSORS as usize * 4096;

/// Vulnerabilities listed; the kernel knows some twenty.
const VULNERABILITIES: usize = 256;

const SYSFS: &str = "/sys/devices/system/cpu";

/// Where one logical processor sits.
struct Place {
    number: u32,
    package: u32,
    /// The threads of its core, as the kernel lists them: names the core.
    core: String,
}

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Cpu>, Failure> {
    let mut processors = BTreeMap::new();
    let mut reader = cpuinfo::Reader::default();
    let mut bytes = 0;
    scope.lines("/proc/cpuinfo", |_, line| {
        processors.extend(reader.line(line));
        bytes += line.len() + 1;
        Ok(processors.len() < PROCESSORS as usize && bytes < CPUINFO_BYTES)
    })?;
    if bytes >= CPUINFO_BYTES {
        scope.problem(format_args!("/proc/cpuinfo: larger than {CPUINFO_BYTES} bytes, the rest was left out"));
    }
    processors.extend(reader.end());
    let places = merge_clusters(places(scope, &processors), &processors);
    if places.is_empty() {
        return Err(Failure::Skipped("there are no processors in /proc/cpuinfo and /sys/devices/system/cpu".to_owned()));
    }
    let vulnerabilities = vulnerabilities(scope);
    let firmware = firmware(scope, &processors);
    let packages: BTreeSet<u32> = places.iter().map(|place| place.package).collect();
    let rows = packages.into_iter().map(|package| {
        let members: Vec<&Place> = places.iter().filter(|place| place.package == package).collect();
        Cpu { vulnerabilities: vulnerabilities.clone(), ..socket(scope, package, &members, &processors, &firmware) }
    });
    Ok(rows.collect())
}

/// SMBIOS is asked only where the kernel does not name maker or model, as on many ARM servers; its highest frequency is not taken:
/// it is what the socket bears, not what the processor does. A container has its host's SMBIOS.
fn firmware(scope: &Scope<'_>, processors: &BTreeMap<u32, Processor>) -> Vec<smbios::Processor> {
    let says_all = |processor: &Processor| processor.manufacturer.is_some() && processor.model.is_some();
    if (!processors.is_empty() && processors.values().all(says_all)) || virtualisation::container(scope).is_some() {
        return Vec::new();
    }
    smbios::read(scope).ok().flatten().map(|table| table.processors).unwrap_or_default()
}

fn socket(
    scope: &Scope<'_>,
    package: u32,
    members: &[&Place],
    processors: &BTreeMap<u32, Processor>,
    firmware: &[smbios::Processor],
) -> Cpu {
    let kinds: Vec<&Processor> = members.iter().filter_map(|place| processors.get(&place.number)).collect();
    let first = kinds.first().copied().cloned().unwrap_or_default();
    let mut models: Vec<String> = kinds.iter().filter_map(|kind| kind.model.clone()).collect();
    models.sort_unstable();
    models.dedup();
    let cores: BTreeSet<&str> = members.iter().map(|place| place.core.as_str()).collect();
    let said = usize::try_from(package).ok().and_then(|at| firmware.get(at)).or(firmware.first());
    let caches = caches(scope, members);
    Cpu {
        socket: package,
        manufacturer: first.manufacturer.or_else(|| said?.manufacturer.clone()).or_else(|| maker_of(&models)),
        model: tidy(&models.join(" + ")).or_else(|| said?.version.clone()).or_else(|| said?.part_number.clone()),
        family: first.family,
        model_number: first.model_number,
        stepping: first.stepping,
        cores: u32::try_from(cores.len()).ok(),
        threads: u32::try_from(members.len()).ok(),
        max_mhz: members.iter().filter_map(|place| max_mhz(scope, place.number)).max(),
        microcode: first.microcode,
        l1d_bytes: caches.get(&(1, 'D')).copied(),
        l1i_bytes: caches.get(&(1, 'I')).copied(),
        l2_bytes: caches.get(&(2, 'U')).copied(),
        l3_bytes: caches.get(&(3, 'U')).copied(),
        flags: first.flags,
        vulnerabilities: Vec::new(),
    }
}

/// POWER's cpuinfo names no maker.
fn maker_of(models: &[String]) -> Option<String> {
    models.iter().any(|model| model.starts_with("POWER")).then(|| "IBM".to_owned())
}

/// Every processor that is online. Where sysfs has no topology, `/proc/cpuinfo` has (x86) or each is a core of its own.
fn places(scope: &Scope<'_>, processors: &BTreeMap<u32, Processor>) -> Vec<Place> {
    let listed = scope.list(SYSFS);
    let mut numbers: Vec<u32> = listed.iter().filter_map(|name| name.strip_prefix("cpu")?.parse().ok()).filter(|n| *n < PROCESSORS).collect();
    numbers.sort_unstable();
    if numbers.is_empty() {
        numbers = processors.keys().copied().collect();
    }
    numbers.into_iter().filter_map(|number| place(scope, number, processors.get(&number))).collect()
}

fn place(scope: &Scope<'_>, number: u32, processor: Option<&Processor>) -> Option<Place> {
    let topology = format!("{SYSFS}/cpu{number}/topology");
    let core = ["core_cpus_list", "thread_siblings_list"].iter().find_map(|name| scope.attribute(&format!("{topology}/{name}")));
    let package: Option<i64> = scope.number(&format!("{topology}/physical_package_id"));
    if core.is_none() && processor.is_none() {
        // Offline: present in sysfs, without topology and not in cpuinfo.
        return None;
    }
    // The kernel says -1 where firmware says nothing.
    let package = package.and_then(|id| u32::try_from(id).ok()).or(processor.and_then(|p| p.package)).unwrap_or(0);
    let core = core.or_else(|| processor.and_then(|p| p.core).map(|core| format!("core {core}"))).unwrap_or_else(|| number.to_string());
    Some(Place { number, package, core: format!("{package}/{core}") })
}

/// Before Linux 6.0 a device tree's clusters were reported as packages. Sockets of one board hold equal processors: packages with
/// different ones are clusters of one chip.
fn merge_clusters(mut places: Vec<Place>, processors: &BTreeMap<u32, Processor>) -> Vec<Place> {
    let mut parts: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for place in &places {
        let part = processors.get(&place.number).and_then(|processor| processor.part.as_deref());
        parts.entry(place.package).or_default().extend(part);
    }
    let mut kinds = parts.values().filter(|set| !set.is_empty());
    let first = kinds.next();
    if first.is_some() && kinds.any(|set| Some(set) != first) {
        for place in &mut places {
            place.package = 0;
        }
    }
    places
}

fn max_mhz(scope: &Scope<'_>, number: u32) -> Option<u32> {
    let kilohertz: u32 = scope.number(&format!("{SYSFS}/cpu{number}/cpufreq/cpuinfo_max_freq"))?;
    Some(kilohertz.saturating_add(500) / 1000)
}

/// Bytes by level and type (`D`ata, `I`nstruction, `U`nified), each shared cache counted once.
fn caches(scope: &Scope<'_>, members: &[&Place]) -> BTreeMap<(u8, char), u64> {
    let mut totals = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for place in members {
        let folder = format!("{SYSFS}/cpu{}/cache", place.number);
        // Four levels with two first-level caches; more is not hardware.
        for index in 0..8 {
            let read = |name: &str| scope.attribute(&format!("{folder}/index{index}/{name}"));
            // The processors that share a cache have it under one index: only the first is read further.
            let shared = read("shared_cpu_list").or_else(|| read("shared_cpu_map"));
            if shared.as_ref().is_some_and(|shared| !seen.insert((index, shared.clone()))) {
                continue;
            }
            let Some(level) = read("level").and_then(|level| level.parse::<u8>().ok()) else { break };
            let kind = read("type").and_then(|kind| kind.chars().next()).unwrap_or('U');
            if let Some(bytes) = read("size").and_then(|size| cache_bytes(&size)) {
                let total: &mut u64 = totals.entry((level, kind)).or_default();
                *total = total.saturating_add(bytes);
            }
        }
    }
    totals
}

fn cache_bytes(size: &str) -> Option<u64> {
    let unit = size.chars().last()?;
    let shift = match unit {
        'K' => 10,
        'M' => 20,
        'G' => 30,
        _ => return size.parse().ok(),
    };
    size.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn vulnerabilities(scope: &Scope<'_>) -> Vec<(String, String)> {
    let folder = format!("{SYSFS}/vulnerabilities");
    let names = scope.list(&folder);
    names.into_iter().take(VULNERABILITIES).filter_map(|name| scope.attribute(&format!("{folder}/{name}")).map(|state| (name, state))).collect()
}

#[cfg(test)]
mod tests;
