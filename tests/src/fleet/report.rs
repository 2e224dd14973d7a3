//! What a load cost, as JSON.

use super::drive::Plan;
use crate::harness::host::SERIES;
use crate::harness::process::Consumption;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Acknowledgement latencies, microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Counts one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Takes another's.
    pub fn join(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The latency that a share of all did not exceed, milliseconds; none of none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
        sorted.get(rank - 1).map(|&micros| f64::from(micros) / 1_000.0)
    }
}

/// The result. Unknown is null.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Simulated agents.
    pub agents: u64,
    /// Seconds of pushing.
    pub seconds: f64,
    /// Seconds in which all inventories were uploaded and reconciled.
    pub inventory_seconds: f64,
    /// Acknowledged pushes.
    pub pushes: u64,
    /// Acknowledged pushes a second.
    pub pushes_per_second: f64,
    /// Acknowledged values a second.
    pub samples_per_second: f64,
    /// Half of all acknowledgements came within, ms.
    pub p50_ms: Option<f64>,
    /// 99 of 100 acknowledgements came within, ms.
    pub p99_ms: Option<f64>,
    /// The slowest acknowledgement, ms.
    pub max_ms: Option<f64>,
    /// CPU time of the server while pushing.
    pub server_cpu_seconds: Option<f64>,
    /// CPU time of the server a push, microseconds.
    pub server_cpu_us_per_push: Option<f64>,
    /// Highest resident set of the server since its start.
    pub server_peak_rss_bytes: Option<u64>,
    /// CPU time of this generator while pushing.
    pub generator_cpu_seconds: f64,
    /// HTTP bytes to the server a push, without TLS records.
    pub request_bytes_per_push: f64,
    /// HTTP bytes from the server a push, without TLS records.
    pub response_bytes_per_push: f64,
    /// Bytes that the data directory occupies at the end.
    pub disk_bytes: Option<u64>,
    /// Growth of the data directory a push.
    pub disk_bytes_per_push: Option<f64>,
    /// Acknowledgements beyond what was sent.
    pub duplicates: u64,
    /// Failed attempts.
    pub errors: u64,
    /// Failed attempts by reason.
    pub errors_by_reason: BTreeMap<String, u64>,
    /// Acknowledged messages whose samples were read back through the API, each exactly once.
    pub read_back: Option<u64>,
    /// Whether the server's log replays to the same state; null when the server is not this command's own.
    pub log_verified: Option<bool>,
}

impl Report {
    /// With what is known before anything is counted.
    #[must_use]
    pub fn new(plan: Plan, wall: Duration, inventory: Duration, latencies: &Latencies) -> Self {
        Self {
            agents: plan.agents,
            seconds: wall.as_secs_f64(),
            inventory_seconds: inventory.as_secs_f64(),
            pushes: 0,
            pushes_per_second: 0.0,
            samples_per_second: 0.0,
            p50_ms: latencies.quantile(0.5),
            p99_ms: latencies.quantile(0.99),
            max_ms: latencies.quantile(1.0),
            server_cpu_seconds: None,
            server_cpu_us_per_push: None,
            server_peak_rss_bytes: None,
            generator_cpu_seconds: 0.0,
            request_bytes_per_push: 0.0,
            response_bytes_per_push: 0.0,
            disk_bytes: None,
            disk_bytes_per_push: None,
            duplicates: 0,
            errors: 0,
            errors_by_reason: BTreeMap::new(),
            read_back: None,
            log_verified: None,
        }
    }

    /// What came of the pushes.
    pub fn count(&mut self, pushes: u64, duplicates: u64, errors: BTreeMap<String, u64>) {
        self.pushes = pushes;
        self.pushes_per_second = pushes as f64 / self.seconds;
        self.samples_per_second = self.pushes_per_second * SERIES as f64;
        self.duplicates = duplicates;
        self.errors = errors.values().sum();
        self.errors_by_reason = errors;
    }

    /// What went over the wire. Inventories went over the same connections, so this is an upper bound.
    pub fn wire(&mut self, sent: u64, received: u64) {
        self.request_bytes_per_push = sent as f64 / self.pushes.max(1) as f64;
        self.response_bytes_per_push = received as f64 / self.pushes.max(1) as f64;
    }

    /// What the server used.
    pub fn server(&mut self, before: Consumption, after: Consumption) {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        self.server_cpu_seconds = Some(cpu);
        self.server_cpu_us_per_push = Some(cpu * 1e6 / self.pushes.max(1) as f64);
        self.server_peak_rss_bytes = Some(after.peak_rss_bytes);
    }

    /// What it occupies.
    pub fn disk(&mut self, before: u64, after: u64) {
        self.disk_bytes = Some(after);
        self.disk_bytes_per_push = Some(after.saturating_sub(before) as f64 / self.pushes.max(1) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_smallest_latency_that_covers_the_share() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=100).rev().for_each(|millis| latencies.add(Duration::from_millis(millis)));
        assert_eq!(latencies.quantile(0.5), Some(50.0));
        assert_eq!(latencies.quantile(0.99), Some(99.0));
        assert_eq!(latencies.quantile(1.0), Some(100.0));
    }
}
