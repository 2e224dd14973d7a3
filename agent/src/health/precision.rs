//! To which digit a value is told.
//!
//! What a machine does in ten seconds is not known to fifteen digits, and the digits behind those that mean something cost most of
//! a push. Counts and limits stay as they are.

/// Significant digits of what fluctuates: a rate counts events of ten seconds, and a hundred events more or less are ten by chance.
const FLUCTUATING: u32 = 3;

/// Significant digits of sizes in bytes: of a terabyte, a gigabyte.
const SIZES: u32 = 4;

/// Digits behind the point of a ratio: a hundredth of a percent.
const RATIOS: u32 = 4;

/// The value as it is told.
///
/// | unit | told to |
/// |---|---|
/// | any, of a metric that ends in `.limit` | exactly |
/// | `1`, a ratio | a hundredth of a percent |
/// | a rate, `…/s` | three significant digits |
/// | `By` | four significant digits |
/// | any other | three significant digits, and no less than a whole unit: counts stay exact |
pub(super) fn told(metric: &str, unit: &str, value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 || metric.ends_with(".limit") {
        return value;
    }
    match unit {
        "1" => to_place(value, -i32::try_from(RATIOS).unwrap_or_default()),
        "By" => to_place(value, place(value, SIZES)),
        unit if unit.ends_with("/s") => to_place(value, place(value, FLUCTUATING)),
        _ => to_place(value, place(value, FLUCTUATING).min(0)),
    }
}

/// The power of ten of the last of so many significant digits.
fn place(value: f64, digits: u32) -> i32 {
    value.abs().log10().floor() as i32 + 1 - i32::try_from(digits).unwrap_or_default()
}

/// The nearest multiple of a power of ten. The factors are exact, so the result is the number that its decimal form is read as.
fn to_place(value: f64, place: i32) -> f64 {
    /// Powers of ten beyond this are not exact; a value so small is none.
    const EXACT: i32 = 22;
    if place < -EXACT {
        return 0.0;
    }
    let power = 10_f64.powi(place.unsigned_abs().min(EXACT.unsigned_abs()).cast_signed());
    let rounded = if place < 0 { (value * power).round() / power } else { (value / power).round() * power };
    // A value that rounds to nothing has no sign.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(metric: &str, unit: &str, value: f64, expected: f64) {
        assert_eq!(told(metric, unit, value).to_bits(), expected.to_bits(), "{metric} {value} {unit}: {}", told(metric, unit, value));
    }

    #[test]
    fn each_unit_has_its_precision() {
        check("system.cpu.utilization", "1", 0.512_048_192_771_084_4, 0.512);
        check("system.cpu.utilization", "1", 0.999_96, 1.0);
        check("system.file_descriptors.utilization", "1", 5.2e-17, 0.0);
        check("system.disk.io", "By/s", 15_426_963.040_362_122, 15_400_000.0);
        check("system.disk.operations", "{operation}/s", 0.099_999_724, 0.1);
        check("system.memory.available", "By", 23_630_434_304.0, 23_630_000_000.0);
        check("system.disk.latency", "s", 0.001_471_893, 0.001_47);
        check("system.cpu.load_average.1m", "{thread}", 15.27, 15.3);
    }

    #[test]
    fn counts_and_limits_are_exact() {
        check("system.processes.count", "{process}", 12_345.0, 12_345.0);
        check("system.uptime", "s", 1_234_567.89, 1_234_568.0);
        check("system.memory.limit", "By", 25_276_502_016.0, 25_276_502_016.0);
        check("system.clock.offset_ms", "ms", -0.000_4, -0.000_4);
    }

    #[test]
    fn what_rounds_to_nothing_is_zero_without_a_sign() {
        check("x", "1", -0.000_01, 0.0);
        check("x", "{x}/s", 1e-30, 0.0);
        check("x", "{x}", 0.0, 0.0);
    }

    proptest! {
        #[test]
        fn a_told_value_is_near_and_told_again_the_same(value in any::<f64>(), unit in prop_oneof!["1", "By", "By/s", "s"]) {
            let once = told("x", &unit, value);
            prop_assert!(!value.is_finite() || once.is_finite() || value.abs() > 1e300);
            if value.is_finite() && (1e-9..1e15).contains(&value.abs()) {
                let least = if unit == "1" { 0.000_050_1 } else { 0.0 };
                prop_assert!((once - value).abs() <= (value.abs() * 0.005).max(least));
                prop_assert_eq!(told("x", &unit, once).to_bits(), once.to_bits());
            }
        }
    }
}
