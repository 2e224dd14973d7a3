//! Figures of a process, of queries and of look-ups.

use anyhow::Result;
use rollcall_domain::World;
use rollcall_domain::ci::Class;
use rollcall_domain::ci::software::compare;
use rollcall_domain::query::{Query, Scope};
use rollcall_server::engine::Engine;
use serde::Serialize;
use std::ops::Bound;
use std::path::Path;
use std::time::Instant;

/// How often each query is asked.
const ROUNDS: usize = 100;

/// Quantiles of what was measured, in its unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Distribution {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Distribution {
    /// Of values in any order; zeros without any.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied();
        let rounded = |value: Option<f64>| (value.unwrap_or_default() * 1e3).round() / 1e3;
        Self { p50: rounded(at(0.5)), p99: rounded(at(0.99)), max: rounded(values.last().copied()) }
    }
}

/// Resident bytes of this process; 0 where there is no procfs.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// Bytes on disk of everything in a directory.
pub fn directory_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => directory_bytes(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// What is asked, from the everyday to the unusual.
const QUERIES: [&str; 10] = [
    "class:server",
    "class:server os.id:debian",
    "hostname:srv1*",
    "serial:SRV000017",
    "package:package-with-a-name-3<1.5-1 class:server",
    "listener:443/tcp os.version:12",
    "service:unit-7.service not status:retired",
    "memory>=32GiB kernel:6.1.0-2* last_seen<1d",
    "class:disk size>500GB model~samsung",
    "(os.id:ubuntu or os.version:11) -user:user3 has:serial",
];

/// Milliseconds that each query takes, from its text to its first page of a hundred, with how many it found.
pub fn queries(engine: &Engine) -> Result<serde_json::Value> {
    let mut result = serde_json::Map::new();
    for text in QUERIES {
        let mut found = 0;
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let now = engine.now();
            let page = engine.read(|world| {
                let query = Query::parse(text)?;
                let matches = Scope { world, groups: &world.groups, now }.find(&query)?;
                Ok::<_, anyhow::Error>((matches.len(), matches.page(None, 100)))
            })?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            found = std::hint::black_box(page).0;
        }
        result.insert(text.to_owned(), serde_json::json!({"found": found, "time": Distribution::of(times)}));
    }
    Ok(result.into())
}

/// Milliseconds that nothing is decided, because the state is copied for a snapshot.
pub fn copy_ms(engine: &Engine) -> f64 {
    let began = Instant::now();
    let copy = engine.read(World::without_projections);
    let took = began.elapsed();
    drop(std::hint::black_box(copy));
    took.as_secs_f64() * 1e3
}

/// Milliseconds to answer which hosts have a product below the newest version that anybody has: how many, and the first hundred of them.
pub fn packages(engine: &Engine) -> Distribution {
    let products: Vec<_> = engine.read(|world| {
        let products = world.cmdb.cis.values().filter(|ci| ci.class == Class::SoftwareProduct);
        products.map(|product| product.id).take(ROUNDS).collect()
    });
    let look = |world: &World, product| {
        let software = &world.cmdb.software;
        let newest = software.product_versions(product).map(|(version, _)| version).max_by(|a, b| compare("dpkg", a, b))?;
        let below = |version: &str| compare("dpkg", version, newest).is_lt();
        let first: Vec<_> = software.installations_where(product, below, Bound::Unbounded).take(100).collect();
        Some((software.hosts_where(product, below).len(), first.len()))
    };
    let times = products.into_iter().map(|product| {
        let began = Instant::now();
        let found = engine.read(|world| look(world, product));
        let took = began.elapsed().as_secs_f64() * 1e3;
        std::hint::black_box(found);
        took
    });
    Distribution::of(times.collect())
}
