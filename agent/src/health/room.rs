//! Who gets how many of the series that an agent may have: a source that wants little gets it whole, however much others want.

use super::series::Raw;
use rollcall_shared::limits;

/// For the results of local checks, which are measured elsewhere.
pub(crate) const CHECKS: usize = 512;

/// For sources that are read every time.
pub(super) const STEADY: usize = 2303;

/// For each of the slow readers, of which there are six: units and processes, hardware, the service manager, disks, certificates, the boot.
pub(super) const SLOW: [usize; 6] = [768, 256, 64, 128, 64, 1];

const _: () = assert!(CHECKS + STEADY + SLOW[0] + SLOW[1] + SLOW[2] + SLOW[3] + SLOW[4] + SLOW[5] == limits::SERIES);

/// All figures of all sources, at most `room`. Sources that want more than an equal share of what the smaller ones leave are cut to it,
/// in front of the first device, unit or file system that does not fit whole.
pub(super) fn shared_out(sources: Vec<Vec<Raw>>, room: usize) -> Vec<Raw> {
    let mut sources = sources;
    sources.sort_by_key(Vec::len);
    let mut all = Vec::with_capacity(room.min(sources.iter().map(Vec::len).sum()));
    let waiting = sources.len();
    for (position, mut source) in sources.into_iter().enumerate() {
        let share = (room - all.len()) / (waiting - position);
        if source.len() > share {
            let device = |raw: &Raw| raw.series.attributes.first().cloned();
            let mut end = share;
            while end > 0 && device(&source[end - 1]) == device(&source[end]) {
                end -= 1;
            }
            source.truncate(end);
        }
        all.append(&mut source);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(metric: &str, devices: usize) -> Vec<Raw> {
        let one = |device: usize| {
            let device = device.to_string();
            ["receive", "transmit"].map(|direction| Raw::count(metric, &[("device", &device), ("direction", direction)], "1", 0))
        };
        (0..devices).flat_map(one).collect()
    }

    #[track_caller]
    fn check(wanted: &[usize], room: usize, expected: &[usize]) {
        let names = ["a", "b", "c"];
        let got = shared_out(wanted.iter().zip(names).map(|(&devices, name)| source(name, devices)).collect(), room);
        let counts: Vec<usize> =
            names[..wanted.len()].iter().map(|name| got.iter().filter(|raw| raw.series.metric == *name).count()).collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn ten_thousand_interfaces_do_not_push_out_the_processors() {
        check(&[10_000, 3, 10_000], 100, &[46, 6, 48]);
        check(&[10_000, 3], 100, &[94, 6]);
    }

    #[test]
    fn what_fits_is_kept_whole() {
        check(&[1, 2, 3], 12, &[2, 4, 6]);
        check(&[0, 0], 0, &[0, 0]);
    }

    #[test]
    fn a_device_is_measured_whole_or_not_at_all() {
        check(&[5], 7, &[6]);
        check(&[5], 1, &[0]);
    }
}
