//! Two weeks of a fleet in a minute: hosts whose faults are known, judged by the real domain.
//!
//! The simulation knows which fault began when on which hosts, and the domain does not. What it opens is held against that truth:
//! incidents per fault, faults missed, false alarms, time to open, the causes it names, the messages it sends. The same seed is the
//! same fortnight. Nothing here reaches into the state: hosts enrol, report and push as agents do.

pub mod fault;
pub mod fleet;
pub mod score;
pub mod stage;

use anyhow::Result;
use fault::Fault;
use fleet::{Fleet, Noise};
use rollcall_shared::Timestamp;
use score::Outcome;
use stage::Stage;
use std::collections::BTreeMap;

/// Milliseconds between two pushes of a host.
pub const PUSH_MS: i64 = 60_000;

/// Milliseconds between two ticks: fine beside the minutes that stock rules know.
const TICK_MS: i64 = 20_000;

/// A Monday at midnight: daily and weekly patterns begin with it.
pub const BEGIN: Timestamp = Timestamp(1_795_392_000_000);

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Hosts; at least 400, so that every kind of fault has room.
    pub hosts: u32,
    /// Days; 14 for all faults, fewer end before the later ones begin.
    pub days: u32,
    /// The same seed is the same fortnight.
    pub seed: u64,
}

/// Lives through it. `progress` is told each day that is over.
///
/// # Errors
/// When the domain refuses what a sound agent says.
pub fn run(plan: Plan, mut progress: impl FnMut(u32)) -> Result<Outcome> {
    let mut stage = Stage::new();
    let mut fleet = Fleet::new(plan);
    let faults = fault::all(&fleet, plan.seed);
    fleet.join(&mut stage)?;
    stage::page_people(&mut stage)?;
    let end = BEGIN.0 + i64::from(plan.days) * fleet::DAY_MS;
    let slots = (PUSH_MS / TICK_MS) as u32;
    let mut now = BEGIN.0 + TICK_MS;
    let mut slot = 0;
    let mut onsets = Onsets::default();
    while now <= end {
        fleet.change(&mut stage, &faults, Timestamp(now))?;
        for host in (slot..plan.hosts).step_by(slots as usize) {
            push(&mut stage, &fleet, (&faults, &mut onsets), (host, now), plan.seed);
        }
        stage.tick(Timestamp(now));
        slot = (slot + 1) % slots;
        now += TICK_MS;
        if (now - BEGIN.0) % fleet::DAY_MS < TICK_MS {
            progress(u32::try_from((now - BEGIN.0) / fleet::DAY_MS)?);
        }
    }
    Ok(score::score(&stage, &fleet, faults, &onsets.0, Timestamp(end)))
}

/// When the first host of each fault was past a line for the first time, or was last heard.
#[derive(Default)]
struct Onsets(BTreeMap<usize, Timestamp>);

fn push(stage: &mut Stage, fleet: &Fleet, (faults, onsets): (&[Fault], &mut Onsets), (host, now): (u32, i64), seed: u64) {
    let touching = fleet.faults_of(host);
    let at = Timestamp(now);
    if let Some(&index) = touching.iter().find(|&&index| faults[index].silences(host, at)) {
        onsets.0.entry(index).or_insert(Timestamp(now - PUSH_MS));
        return;
    }
    let mut values = fleet.values(host, at, Noise { seed });
    for &index in touching {
        if faults[index].bend(host, at, &mut values) {
            onsets.0.entry(index).or_insert(at);
        }
    }
    stage.push(fleet.agent(host), at, values.set(fleet.table(), at));
}
