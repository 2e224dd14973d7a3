use super::*;

#[track_caller]
fn check(metric: &str, number: f64, expected: &str) {
    assert_eq!(value(metric, number), expected);
}

#[test]
fn values_are_told_in_the_unit_of_their_metric() {
    check("system.filesystem.utilization", 0.984, "98.4 %");
    check("system.memory.utilization", 1.0, "100 %");
    check("system.filesystem.available", 4_900_000_000.0, "4.9 GB");
    check("system.filesystem.available", 12.0, "12 B");
    check("system.clock.max_error_ms", 16_000.0, "16000 ms");
    check("system.systemd.units.failed", 2.0, "2");
    check("system.network.io", 15_400_000.0, "15.4 MB/s");
    check("system.network.errors", 3.0, "3/s");
    check("system.linux.psi.some", 0.61, "61 %");
    check("system.raid.degraded", 1.0, "1");
    check("system.disk.latency", 0.0123, "12.3 ms");
    check("system.uptime", 90.0, "1 min 30 s");
    check("hw.temperature", 61.5, "61.5 °C");
    check("system.certificate.days_left", -3.0, "-3 d");
    check("rollcall.agent.cpu", 0.02, "0.0200");
    check("queue.utilization", 0.5, "50 %");
    check("m", -0.0012, "-0.0012");
    check("m", f64::MAX, "1.7976931348623157e308");
}

#[test]
fn spans_are_told_in_two_units() {
    let told: Vec<String> = [0, 999, 1_000, 90_000, 3_600_000, 90_061_000].into_iter().map(span).collect();
    assert_eq!(told, ["0 ms", "999 ms", "1 s", "1 min 30 s", "1 h", "1 d 1 h"]);
}
