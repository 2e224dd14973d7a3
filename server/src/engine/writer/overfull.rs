//! A word in the server's log about each host that has more than is judged for one: once, however often it pushes.

use rollcall_domain::World;
use rollcall_shared::AgentId;
use std::collections::BTreeSet;

/// Of whom it was said.
#[derive(Debug, Default)]
pub(super) struct Overfull(BTreeSet<AgentId>);

impl Overfull {
    /// Says it of those of whom it was not said since the server was started.
    pub(super) fn tell(&mut self, world: &World) {
        for (agent, series) in self.news(world.telemetry.overfull()) {
            let ci = world.trust.host_of(agent).map(|ci| ci.to_string()).unwrap_or_default();
            tracing::warn!(
                ci,
                %agent,
                series,
                "too many series under rules with windows or baselines: some are not judged; GET /api/v1/cis/{{id}}/rules says which rules and why"
            );
        }
        self.0.retain(|agent| world.telemetry.last_seen(*agent).is_some());
    }

    fn news(&mut self, overfull: impl Iterator<Item = (AgentId, usize)>) -> Vec<(AgentId, usize)> {
        overfull.filter(|(agent, _)| self.0.insert(*agent)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_of_each() {
        let mut known = Overfull::default();
        let mut news = |agents: &[u128]| -> Vec<u128> {
            known.news(agents.iter().map(|&agent| (AgentId(agent), 3))).into_iter().map(|(agent, _)| agent.0).collect()
        };
        assert_eq!(news(&[1, 2]), [1, 2]);
        assert_eq!(news(&[1, 2, 3]), [3]);
        assert_eq!(news(&[]), [0; 0]);
        assert_eq!(news(&[1]), [0; 0], "it was away for a moment");
    }
}
