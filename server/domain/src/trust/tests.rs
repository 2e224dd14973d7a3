//! Tokens are used up, agents are admitted once and by key, the revoked stay out.

use super::decide::*;
use super::*;
use crate::context::{CountingIds, NoContent};
use crate::{Context, Event, Record, Rejection, World};
use std::time::Duration;

struct Office {
    world: World,
    log: Vec<Record>,
    ids: CountingIds,
    now: Timestamp,
}

impl Office {
    fn new() -> Self {
        Self { world: World::default(), log: Vec::new(), ids: CountingIds::default(), now: Timestamp(1_000) }
    }

    fn command(&mut self, given: TrustCommand) -> Result<Vec<TrustEvent>, Rejection> {
        let mut context = Context { now: self.now, actor: Actor::Local, ids: &mut self.ids, content: &NoContent };
        let events = command(&self.world, &given, &mut context)?;
        for event in &events {
            let revision = self.world.revision + 1;
            let event = Event::Trust(event.clone());
            let record = Record { revision, at: self.now, actor: Actor::Local, request_id: None, idempotency_key: None, event };
            self.world.apply(&record, &NoContent);
            self.log.push(record);
        }
        Ok(events)
    }

    fn join_token(&mut self, secret: &str, uses: u32, auto_approve: bool) -> TokenId {
        let command = TrustCommand::CreateJoinToken { secret_hash: secret.into(), uses, ttl: Duration::from_secs(60), auto_approve };
        match &self.command(command).unwrap()[..] {
            [TrustEvent::JoinTokenCreated { token }] => token.id,
            other => panic!("{other:?}"),
        }
    }

    fn enrol(&mut self, secret: &str, id: u128, enrolment: &str, key: &str) -> Result<Vec<TrustEvent>, Rejection> {
        self.command(TrustCommand::Enrol { secret_hash: secret.into(), agent: Box::new(agent(id, enrolment, key)) })
    }

    fn status(&self, id: u128) -> AgentStatus {
        self.world.trust.agents[&AgentId(id)].status
    }

    /// Every log that a test made folds to the same state.
    #[track_caller]
    fn check(&self) {
        let mut replayed = World::default();
        for record in &self.log {
            let text = serde_json::to_string(record).unwrap();
            replayed.apply(&serde_json::from_str(&text).unwrap(), &NoContent);
        }
        assert_eq!(replayed, self.world);
    }
}

fn agent(id: u128, enrolment: &str, key: &str) -> Agent {
    Agent {
        id: AgentId(id),
        status: AgentStatus::Pending,
        enrolment_id: enrolment.into(),
        public_key: key.into(),
        token: TokenId(0),
        hostname: None,
        agent_version: "0.1.0".into(),
        address: None,
        enrolled_at: Timestamp(0),
        certificate_expires_at: Timestamp(9_000),
        certificate: "PEM".into(),
        ci: None,
        revoked_because: None,
        revision: 0,
    }
}

#[test]
fn a_join_token_is_good_for_its_uses_and_no_more() {
    let mut office = Office::new();
    let token = office.join_token("s", 2, true);
    office.enrol("s", 1, "e1", "k1").unwrap();
    office.enrol("s", 2, "e2", "k2").unwrap();
    assert_eq!(office.enrol("s", 3, "e3", "k3"), Err(Rejection::BadCredential));
    assert_eq!((office.world.trust.join_tokens[&token].used, office.status(1)), (2, AgentStatus::Approved));
    office.check();
}

#[test]
fn an_enrolment_that_is_repeated_gives_the_same_answer_and_uses_nothing_up() {
    let mut office = Office::new();
    office.join_token("s", 1, true);
    office.enrol("s", 1, "e1", "k1").unwrap();
    assert_eq!(office.enrol("s", 9, "e1", "k1"), Ok(Vec::new()));
    let known = admit(&office.world, "s", "e1", "k1", office.now);
    assert!(matches!(known, Ok(Admission::Known(agent)) if agent.id == AgentId(1)));
    assert!(matches!(office.enrol("s", 9, "e1", "other key"), Err(Rejection::Conflict(_))));
}

#[test]
fn wrong_expired_and_revoked_tokens_are_told_apart_by_nobody() {
    let mut office = Office::new();
    let token = office.join_token("s", 5, true);
    assert_eq!(office.enrol("t", 1, "e1", "k1"), Err(Rejection::BadCredential));
    let start = office.now;
    office.now = start.plus(Duration::from_secs(60));
    assert_eq!(office.enrol("s", 1, "e1", "k1"), Err(Rejection::BadCredential));
    office.now = start;
    office.command(TrustCommand::RevokeToken(token)).unwrap();
    assert_eq!(office.enrol("s", 1, "e1", "k1"), Err(Rejection::BadCredential));
    assert_eq!(office.command(TrustCommand::RevokeToken(token)), Ok(Vec::new()));
    assert!(matches!(office.command(TrustCommand::RevokeToken(TokenId(99))), Err(Rejection::NotFound { .. })));
    office.check();
}

#[test]
fn an_agent_waits_is_approved_and_is_revoked_for_ever() {
    let mut office = Office::new();
    office.join_token("s", 5, false);
    office.enrol("s", 1, "e1", "k1").unwrap();
    assert_eq!(authorise(&office.world, AgentId(1)).unwrap_err(), Rejection::AgentPending(AgentId(1)));
    office.command(TrustCommand::ApproveAgent(AgentId(1))).unwrap();
    assert_eq!(authorise(&office.world, AgentId(1)).map(|agent| agent.id), Ok(AgentId(1)));
    assert_eq!(office.command(TrustCommand::ApproveAgent(AgentId(1))), Ok(Vec::new()));
    let revoke = || TrustCommand::RevokeAgent { agent: AgentId(1), reason: "stolen".into() };
    office.command(revoke()).unwrap();
    assert_eq!(office.command(revoke()), Ok(Vec::new()));
    assert_eq!(authorise(&office.world, AgentId(1)).unwrap_err(), Rejection::AgentRevoked(AgentId(1)));
    assert!(matches!(office.command(TrustCommand::ApproveAgent(AgentId(1))), Err(Rejection::WrongState { .. })));
    assert_eq!(office.enrol("s", 1, "e1", "k1"), Err(Rejection::AgentRevoked(AgentId(1))));
    assert_eq!(office.world.trust.agents[&AgentId(1)].revoked_because.as_deref(), Some("stolen"));
    assert!(matches!(authorise(&office.world, AgentId(2)), Err(Rejection::NotFound { .. })));
    office.check();
}

#[test]
fn an_agent_id_is_given_once() {
    let mut office = Office::new();
    office.join_token("s", 5, true);
    office.enrol("s", 1, "e1", "k1").unwrap();
    assert!(matches!(office.enrol("s", 1, "e2", "k2"), Err(Rejection::Conflict(_))));
}

#[test]
fn a_crowd_of_pending_agents_is_stopped_and_approved_ones_do_not_count() {
    let mut office = Office::new();
    office.join_token("s", 10, false);
    let crowd = (1..=PENDING_AGENTS as u128).map(|id| (AgentId(id), CopyOnWrite::new(agent(id, "e", "k"))));
    office.world.trust.agents.extend(crowd);
    office.world.trust.rebuild_roster();
    let newcomer = PENDING_AGENTS as u128 + 1;
    assert!(matches!(office.enrol("s", newcomer, "new", "k"), Err(Rejection::Forbidden(_))));
    office.command(TrustCommand::ApproveAgent(AgentId(1))).unwrap();
    assert!(office.enrol("s", newcomer, "new", "k").is_ok());
}

#[test]
fn join_tokens_have_bounds() {
    let mut office = Office::new();
    let mut check = |uses: u32, ttl_s: u64, expected: &str| {
        let ttl = Duration::from_secs(ttl_s);
        let refused = office.command(TrustCommand::CreateJoinToken { secret_hash: "s".into(), uses, ttl, auto_approve: false });
        assert!(matches!(refused, Err(Rejection::Invalid { ref field, .. }) if field == expected), "{refused:?}");
    };
    check(0, 60, "uses");
    check(u32::MAX, 60, "uses");
    check(1, 0, "ttl");
    check(1, 86_401, "ttl");
}

#[test]
fn api_tokens_open_until_they_end_or_are_revoked() {
    let mut office = Office::new();
    let create = |name: &str, ttl: Option<u64>| TrustCommand::CreateApiToken {
        secret_hash: format!("hash of {name}"),
        name: name.into(),
        role: Role::Operator,
        ttl: ttl.map(Duration::from_secs),
    };
    office.command(create("ada", Some(60))).unwrap();
    let TrustEvent::ApiTokenCreated { token } = office.command(create("bob", None)).unwrap().remove(0) else { panic!() };
    let later = office.now.plus(Duration::from_secs(60));
    let (actor, role) = authenticate(&office.world, "hash of ada", office.now).unwrap();
    assert!(matches!((actor, role), (Actor::Token { name, .. }, Role::Operator) if name == "ada"));
    assert_eq!(authenticate(&office.world, "hash of ada", later), Err(Rejection::BadCredential));
    assert!(authenticate(&office.world, "hash of bob", later).is_ok());
    office.command(TrustCommand::RevokeToken(token.id)).unwrap();
    assert_eq!(authenticate(&office.world, "hash of bob", office.now), Err(Rejection::BadCredential));
    assert_eq!(authenticate(&office.world, "", office.now), Err(Rejection::BadCredential));
    for (name, ttl) in [(" ", None), ("x", Some(0))] {
        assert!(matches!(office.command(create(name, ttl)), Err(Rejection::Invalid { .. })));
    }
    office.check();
}

#[test]
fn a_join_token_is_no_api_token_and_the_other_way_round() {
    let mut office = Office::new();
    office.join_token("s", 1, true);
    assert_eq!(authenticate(&office.world, "s", office.now), Err(Rejection::BadCredential));
    office.command(TrustCommand::CreateApiToken { secret_hash: "a".into(), name: "x".into(), role: Role::Admin, ttl: None }).unwrap();
    assert_eq!(office.enrol("a", 1, "e1", "k1"), Err(Rejection::BadCredential));
}

#[test]
fn a_refusal_is_only_written_down() {
    let mut office = Office::new();
    office.command(TrustCommand::Refuse { code: "bad_token".into(), detail: "enrolment".into() }).unwrap();
    assert_eq!(office.world.trust, Trust::default());
    office.check();
}
