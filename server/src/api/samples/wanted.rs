//! The question for samples, checked: which series, which span, in which steps, and from which of the stored forms it is answered.

use super::super::view::sample::SampleResolution;
use super::SampleQuery;
use crate::answer::ApiError;
use crate::engine::Retention;
use rollcall_domain::sample::{Attributes, Grain};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// Points of one answer, over all series: ten times what a wide screen can show.
pub const POINTS: usize = 10_000;

/// Longest span of one question: ten years, as long as anything may be kept.
const SPAN: Duration = Duration::from_secs(3_660 * 86_400);

/// Points a series when no step is given.
const DEFAULT_POINTS: u64 = 300;

/// Shortest step, and the shortest default one: agents sample every 10 s.
const STEP_MIN: Duration = Duration::from_secs(1);
const STEP_DEFAULT_MIN: Duration = Duration::from_secs(10);

/// The step that reduces nothing.
const RAW: &str = "raw";

const FIVE_MINUTES_S: u64 = 300;
const HOUR_S: u64 = 3_600;

/// A checked question.
pub struct Wanted {
    /// Metric name.
    pub metric: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
    /// Begin, at a whole step.
    pub from: Timestamp,
    /// End, not included.
    pub to: Timestamp,
    /// Length of a bucket; zero for every sample as it is.
    pub step_ms: i64,
    /// Buckets of a series.
    pub count: usize,
    /// What it is answered from.
    pub resolution: SampleResolution,
    attributes: Vec<(String, String)>,
}

impl Wanted {
    /// Judges a question about `metric`.
    pub fn new(metric: (&str, Option<String>), query: &SampleQuery, now: Timestamp, kept: Retention) -> Result<Self, ApiError> {
        Self::over(metric, pairs(query.attribute.as_deref())?, span(query, now)?, query.step.as_deref(), (now, kept))
    }

    /// The same of a span that is known.
    pub fn over(
        (metric, unit): (&str, Option<String>),
        attributes: Attributes,
        (from, to): (Timestamp, Timestamp),
        step: Option<&str>,
        (now, kept): (Timestamp, Retention),
    ) -> Result<Self, ApiError> {
        let metric = metric.to_owned();
        if step == Some(RAW) {
            // What has no buckets is bounded while it is read.
            return Ok(Self { metric, unit, from, to, step_ms: 0, count: 0, resolution: SampleResolution::Raw, attributes });
        }
        let finest = finest(now.since(from), kept);
        let step = match step {
            Some(text) => {
                let step = duration(text).filter(|step| *step >= STEP_MIN);
                step.ok_or_else(|| ApiError::invalid("step", "must be raw, or 1s or more, such as 30s, 5m, 1h"))?
            }
            None => rounded(Duration::from_secs(to.since(from).as_secs().div_ceil(DEFAULT_POINTS)).max(STEP_DEFAULT_MIN).max(finest)),
        };
        if step < finest {
            let finest = if finest.as_secs() == HOUR_S { "1h" } else { "5m" };
            let reason = format!("of what is as old as `from` only longer steps are kept: ask for {finest} or more, or for a later begin");
            return Err(ApiError::invalid("step", reason));
        }
        let resolution = resolution(step);
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let from = Timestamp(from.0.div_euclid(step_ms).saturating_mul(step_ms));
        let count = usize::try_from(to.since(from).as_millis().div_ceil(step.as_millis().max(1))).unwrap_or(usize::MAX);
        if count > POINTS {
            return Err(too_many_points());
        }
        Ok(Self { metric, unit, from, to, step_ms, count, resolution, attributes })
    }

    /// The same of another metric, whatever its unit.
    pub fn about(&self, metric: &str, attributes: Attributes) -> Self {
        let Self { from, to, step_ms, count, resolution, .. } = *self;
        Self { metric: metric.to_owned(), unit: None, from, to, step_ms, count, resolution, attributes }
    }

    /// The stored rows that it is answered from; `None` for samples.
    pub fn grain(&self) -> Option<Grain> {
        match self.resolution {
            SampleResolution::Raw => None,
            SampleResolution::FiveMinutes => Some(Grain::FiveMinutes),
            SampleResolution::Hour => Some(Grain::Hour),
        }
    }

    /// Whether a series is one of those that are wanted.
    pub fn fits(&self, attributes: &Attributes) -> bool {
        fit(&self.attributes, attributes)
    }

    /// Spans that are read one after the other: as much as the store keeps together.
    pub fn pages(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let length = self.grain().map_or(Duration::from_secs(HOUR_S), |grain| {
            Duration::from_millis(u64::try_from(crate::store::period_ms(grain)).unwrap_or(u64::MAX))
        });
        let to = self.to;
        let begins = std::iter::successors(Some(self.from), move |begin| Some(begin.plus(length)));
        begins.take_while(move |begin| *begin < to).map(move |begin| (begin, begin.plus(length).min(to)))
    }
}

/// The longest stored form whose rows fill whole steps.
fn resolution(step: Duration) -> SampleResolution {
    let whole = |of: u64| step.subsec_nanos() == 0 && step.as_secs().is_multiple_of(of);
    match () {
        () if whole(HOUR_S) => SampleResolution::Hour,
        () if whole(FIVE_MINUTES_S) => SampleResolution::FiveMinutes,
        () => SampleResolution::Raw,
    }
}

/// A step that no caller chose: where stored rows come near it, a whole number of them.
fn rounded(step: Duration) -> Duration {
    let seconds = step.as_secs();
    let up = |of: u64| Duration::from_secs(seconds.div_ceil(of) * of);
    if seconds > HOUR_S / 2 {
        up(HOUR_S)
    } else if seconds > FIVE_MINUTES_S / 2 {
        up(FIVE_MINUTES_S)
    } else {
        step
    }
}

/// The shortest step for which something is kept of what is so old. Samples go by whole hours.
fn finest(age: Duration, kept: Retention) -> Duration {
    let hour = Duration::from_secs(HOUR_S);
    if age > kept.five_minutes.saturating_add(24 * hour) {
        hour
    } else if age > kept.raw.saturating_add(hour) {
        Duration::from_secs(FIVE_MINUTES_S)
    } else {
        STEP_MIN
    }
}

fn span(query: &SampleQuery, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let from = moment("from", query.from.as_deref().unwrap_or("-1h"), now)?;
    let to = moment("to", query.to.as_deref().unwrap_or("now"), now)?;
    let span = to.since(from);
    if span.is_zero() || span > SPAN {
        return Err(ApiError::invalid("from", "must be before `to` by at most ten years"));
    }
    Ok((from, to))
}

/// Whether a series has all of some attributes; an empty value asks for series that do not have the attribute, as rules do.
pub fn fit(wanted: &[(String, String)], attributes: &[(String, String)]) -> bool {
    let of = |name: &String| attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    wanted.iter().all(|(name, value)| of(name) == value)
}

/// Pairs of name and value, separated by commas. A part without a colon belongs to the value before it.
pub fn pairs(text: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in text.into_iter().flat_map(|text| text.split(',')) {
        match (part.split_once(':'), pairs.last_mut()) {
            (Some((name, value)), _) => pairs.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(part);
            }
            (None, None) => return Err(ApiError::invalid("attribute", "must have the form name:value, or several separated by commas")),
        }
    }
    Ok(pairs)
}

/// The answer to a question that is too large.
pub fn too_many_points() -> ApiError {
    ApiError::invalid(
        "step",
        format!("the answer would have more than {POINTS} points: ask for a longer step, a shorter span or one attribute"),
    )
}

/// A moment: RFC 3339, `now`, or `-` and a duration.
pub fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let relative = text.strip_prefix('-').and_then(duration).map(|ago| now.minus(ago));
    let known = if text == "now" { Some(now) } else { relative.or_else(|| text.parse().ok()) };
    known.ok_or_else(|| ApiError::invalid(field, "must be RFC 3339 such as 2026-11-21T04:31:00Z, `now`, or relative such as -1h"))
}

/// A number and a unit: `s`, `m`, `h` or `d`.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_235_460_000);

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(moment("from", text, NOW).ok().map(|moment| moment.0 - NOW.0), expected, "{text}");
    }

    #[test]
    fn moments_are_absolute_or_relative_to_now() {
        check("now", Some(0));
        check("-90m", Some(-5_400_000));
        check("-7d", Some(-604_800_000));
        check("2026-11-21T04:31:01Z", Some(1000));
        for other in ["", "-", "-h", "1h", "--1h", "-1w", "-1.5h", "+1h", "yesterday", "-99999999999h", "-1é"] {
            check(other, None);
        }
    }

    /// Step in seconds and what it is served from, or the field that is wrong.
    fn asked(from: &str, step: Option<&str>) -> Result<(i64, SampleResolution), String> {
        let query = SampleQuery { from: Some(from.into()), step: step.map(str::to_owned), ..SampleQuery::default() };
        match Wanted::new(("m", None), &query, NOW, Retention::default()) {
            Ok(wanted) => Ok((wanted.step_ms / 1000, wanted.resolution)),
            Err(error) => Err(error.field().unwrap_or_default().to_owned()),
        }
    }

    #[test]
    fn a_step_is_chosen_for_the_span_and_served_from_the_longest_rows_that_fill_it() {
        for (from, step, expected) in [
            ("-1h", None, (12, SampleResolution::Raw)),
            ("-1m", None, (10, SampleResolution::Raw)),
            ("-1d", None, (300, SampleResolution::FiveMinutes)),
            ("-7d", None, (3600, SampleResolution::Hour)),
            ("-365d", None, (108_000, SampleResolution::Hour)),
            ("-1h", Some("5m"), (300, SampleResolution::FiveMinutes)),
            ("-1h", Some("7m"), (420, SampleResolution::Raw)),
            ("-30d", Some("90m"), (5400, SampleResolution::FiveMinutes)),
            ("-100d", Some("2h"), (7200, SampleResolution::Hour)),
            ("-1h", Some("raw"), (0, SampleResolution::Raw)),
        ] {
            assert_eq!(asked(from, step), Ok(expected), "{from} {step:?}");
        }
    }

    #[test]
    fn spans_and_steps_are_bounded_by_points_and_by_what_is_kept() {
        for (from, step, field) in [
            ("-1d", Some("1s"), "step"),
            ("-20d", Some("1m"), "step"),
            ("-100d", Some("5m"), "step"),
            ("-3661d", None, "from"),
            ("now", None, "from"),
            ("-1h", Some("0s"), "step"),
        ] {
            assert_eq!(asked(from, step), Err(field.to_owned()), "{from} {step:?}");
        }
    }

    #[test]
    fn attributes_are_pairs_and_a_value_may_hold_a_comma() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs(Some("a:b,c:d:e,f")).ok(), Some(vec![pair("a", "b"), pair("c", "d:e,f")]));
        assert_eq!(pairs(None).ok(), Some(Vec::new()));
        assert!(pairs(Some("x")).is_err());
    }
}
