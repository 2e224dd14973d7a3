//! Which connections each agent has open, so that a revoked agent's are cut.
//!
//! [`follow`] compares the open connections with the state after every change of the log: it acts on what is, not on what it
//! saw happen, so a missed wake-up costs time and never a revocation. Requests are checked one by one beside this.

use crate::engine::Engine;
use rollcall_domain::{Rejection, trust};
use rollcall_shared::AgentId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Changes of the log are looked at together when they come within this time: a revoked agent's connections are cut well
/// within a second, and a busy log costs five comparisons a second.
const GATHER: Duration = Duration::from_millis(200);

/// The registry. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connections {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_agent: BTreeMap<AgentId, BTreeMap<u64, CancellationToken>>,
}

/// An agent has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{agent} already has {limit} connections")]
pub struct TooManyConnections {
    /// Which agent.
    pub agent: AgentId,
    /// Its limit.
    pub limit: usize,
}

/// A connection's place in the registry; it is given up on drop.
pub struct Registration {
    connections: Connections,
    agent: AgentId,
    number: u64,
    cut: CancellationToken,
}

impl Connections {
    /// Takes a place for a connection.
    ///
    /// # Errors
    /// When the agent has `limit` places already.
    pub fn register(&self, agent: AgentId, limit: usize) -> Result<Registration, TooManyConnections> {
        let mut open = self.lock();
        if open.by_agent.get(&agent).map_or(0, BTreeMap::len) >= limit {
            return Err(TooManyConnections { agent, limit });
        }
        let number = open.next;
        open.next += 1;
        let cut = CancellationToken::new();
        open.by_agent.entry(agent).or_default().insert(number, cut.clone());
        Ok(Registration { connections: self.clone(), agent, number, cut })
    }

    /// Cuts all connections of an agent.
    pub fn cut(&self, agent: AgentId) {
        for token in self.lock().by_agent.get(&agent).into_iter().flat_map(BTreeMap::values) {
            token.cancel();
        }
    }

    /// Agents with an open connection.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentId> {
        self.lock().by_agent.keys().copied().collect()
    }

    /// Open connections of all agents.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().by_agent.values().map(BTreeMap::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Resolves when the connection must end at once.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if let Some(numbers) = open.by_agent.get_mut(&self.agent) {
            numbers.remove(&self.number);
            if numbers.is_empty() {
                open.by_agent.remove(&self.agent);
            }
        }
    }
}

/// Whether an agent may have a connection at all: a pending or suspended one may ask, a revoked or unknown one may not.
#[must_use]
pub fn may_connect(engine: &Engine, agent: AgentId) -> bool {
    engine.read(|world| {
        matches!(trust::decide::authorise(world, agent), Ok(_) | Err(Rejection::AgentPending(_) | Rejection::AgentSuspended(_)))
    })
}

/// Cuts the connections of agents that may not have any, until `stop`.
pub async fn follow(engine: Engine, connections: Connections, stop: CancellationToken) {
    let mut revisions = engine.revisions();
    while let Some(Ok(())) = stop.run_until_cancelled(revisions.changed()).await {
        if stop.run_until_cancelled(tokio::time::sleep(GATHER)).await.is_none() {
            return;
        }
        revisions.mark_unchanged();
        sweep(&engine, &connections);
    }
}

fn sweep(engine: &Engine, connections: &Connections) {
    for agent in connections.agents() {
        if !may_connect(engine, agent) {
            tracing::info!(%agent, "cutting the connections of an agent that is revoked");
            connections.cut(agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId(7);

    #[test]
    fn an_agent_has_no_more_connections_than_its_limit() {
        let connections = Connections::default();
        let first = connections.register(AGENT, 2).unwrap();
        let _second = connections.register(AGENT, 2).unwrap();
        assert_eq!(connections.register(AGENT, 2).err(), Some(TooManyConnections { agent: AGENT, limit: 2 }));
        drop(first);
        assert!(connections.register(AGENT, 2).is_ok());
    }

    #[test]
    fn a_closed_connection_leaves_nothing_behind() {
        let connections = Connections::default();
        drop(connections.register(AGENT, 1).unwrap());
        assert!(connections.agents().is_empty());
    }

    #[tokio::test]
    async fn cutting_ends_every_connection_of_that_agent_alone() {
        let connections = Connections::default();
        let (one, two) = (connections.register(AGENT, 2).unwrap(), connections.register(AGENT, 2).unwrap());
        let other = connections.register(AgentId(8), 2).unwrap();
        connections.cut(AGENT);
        one.cut().await;
        two.cut().await;
        assert!(!other.cut.is_cancelled());
    }
}
