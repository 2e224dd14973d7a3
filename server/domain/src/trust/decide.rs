//! Decisions on agents and tokens.

use super::feed::{self, FeedName, NewFeed};
use super::{Agent, ApiToken, JoinToken, TrustEvent};
use crate::actor::{Actor, Role};
use crate::id::TokenId;
use crate::{Context, Rejection, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::{AgentId, Timestamp};
use std::time::Duration;

/// A bulk join token lives at most a day: it lies around in images and scripts.
pub const JOIN_TOKEN_MAX_TTL: Duration = Duration::from_secs(24 * 3600);

/// Enrolments of one join token at most.
pub const JOIN_TOKEN_MAX_USES: u32 = 100_000;

/// Agents that may wait for approval at once: an attacker with a bulk token must not fill the memory.
pub const PENDING_AGENTS: usize = 10_000;

/// What people and the enrolment endpoint ask.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustCommand {
    /// Make a join token. The secret stays at the edge; only its hash comes here.
    CreateJoinToken {
        /// SHA-256 of the secret, hexadecimal.
        secret_hash: String,
        /// Enrolments it is good for.
        uses: u32,
        /// How long it lives.
        ttl: Duration,
        /// Whether its agents need no approval.
        auto_approve: bool,
    },
    /// Make an API token.
    CreateApiToken {
        /// SHA-256 of the secret, hexadecimal.
        secret_hash: String,
        /// What people call it.
        name: String,
        /// What it may do.
        role: Role,
        /// How long it lives; `None` for ever.
        ttl: Option<Duration>,
    },
    /// Withdraw a token.
    RevokeToken(TokenId),
    /// Record an enrolment whose certificate is made. Checked again: the token may have been used up meanwhile.
    Enrol {
        /// Hash of the secret that was shown.
        secret_hash: String,
        /// As it is to be; `status`, `token` and `revision` are set by the decision.
        agent: Box<Agent>,
    },
    /// Approve a pending agent.
    ApproveAgent(AgentId),
    /// Refuse an agent from now on.
    RevokeAgent {
        /// Which.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// Make a feed, or renew a withdrawn one.
    CreateFeed(NewFeed),
    /// Withdraw a feed.
    RevokeFeed(FeedName),
    /// Write a refusal into the log.
    Refuse {
        /// Stable code.
        code: String,
        /// What was tried, without secrets.
        detail: String,
    },
}

/// Whether somebody may enrol.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// A new agent: make a certificate.
    New,
    /// A retry of an enrolment that succeeded: give the same answer.
    Known(Box<Agent>),
}

/// Judges an enrolment request before a certificate is made.
///
/// # Errors
/// [`Rejection::BadCredential`] for every kind of bad token alike; [`Rejection::Conflict`] when the enrolment id is known with
/// another key; [`Rejection::Forbidden`] when too many agents wait.
pub fn admit(world: &World, secret_hash: &str, enrolment_id: &str, public_key: &str, now: Timestamp) -> Result<Admission, Rejection> {
    let token = world.trust.join_tokens.values().find(|token| token.secret_hash == secret_hash).ok_or(Rejection::BadCredential)?;
    if let Some(agent) = world.trust.enrolled(token.id, enrolment_id) {
        if agent.public_key != public_key {
            return Err(Rejection::Conflict("this enrolment is known with another key".into()));
        }
        if agent.status == AgentStatus::Revoked {
            return Err(Rejection::AgentRevoked(agent.id));
        }
        return Ok(Admission::Known(Box::new(agent.clone())));
    }
    if token.revoked || token.used >= token.uses || token.expires_at <= now {
        return Err(Rejection::BadCredential);
    }
    let pending = world.trust.pending();
    if !token.auto_approve && pending >= PENDING_AGENTS {
        return Err(Rejection::Forbidden(format!("{pending} agents wait for approval; approve or revoke some first")));
    }
    Ok(Admission::New)
}

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &TrustCommand, context: &mut Context<'_>) -> Result<Vec<TrustEvent>, Rejection> {
    match command {
        TrustCommand::CreateJoinToken { secret_hash, uses, ttl, auto_approve } => {
            let token = join_token(secret_hash, *uses, *ttl, *auto_approve, context)?;
            Ok(vec![TrustEvent::JoinTokenCreated { token }])
        }
        TrustCommand::CreateApiToken { secret_hash, name, role, ttl } => {
            let token = api_token(secret_hash, name, *role, *ttl, context)?;
            Ok(vec![TrustEvent::ApiTokenCreated { token }])
        }
        TrustCommand::RevokeToken(id) => revoke_token(world, *id),
        TrustCommand::Enrol { secret_hash, agent } => enrol(world, secret_hash, agent, context.now),
        TrustCommand::ApproveAgent(id) => approve(world, *id),
        TrustCommand::RevokeAgent { agent, reason } => revoke(world, *agent, reason),
        TrustCommand::CreateFeed(wanted) => feed::create(world, wanted, context),
        TrustCommand::RevokeFeed(name) => feed::revoke(world, name),
        TrustCommand::Refuse { code, detail } => Ok(vec![TrustEvent::Refused { code: code.clone(), detail: detail.clone() }]),
    }
}

fn join_token(secret_hash: &str, uses: u32, ttl: Duration, auto_approve: bool, context: &mut Context<'_>) -> Result<JoinToken, Rejection> {
    if !(1..=JOIN_TOKEN_MAX_USES).contains(&uses) {
        return Err(Rejection::invalid("uses", format!("must be 1 to {JOIN_TOKEN_MAX_USES}, not {uses}")));
    }
    if ttl.is_zero() || ttl > JOIN_TOKEN_MAX_TTL {
        return Err(Rejection::invalid("ttl", "a join token lives more than nothing and at most 24 h"));
    }
    Ok(JoinToken {
        id: TokenId(context.ids.next_bits()),
        secret_hash: secret_hash.to_owned(),
        uses,
        used: 0,
        expires_at: context.now.plus(ttl),
        auto_approve,
        created_by: context.actor.clone(),
        created_at: context.now,
        revoked: false,
    })
}

fn api_token(secret_hash: &str, name: &str, role: Role, ttl: Option<Duration>, context: &mut Context<'_>) -> Result<ApiToken, Rejection> {
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Rejection::invalid("name", "must have 1 to 100 characters"));
    }
    if ttl.is_some_and(|ttl| ttl.is_zero()) {
        return Err(Rejection::invalid("ttl", "must be more than nothing"));
    }
    Ok(ApiToken {
        id: TokenId(context.ids.next_bits()),
        name: name.trim().to_owned(),
        secret_hash: secret_hash.to_owned(),
        role,
        expires_at: ttl.map(|ttl| context.now.plus(ttl)),
        created_by: context.actor.clone(),
        created_at: context.now,
        revoked: false,
    })
}

fn revoke_token(world: &World, id: TokenId) -> Result<Vec<TrustEvent>, Rejection> {
    let join = world.trust.join_tokens.get(&id).map(|token| token.revoked);
    let api = world.trust.api_tokens.get(&id).map(|token| token.revoked);
    match join.or(api) {
        None => Err(Rejection::not_found("token", id)),
        Some(true) => Ok(Vec::new()),
        Some(false) => Ok(vec![TrustEvent::TokenRevoked { token: id }]),
    }
}

fn enrol(world: &World, secret_hash: &str, agent: &Agent, now: Timestamp) -> Result<Vec<TrustEvent>, Rejection> {
    match admit(world, secret_hash, &agent.enrolment_id, &agent.public_key, now)? {
        Admission::Known(_) => Ok(Vec::new()),
        Admission::New => {
            if world.trust.agents.contains_key(&agent.id) {
                return Err(Rejection::Conflict(format!("{} is taken", agent.id)));
            }
            let token = world.trust.join_tokens.values().find(|token| token.secret_hash == secret_hash).ok_or(Rejection::BadCredential)?;
            let status = if token.auto_approve { AgentStatus::Approved } else { AgentStatus::Pending };
            let agent = Agent { token: token.id, status, enrolled_at: now, ci: None, ..agent.clone() };
            Ok(vec![TrustEvent::AgentEnrolled { agent: Box::new(agent) }])
        }
    }
}

fn approve(world: &World, id: AgentId) -> Result<Vec<TrustEvent>, Rejection> {
    let agent = world.trust.agents.get(&id).ok_or_else(|| Rejection::not_found("agent", id))?;
    match agent.status {
        AgentStatus::Pending | AgentStatus::Suspended => Ok(vec![TrustEvent::AgentApproved { agent: id }]),
        AgentStatus::Approved => Ok(Vec::new()),
        AgentStatus::Revoked => Err(Rejection::WrongState { subject: id.to_string(), state: "revoked".into(), action: "approved" }),
    }
}

fn revoke(world: &World, id: AgentId, reason: &str) -> Result<Vec<TrustEvent>, Rejection> {
    let agent = world.trust.agents.get(&id).ok_or_else(|| Rejection::not_found("agent", id))?;
    if agent.status == AgentStatus::Revoked {
        return Ok(Vec::new());
    }
    Ok(vec![TrustEvent::AgentRevoked { agent: id, reason: reason.to_owned() }])
}

/// Whether an agent's data counts.
///
/// # Errors
/// Pending, revoked or unknown.
pub fn authorise(world: &World, id: AgentId) -> Result<&Agent, Rejection> {
    let agent = world.trust.agents.get(&id).ok_or_else(|| Rejection::not_found("agent", id))?;
    match agent.status {
        AgentStatus::Approved => Ok(agent),
        AgentStatus::Pending => Err(Rejection::AgentPending(id)),
        AgentStatus::Revoked => Err(Rejection::AgentRevoked(id)),
        AgentStatus::Suspended => Err(Rejection::AgentSuspended(id)),
    }
}

/// The principal behind an API token's secret, and what it may do.
///
/// # Errors
/// [`Rejection::BadCredential`] for unknown, expired and revoked ones alike.
pub fn authenticate(world: &World, secret_hash: &str, now: Timestamp) -> Result<(Actor, Role), Rejection> {
    let token = world.trust.api_tokens.values().find(|token| token.secret_hash == secret_hash).ok_or(Rejection::BadCredential)?;
    if token.revoked || token.expires_at.is_some_and(|end| end <= now) {
        return Err(Rejection::BadCredential);
    }
    Ok((Actor::Token { id: token.id, name: token.name.clone() }, token.role))
}
