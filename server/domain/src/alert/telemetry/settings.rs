//! What agents are told to hurry for, and which version of it they work with.

use super::*;

impl Telemetry {
    /// The settings of an agent, taking note of which version it works with.
    pub(crate) fn settings(&mut self, world: &World, agent: AgentId, (applied, now): (u64, Timestamp)) -> Arc<Settings> {
        let host = world.trust.agents.get(&agent).and_then(|agent| agent.ci).and_then(|ci| world.cmdb.cis.get(&ci));
        let seen = Seen { world, rules: &world.rules, host, now };
        let view = self.agents.get_mut(&agent).map(|state| &mut state.view);
        let scope = match view {
            Some(view) => {
                view.applied = Some(applied);
                view.scope(seen)
            }
            None => plan::scope(&world.rules, world, host),
        };
        self.tables.of(world, (host, scope), now)
    }

    /// Which version of its settings an agent worked with at its last push; `None` before it pushed to this process.
    #[must_use]
    pub fn applied(&self, agent: AgentId) -> Option<u64> {
        self.agents.get(&agent).and_then(|state| state.view.applied)
    }
}
