//! Pressure stall information: the share of time in which work waited for a resource, `/proc/pressure`.

use super::Raw;
use crate::collect::Scope;

const RESOURCES: [&str; 4] = ["cpu", "io", "irq", "memory"];

/// Reads the series; kernels without PSI have none.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    // Where PSI is compiled in and switched off, reading says "not supported".
    let text = |resource: &str| scope.text(&format!("/proc/pressure/{resource}")).ok().flatten();
    RESOURCES.iter().filter_map(|resource| text(resource).map(|text| pressure(resource, &text))).flatten().collect()
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, the total in microseconds.
fn pressure(resource: &str, text: &str) -> Vec<Raw> {
    let read = |line: &str| {
        let metric = match line.split_whitespace().next()? {
            "some" => "system.linux.psi.some",
            // For processors as a whole it is defined to be zero.
            "full" if resource != "cpu" => "system.linux.psi.full",
            _ => return None,
        };
        let total = line.split_whitespace().find_map(|word| word.strip_prefix("total=")?.parse().ok())?;
        Some(Raw::busy(metric, &[("resource", resource)], total, 1e-6))
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_of_stall_are_read() {
        let text = "some avg10=1.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n";
        assert_eq!(pressure("io", text).len(), 2);
        assert_eq!(pressure("cpu", text).len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(some|full)? ?[ -~]{0,30}(total=)?[0-9]{0,30}") {
            let _ = pressure("io", &text);
        }
    }
}
