//! Who is enrolled, by what it is looked up with: its enrolment, its host, whether it waits.
//!
//! A projection of the agents, never stored. Invariant: after every event, and after [`super::Trust::rebuild_roster`], it says what a walk
//! over all agents would; a fleet of 100,000 enrols without one.

use super::Agent;
use crate::id::{CiId, TokenId};
use rollcall_shared::AgentId;
use rollcall_shared::enrol::AgentStatus;
use std::collections::BTreeSet;

/// Looks agents up.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    /// By [`enrolment`].
    enrolled: BTreeSet<(u64, AgentId)>,
    hosts: BTreeSet<(CiId, AgentId)>,
    pending: BTreeSet<AgentId>,
}

// A cache: two worlds that know the same agents are equal whatever they have cached.
impl PartialEq for Roster {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Roster {
    /// Agents among which the one with this enrolment is, if there is one: a hash is looked up, so what comes back is to be compared.
    pub(super) fn enrolled(&self, token: TokenId, id: &str) -> impl Iterator<Item = AgentId> {
        let key = enrolment(token, id);
        self.enrolled.range((key, AgentId(0))..=(key, AgentId(u128::MAX))).map(|&(_, agent)| agent)
    }

    /// The agents that are a host, in order.
    pub(super) fn of_host(&self, ci: CiId) -> impl Iterator<Item = AgentId> {
        self.hosts.range((ci, AgentId(0))..=(ci, AgentId(u128::MAX))).map(|&(_, agent)| agent)
    }

    /// How many wait for approval.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// An agent was changed from one form to another.
    pub(super) fn change(&mut self, before: Option<&Agent>, after: Option<&Agent>) {
        if let Some(agent) = before {
            self.enrolled.remove(&(enrolment(agent.token, &agent.enrolment_id), agent.id));
            self.pending.remove(&agent.id);
            agent.ci.map(|ci| self.hosts.remove(&(ci, agent.id)));
        }
        if let Some(agent) = after {
            self.enrolled.insert((enrolment(agent.token, &agent.enrolment_id), agent.id));
            agent.ci.map(|ci| self.hosts.insert((ci, agent.id)));
            if agent.status == AgentStatus::Pending {
                self.pending.insert(agent.id);
            }
        }
    }
}

/// Eight bytes of a hash: as long as all of it would be, per agent, is what the agents themselves are kept for.
fn enrolment(token: TokenId, id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&token.0.to_le_bytes()).update(id.as_bytes());
    let mut key = [0; 8];
    hasher.finalize_xof().fill(&mut key);
    u64::from_le_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::super::Trust;
    use super::*;

    #[track_caller]
    fn check(trust: &Trust) {
        let mut anew = trust.clone();
        anew.rebuild_roster();
        let parts = |roster: &Roster| (roster.enrolled.clone(), roster.hosts.clone(), roster.pending.clone());
        assert_eq!(parts(&trust.roster), parts(&anew.roster), "as a walk over all agents says");
    }

    #[test]
    fn agents_are_found_by_enrolment_and_host_through_every_change() {
        let agent = crate::alert::scenario::enrolled(1);
        let other = Agent { id: AgentId(2), enrolment_id: "other".into(), ci: None, status: AgentStatus::Pending, ..agent.clone() };
        let mut trust = Trust::default();
        for agent in [&agent, &other] {
            trust.apply(1, &super::super::TrustEvent::AgentEnrolled { agent: Box::new(agent.clone()) });
            check(&trust);
        }
        assert_eq!((trust.enrolled(other.token, "other").map(|agent| agent.id), trust.pending()), (Some(other.id), 1));
        assert_eq!(trust.enrolled(TokenId(77), "other"), None, "an enrolment is one of a token");
        trust.apply(2, &super::super::TrustEvent::AgentApproved { agent: other.id });
        check(&trust);
        trust.bind(3, other.id, crate::alert::scenario::host(9));
        check(&trust);
        trust.bind(4, other.id, crate::alert::scenario::host(10));
        check(&trust);
        assert_eq!((trust.pending(), trust.of_host(crate::alert::scenario::host(9)).count()), (0, 0));
        assert_eq!(trust.of_host(crate::alert::scenario::host(10)).map(|agent| agent.id).collect::<Vec<_>>(), [other.id]);
    }
}
