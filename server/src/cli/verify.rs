//! `verify`: whether the stored log is what was written.

use super::{Failure, VerifyArgs};
use crate::data_directory::DataDirectory;
use crate::log;
use crate::store::sled::SledStore;
use std::io::Write;

pub(super) const EXAMPLES: &str = "\
Example:
  rollcall-server verify --data /var/lib/rollcall

Prints how much was checked and the head of the chain; keep the head elsewhere to notice a log that was rewritten as a
whole. Exit code 1 names the first bad entry.";

pub(super) fn verify(args: &VerifyArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let directory = DataDirectory::open(&args.data)?;
    let store = SledStore::open(&directory.store())?;
    let report = log::verify(&store)?;
    let log::Report { records, sections, attachments, head } = report;
    writeln!(out, "intact: {records} log records, {sections} section contents, {attachments} attachments")?;
    writeln!(out, "head: {}", head)?;
    Ok(())
}
