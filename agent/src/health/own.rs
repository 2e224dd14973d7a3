//! What the agent itself uses.

use super::{Raw, float, processes};
use crate::collect::Scope;

/// Reads the series; a captured tree has no agent in it.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    if !scope.root().is_live() {
        return Vec::new();
    }
    let ticks = processes::ticks(scope, "self").map(|ticks| Raw::rate("rollcall.agent.cpu", &[], "s/s", ticks, processes::TICK));
    let memory = processes::memory(scope, "self").map(float);
    let open_files = processes::open_files(scope, "self", true).map(float);
    let gauges = [
        Raw::gauge("rollcall.agent.memory", &[], "By", memory),
        Raw::gauge("rollcall.agent.open_files", &[], "{file_descriptor}", open_files),
    ];
    ticks.into_iter().chain(gauges).collect()
}
