//! Who may speak: agents and their certificates, join tokens, API tokens, feeds and their collectors.

pub mod collector;
pub mod decide;
pub mod feed;
pub mod pace;
mod roster;
pub mod session;
pub mod unit;

use crate::actor::{Actor, Role};
use crate::copy_on_write::CopyOnWrite;
use crate::id::{CiId, TokenId};
use collector::{Collector, Collectors};
use feed::{Feed, FeedName};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An enrolled agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Drawn by the server.
    pub id: AgentId,
    /// Whether its data counts.
    pub status: AgentStatus,
    /// Random name of its enrolment; a retry is recognised by it.
    pub enrolment_id: String,
    /// SHA-256 of its public key (SubjectPublicKeyInfo), hexadecimal.
    pub public_key: String,
    /// Join token it used.
    pub token: TokenId,
    /// What it called itself, a hint for people.
    pub hostname: Option<String>,
    /// Version it enrolled or last started with.
    pub agent_version: String,
    /// Address it enrolled from.
    pub address: Option<String>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When its certificate ends.
    pub certificate_expires_at: Timestamp,
    /// The certificate, PEM: a repeated enrolment gets the same answer.
    pub certificate: String,
    /// The host it was identified as.
    pub ci: Option<CiId>,
    /// Why it was revoked or suspended.
    pub revoked_because: Option<String>,
    /// Log revision of the last change.
    pub revision: u64,
}

/// A token that lets agents join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinToken {
    /// Its public name.
    pub id: TokenId,
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
    /// Enrolments it is good for.
    pub uses: u32,
    /// Enrolments made with it.
    pub used: u32,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether its agents need no approval by a person.
    pub auto_approve: bool,
    /// Who made it.
    pub created_by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// A token for people's programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its public name.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
    /// What it may do.
    pub role: Role,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TrustEvent {
    /// A join token was made.
    JoinTokenCreated {
        /// As it is.
        token: JoinToken,
    },
    /// An API token was made.
    ApiTokenCreated {
        /// As it is.
        token: ApiToken,
    },
    /// A token of either kind was withdrawn.
    TokenRevoked {
        /// Which.
        token: TokenId,
    },
    /// An agent joined; the token's use and the issue of the certificate are this one event.
    AgentEnrolled {
        /// As it is.
        agent: Box<Agent>,
    },
    /// A person approved an agent.
    AgentApproved {
        /// Which.
        agent: AgentId,
    },
    /// An agent is refused from now on.
    AgentRevoked {
        /// Which.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// An agent is refused until a person approves it again.
    AgentSuspended {
        /// Which.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// An agent pushes at another interval than was known.
    PushIntervalTold {
        /// Which.
        agent: AgentId,
        /// From now on.
        push_interval: pace::PushInterval,
    },
    /// An agent's host reported in a new epoch of the agent.
    SessionBegan {
        /// Which agent.
        agent: AgentId,
        /// Its epoch.
        epoch: u64,
    },
    /// An epoch is nobody's any more: two machines spoke in it, and each has to begin its own.
    SessionSpent {
        /// Which agent.
        agent: AgentId,
        /// The epoch; those before it are spent as well.
        epoch: u64,
    },
    /// An agent was heard in an epoch that a later one had replaced: its state was restored, or copied.
    SessionDiverged {
        /// Which agent.
        agent: AgentId,
        /// The older epoch.
        found: u64,
        /// The later one.
        known: u64,
    },
    /// A copy of an agent is refused from now on, and told to enrol anew.
    SessionQuarantined {
        /// Whose copy.
        agent: AgentId,
        /// The epoch that the copy speaks in.
        epoch: u64,
        /// What showed that it is one.
        reason: String,
    },
    /// Two machines live with one identity.
    CloneDetected {
        /// Whose identity.
        agent: AgentId,
        /// What proves it.
        evidence: String,
    },
    /// A feed was made, or renewed.
    FeedCreated {
        /// As it is.
        feed: Box<Feed>,
    },
    /// A feed was withdrawn.
    FeedRevoked {
        /// Which.
        feed: FeedName,
    },
    /// A feed measures an item that it did not measure before, or measures it as another resource.
    CollectorPlaced {
        /// The id of its voice.
        voice: AgentId,
        /// As it is.
        #[serde(flatten)]
        collector: Collector,
    },
    /// A collector has been silent for so long that it is not known any more.
    CollectorForgotten {
        /// The id of its voice.
        voice: AgentId,
    },
    /// A feed told units of metrics that are in no catalogue.
    UnitsTold {
        /// Which.
        feed: FeedName,
        /// The unit of each from now on; `None` where feeds tell several.
        units: BTreeMap<String, Option<String>>,
    },
    /// Something was refused that people should know of.
    Refused {
        /// Stable code of the refusal.
        code: String,
        /// What was tried, without secrets.
        detail: String,
    },
}

/// Everything known of agents and tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// By id.
    #[serde(with = "crate::ci::packed")]
    pub agents: BTreeMap<AgentId, CopyOnWrite<Agent>>,
    /// By id.
    pub join_tokens: BTreeMap<TokenId, JoinToken>,
    /// By id.
    pub api_tokens: BTreeMap<TokenId, ApiToken>,
    /// What each agent's epochs tell of copies of it.
    #[serde(default)]
    pub sessions: BTreeMap<AgentId, session::Sessions>,
    /// How often agents push that told something else than the default.
    #[serde(default)]
    pub push_intervals: BTreeMap<AgentId, pace::PushInterval>,
    /// By name.
    #[serde(default)]
    pub feeds: BTreeMap<FeedName, Feed>,
    /// What feeds measure.
    #[serde(default)]
    pub collectors: Collectors,
    /// In what they measure it.
    #[serde(default)]
    pub units: unit::Units,
    #[serde(skip)]
    roster: roster::Roster,
}

impl Trust {
    /// Remembers an event. Total: what refers to something unknown changes nothing.
    pub fn apply(&mut self, revision: u64, event: &TrustEvent) {
        match event {
            TrustEvent::JoinTokenCreated { token } => drop(self.join_tokens.insert(token.id, token.clone())),
            TrustEvent::ApiTokenCreated { token } => drop(self.api_tokens.insert(token.id, token.clone())),
            TrustEvent::TokenRevoked { token } => self.revoke_token(*token),
            TrustEvent::AgentEnrolled { agent } => self.enrol(revision, agent),
            TrustEvent::AgentApproved { agent } => self.change(revision, *agent, |known| {
                known.status = AgentStatus::Approved;
                known.revoked_because = None;
            }),
            TrustEvent::AgentSuspended { agent, reason } => self.change(revision, *agent, |known| {
                known.status = AgentStatus::Suspended;
                known.revoked_because = Some(reason.clone());
            }),
            TrustEvent::PushIntervalTold { agent, push_interval } => {
                self.change(revision, *agent, |_| {});
                self.push_intervals.insert(*agent, *push_interval);
            }
            TrustEvent::SessionBegan { agent, .. }
            | TrustEvent::SessionSpent { agent, .. }
            | TrustEvent::SessionDiverged { agent, .. }
            | TrustEvent::SessionQuarantined { agent, .. }
            | TrustEvent::CloneDetected { agent, .. } => self.sessions.entry(*agent).or_default().apply(event),
            TrustEvent::AgentRevoked { agent, reason } => self.change(revision, *agent, |known| {
                known.status = AgentStatus::Revoked;
                known.revoked_because = Some(reason.clone());
            }),
            TrustEvent::FeedCreated { feed } => drop(self.feeds.insert(feed.name.clone(), (**feed).clone())),
            TrustEvent::FeedRevoked { feed } => {
                if let Some(feed) = self.feeds.get_mut(feed) {
                    feed.revoked = true;
                }
            }
            TrustEvent::CollectorPlaced { voice, collector } => self.collectors.add(*voice, collector.clone()),
            TrustEvent::CollectorForgotten { voice } => self.collectors.remove(*voice),
            TrustEvent::UnitsTold { units, .. } => self.units.apply(units),
            TrustEvent::Refused { .. } => {}
        }
    }

    /// The agent with this enrolment, if there is one.
    #[must_use]
    pub fn enrolled(&self, token: TokenId, enrolment_id: &str) -> Option<&Agent> {
        let is_it = |agent: &&Agent| agent.token == token && agent.enrolment_id == enrolment_id;
        self.roster.enrolled(token, enrolment_id).filter_map(|id| self.agents.get(&id).map(|agent| &**agent)).find(is_it)
    }

    /// The agents that ever spoke for a host, in order; more than one after it was enrolled again.
    pub fn of_host(&self, ci: CiId) -> impl Iterator<Item = &Agent> {
        self.roster.of_host(ci).filter_map(|id| self.agents.get(&id).map(|agent| &**agent))
    }

    /// How many agents wait for approval.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.roster.pending()
    }

    /// A copy of all that a snapshot stores, without the projections.
    pub(crate) fn without_projections(&self) -> Self {
        let Self { agents, join_tokens, api_tokens, sessions, push_intervals, feeds, collectors, units, roster: _ } = self;
        Self {
            agents: agents.clone(),
            join_tokens: join_tokens.clone(),
            api_tokens: api_tokens.clone(),
            sessions: sessions.clone(),
            push_intervals: push_intervals.clone(),
            feeds: feeds.clone(),
            collectors: collectors.without_projections(),
            units: units.clone(),
            roster: roster::Roster::default(),
        }
    }

    /// Brings the projections back after a snapshot was loaded.
    pub(crate) fn rebuild_projections(&mut self) {
        self.rebuild_roster();
        self.collectors.rebuild();
    }

    /// Lists the agents anew.
    pub(crate) fn rebuild_roster(&mut self) {
        self.roster = roster::Roster::default();
        self.agents.values().for_each(|agent| self.roster.change(None, Some(agent)));
    }

    /// Remembers which host an agent is, or a collector means.
    pub fn bind(&mut self, revision: u64, agent: AgentId, ci: CiId) {
        self.change(revision, agent, |known| known.ci = Some(ci));
        self.collectors.bind(agent, ci);
    }

    /// The item that an agent is, or that a collector means.
    #[must_use]
    pub fn host_of(&self, agent: AgentId) -> Option<CiId> {
        let collected = || self.collectors.get(agent).map(|collector| collector.ci);
        self.agents.get(&agent).map_or_else(collected, |agent| agent.ci)
    }

    /// Whose samples are an item's: the agents that ever spoke for it, and the collectors that mean it. In order of their ids.
    #[must_use]
    pub fn voices_of(&self, ci: CiId) -> Vec<AgentId> {
        let mut voices: Vec<AgentId> = self.roster.of_host(ci).chain(self.collectors.of(ci).map(|(voice, _)| voice)).collect();
        voices.sort_unstable();
        voices
    }

    fn revoke_token(&mut self, id: TokenId) {
        if let Some(token) = self.join_tokens.get_mut(&id) {
            token.revoked = true;
        }
        if let Some(token) = self.api_tokens.get_mut(&id) {
            token.revoked = true;
        }
    }

    fn enrol(&mut self, revision: u64, agent: &Agent) {
        if let Some(token) = self.join_tokens.get_mut(&agent.token) {
            token.used = token.used.saturating_add(1);
        }
        let before = self.agents.insert(agent.id, CopyOnWrite::new(Agent { revision, ..agent.clone() }));
        self.roster.change(before.as_deref(), Some(agent));
    }

    fn change(&mut self, revision: u64, id: AgentId, change: impl FnOnce(&mut Agent)) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        self.roster.change(Some(agent), None);
        change(agent);
        agent.revision = revision;
        self.roster.change(None, Some(agent));
    }
}

#[cfg(test)]
mod tests;
