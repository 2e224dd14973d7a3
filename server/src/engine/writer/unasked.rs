//! What the writer does without being asked: time passes, and a release brings rules.

use super::{Cause, Writer, lock};
use rollcall_domain::rule::{RuleEvent, stock};
use rollcall_domain::{Actor, Event};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

impl Writer {
    pub(super) fn tick(&mut self) {
        let shared = Arc::clone(&self.shared);
        if shared.failure().is_some() {
            return self.refuse_after_failure();
        }
        let leapt = self.calendar.look(shared.clock.as_ref());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut world = lock(&shared);
            let now = shared.clock.now();
            if let Some(by) = leapt {
                tracing::warn!(
                    seconds = by.as_secs(),
                    "the clock leapt ahead: nobody is taken for silent until a whole interval has passed"
                );
                world.telemetry.resume(now);
            }
            let events = self.with_context(Actor::System, now, |context| world.tick(context));
            self.record(&mut world, events, &Cause::of(Actor::System), now);
            self.overfull.tell(&world);
        }));
        if outcome.is_err() {
            self.give_up("a bug: the passing of time could not be judged; the state is rebuilt");
        }
        self.settle();
        self.hand_over();
    }

    /// Rules of this release that the log does not know yet.
    pub(super) fn write_missing_stock_rules(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut world = lock(&shared);
        let missing = stock::stock().into_iter().filter(|rule| !world.rules.rules.contains_key(&rule.id));
        let events = missing.map(|rule| Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })).collect();
        self.record(&mut world, events, &Cause::of(Actor::System), shared.clock.now());
        drop(world);
        self.hand_over();
    }
}
