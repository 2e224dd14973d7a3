//! The number that a condition made of stored samples, moment by moment, by the code that judges live: for charts.

use super::host::{Case, Source};
use crate::engine::History;
use crate::store::StoreError;
use rollcall_domain::alert::replay::{Replay, bare};
use rollcall_domain::rule::{Condition, expression};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest span that is read sample by sample: some thousands of them. Rows of five minutes stand for longer ones.
const RAW_SPAN: Duration = Duration::from_secs(86_400);

/// The number of the alert with these attributes at each moment of a span that made one, oldest first. Samples before the span are taken
/// in, so that windows hold what they held; each voice is judged by itself, as it is live.
///
/// # Errors
/// When the store cannot be read.
pub fn numbers(
    history: &History,
    voices: &[AgentId],
    (condition, attributes): (&Condition, &BTreeMap<String, String>),
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<(Timestamp, f64)>, StoreError> {
    let Some(rule) = bare(condition) else { return Ok(Vec::new()) };
    let begin = from.minus(memory(condition));
    let is_raw = begin >= now.minus(history.retention.raw) && to.since(begin) <= RAW_SPAN;
    let raw_since = if is_raw { begin } else { to };
    let mut numbers = Vec::new();
    for voice in voices {
        let agents = std::slice::from_ref(voice);
        let case = Case { history, rule: &rule, ci: None, agents, goodbye: None, span: (begin, to) };
        let mut source = Source::new(&case, raw_since);
        let mut replay = Replay::new(&rule, None);
        for hour in case.hours().all() {
            for set in source.hour(hour)? {
                replay.remember(&set, &source.tables);
                let number = replay.number(attributes).filter(|number| number.is_finite() && set.at >= from);
                numbers.extend(number.map(|number| (set.at, number)));
            }
        }
    }
    numbers.sort_by_key(|(at, _)| *at);
    Ok(numbers)
}

/// How far back a condition looks.
fn memory(condition: &Condition) -> Duration {
    let ms = match condition {
        Condition::Absent { after_ms, .. } => Some(*after_ms),
        _ => expression::of(condition).iter().flat_map(|value| value.reads()).map(|read| read.window_ms).max(),
    };
    Duration::from_millis(ms.unwrap_or(0))
}
