//! Who spoke, when, and how far it got: what is read of telemetry without its values.

use super::*;

impl Telemetry {
    /// The agent's epoch and the sequence up to which everything has taken effect.
    #[must_use]
    pub fn progress(&self, agent: AgentId) -> Option<(u64, u64)> {
        self.agents.get(&agent).map(|state| (state.epoch, state.through))
    }

    /// When the agent last spoke, by the server's clock.
    #[must_use]
    pub fn last_seen(&self, agent: AgentId) -> Option<Timestamp> {
        self.agents.get(&agent).map(|state| state.last_seen)
    }

    /// Every agent that has spoken, in order: when it last did, and whether it is silent.
    pub fn heard(&self) -> impl Iterator<Item = (AgentId, Timestamp, bool)> {
        self.agents.iter().map(|(&agent, state)| (agent, state.last_seen, state.silent))
    }

    /// The agent's clock minus the server's when it last spoke.
    #[must_use]
    pub fn skew_ms(&self, agent: AgentId) -> Option<i64> {
        self.agents.get(&agent).map(|state| state.skew_ms)
    }

    /// The agent that spoke last for a host.
    #[must_use]
    pub fn speaker(&self, ci: CiId) -> Option<AgentId> {
        self.hosts.get(&ci).copied()
    }

    /// Whether the agent spoke within so long before `now` and did not say goodbye.
    #[must_use]
    pub fn spoke_within(&self, agent: AgentId, time: Duration, now: Timestamp) -> bool {
        self.agents.get(&agent).is_some_and(|state| state.goodbye.is_none() && now.since(state.last_seen) <= time)
    }

    /// When a host was last heard, if it said goodbye then.
    #[must_use]
    pub fn left_at(&self, ci: CiId) -> Option<Timestamp> {
        let state = self.agents.get(self.hosts.get(&ci)?)?;
        state.goodbye.is_some().then_some(state.last_seen)
    }

    /// Whether the agent was found silent and has not spoken since.
    #[must_use]
    pub fn is_silent(&self, agent: AgentId) -> bool {
        self.agents.get(&agent).is_some_and(|state| state.silent)
    }
}
