//! Configuration items as they were: the records of their history, folded up to a moment.
//!
//! Nothing here ever answers with the present. What one answer may read is bounded: an answer that would take more is refused and
//! says so.

use super::{Api, cis};
use crate::answer::ApiError;
use crate::log;
use rollcall_domain::ci::{self, fold, impact, past};
use rollcall_domain::id::CiId;
use rollcall_domain::{Record, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub use rollcall_domain::ci::past::Past;

/// Configuration items whose histories one answer is folded from: some seconds' work.
pub const ITEMS: usize = 2_000;

/// Records that one answer is folded from, for the same reason.
const RECORDS: usize = 100_000;

/// What looking at an item with more changes than it remembers costs, in items: the log is read for it.
const LONG_HISTORY: usize = 500;

/// Records that items looked at together have: what they share, such as that products came up together, is folded once.
const RECORDS_TOGETHER: usize = 10_000;

/// Items that are looked at together, with what stands around them.
const ITEMS_TOGETHER: usize = 250;

/// Items to look at as they were, at most [`ITEMS`], in portions that are folded together; and whether there are more.
pub fn portions<'w>(world: &'w World, mut cis: impl Iterator<Item = &'w ci::Ci>) -> (Vec<Vec<CiId>>, bool) {
    let (mut portions, mut portion): (Vec<Vec<CiId>>, Vec<CiId>) = (Vec::new(), Vec::new());
    let (mut spent, mut records, mut items) = (0, 0, 0);
    while spent < ITEMS {
        let Some(now) = cis.next() else { break };
        let is_long = now.history.len() >= fold::CI_HISTORY;
        let parts = world.cmdb.components.get(&now.id).map_or(0, BTreeSet::len);
        let weight = 1 + parts + world.cmdb.links.of(now.id).take(ITEMS_TOGETHER).count();
        spent += if is_long { LONG_HISTORY } else { 1 };
        let is_full = is_long || records + now.history.len() > RECORDS_TOGETHER || items + weight > ITEMS_TOGETHER;
        if is_full && !portion.is_empty() {
            portions.push(std::mem::take(&mut portion));
            (records, items) = (0, 0);
        }
        (records, items) = (records + now.history.len(), items + weight);
        portion.push(now.id);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    (portions, cis.next().is_some())
}

/// A configuration item at a moment.
///
/// # Errors
/// Not found, when it does not exist or did not then.
pub async fn ci_at(api: &Api, id: CiId, moment: Timestamp) -> Result<ci::Ci, ApiError> {
    Ok(whole(api, id, moment).await?.0)
}

/// The same with all that its own records say.
pub async fn whole(api: &Api, id: CiId, moment: Timestamp) -> Result<(ci::Ci, Past), ApiError> {
    let now = api.engine.read(|world| cis::find(world, id).cloned())?;
    let mut reader = Reader::new(api, moment);
    reader.include(BTreeSet::from([id])).await?;
    let then = reader.past.whole(&now).ok_or_else(|| was_not(id))?;
    Ok((then, reader.past))
}

fn was_not(id: CiId) -> ApiError {
    ApiError::not_found("at that time a configuration item", &id.to_string())
}

/// Every record of an item's history, oldest first.
pub async fn records(api: &Api, id: CiId) -> Result<Vec<Record>, ApiError> {
    let history = api.engine.read(|world| cis::find(world, id).map(|now| now.history.clone()))?;
    let mut records = api.engine.records_at(history).await?;
    if !past::is_whole(id, &records) {
        let oldest = records.first().map_or(u64::MAX, |record| record.revision);
        let mut all = earlier(api, id, oldest).await?;
        all.append(&mut records);
        return Ok(all);
    }
    Ok(records)
}

/// A configuration item and all that it belonged together with, at a moment: parts, containers, and relations that are told.
pub async fn neighbourhood(api: &Api, id: CiId, moment: Timestamp) -> Result<Past, ApiError> {
    api.engine.read(|world| cis::find(world, id).map(|_| ()))?;
    let mut reader = Reader::new(api, moment);
    reader.include(BTreeSet::from([id])).await?;
    if reader.past.ci(id).is_none() {
        return Err(was_not(id));
    }
    let around = reader.past.around(id);
    reader.include(around).await?;
    Ok(reader.past)
}

/// What the failure of an item affected at a moment, or what it needed.
pub async fn walk(
    api: &Api,
    id: CiId,
    (direction, depth): (impact::Direction, usize),
    moment: Timestamp,
) -> Result<(Past, impact::Impact), ApiError> {
    api.engine.read(|world| cis::find(world, id).map(|_| ()))?;
    let mut reader = Reader::new(api, moment);
    let mut wanted = BTreeSet::from([id]);
    while !wanted.is_empty() {
        reader.include(wanted).await?;
        wanted = reader.past.reached(id, direction, depth);
    }
    if reader.past.ci(id).is_none() {
        return Err(was_not(id));
    }
    let found = impact::walk(&reader.past.world().cmdb, id, direction, depth);
    Ok((reader.past, found))
}

/// Reads the histories that an answer about a moment takes.
pub struct Reader<'a> {
    api: &'a Api,
    /// What was read.
    pub past: Past,
    long_histories: usize,
}

impl<'a> Reader<'a> {
    /// Nothing is read yet.
    pub fn new(api: &'a Api, moment: Timestamp) -> Self {
        let contacts = api.engine.read(|world| world.contacts.clone());
        Self { api, past: Past::new(moment).with_contacts(contacts), long_histories: 0 }
    }

    /// Reads the histories of these items. Those that do not exist any more, or did not yet, are known to be nothing.
    ///
    /// # Errors
    /// When the answer takes more than it may.
    pub async fn include(&mut self, ids: BTreeSet<CiId>) -> Result<(), ApiError> {
        let moment = self.past.moment();
        let histories: BTreeMap<CiId, Vec<u64>> = self.api.engine.read(|world| {
            let known = ids.iter().filter_map(|id| world.cmdb.cis.get(id)).filter(|now| now.created_at <= moment);
            known.map(|now| (now.id, now.history.clone())).collect()
        });
        let revisions: BTreeSet<u64> = histories.values().flatten().copied().collect();
        if self.past.len() + ids.len() > ITEMS || self.past.record_count() + revisions.len() > RECORDS {
            let reason =
                format!("this answer takes the histories of more than {ITEMS} configuration items, or {RECORDS} changes: ask about less");
            return Err(ApiError::invalid("as_of", reason));
        }
        let mut records = self.api.engine.records_at(revisions.into_iter().collect()).await?;
        let first: BTreeMap<u64, usize> = records.iter().enumerate().map(|(place, record)| (record.revision, place)).collect();
        let begins = |id: CiId, history: &[u64]| {
            let record = history.first().and_then(|revision| first.get(revision)).and_then(|place| records.get(*place));
            record.is_some_and(|record| past::is_whole(id, std::slice::from_ref(record)))
        };
        let long: Vec<(CiId, u64)> = histories
            .iter()
            .filter(|(id, history)| !begins(**id, history))
            .map(|(id, history)| (*id, history.first().copied().unwrap_or(u64::MAX)))
            .collect();
        self.long_histories += long.len();
        if self.long_histories * LONG_HISTORY > ITEMS {
            return Err(ApiError::invalid("as_of", "this answer takes several items with more changes than they remember: ask about less"));
        }
        for (id, oldest) in long {
            records.extend(earlier(self.api, id, oldest).await?);
        }
        self.past.add(ids, records);
        Ok(())
    }
}

/// Records of an item before the oldest one that it remembers: the log has them.
async fn earlier(api: &Api, id: CiId, oldest: u64) -> Result<Vec<Record>, ApiError> {
    let mut earlier = Vec::new();
    let mut after = 0;
    loop {
        let page = api.engine.records(after, log::PAGE).await?;
        let Some(last) = page.last().map(|record| record.revision) else { break };
        earlier.extend(page.into_iter().filter(|record| record.revision < oldest && past::concerns(record, id)));
        if last >= oldest {
            break;
        }
        after = last;
    }
    Ok(earlier)
}
