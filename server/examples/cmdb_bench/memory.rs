//! What the heap holds, and what each part of the state takes of it.

use crate::fleet::{Upgrade, judged};
use crate::measure::Distribution;
use anyhow::{Context, Result};
use rollcall_domain::World;
use rollcall_server::engine::{SectionCache, StoredContent};
use rollcall_server::log;
use rollcall_server::store::Store;
use rollcall_server::store::sled::SledStore;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::mem::take;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The system's allocator, counting.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now, without what the allocator adds to them.
pub fn heap_bytes() -> u64 {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated) as u64
}

/// Of the cache of sections while judgement is measured: all that is asked for has room.
const CACHE_BYTES: usize = 1 << 30;

/// Drops one part of the state.
type Drop = fn(&mut World);

/// The state in parts. What several share is counted with the last of them.
const PARTS: [(&str, Drop); 20] = [
    ("index_of_queries", |world| drop(take(&mut world.cmdb.index))),
    ("index_of_software", |world| drop(take(&mut world.cmdb.software))),
    ("index_of_topology", |world| drop(take(&mut world.cmdb.topology))),
    ("ledger_of_sources", |world| drop(take(&mut world.cmdb.ledger))),
    ("identifications", |world| drop(take(&mut world.cmdb.identifications))),
    ("natural_keys", |world| drop(take(&mut world.cmdb.keys))),
    ("facts", |world| drop(take(&mut world.cmdb.facts))),
    ("components", |world| drop(take(&mut world.cmdb.components))),
    ("containments", |world| drop(take(&mut world.cmdb.contained))),
    ("relations", |world| drop(take(&mut world.cmdb.links))),
    ("reporters", |world| drop(take(&mut world.cmdb.reporters))),
    ("changes_of_the_fleet", |world| drop(take(&mut world.cmdb.changes))),
    ("changes_for_incidents", |world| drop(take(&mut world.incidents.changes))),
    ("sections_of_items", |world| world.cmdb.cis.values_mut().for_each(|ci| ci.sections = Default::default())),
    ("attributes_of_items", |world| world.cmdb.cis.values_mut().for_each(|ci| ci.attributes = Default::default())),
    ("histories_of_items", |world| world.cmdb.cis.values_mut().for_each(|ci| ci.history = Default::default())),
    ("items", |world| drop(take(&mut world.cmdb.cis))),
    ("agents", |world| drop(take(&mut world.trust))),
    ("signs_of_life", |world| drop(take(&mut world.telemetry))),
    ("all_else", |world| *world = World::default()),
];

/// What the state takes.
pub struct State {
    /// On the heap.
    pub bytes_per_host: u64,
    /// The same by part.
    pub by_part: serde_json::Value,
    /// Seconds that each step from the stored snapshot to the state took.
    pub steps: serde_json::Value,
    /// Milliseconds that a changed inventory takes to be decided and applied, with the list before at hand and without.
    pub judged: [Distribution; 2],
}

/// A state that was brought back from a snapshot.
pub struct Thawed {
    /// The state.
    pub world: World,
    /// Seconds that each step took.
    pub steps: serde_json::Value,
    store: Arc<SledStore>,
    heap: u64,
}

/// Brings the state back from a stopped engine's store.
pub fn thawed(dir: &Path) -> Result<Thawed> {
    let mut steps = serde_json::Map::new();
    let mut began = Instant::now();
    let mut step = |name: &str| {
        let took = std::mem::replace(&mut began, Instant::now()).elapsed();
        steps.insert(name.to_owned(), ((took.as_secs_f64() * 1e3).round() / 1e3).into());
    };
    let store = Arc::new(SledStore::open(dir)?);
    step("store_opened");
    let snapshot = store.load_snapshot()?.context("the engine left a snapshot")?;
    step("snapshot_read");
    anyhow::ensure!(store.read_log(snapshot.revision, 1)?.is_empty(), "there are records behind the snapshot: a restart would replay them");
    let before = heap_bytes();
    let (_, mut world) = log::thaw(&snapshot).context("the snapshot is of this release")?;
    step("snapshot_decoded");
    world.rebuild_projections(&StoredContent::new(store.as_ref()));
    step("projections_rebuilt");
    let heap = heap_bytes().saturating_sub(before);
    Ok(Thawed { world, steps: steps.into(), store, heap })
}

/// Brings the state back from a stopped engine's store and takes it apart.
pub fn state(dir: &Path, hosts: u64, upgrades: &[Upgrade]) -> Result<State> {
    let Thawed { mut world, steps, store, heap } = thawed(dir)?;
    let (cold, warm) = upgrades.split_at(upgrades.len() / 2);
    let judged = [judged_at_hand(&mut world, warm, &store)?, judged(&mut world, cold, &SectionCache::new(store.clone(), CACHE_BYTES))?];
    let mut by_part = serde_json::Map::new();
    for (name, forget) in PARTS {
        let before = heap_bytes();
        forget(&mut world);
        by_part.insert(name.to_owned(), (before.saturating_sub(heap_bytes()) / hosts).into());
    }
    Ok(State { bytes_per_host: heap / hosts, by_part: by_part.into(), steps, judged })
}

fn judged_at_hand(world: &mut World, upgrades: &[Upgrade], store: &Arc<SledStore>) -> Result<Distribution> {
    let content = SectionCache::new(store.clone(), CACHE_BYTES);
    for host in upgrades.iter().filter_map(|(agent, _)| world.cmdb.cis.get(&world.trust.agents.get(agent)?.ci?)) {
        for hash in host.sections.values().filter_map(|state| state.hash) {
            content.load(&hash)?;
        }
    }
    judged(world, upgrades, &content)
}
