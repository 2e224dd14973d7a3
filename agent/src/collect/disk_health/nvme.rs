//! The NVMe log page "SMART / Health Information" (02h), NVM Express base specification, figure "SMART / Health Information Log Page".
//!
//! A pure function of its bytes: it never turns what the log leaves open into a zero.

use crate::probe::DiskHealth;

/// Kelvin of 0 °C, as the specification rounds it.
const FREEZING_KELVIN: i32 = 273;

/// A controller that stands between these answers; what lies outside is a log that was not filled in or read back as ones.
const PLAUSIBLE_KELVIN: std::ops::RangeInclusive<u16> = 200..=500;

/// Of the critical warning; a hot disk is not a failing one, and cools down.
const TEMPERATURE_WARNING: u8 = 1 << 1;

/// Reads the log; none when it is too short or was not filled in.
pub(super) fn parse(log: &[u8]) -> Option<DiskHealth> {
    // Reserved from 232 on; what was read of a device that is gone has ones everywhere.
    let used = log.get(..232)?;
    if used.iter().all(|&byte| byte == 0xff) || used.iter().all(|&byte| byte == 0) {
        return None;
    }
    let [warning, low, high, spare, _, percentage_used, ..] = *used else { return None };
    let kelvin = u16::from_le_bytes([low, high]);
    Some(DiskHealth {
        passed: Some(warning & !TEMPERATURE_WARNING == 0),
        temperature_celsius: PLAUSIBLE_KELVIN.contains(&kelvin).then(|| i32::from(kelvin) - FREEZING_KELVIN),
        power_on_hours: counter(log, 128),
        percentage_used: Some(percentage_used),
        available_spare_percent: Some(spare).filter(|&spare| spare <= 100),
        media_errors: counter(log, 160),
        unsafe_shutdowns: counter(log, 144),
        ..DiskHealth::default()
    })
}

/// 128 bits; no disk lives long enough to fill half of them, so that half saturates.
fn counter(log: &[u8], at: usize) -> Option<u64> {
    let bytes = log.get(at..)?.first_chunk()?;
    Some(u64::try_from(u128::from_le_bytes(*bytes)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut log = vec![0; 512];
        for (at, bytes) in fields {
            log[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        log
    }

    #[test]
    fn a_log_of_a_used_disk_is_read() {
        let log = log(&[(0, &[0, 0x38, 0x01, 97, 10, 12]), (128, &[0x10, 0x27]), (144, &[42]), (160, &[7])]);
        let expected = DiskHealth {
            passed: Some(true),
            temperature_celsius: Some(39),
            power_on_hours: Some(10_000),
            percentage_used: Some(12),
            available_spare_percent: Some(97),
            media_errors: Some(7),
            unsafe_shutdowns: Some(42),
            ..DiskHealth::default()
        };
        assert_eq!(parse(&log), Some(expected));
    }

    #[test]
    fn a_critical_warning_is_failing_and_a_warm_disk_is_not() {
        let passed = |warning| parse(&log(&[(0, &[warning, 0x38, 1])])).and_then(|health| health.passed);
        assert_eq!([0, 1, 2, 4, 8, 10].map(passed), [true, false, true, false, false, false].map(Some));
    }

    #[test]
    fn counters_saturate_and_a_log_of_a_lost_disk_is_none() {
        let health = parse(&log(&[(0, &[0, 0x38, 1]), (160, &[0xff; 16])])).expect("health");
        assert_eq!(health.media_errors, Some(u64::MAX));
        assert_eq!(health.temperature_celsius, Some(39));
        assert_eq!(parse(&[0xff; 512]), None);
        assert_eq!(parse(&[0; 512]), None);
        assert_eq!(parse(&[0; 100]), None);
    }

    #[test]
    fn zero_kelvin_is_no_temperature() {
        assert_eq!(parse(&log(&[(3, &[100])])).and_then(|health| health.temperature_celsius), None);
    }

    proptest! {
        #[test]
        fn no_log_panics(log in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&log);
        }
    }
}
