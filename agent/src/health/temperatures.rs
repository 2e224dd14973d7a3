//! Temperatures of whatever sensors the machine has, through `sysinfo` on every platform.

use super::Raw;
use std::collections::BTreeMap;
use sysinfo::Components;

/// Sensors measured; a large server has some 100.
const SENSORS: usize = 256;

/// The machine's sensors.
#[derive(Debug)]
pub(super) struct Temperatures(Option<Components>);

impl Temperatures {
    /// Finds the sensors; a captured tree has none.
    pub(super) fn new(is_live: bool) -> Self {
        Self(if is_live { Components::new_with_refreshed_list().ok() } else { None })
    }

    /// Reads them; of sensors with one label the hottest counts.
    pub(super) fn read(&mut self) -> Vec<Raw> {
        let Some(components) = &mut self.0 else { return Vec::new() };
        components.refresh(true);
        let mut hottest: BTreeMap<&str, Option<f64>> = BTreeMap::new();
        for component in components.iter().take(SENSORS) {
            let value = component.temperature().map(f64::from).filter(|value| value.is_finite());
            let kept = hottest.entry(component.label()).or_default();
            *kept = match (*kept, value) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
        }
        hottest.into_iter().map(|(sensor, value)| Raw::gauge("hw.temperature", &[("sensor", sensor)], "Cel", value)).collect()
    }
}
