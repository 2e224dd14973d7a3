//! What a large CMDB costs, as one JSON object:
//! `cargo run --release -p rollcall-server --example cmdb_bench -- --help` says how.
//!
//! The hosts enrol, upload what the server does not know, and report, through the engine and the embedded store: the path of a
//! real agent without its TLS. Then figures are taken: memory and disk a host, an unchanged and a changed inventory, ten
//! queries, look-ups of packages, and a restart from the last snapshot.
//!
//! Memory is given twice: what the process holds (`rss`: the store's cache, the cache of sections, snapshots under way and what the
//! allocator keeps included), and what the state alone takes on the heap, in whole and by its parts. A changed inventory is given as
//! it is judged, with the list before at hand and read from the store, and as it is pushed until it is durable. That the restart needs
//! nothing but the snapshot is checked.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod fleet;
mod measure;
mod memory;

use anyhow::Result;
use clap::Parser;
use fleet::{Fleet, Serials};
use measure::{directory_bytes, resident_bytes};
use rollcall_domain::id::Family;
use rollcall_server::clock::SystemClock;
use rollcall_server::engine::{Engine, EngineConfig};
use rollcall_server::entropy::SystemEntropy;
use rollcall_server::store::Store;
use rollcall_server::store::sled::SledStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Loads a fleet through the engine and the embedded store, and measures what it costs. Prints JSON.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "cmdb_bench",
    after_help = "\
Examples:
  The whole of it, some minutes:
    cargo run --release -p rollcall-server --example cmdb_bench
  A fifth of it, kept, and its restart once more:
    cargo run --release -p rollcall-server --example cmdb_bench -- --hosts 20000 --dir /tmp/fleet
    cargo run --release -p rollcall-server --example cmdb_bench -- --dir /tmp/fleet --again
  Machines of which the maker forgot the serial number and the UUID:
    cargo run --release -p rollcall-server --example cmdb_bench -- --packages 10 --serials shared"
)]
pub struct Size {
    /// Hosts that enrol and report.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    hosts: u32,
    /// Images that they come from: hosts of one have the same packages.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    /// Packages of each host.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    packages: u32,
    /// Whether each host has a serial number and a UUID of its own, or all have one serial number and no UUID.
    #[arg(long, value_enum, default_value_t = Serials::Own)]
    serials: Serials,
    /// Where the store is made and kept; a temporary directory without.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Load nothing: measure the restart of what an earlier run left in DIR.
    #[arg(long, requires = "dir")]
    again: bool,
}

fn main() -> Result<()> {
    let size = Size::parse();
    let temporary = tempfile::tempdir()?;
    let dir = size.dir.clone().unwrap_or_else(|| temporary.path().join("store"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = if size.again { runtime.block_on(async { restart_again(&dir) })? } else { runtime.block_on(run(&size, &dir))? };
    println!("{result:#}");
    Ok(())
}

/// What the command says of itself: the figures that are wanted.
fn targets() -> serde_json::Value {
    serde_json::json!({
        "memory_bytes_per_host_rss": 30_000, "disk_bytes_per_host": 20_000, "unchanged_report_us": 50, "changed_report_ms": 2,
        "query_p99_ms": 20, "package_lookup_ms": 5, "restart_seconds": 5,
    })
}

async fn run(size: &Size, dir: &Path) -> Result<serde_json::Value> {
    let engine = start(Arc::new(SledStore::create(dir)?))?;
    let mut fleet = Fleet::new(size);
    let empty = resident_bytes();
    let began = Instant::now();
    fleet.enrol(&engine).await?;
    eprintln!("cmdb_bench: {} agents enrolled after {:.0} s", size.hosts, began.elapsed().as_secs_f64());
    let enrolled = resident_bytes();
    let began = Instant::now();
    fleet.report(&engine).await?;
    let loading = began.elapsed();
    eprintln!("cmdb_bench: {} hosts reported after {:.0} s", size.hosts, loading.as_secs_f64());
    let loaded = resident_bytes();
    let unchanged = fleet.unchanged(&engine)?;
    let before = engine.counters();
    let changed = fleet.changed(&engine).await?;
    let after = engine.counters();
    let commit_ms = (after.commit_us - before.commit_us) as f64 / (after.commits - before.commits).max(1) as f64 / 1e3;
    let upgrades = fleet.upgrades(&engine).await?;
    let queries = measure::queries(&engine)?;
    let packages = measure::packages(&engine);
    let held = memory::heap_bytes();
    let cached = engine.history().content.bytes() as u64;
    let (items, hosts_found) =
        engine.read(|world| (world.cmdb.cis.len(), world.cmdb.cis.values().filter(|ci| ci.id.family == Family::Host).count()));
    anyhow::ensure!(hosts_found == size.hosts as usize, "{hosts_found} records of {} hosts", size.hosts);
    let reviews = engine.read(|world| world.cmdb.reviews.len());
    let copied = measure::copy_ms(&engine);
    engine.snapshot().await;
    eprintln!("cmdb_bench: measured; weighing the state, then restarting");
    engine.shutdown().await;
    drop(engine);
    let disk = directory_bytes(dir);
    let state = memory::state(dir, u64::from(size.hosts), &upgrades)?;
    let restart = restart(dir, size.hosts)?;
    let hosts = u64::from(size.hosts);
    Ok(serde_json::json!({
        "hosts": size.hosts,
        "images": size.images,
        "packages_per_host": size.packages,
        "configuration_items": items,
        "reviews": reviews,
        "loading_seconds": loading.as_secs_f64(),
        "reports_per_second": f64::from(size.hosts) / loading.as_secs_f64(),
        "memory_bytes_per_host": {
            "rss": loaded.saturating_sub(empty) / hosts,
            "rss_of_enrolment": enrolled.saturating_sub(empty) / hosts,
            "rss_without_sections": loaded.saturating_sub(empty + cached) / hosts,
            "heap": held / hosts,
            "section_cache": cached / hosts,
            "state": state.bytes_per_host,
        },
        "memory_by_part": state.by_part,
        "disk_bytes_per_host": disk / hosts,
        "unchanged_report_us": unchanged,
        "changed_report_ms": {
            "judged_list_before_at_hand": state.judged[0],
            "judged_list_before_read": state.judged[1],
            "pushed_until_durable": changed,
            "commit_mean": commit_ms,
        },
        "queries_ms": queries,
        "package_lookup_ms": packages,
        "snapshot_copy_ms": copied,
        "restart_seconds": restart.as_secs_f64(),
        "restart_by_step": state.steps,
        "targets": targets(),
    }))
}

fn start(store: Arc<dyn Store>) -> Result<Engine> {
    // Snapshots on request alone, so that none falls into a measurement.
    let config = EngineConfig { snapshot_every: Duration::from_secs(86_400), ..EngineConfig::default() };
    Ok(Engine::start(config, store, Arc::new(SystemClock::new()), Arc::new(SystemEntropy))?)
}

/// The restart alone, and its steps.
fn restart_again(dir: &Path) -> Result<serde_json::Value> {
    let (hosts, steps) = {
        let state = memory::thawed(dir)?;
        (u32::try_from(state.world.trust.agents.len())?, state.steps)
    };
    let took = restart(dir, hosts)?;
    Ok(serde_json::json!({"hosts": hosts, "restart_seconds": took.as_secs_f64(), "restart_by_step": steps}))
}

/// From the opening of the store to an engine that answers.
fn restart(dir: &Path, hosts: u32) -> Result<Duration> {
    let began = Instant::now();
    let engine = start(Arc::new(SledStore::open(dir)?))?;
    let known = engine.read(|world| world.trust.agents.len());
    let took = began.elapsed();
    anyhow::ensure!(known == hosts as usize, "{known} agents are known after the restart, {hosts} were before");
    Ok(took)
}
