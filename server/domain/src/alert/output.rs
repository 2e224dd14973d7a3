//! What plugins print: samples carry the number of a check's state, the inventory of the host that runs it the first line of what it said
//! when that state began.
//!
//! Invariant: a text is told only with the state that it belongs to. The two come by different ways, and as long as the inventory tells of
//! another state, nothing is said.

use super::wording;
use crate::ci::Ci;
use crate::id::CiId;
use crate::incident::compose::cut;
use crate::{Content, World};
use rollcall_shared::{Section, SectionName};

/// Characters told of a line.
const CHARS: usize = 300;

/// What a check said when it came to a state, on the host that runs it.
pub(crate) fn of(world: &World, host: CiId, (check, state): (&str, f64), content: &dyn Content) -> Option<String> {
    let hash = world.cmdb.cis.get(&host).and_then(|ci: &Ci| ci.sections.get(&SectionName::Checks))?.hash?;
    let section = content.section(&hash)?;
    let Section::Checks(rows) = &*section else { return None };
    let row = rows.iter().find(|row| row.name == check && row.state.eq_ignore_ascii_case(wording::state_of_check(state)))?;
    let line = row.output.as_deref()?.lines().map(str::trim).find(|line| !line.is_empty())?;
    // A sentence goes on behind it, or ends.
    Some(cut(line.trim_end_matches('.'), CHARS))
}

/// A reason that tells it.
pub(crate) fn said(reason: String, output: Option<String>) -> String {
    match output {
        Some(output) => format!("{reason}: {output}"),
        None => reason,
    }
}
