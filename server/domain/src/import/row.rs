//! Decisions on rows: which thing is it, and what does its row change.

mod circle;
mod read;
mod thing;

use self::read::Reading;
use self::thing::Taking;
use super::mapping::Plan;
use super::reference::Thing;
use super::{Counts, ImportEvent, Order, Outcome, Refusal, RowResult};
use crate::ci::identify::Fingerprint;
use crate::ci::{AttributeValue, Ci, CiEvent, Class, Lifecycle, Source};
use crate::id::{CiId, ImportId};
use crate::{Context, Event, World};
use std::collections::{BTreeMap, BTreeSet};

/// Records looked at in one step when a mirror marks what is missing.
const SWEEP: usize = 500;

/// A row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line of the file at which it begins, from 1; the headings of a CSV are line 1.
    pub number: u32,
    /// Its cells, in order of the columns; `None` for an empty one.
    pub cells: Vec<Option<AttributeValue>>,
    /// Why it is no row at all, when its text could not be read.
    pub fault: Option<Refusal>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Take these rows in.
    Rows(Vec<Row>),
    /// Mark the next records that are not in the file as missing.
    Sweep,
}

/// What came of a step.
#[derive(Debug, Default)]
pub struct Taken {
    /// To be written.
    pub events: Vec<Event>,
    /// Rows that refer to something that is not there yet.
    pub deferred: Vec<Row>,
    /// Whether there is nothing more to sweep.
    pub swept: bool,
}

/// A file while it is taken in. It travels with its steps; nothing of it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub import: ImportId,
    /// Name of the feed, without what names of feeds of files begin with.
    pub name: String,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// What the columns mean.
    pub plan: Plan,
    /// So far.
    pub counts: Counts,
    /// Whether nothing may wait for other rows any more.
    pub settle: bool,
    pub(super) claims: Claims,
    /// Rows that could not be read as far as their key: any record may be theirs.
    pub unread: u32,
    swept: Option<String>,
}

/// What earlier rows of the file were taken for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Claims {
    /// Lines by the file's own key.
    pub keys: BTreeMap<String, u32>,
    /// Things by the file's own key.
    pub made: BTreeMap<String, CiId>,
    /// Rows by thing.
    pub cis: BTreeMap<CiId, u32>,
    /// Rows by what identifies machines.
    pub identifiers: BTreeMap<String, u32>,
    /// Machines as their rows left them.
    pub hosts: BTreeMap<CiId, Fingerprint>,
    /// Things by natural key.
    pub natural: BTreeMap<(Class, String), CiId>,
    /// Natural keys that no thing has any more.
    pub freed: BTreeSet<(Class, String)>,
    /// Things as their rows left them.
    pub things: BTreeMap<CiId, Thing>,
    /// Rows that refer to something that is not there yet, by the file's own key: their line, and what they refer to.
    pub waiting: BTreeMap<String, (u32, String)>,
}

impl Run {
    /// A run of which no row was looked at yet.
    #[must_use]
    pub fn new(import: ImportId, order: &Order, plan: Plan) -> Self {
        Self {
            import,
            name: order.name.clone(),
            dry_run: order.dry_run,
            plan,
            counts: Counts::default(),
            settle: false,
            claims: Claims::default(),
            unread: 0,
            swept: None,
        }
    }

    /// Name of the feed.
    #[must_use]
    pub fn feed(&self) -> String {
        format!("{}{}", Source::IMPORT, self.name)
    }

    pub(super) fn source(&self) -> Source {
        Source::Feed { name: self.feed() }
    }
}

/// Why a row does not become anything now.
enum Stop {
    Refused(Refusal),
    /// What it refers to may come with a later row.
    Deferred(Absent),
}

/// What a row refers to and is not there.
struct Absent {
    column: String,
    text: String,
}

impl Stop {
    fn refused(code: &str, column: Option<&str>, reason: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: code.into(), column: column.map(str::to_owned), reason: reason.into() })
    }
}

/// What a row came to.
struct Accepted {
    ci: CiId,
    outcome: Outcome,
    events: Vec<CiEvent>,
}

/// Takes a step: events of what the rows change, unless it is a dry run, and one that tells what came of them.
pub fn take(world: &World, run: &mut Run, work: &Work, context: &mut Context<'_>) -> Taken {
    let mut taken = Taken::default();
    let mut results = Vec::new();
    let mut events = Vec::new();
    let mut note = None;
    match work {
        Work::Rows(rows) => {
            for row in rows {
                match take_row(world, run, row, context) {
                    Ok((result, changes)) => {
                        events.extend(changes);
                        results.push(result);
                    }
                    Err(()) => taken.deferred.push(row.clone()),
                }
            }
        }
        Work::Sweep if run.unread > 0 => {
            taken.swept = true;
            note = Some(match run.unread {
                1 => "1 row could not be read as far as its key: nothing is taken for gone".to_owned(),
                rows => format!("{rows} rows could not be read as far as their key: nothing is taken for gone"),
            });
        }
        Work::Sweep => taken.swept = sweep(world, run, &mut results, &mut events),
    }
    results.iter().for_each(|result| run.counts.add(result.outcome));
    results.retain(|result| result.outcome != Outcome::Unchanged);
    if !run.dry_run {
        taken.events.extend(events.into_iter().map(Event::Ci));
    }
    taken.events.push(Event::Import(ImportEvent::ImportProgressed { import: run.import, counts: run.counts, results, note }));
    taken
}

/// What comes of a row with its events; an error when it has to wait.
fn take_row(world: &World, run: &mut Run, row: &Row, context: &mut Context<'_>) -> Result<(RowResult, Vec<CiEvent>), ()> {
    let mut key = None;
    let judged = judge(world, run, row, &mut key, context);
    let refused = |run: &mut Run, refusal| {
        match &key {
            Some(key) => drop(run.claims.keys.entry(key.clone()).or_insert(row.number)),
            None => run.unread += 1,
        }
        let result = RowResult { row: row.number, key: key.clone(), outcome: Outcome::Refused, ci: None, refusal: Some(refusal) };
        Ok((result, Vec::new()))
    };
    match judged {
        Ok(Accepted { ci, outcome, events }) => {
            let shown = !(run.dry_run && outcome == Outcome::Inserted);
            let ci = Some(ci).filter(|_| shown);
            Ok((RowResult { row: row.number, key, outcome, ci, refusal: None }, events))
        }
        Err(Stop::Refused(refusal)) => refused(run, refusal),
        Err(Stop::Deferred(absent)) if run.settle => {
            let refusal = circle::refusal(&run.claims, key.as_deref(), &absent);
            refused(run, refusal)
        }
        Err(Stop::Deferred(absent)) => {
            run.claims.waiting.extend(key.map(|key| (key, (row.number, absent.text))));
            Err(())
        }
    }
}

fn judge(world: &World, run: &mut Run, row: &Row, key: &mut Option<String>, context: &mut Context<'_>) -> Result<Accepted, Stop> {
    if let Some(fault) = &row.fault {
        return Err(Stop::Refused(fault.clone()));
    }
    let own = read::key(&run.plan, row)?;
    *key = Some(own.clone());
    if let Some(other) = run.claims.keys.get(&own) {
        return Err(Stop::refused("duplicate_key", run.plan.key_column(), format!("line {other} has this key already")));
    }
    let reading = Reading::new(world, run, row, own)?;
    Taking::new(world, run, &reading, context)?.finish(run, row.number)
}

impl Plan {
    /// The column of the key, when it is one.
    fn key_column(&self) -> Option<&str> {
        self.key.first().filter(|_| self.key.len() == 1).map(|place| self.columns[*place].as_str())
    }
}

/// Marks records of this feed whose key no row had, refused ones included, unless an agent reports from them or they follow from others'
/// packages.
fn sweep(world: &World, run: &mut Run, results: &mut Vec<RowResult>, events: &mut Vec<CiEvent>) -> bool {
    let feed = run.feed();
    let from = (feed.clone(), run.swept.clone().unwrap_or_default());
    let after = |key: &str| run.swept.as_deref().is_none_or(|swept| key > swept);
    let all = world.cmdb.natives.range(from..).take_while(|((known, _), _)| *known == feed);
    let next: Vec<(&String, CiId)> = all.filter(|((_, key), _)| after(key)).take(SWEEP).map(|((_, key), id)| (key, *id)).collect();
    for (key, id) in &next {
        if run.claims.keys.contains_key(*key) || run.claims.cis.contains_key(id) {
            continue;
        }
        let is_told_here = |ci: &&Ci| ci.class.is_for_people() && !world.cmdb.reporters.contains_key(&ci.id);
        let Some(ci) = world.cmdb.cis.get(id).filter(is_told_here) else { continue };
        if matches!(ci.status, Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Disposed) {
            continue;
        }
        let reason = format!("not in the file {} any more", run.name);
        events.push(CiEvent::CiStatusChanged { ci: *id, before: ci.status, after: Lifecycle::Missing, reason });
        results.push(RowResult { row: 0, key: Some((*key).clone()), outcome: Outcome::Missing, ci: Some(*id), refusal: None });
        run.claims.cis.insert(*id, 0);
    }
    run.swept = next.last().map(|(key, _)| (*key).clone());
    next.len() < SWEEP
}
