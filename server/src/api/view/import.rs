//! Files that people load, and what came of their rows.

use super::word::{Class, ImportState, Lifecycle, RowOutcome};
use super::{Actor, Time};
use rollcall_domain::import as domain;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What came of a row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportRow {
    /// Line of the file at which it begins, from 1; the headings of a CSV are line 1. Null for a record that is not in the file.
    pub row: Option<u32>,
    /// The file's own key for the thing.
    pub key: Option<String>,
    /// What came of it.
    pub outcome: RowOutcome,
    /// The configuration item; null for one that a dry run would insert.
    pub ci: Option<String>,
    /// Stable name of the reason why it was refused.
    #[schema(example = "duplicate_key")]
    pub code: Option<String>,
    /// Heading of the column that is wrong.
    pub column: Option<String>,
    /// Why it was refused, in words.
    pub reason: Option<String>,
}

impl From<&domain::RowResult> for ImportRow {
    fn from(result: &domain::RowResult) -> Self {
        let refusal = result.refusal.as_ref();
        Self {
            row: Some(result.row).filter(|row| *row > 0),
            key: result.key.clone(),
            outcome: result.outcome.into(),
            ci: result.ci.map(|id| id.to_string()),
            code: refusal.map(|refusal| refusal.code.clone()),
            column: refusal.and_then(|refusal| refusal.column.clone()),
            reason: refusal.map(|refusal| refusal.reason.clone()),
        }
    }
}

/// A file that was, or is being, taken in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Import {
    /// Its id for ever.
    #[schema(example = "imp_00000000000000000000000001")]
    pub id: String,
    /// Name of the feed.
    pub name: String,
    /// Where it is.
    pub state: ImportState,
    /// Why it ended early.
    pub reason: Option<String>,
    /// Whether it only says what would be done.
    pub dry_run: bool,
    /// Whether records that are not in the file are missing.
    pub mirror: bool,
    /// Rows of the file.
    pub rows: u32,
    /// New records, so far.
    pub inserted: u32,
    /// Known records that changed, so far.
    pub updated: u32,
    /// Known records that did not, so far.
    pub unchanged: u32,
    /// Rows that were refused, so far.
    pub refused: u32,
    /// Records that are not in the file any more, so far.
    pub missing: u32,
    /// What people should know of it as a whole, such as that nothing was taken for gone as some rows could not be read.
    pub note: Option<String>,
    /// Columns that nothing was made of.
    pub ignored_columns: Vec<String>,
    /// The first 200 rows that were refused; `rows` lists all.
    pub refused_rows: Vec<ImportRow>,
    /// Who loaded it.
    pub by: Actor,
    /// When it began.
    pub started_at: Time,
    /// When something last came of it.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl From<&domain::KnownRun> for Import {
    fn from(run: &domain::KnownRun) -> Self {
        Self {
            id: run.id.to_string(),
            name: run.order.name.clone(),
            state: run.state.into(),
            reason: run.reason.clone(),
            dry_run: run.order.dry_run,
            mirror: run.order.mirror,
            rows: run.order.rows,
            inserted: run.counts.inserted,
            updated: run.counts.updated,
            unchanged: run.counts.unchanged,
            refused: run.counts.refused,
            missing: run.counts.missing,
            note: run.note.clone(),
            ignored_columns: run.order.ignored.clone(),
            refused_rows: run.refused.iter().map(ImportRow::from).collect(),
            by: (&run.by).into(),
            started_at: Time(run.started_at),
            updated_at: Time(run.updated_at),
            revision: run.revision,
        }
    }
}

/// What the columns of a feed mean.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportMapping {
    /// Name of the feed.
    #[schema(example = "racks")]
    pub name: String,
    /// Columns whose values together tell things apart.
    pub key: Vec<String>,
    /// What things are whose row does not say.
    pub class: Option<Class>,
    /// Where new things are in their life whose row does not say.
    pub status: Option<Lifecycle>,
    /// What each column means.
    pub columns: BTreeMap<String, String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl ImportMapping {
    /// The view of a mapping.
    pub fn new(name: &str, known: &domain::KnownMapping) -> Self {
        let mapping = &known.mapping;
        Self {
            name: name.to_owned(),
            key: mapping.key.clone(),
            class: mapping.class.map(Class),
            status: mapping.status.map(Lifecycle),
            columns: mapping.columns.iter().map(|(column, target)| (column.clone(), target.to_string())).collect(),
            revision: known.revision,
        }
    }
}
