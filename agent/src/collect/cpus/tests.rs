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
    for row in &rows {
        assert_eq!(row.model.as_deref(), Some(models.join(" + ").as_str()));
        if models.len() == 1 {
            assert_eq!(row.cores, number("Core(s) per socket"));
            assert_eq!((row.model_number, row.family, row.stepping), (number("Model"), number("CPU family"), number("Stepping")));
            let fastest = said(expected, "CPU max MHz").and_then(|mhz| mhz.parse::<f64>().ok());
            assert_eq!(row.max_mhz.map(f64::from), fastest);
        }
    }
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
