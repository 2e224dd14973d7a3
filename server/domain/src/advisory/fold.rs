//! What is remembered of advisories. Total.

use super::{Advisories, AdvisoryEvent, KnownAdvisory};
use crate::Record;
use crate::ci::Cmdb;

/// Remembers an event, and matches what came against what is installed.
pub fn apply(advisories: &mut Advisories, cmdb: &Cmdb, record: &Record, event: &AdvisoryEvent) {
    let AdvisoryEvent::AdvisoriesImported { advisories: fresh } = event;
    for advisory in fresh {
        if let Some(before) = advisories.advisories.get(&advisory.id) {
            advisories.matches.forget_advisory(&before.advisory);
        }
        advisories.matches.enter_advisory(advisory, cmdb);
        let known = KnownAdvisory { advisory: advisory.clone(), imported_at: record.at, revision: record.revision };
        advisories.advisories.insert(advisory.id.clone(), known);
    }
}

impl Advisories {
    /// Matches the pairs that came or went since this was last called.
    pub fn follow(&mut self, cmdb: &mut Cmdb) {
        let mut changed = cmdb.software.take_changed();
        changed.sort_unstable();
        changed.dedup();
        for number in changed {
            self.matches.forget_pair(number);
            if let Some(pair) = cmdb.software.pair(number) {
                self.matches.enter_pair(&pair, cmdb, &self.advisories);
            }
        }
    }

    /// Matches everything anew.
    pub fn rebuild(&mut self, cmdb: &mut Cmdb) {
        cmdb.software.take_changed();
        let mut matches = super::Matches::default();
        for known in self.advisories.values() {
            matches.enter_advisory(&known.advisory, cmdb);
        }
        for pair in cmdb.software.pairs() {
            matches.enter_pair(&pair, cmdb, &self.advisories);
        }
        self.matches = matches;
    }
}
