//! Real trees against lscpu's reading of them.

use super::*;
use crate::root::Root;
use proptest::prelude::*;
use std::path::Path;

fn unpack(archive: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let status = std::process::Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(directory.path()).status().expect("tar runs");
    assert!(status.success());
    directory
}

/// `Key:   value` of the summary; the first kind of core where there are several.
fn said<'a>(expected: &'a str, key: &str) -> Option<&'a str> {
    expected.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
}

/// `1.5 MiB (48 instances)`.
fn said_bytes(expected: &str, key: &str) -> Option<u64> {
    let words: Vec<&str> = said(expected, key)?.split_whitespace().collect();
    let unit = if words[1] == "KiB" { 1024.0 } else { 1_048_576.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lscpu prints small positive sizes")]
    Some((words[0].parse::<f64>().expect("a size") * unit) as u64)
}

#[track_caller]
fn check_tree(tree: &Path, expected: &str) {
    let root = Root::new(tree);
    let rows = collect(&Scope::new(&root)).expect("collected");
    let number = |key: &str| said(expected, key).and_then(|text| text.parse::<u32>().ok());
    assert_eq!(rows.len(), number("Socket(s)").expect("sockets") as usize, "sockets of {}", tree.display());
    assert_eq!(rows.iter().filter_map(|row| row.threads).sum::<u32>(), number("CPU(s)").expect("processors"));
    let sum = |field: fn(&Cpu) -> Option<u64>| rows.iter().filter_map(field).reduce(|a, b| a + b);
    assert_eq!(sum(|row| row.l1d_bytes), said_bytes(expected, "L1d cache"));
    assert_eq!(sum(|row| row.l1i_bytes), said_bytes(expected, "L1i cache"));
    assert_eq!(sum(|row| row.l2_bytes), said_bytes(expected, "L2 cache"));
    assert_eq!(sum(|row| row.l3_bytes), said_bytes(expected, "L3 cache"));
    let models: Vec<String> =
        expected.lines().filter_map(|line| line.strip_prefix("Model name:")).map(|name| name.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let fastest = |line: &str| line.strip_prefix("CPU max MHz:").map(|mhz| mhz.trim().parse::<f64>().expect("a frequency").round());
    let cores: u32 = expected.lines().filter_map(|line| line.strip_prefix("Core(s) per socket:")?.trim().parse::<u32>().ok()).sum();
    for row in &rows {
        assert_eq!(row.model.as_deref(), Some(models.join(" + ").as_str()));
        assert_eq!(row.cores, Some(cores));
        assert_eq!(row.threads, number("Thread(s) per core").map(|threads| threads * cores));
        assert_eq!(row.max_mhz.map(f64::from), expected.lines().filter_map(fastest).reduce(f64::max));
        let vendor = said(expected, "Vendor ID").map(|vendor| vendor.replace("AuthenticAMD", "AMD").replace("GenuineIntel", "Intel"));
        assert_eq!(row.manufacturer, vendor);
        // Of several kinds of core the first is described.
        assert_eq!((row.model_number, row.family), (number("Model"), number("CPU family")));
        assert_eq!(row.stepping.as_deref(), said(expected, "Stepping"));
        if let Some(microcode) = said(expected, "Microcode version") {
            assert_eq!(row.microcode.as_deref(), Some(microcode));
        }
        let flags: BTreeSet<&str> = said(expected, "Flags").expect("flags").split_whitespace().collect();
        assert_eq!(row.flags, flags.into_iter().collect::<Vec<_>>());
        assert_eq!(row.vulnerabilities.iter().map(as_lscpu_writes).collect::<Vec<_>>(), vulnerabilities_said(expected));
    }
}

/// `Vulnerability Spec store bypass: Mitigation; …` of the summary.
fn vulnerabilities_said(expected: &str) -> Vec<(String, String)> {
    let lines = expected.lines().filter_map(|line| line.strip_prefix("Vulnerability ")?.split_once(':'));
    lines.map(|(name, state)| (name.to_owned(), state.trim().to_owned())).collect()
}

fn as_lscpu_writes((name, state): &(String, String)) -> (String, String) {
    let mut words = name.replace('_', " ");
    words[..1].make_ascii_uppercase();
    let state = match state.strip_prefix("Mitigation: ") {
        Some(mitigation) => format!("Mitigation; {}", mitigation.replace(": ", " ")),
        None => state.clone(),
    };
    (words, state)
}

#[track_caller]
fn check_first(cpuinfo: &str, expected: (Option<&str>, Option<&str>, Option<&str>)) {
    let mut reader = cpuinfo::Reader::default();
    let mut found: Vec<_> = cpuinfo.lines().filter_map(|line| reader.line(line)).collect();
    found.extend(reader.end());
    let (number, first) = found.first().expect("a processor");
    assert_eq!(*number, 0);
    assert_eq!((first.manufacturer.as_deref(), first.model.as_deref(), first.stepping.as_deref()), expected);
}

#[test]
fn each_architecture_says_it_in_its_own_words() {
    let pi = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nCPU implementer\t: 0x41\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3";
    check_first(pi, (Some("ARM"), Some("Cortex-A72"), Some("r0p3")));
    let unknown = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xfff";
    check_first(unknown, (Some("ARM"), Some("implementer 0x41 part 0xfff"), None));
    let mainframe = "vendor_id       : IBM/S390\n# processors    : 1\nfeatures\t: esan3 zarch\nprocessor 0: version = 00,  identification = 0A1B2C,  machine = 8561";
    check_first(mainframe, (Some("IBM"), Some("8561"), None));
    let power = "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\nrevision\t: 2.2 (pvr 004e 1202)";
    check_first(power, (None, Some("POWER9 (architected), altivec supported"), None));
    check_first("processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc", (None, Some("sifive,u74-mc"), None));
}

#[test]
fn firmware_names_what_the_kernel_does_not() {
    let directory = crate::collect::testing::plant(
        "=== /sys/devices/system/cpu/cpu0/topology/physical_package_id
0
=== /sys/devices/system/cpu/cpu0/topology/core_cpus_list
0
=== /proc/cpuinfo
processor\t: 0
BogoMIPS\t: 50.00
=== /sys/firmware/dmi/tables/DMI (hex)
041a000001030001000000000000000002000000000000004100 4d616b657200 4d6f64656c205800 00 7f04ffff0000",
    );
    let root = Root::new(directory.path());
    let row = &collect(&Scope::new(&root)).expect("collected")[0];
    assert_eq!((row.manufacturer.as_deref(), row.model.as_deref()), (Some("Maker"), Some("Model X")));
}

#[test]
fn real_machines_read_as_lscpu_reads_them() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let folder = Path::new(&data).join("lscpu");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).expect("lscpu test data").flatten() {
        let file = entry.file_name().into_string().expect("a name");
        let Some(name) = file.strip_suffix(".tar.gz") else { continue };
        let directory = unpack(&entry.path());
        let expected = std::fs::read_to_string(folder.join(format!("{name}.expected.txt"))).expect("lscpu's reading");
        check_tree(&directory.path().join(name), &expected);
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn a_cpuinfo_without_end_is_left_at_its_bound() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir_all(directory.path().join("proc")).expect("a folder");
    let file = std::fs::File::create(directory.path().join("proc/cpuinfo")).expect("a file");
    // A hole of a gigabyte: no line end in it.
    file.set_len(1 << 30).expect("a size");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    assert!(matches!(collect(&scope), Err(Failure::Skipped(_))));
    assert!(scope.bytes_read() < 2 * CPUINFO_BYTES as u64);
    assert!(scope.problems().is_some_and(|said| said.starts_with("/proc/cpuinfo: larger than")));
}

#[test]
fn cache_sizes_have_units() {
    assert_eq!(cache_bytes("32K"), Some(32_768));
    assert_eq!(cache_bytes("2M"), Some(2 << 20));
    assert_eq!(cache_bytes("many"), None);
}

proptest! {
    #[test]
    fn no_cpuinfo_panics(text in "(processor|CPU part|flags|CPU implementer|model|x)?[ \t]*:? ?(0x)?[0-9a-z ]{0,12}\n{0,2}") {
        let mut reader = cpuinfo::Reader::default();
        for line in text.lines().chain(text.lines()) {
            let _ = reader.line(line);
        }
        let _ = reader.end();
    }
}
