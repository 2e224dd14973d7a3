//! The alert machine against a reference under random sequences: no transition is lost or told twice, no breach has two incidents, nothing
//! is over without a value that says so.
//!
//! After every step all that can be seen of an alert, all that was told of it since the step before, and its incidents are what the
//! [`reference`](mod@reference) says. `PROPTEST_CASES=20000` makes a long run of it.

mod found;
mod lived;
mod reference;
mod steps;

use super::AlertState;
use lived::{Lived, resolution};
use proptest::prelude::*;
use reference::{Judge, Mute, Reference, Seen, Told};
use steps::{Reading, Step, judge, step};

/// Both, side by side.
struct Both {
    lived: Lived,
    reference: Reference,
    now: i64,
    last_push: Vec<(i64, [Reading; 2])>,
}

impl Both {
    fn new(judge: Judge) -> Self {
        Self { lived: Lived::new(&judge), reference: Reference::new(judge), now: 1_000_000, last_push: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now;
        let Self { lived, reference, .. } = self;
        match step {
            Step::Wait(span) => self.now += span,
            Step::Push(sets) => self.push(sets.iter().map(|(age, readings)| (now - age, *readings)).collect()),
            Step::PushAgain => self.push(self.last_push.clone()),
            Step::Tick => self.tick(),
            Step::SetBack(span) => {
                self.now -= span;
                self.tick();
                self.save();
            }
            Step::Switch(on) => {
                lived.switch(now, *on);
                reference.switch(now, *on);
            }
            Step::Edit(judge) => {
                lived.edit(now, judge, reference.enabled);
                reference.edit(*judge);
            }
            Step::Mute(axis, ahead, lasts) => {
                let mute = Mute { axis: *axis, from: now + ahead, to: now + ahead + lasts, ended: false };
                lived.mute(now, mute);
                reference.mutes.push(mute);
            }
            Step::Unmute(index) => {
                let running: Vec<usize> = (0..reference.mutes.len()).filter(|number| !reference.mutes[*number].ended).collect();
                if !running.is_empty() {
                    let number = *index.get(&running);
                    lived.unmute(now, number);
                    reference.mutes[number].ended = true;
                }
            }
            Step::Acknowledge(which, span) => {
                let until = span.map(|span| now + span);
                let accepted = lived.acknowledge(now, *which, until);
                assert_eq!(accepted, reference.alerts[*which].acknowledge(now, until), "whether it can be looked after");
            }
            Step::Unacknowledge(which) => {
                lived.unacknowledge(now, *which);
                reference.alerts[*which].unacknowledge();
            }
            Step::Save => self.save(),
            Step::Restart => {
                lived.restart(now);
                reference.restart(now);
            }
        }
    }

    fn push(&mut self, sets: Vec<(i64, [Reading; 2])>) {
        let judge = self.reference.judge;
        let number = |reading: Reading| match reading {
            Reading::NoNumber => Some(f64::NAN),
            reading => reading.value(&judge).map(f64::from),
        };
        let sent: Vec<_> = sets.iter().map(|(at, readings)| (*at, readings.map(number))).collect();
        self.lived.push(self.now, &sent);
        self.reference.hear(self.now);
        for (at, readings) in &sets {
            self.reference.values(self.now, (*at).min(self.now), readings.map(|reading| reading.value(&judge)));
        }
        self.last_push = sets;
    }

    fn tick(&mut self) {
        self.lived.scenario.tick(self.now);
        self.reference.tick(self.now);
    }

    fn save(&mut self) {
        self.lived.save();
        self.reference.save();
    }

    /// What was told since the last look and what is to be seen now are the same in both.
    fn compare(&mut self) -> Result<(), TestCaseError> {
        let news = self.lived.news();
        for (which, told) in news.into_iter().enumerate() {
            let alert = &mut self.reference.alerts[which];
            let expected = std::mem::take(&mut alert.told);
            let is_told = |told: Vec<Told>| told.into_iter().map(settled).collect::<Vec<Told>>();
            for value in told.iter().filter_map(resolution).flatten() {
                let judge = &self.reference.judge;
                let raised = [judge.warning, judge.critical].into_iter().flatten().any(|lines| value > lines.raise);
                let is_clear = judge.warning.is_none_or(|lines| value <= lines.clear) && !raised;
                prop_assert!(is_clear, "{} resolved {} at {}", value, which, self.now);
            }
            prop_assert_eq!(is_told(told), is_told(expected), "what was told of {} at {}", which, self.now);
            let seen = self.lived.seen(which, self.now).unwrap_or(Seen::NOTHING);
            prop_assert_eq!(&seen, &alert.seen, "how {} is at {}", which, self.now);
        }
        Ok(())
    }
}

/// An alert that never fired and one that is over are equally nothing before it begins.
fn settled(told: Told) -> Told {
    match told {
        Told::Moved(AlertState::Resolved, after, severity, worse_since, value, at) => {
            Told::Moved(AlertState::Inactive, after, severity, worse_since, value, at)
        }
        told => told,
    }
}

fn cases() -> ProptestConfig {
    let ours = ProptestConfig::with_cases(192);
    if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default() } else { ours }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_alert_does_what_the_reference_does(judge in judge(), steps in prop::collection::vec(step(), 1..60)) {
        let mut both = Both::new(judge);
        for step in &steps {
            both.now += 1;
            both.take(step);
            both.compare()?;
        }
        both.lived.scenario.replay();
    }
}
