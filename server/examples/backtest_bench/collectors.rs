//! Rules on feeds that fall silent: each host has a collector that tells of it every 15 s, and stops where its agent breaches.

use super::{EPOCH_HOUR, Size, UNROLLED_HOURS, agent, end, figures, is_breach};
use anyhow::Context;
use rollcall_domain::ci::{CiEvent, Class, Source};
use rollcall_domain::context::NoContent;
use rollcall_domain::id::{CiId, Family};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::sample::{Grain, PAUSE, Rolled, Row};
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::trust::collector::{Collector, FEED};
use rollcall_domain::trust::feed::{Feed, FeedKind};
use rollcall_domain::{Actor, Event, Record, World};
use rollcall_server::backtest::{Evidence, Feeds, Host, Question, Resolution, run_over};
use rollcall_server::engine::History;
use rollcall_server::store::sled::SledStore;
use rollcall_server::store::{Commit, HOUR_MS, Store, Unrolled};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, Section, Timestamp};
use std::sync::Arc;
use std::time::Instant;

/// Time between two words of a collector, ms.
const INTERVAL_MS: i64 = 15_000;

const SERIES: usize = 20;

fn voice(host: u64) -> AgentId {
    AgentId(1 << 64 | u128::from(host))
}

fn ci(host: u64) -> CiId {
    CiId { family: Family::Host, bits: u128::from(host) + 1 }
}

/// Writes what is left of the older samples, and those of the last hours.
pub(super) fn write(store: &SledStore, size: &Size) -> anyhow::Result<()> {
    let last = EPOCH_HOUR + size.days * 24;
    for host in 0..size.hosts {
        let rows = Grain::ALL.map(|grain| {
            let places = EPOCH_HOUR * HOUR_MS / grain.step_ms()..(last - UNROLLED_HOURS) * HOUR_MS / grain.step_ms();
            let track = places.filter_map(|place| row(host, place * grain.step_ms(), grain)).collect();
            (grain, Rolled::from([(PAUSE.to_owned(), [(vec![(FEED.to_owned(), "prom".to_owned())], track)].into())]))
        });
        store.roll_up(&Unrolled { agent: voice(host), hours: Vec::new() }, &rows)?;
    }
    let series = |n: usize| Series { metric: format!("node_example_{n:02}"), attributes: vec![(FEED.to_owned(), "prom".to_owned())] };
    let (table, bytes) = Section::Series((0..SERIES).map(series).collect()).canonical()?;
    store.commit(&Commit { sections: vec![(table, bytes)], ..Commit::default() })?;
    for hour in last - size.raw_hours..last {
        for host in 0..size.hosts {
            let moments = (hour * HOUR_MS..(hour + 1) * HOUR_MS).step_by(INTERVAL_MS as usize).filter(|at| !is_breach(host, *at));
            let sets = moments.map(|at| SampleSet { table, at: Timestamp(at), values: vec![Some((at / 1000) as f64); SERIES] });
            let (agent, received_at, sets) = (voice(host), Timestamp(0), sets.collect());
            let entry = JournalEntry { agent, epoch: 1, through: 1, received_at, skew_ms: 0, sets, signs: Vec::new() };
            store.commit(&Commit { journal: vec![entry], ..Commit::default() })?;
        }
        store.compact(u64::MAX)?;
    }
    Ok(())
}

fn row(host: u64, at: i64, grain: Grain) -> Option<Row> {
    let is_silent = is_breach(host, at);
    if is_silent && grain == Grain::FiveMinutes {
        return None;
    }
    let (seconds, step) = (INTERVAL_MS as f64 / 1000.0, grain.step_ms() as f64 / 1000.0);
    let (max, heard) = if is_silent { (step / 2.0, step / 2.0) } else { (seconds, step) };
    Some(Row { at: Timestamp(at), count: (heard / seconds) as u32 + 1, min: 0.0, max, sum: step, last: seconds })
}

/// Replays a rule over it.
pub(super) fn measure(history: &History, rule: Rule, size: &Size) -> anyhow::Result<serde_json::Value> {
    let world = world(size)?;
    let hosts = (0..size.hosts).map(|host| Host {
        ci: Some(ci(host)),
        agents: vec![agent(host)],
        variant: Variant::Plain,
        goodbye: None,
        interval_ms: None,
    });
    let (hosts, span) = (hosts.collect(), (Timestamp(EPOCH_HOUR * HOUR_MS), end(size)));
    let began = Instant::now();
    let evidence = Evidence::Feeds(Arc::new(Feeds::of(&world, &rule)));
    let question = Question { rule, span, resolution: Resolution::Auto, evidence, hosts };
    let report = run_over(history.clone(), question, Arc::new(|_| None), span.1)?;
    Ok(figures(&report, began.elapsed(), size))
}

fn world(size: &Size) -> anyhow::Result<World> {
    let mut world = World::default();
    let name = "prom".parse().ok().context("a name")?;
    let feed = Feed {
        name,
        kind: FeedKind::Prometheus,
        secret_hash: String::new(),
        networks: Vec::new(),
        expires_at: None,
        created_by: Actor::System,
        created_at: Timestamp(0),
        revoked: false,
    };
    let (name, mut events) = (feed.name.clone(), vec![Event::Trust(TrustEvent::FeedCreated { feed: Box::new(feed) })]);
    for host in 0..size.hosts {
        let source = Source::Agent { id: agent(host) };
        let made = CiEvent::CiCreated { ci: ci(host), class: Class::Server, name: format!("host-{host}"), key: None, parent: None, source };
        let (feed, key, placed) = (name.clone(), format!("instance=host-{host}"), "instance".to_owned());
        let collector = Collector { feed, key, ci: ci(host), placed, placed_at: Timestamp(0) };
        events.extend([Event::Ci(made), Event::Trust(TrustEvent::CollectorPlaced { voice: voice(host), collector })]);
    }
    for (revision, event) in (1..).zip(events) {
        let (at, actor) = (Timestamp(0), Actor::System);
        world.apply(&Record { revision, at, actor, request_id: None, idempotency_key: None, event }, &NoContent);
    }
    Ok(world)
}
