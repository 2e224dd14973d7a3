//! Work for people: something that no machine should decide.

use crate::actor::Actor;
use crate::id::{CiId, TaskId};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// Settled tasks that are remembered, so that what people have decided is not asked again; the oldest go first.
pub const SETTLED_TASKS: usize = 10_000;

/// A question for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewTask {
    /// Its id.
    pub id: TaskId,
    /// What is in doubt.
    pub cis: Vec<CiId>,
    /// Why, for people.
    pub reason: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What people decided; `None` as long as it is open.
    #[serde(default)]
    pub settled: Option<Settled>,
}

/// What people decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// What.
    pub resolution: Resolution,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
}

/// What people can decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resolution {
    /// They are one thing: the others were merged into this record.
    Merged {
        /// The record that stays.
        keep: CiId,
    },
    /// They are different things; the same doubt about them does not come up again.
    Distinct,
    /// It needs no answer.
    Dismissed,
}

/// Forgets the oldest settled tasks beyond the bound.
pub(super) fn trim(tasks: &mut std::collections::BTreeMap<TaskId, ReviewTask>) {
    let settled = tasks.values().filter(|task| task.settled.is_some()).count();
    if settled <= SETTLED_TASKS {
        return;
    }
    let oldest = tasks.values().filter_map(|task| Some((task.settled.as_ref()?.at, task.id))).min();
    if let Some((_, id)) = oldest {
        tasks.remove(&id);
    }
}
