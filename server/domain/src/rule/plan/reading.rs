//! What an entry of a plan says of a set of samples.

use super::*;

impl Entry {
    /// Takes a sample set in and says what it means for an alert that is at `severity` now, with the number that decided it. `last_value`
    /// is when the series last had a value; it is brought up to date.
    pub fn judge(
        &self,
        moment: Moment<'_>,
        memories: &mut Memories<'_>,
        last_value: &mut Timestamp,
        severity: Option<Severity>,
    ) -> Option<(Judged, f64)> {
        match &self.judge.kind {
            Kind::Absent { after_ms, .. } => Some(self.absence(moment, last_value, *after_ms)),
            Kind::Check { .. } => {
                let state = value_at(moment, self.series?)?;
                *last_value = moment.at;
                Some((self.checked(state), state))
            }
            Kind::Lines { reads, program, rises } => {
                let reading = self.read(moment, memories, last_value, (reads, program, *rises))?;
                let judge = &self.judge;
                let raised = |severity, guard| judge.is_raised(severity, reading.value, guard, moment.values);
                let guarded = [raised(Severity::Warning, self.guards[0]), raised(Severity::Critical, self.guards[1])];
                Some((judge.hold(reading, guarded, severity), reading.value))
            }
        }
    }

    /// Whether one of its series is among some.
    pub fn reads_any(&self, of: impl Fn(usize) -> bool) -> bool {
        self.reads.iter().any(|input| of(input.series))
    }

    /// Whether missing values of its series make its alert unknown.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self.judge.kind, Kind::Absent { .. })
    }

    fn absence(&self, moment: Moment<'_>, last_value: &mut Timestamp, after_ms: u64) -> (Judged, f64) {
        let came = self.reads.iter().any(|input| value_at(moment, input.series).is_some());
        if came {
            *last_value = moment.at;
        }
        let missing_ms = u64::try_from(moment.at.since(*last_value).as_millis()).unwrap_or(u64::MAX);
        let seconds = moment.at.since(*last_value).as_secs_f64();
        let judged = if came {
            Judged::Level { raised: None, held: None }
        } else if missing_ms >= after_ms {
            let worst = Some(self.judge.worst());
            Judged::Level { raised: worst, held: worst }
        } else {
            Judged::Nothing
        };
        (judged, seconds)
    }

    fn checked(&self, state: f64) -> Judged {
        let level = |severity| Judged::Level { raised: severity, held: severity };
        let known = |severity| self.judge.level(severity).map(|_| severity);
        match state {
            0.0 => level(None),
            1.0 => level(known(Severity::Warning)),
            2.0 => level(known(Severity::Critical).or(known(Severity::Warning))),
            _ => Judged::Nothing,
        }
    }

    /// The number, as far as all of its parts are known and finite.
    fn read(
        &self,
        moment: Moment<'_>,
        memories: &mut Memories<'_>,
        last_value: &mut Timestamp,
        (reads, program, rises): (&[Read], &[Step], bool),
    ) -> Option<Reading> {
        let side = self.judge.side;
        let mut readings = [None; expression::LEAVES];
        for (position, (input, read)) in self.reads.iter().zip(reads).enumerate() {
            let value = value_at(moment, input.series);
            let shape = Shape { function: read.function, length_ms: i64::try_from(read.window_ms).unwrap_or(i64::MAX) };
            readings[position] = match (value, input.memory) {
                (None, _) => None,
                (Some(value), Memory::Nothing) => Some(Reading::newest(value)),
                (Some(value), Memory::Window(window)) => memories.windows.get_mut(window).and_then(|window| {
                    window.push(moment.at, value, shape);
                    let reading = window.read(shape, side)?;
                    let covered = window.is_covered(shape.length_ms);
                    // In company, what a part may become when more of its window is known can go either way, save where all go the same.
                    Some(if reads.len() == 1 || rises { reading } else { Reading { may_raise: covered, may_clear: covered, ..reading } })
                }),
                (Some(value), Memory::Baseline(baseline)) => memories.baselines.get_mut(baseline).and_then(|baseline| {
                    baseline.push(moment.at, value);
                    baseline.deviation(value).map(Reading::newest)
                }),
            };
            if position == 0 && value.is_some() {
                *last_value = moment.at;
            }
        }
        let value = run(program, &readings)?;
        let used = || readings[..reads.len()].iter().flatten();
        Some(Reading { value, may_raise: used().all(|one| one.may_raise), may_clear: used().all(|one| one.may_clear) })
    }
}

fn value_at(moment: Moment<'_>, series: usize) -> Option<f64> {
    moment.values.get(series).copied().flatten()
}
