//! Runs collectors, each within its time budget.
//!
//! Collectors run one after the other on a thread beside the caller's. One that exceeds its budget (a dead mount, a bus that does
//! not answer, a dying disk) costs its own section: the report says so, the others go on on another thread. A collector that is
//! still stuck at its next turn is not started again, so no more than one thread waits for each section.

use super::{COLLECTED, Collected, Failure, Plan, Round, Setup, collect_one, judge};
use crate::clock::Clock;
use rollcall_shared::SectionName;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

/// Stack of a collector's thread: parsers do not recurse deeply, and a thread that is stuck should cost little.
const STACK_BYTES: usize = 1 << 20;

type Collector = dyn Fn(SectionName, &Rc<Round>) -> Collected + Send + Sync;

/// See the module.
pub struct Runner {
    collect: Arc<Collector>,
    budget: fn(SectionName) -> Duration,
    worker: Option<Worker>,
    /// Collectors that did not come back, and what they will say when they do.
    stuck: BTreeMap<SectionName, Receiver<Collected>>,
}

/// A thread that collects what it is asked for until nobody asks any more.
struct Worker {
    ask: Sender<SectionName>,
    answer: Receiver<Collected>,
}

impl Runner {
    /// A runner of the real collectors.
    pub fn new(setup: Arc<Setup>, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(move |name, round| collect_one(&setup, name, round, &*clock)), |name| Plan::of(name).budget)
    }

    fn of(collect: Arc<Collector>, budget: fn(SectionName) -> Duration) -> Self {
        Self { collect, budget, worker: None, stuck: BTreeMap::new() }
    }

    /// Collects `names`, in order. Takes at most the sum of their budgets.
    pub fn run(&mut self, names: &[SectionName]) -> Vec<Collected> {
        let collected = names.iter().map(|&name| self.one(name)).collect();
        // The thread ends with its sender: between two inventories none is kept.
        self.worker = None;
        collected
    }

    /// Everything that is collected.
    pub fn run_all(&mut self) -> Vec<Collected> {
        self.run(COLLECTED)
    }

    fn one(&mut self, name: SectionName) -> Collected {
        if let Some(answer) = self.stuck.get(&name) {
            if matches!(answer.try_recv(), Err(TryRecvError::Empty)) {
                return failed(name, Failure::StillBusy, Duration::ZERO);
            }
            self.stuck.remove(&name);
        }
        let budget = (self.budget)(name);
        let Some(worker) = self.worker() else {
            return failed(name, Failure::source("the collector", "no thread could be started"), Duration::ZERO);
        };
        let answer = worker.ask.send(name).map_err(|_| RecvTimeoutError::Disconnected).and_then(|()| worker.answer.recv_timeout(budget));
        match answer {
            Ok(collected) => collected,
            Err(reason) => {
                if let (RecvTimeoutError::Timeout, Some(worker)) = (reason, self.worker.take()) {
                    tracing::warn!(section = %name, budget_s = budget.as_secs(), "a collector exceeds its time; the report goes without it");
                    self.stuck.insert(name, worker.answer);
                    return failed(name, Failure::OutOfTime { seconds: budget.as_secs() }, budget);
                }
                failed(name, Failure::Panicked, Duration::ZERO)
            }
        }
    }

    fn worker(&mut self) -> Option<&Worker> {
        if self.worker.is_none() {
            let (ask, asked) = channel();
            let (say, answer) = channel();
            let collect = self.collect.clone();
            let work = move || {
                // What one collector read for all of them is this thread's: one that is stuck keeps nothing from the others.
                let round = Rc::default();
                while let Ok(name) = asked.recv() {
                    if say.send(collect(name, &round)).is_err() {
                        return;
                    }
                }
            };
            std::thread::Builder::new().name("collector".to_owned()).stack_size(STACK_BYTES).spawn(work).ok()?;
            self.worker = Some(Worker { ask, answer });
        }
        self.worker.as_ref()
    }
}

fn failed(name: SectionName, failure: Failure, took: Duration) -> Collected {
    let (section, outcome, reason) = judge(Err(failure), None);
    Collected { name, section, outcome, reason, duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX), bytes_read: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_shared::{Outcome, Section};
    use std::sync::Mutex;

    const NAMES: [SectionName; 3] = [SectionName::Os, SectionName::Disks, SectionName::Users];

    fn empty(name: SectionName) -> Collected {
        let section = Some(Section::Users(Vec::new()));
        Collected { name, section, outcome: Outcome::Complete, reason: None, duration_us: 1, bytes_read: 0 }
    }

    /// Collectors of which that of the disks waits until it is released.
    fn with_a_dead_disk() -> (Runner, Sender<()>) {
        let (release, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        let collect = move |name, _: &Rc<Round>| {
            if name == SectionName::Disks {
                let _ = gate.lock().expect("one at a time").recv();
            }
            empty(name)
        };
        let budget = |name| if name == SectionName::Disks { Duration::from_millis(20) } else { Duration::from_secs(60) };
        (Runner::of(Arc::new(collect), budget), release)
    }

    fn outcomes(collected: &[Collected]) -> Vec<Outcome> {
        collected.iter().map(|one| one.outcome).collect()
    }

    #[test]
    fn a_stuck_collector_costs_its_section_and_is_not_started_twice() {
        let (mut runner, release) = with_a_dead_disk();
        for reason in ["took longer than", "still busy"] {
            let collected = runner.run(&NAMES);
            assert_eq!(outcomes(&collected), [Outcome::Complete, Outcome::Failed, Outcome::Complete]);
            assert!(collected[1].reason.as_ref().is_some_and(|why| why.contains(reason)), "{:?}", collected[1].reason);
            assert_eq!(runner.stuck.len(), 1);
        }
        drop(release);
        let late = runner.stuck.remove(&SectionName::Disks).expect("stuck").recv().expect("it comes back");
        assert_eq!(late.outcome, Outcome::Complete);
        assert_eq!(outcomes(&runner.run(&NAMES)), [Outcome::Complete; 3]);
    }

    #[test]
    fn a_thread_that_dies_costs_one_section() {
        let collect =
            |name, _: &Rc<Round>| if name == SectionName::Disks { panic!("a bug outside of the collectors' own net") } else { empty(name) };
        let mut runner = Runner::of(Arc::new(collect), |_| Duration::from_secs(60));
        assert_eq!(outcomes(&runner.run(&NAMES)), [Outcome::Complete, Outcome::Failed, Outcome::Complete]);
        assert_eq!(outcomes(&runner.run(&NAMES[..1])), [Outcome::Complete]);
    }

    #[test]
    fn every_section_is_looked_at_within_its_budget_and_more_often_the_more_it_changes() {
        let hour = Duration::from_secs(3600);
        assert!(SectionName::ALL.iter().all(|&name| Plan::of(name).budget >= Duration::from_secs(1)));
        assert!(Plan::of(SectionName::Processes).interval(hour) < Plan::of(SectionName::Users).interval(hour));
        assert!(Plan::of(SectionName::Users).interval(hour) < Plan::of(SectionName::System).interval(hour));
    }
}
