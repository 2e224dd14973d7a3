//! For tests of collectors: a whole server with a host, a rule and a feed.

use crate::admin::Ask;
use crate::engine::{Executed, Request};
use crate::testing::{Reply, TestServer, post};
use rollcall_domain::ci::{CiCommand, CiEvent, Class, Lifecycle, NewCi};
use rollcall_domain::id::CiId;
use rollcall_domain::rule::case::Tested;
use rollcall_domain::rule::{Condition, Level, Levels, Reduce, RuleCommand, Tier, stock};
use rollcall_domain::trust::feed::FeedKind;
use rollcall_domain::{Actor, Command, Event};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

pub struct Scene {
    pub server: TestServer,
    pub secret: String,
    pub host: CiId,
}

impl Scene {
    /// A server that knows `web-1`.
    pub async fn start(kind: FeedKind) -> Self {
        let server = TestServer::start().await;
        let ask = Ask::CreateFeed { name: "site".parse().unwrap(), kind, networks: Vec::new(), ttl_s: None };
        let secret = server.server.tokens.create(ask).await.unwrap();
        let mut scene = Self { server, secret, host: CiId { family: rollcall_domain::id::Family::Host, bits: 0 } };
        scene.host = scene.add_host("web-1").await;
        scene
    }

    pub async fn run(&self, command: Command) -> Executed {
        let request = Request { actor: Actor::Local, request_id: None, idempotency_key: None, command };
        self.server.server.engine.execute(request).await.unwrap()
    }

    pub async fn add_host(&self, name: &str) -> CiId {
        let new = NewCi {
            class: Class::Server,
            name: name.into(),
            status: Some(Lifecycle::Operational),
            parent: None,
            attributes: BTreeMap::new(),
            tags: Vec::new(),
        };
        let made = self.run(Command::Ci(CiCommand::Create(Box::new(new)))).await;
        let Event::Ci(CiEvent::CiCreated { ci, .. }) = made.records[0].event else { panic!("{made:?}") };
        ci
    }

    /// A rule that opens an incident when a metric with these attributes is above a line.
    pub async fn add_rule(&self, metric: &str, attributes: &[(&str, &str)], (reduce, window_ms): (Reduce, u64), line: f64) {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let condition = Condition::Threshold { metric: metric.into(), attributes, reduce, window_ms, side: Side::Above };
        let critical = Some(Level { raise: line, clear: line, and: None, for_ms: None });
        let mut rule = stock::stock().remove(0);
        (rule.id, rule.title, rule.tier, rule.stock) = ("collected".parse().unwrap(), "Too much".into(), Tier::Ticket, false);
        (rule.condition, rule.levels, rule.warning_tier) = (condition, Levels { warning: None, critical }, None);
        (rule.for_ms, rule.keep_firing_for_ms, rule.tests, rule.overrides) = (0, 0, Vec::new(), Vec::new());
        self.run(Command::Rule(RuleCommand::Create(Tested::of(rule).unwrap()))).await;
    }

    pub async fn send_as(&self, secret: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut connection = self.server.connect(self.server.server.api, None).await.unwrap();
        let bearer = format!("Bearer {secret}");
        let all = [headers, &[("authorization", bearer.as_str())]].concat();
        post(&mut connection, path, &all, body).await.unwrap()
    }

    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.send_as(&self.secret, path, headers, body).await
    }

    /// Items of open incidents.
    pub fn open(&self) -> Vec<CiId> {
        let of = |world: &rollcall_domain::World| {
            let incidents = world.incidents.live.values().filter_map(|id| world.incidents.incidents.get(id));
            incidents.filter_map(|incident| incident.primary_ci).collect()
        };
        self.server.server.engine.read(of)
    }

    /// Newest values of an item's collectors, by metric.
    pub fn newest(&self, ci: CiId) -> Vec<(String, f64)> {
        self.server.server.engine.read(|world| {
            let newest = world.trust.collectors.of(ci).filter_map(|(voice, _)| world.telemetry.newest(voice));
            newest.flat_map(|newest| newest.values().map(|(series, value, _)| (series.metric.clone(), value)).collect::<Vec<_>>()).collect()
        })
    }
}
