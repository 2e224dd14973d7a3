//! What an entry of a plan says of a set of samples.

use super::*;

impl Moment<'_> {
    /// The value of a series, as far as it counts at this moment.
    pub(super) fn value(&self, series: usize) -> Option<f64> {
        let counts = self.apart.is_none_or(|_| self.at.since(self.measured(series)) < PATIENCE);
        self.values.get(series).copied().flatten().filter(|_| counts)
    }

    /// When the value of a series was measured.
    fn measured(&self, series: usize) -> Timestamp {
        self.apart.map_or(self.at, |apart| apart.times.get(series).copied().unwrap_or(self.at))
    }

    /// Whether the value of a series came with this moment.
    fn is_fresh(&self, series: usize) -> bool {
        self.value(series).is_some() && self.apart.is_none_or(|apart| apart.fresh.get(series).copied().unwrap_or(false))
    }
}

impl Entry {
    /// The moment as of the newest of the entry's own series where these come apart: what others have told since says nothing of them. It is
    /// never later than they came.
    #[must_use]
    pub fn own<'m>(&self, moment: Moment<'m>) -> Moment<'m> {
        let Some(apart) = moment.apart.filter(|_| !self.is_absence()) else { return moment };
        let known = self.series().filter(|series| moment.values.get(*series).is_some_and(Option::is_some));
        let at = known.map(|series| moment.measured(series)).max().unwrap_or(moment.at);
        Moment { at: at.min(apart.came_at), ..moment }
    }

    fn series(&self) -> impl Iterator<Item = usize> {
        self.reads.iter().map(|input| input.series).chain(self.guards.into_iter().flatten())
    }

    /// Takes a sample set in and says what it means for an alert that is at `severity` now, with the number that decided it. `last_value`
    /// is when there last was such a number, as of the oldest value that it was made of; it is brought up to date.
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
                let series = self.series?;
                let state = moment.value(series)?;
                *last_value = self.oldest(moment);
                Some((self.checked(state), state))
            }
            Kind::Lines { reads, program, rises } => {
                let reading = self.read(moment, memories, (reads, program, *rises))?;
                *last_value = self.oldest(moment);
                let judge = &self.judge;
                let raised = |severity, guard| judge.is_raised(severity, reading.value, guard, moment);
                let guarded = [raised(Severity::Warning, self.guards[0]), raised(Severity::Critical, self.guards[1])];
                Some((judge.hold(reading, guarded, severity), reading.value))
            }
        }
    }

    /// When the oldest of the values that its number is made of was measured.
    fn oldest(&self, moment: Moment<'_>) -> Timestamp {
        self.reads.iter().map(|input| moment.measured(input.series)).fold(moment.at, Timestamp::min)
    }

    /// The positions of the series that it reads, each with what is remembered of it in a host's windows and baselines; of an absence those
    /// that would end it.
    pub fn inputs<'a>(&'a self, windows: &'a [Window], baselines: &'a [Baseline]) -> impl Iterator<Item = (usize, Remembered<'a>)> {
        let remembered = |memory| match memory {
            Memory::Nothing => Some(Remembered::Newest),
            Memory::Window(window) => windows.get(window).map(Remembered::Window),
            Memory::Baseline(baseline) => baselines.get(baseline).map(Remembered::Baseline),
        };
        self.reads.iter().map(move |input| (input.series, remembered(input.memory).unwrap_or(Remembered::Newest)))
    }

    /// Whether one of the series without which it has no number is among some.
    pub fn needs_any(&self, of: impl Fn(usize) -> bool) -> bool {
        self.reads.iter().any(|input| of(input.series))
    }

    /// Whether one of its series is among some.
    pub fn reads_any(&self, of: impl Fn(usize) -> bool) -> bool {
        self.series().any(of)
    }

    /// Whether missing values of its series make its alert unknown.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self.judge.kind, Kind::Absent { .. })
    }

    fn absence(&self, moment: Moment<'_>, last_value: &mut Timestamp, after_ms: u64) -> (Judged, f64) {
        let came = self.reads.iter().filter(|input| moment.is_fresh(input.series)).map(|input| moment.measured(input.series)).max();
        if let Some(at) = came {
            *last_value = at.max(*last_value);
        }
        let came = came.is_some();
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
    fn read(&self, moment: Moment<'_>, memories: &mut Memories<'_>, (reads, program, rises): (&[Read], &[Step], bool)) -> Option<Reading> {
        let side = self.judge.side;
        let mut readings = [None; expression::LEAVES];
        for (position, (input, read)) in self.reads.iter().zip(reads).enumerate() {
            let value = moment.value(input.series);
            let at = moment.measured(input.series);
            let shape = Shape { function: read.function, length_ms: i64::try_from(read.window_ms).unwrap_or(i64::MAX) };
            readings[position] = match (value, input.memory) {
                (None, _) => None,
                (Some(value), Memory::Nothing) => Some(Reading::newest(value)),
                (Some(value), Memory::Window(window)) => memories.windows.get_mut(window).and_then(|window| {
                    window.push(at, value, shape);
                    let reading = window.read(shape, side)?;
                    let covered = window.is_covered(shape.length_ms);
                    // In company, what a part may become when more of its window is known can go either way, save where all go the same.
                    Some(if reads.len() == 1 || rises { reading } else { Reading { may_raise: covered, may_clear: covered, ..reading } })
                }),
                (Some(value), Memory::Baseline(baseline)) => memories.baselines.get_mut(baseline).and_then(|baseline| {
                    baseline.push(at, value);
                    baseline.deviation(value).map(Reading::newest)
                }),
            };
        }
        let value = run(program, &readings)?;
        let used = || readings[..reads.len()].iter().flatten();
        Some(Reading { value, may_raise: used().all(|one| one.may_raise), may_clear: used().all(|one| one.may_clear) })
    }
}
