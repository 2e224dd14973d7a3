//! Files that people attach to incidents and problems: a screenshot, a log, a core dump's backtrace.
//!
//! The log and the state hold what a file is called and the name of its content; the bytes lie in the store under that name, once for
//! all attachments that have the same. Nothing here ever reads them.
//!
//! Invariant: content is kept as long as an attachment in the state names it, and no longer. Whoever keeps it asks [`named`].

use crate::actor::Actor;
use crate::id::AttachmentId;
use crate::incident::IncidentEvent;
use crate::incident::decide::text;
use crate::problem::ProblemEvent;
use crate::{Context, Event, Rejection, World};
use rollcall_shared::{ContentHash, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Display;

/// Bytes of one attachment. All of it is in memory while it comes and in one commit when it is kept, for which everybody waits; a
/// screenshot or a day of a log, compressed, is smaller. What is larger belongs where files are kept, with its address in a note.
pub const BYTES: u64 = 10 << 20;

/// Attachments of one incident or problem: they are shown as one list, and with [`BYTES`] each are half a gigabyte.
pub const PER_SUBJECT: usize = 50;

/// Bytes of a name: what file systems allow.
pub const NAME_BYTES: usize = 255;

/// Bytes of a media type: twice 127 characters are allowed (RFC 6838), the longest registered one has 90.
const MEDIA_TYPE_BYTES: usize = 127;

/// Bytes of a reason.
const REASON_BYTES: usize = 1_000;

/// A file that is attached to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// What it is called: no path, nothing that does not print.
    pub name: String,
    /// What it is, as whoever attached it said.
    pub media_type: String,
    /// How large it is, bytes.
    pub size: u64,
    /// Name of its content.
    pub hash: ContentHash,
    /// Who attached it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A file that is to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttachment {
    /// What it is called, as it came; a path before it is left out.
    pub name: String,
    /// What it is, such as `text/plain`.
    pub media_type: String,
    /// How large it is, bytes.
    pub size: u64,
    /// Name of its content.
    pub hash: ContentHash,
}

/// Judges a new attachment beside those that there are; none when the same file is attached already.
///
/// # Errors
/// [`Rejection::Invalid`] for a name, a media type or a size that cannot be, [`Rejection::Conflict`] when there are too many.
pub fn attach(
    known: &[Attachment],
    subject: impl Display,
    new: &NewAttachment,
    context: &mut Context<'_>,
) -> Result<Option<Attachment>, Rejection> {
    let name = clean_name(&new.name)?;
    if !is_media_type(&new.media_type) {
        return Err(Rejection::invalid("content-type", "must be a media type, such as text/plain"));
    }
    if new.size == 0 || new.size > BYTES {
        return Err(Rejection::invalid("body", format!("must have 1 to {BYTES} bytes")));
    }
    if known.iter().any(|one| one.name == name && one.hash == new.hash) {
        return Ok(None);
    }
    if known.len() >= PER_SUBJECT {
        return Err(Rejection::Conflict(format!("{subject} has {PER_SUBJECT} attachments, which is the limit; remove one first")));
    }
    Ok(Some(Attachment {
        id: AttachmentId(context.ids.next_bits()),
        name,
        media_type: new.media_type.to_ascii_lowercase(),
        size: new.size,
        hash: new.hash,
        by: context.actor.clone(),
        at: context.now,
    }))
}

/// Judges a removal.
///
/// # Errors
/// [`Rejection::NotFound`], and [`Rejection::Invalid`] without a reason: what is removed is gone.
pub fn detach(known: &[Attachment], attachment: AttachmentId, reason: &str) -> Result<(), Rejection> {
    text("reason", reason, REASON_BYTES)?;
    known.iter().find(|one| one.id == attachment).map(drop).ok_or_else(|| Rejection::not_found("attachment", attachment))
}

/// The name of a file without the path to it and without what does not print or turns the direction of what follows: an
/// `exe.txt` must not look like a `txt.exe`.
///
/// # Errors
/// [`Rejection::Invalid`] when nothing is left, or too much.
pub fn clean_name(text: &str) -> Result<String, Rejection> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control() && !turns_direction(*c)).collect();
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().all(|c| c == '.') {
        return Err(Rejection::invalid("name", format!("must be the name of a file of at most {NAME_BYTES} bytes, such as dmesg.log")));
    }
    Ok(name.to_owned())
}

/// Marks of direction, and what separates lines and joins nothing (Unicode, UAX 9).
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// Whether a text can be a media type with parameters: `type/subtype` of tokens (RFC 9110, 8.3.1), and after it what prints.
#[must_use]
pub fn is_media_type(text: &str) -> bool {
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
    let is_essence = essence.trim_end().split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    is_essence && text.len() <= MEDIA_TYPE_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// All that are attached to anything.
pub fn all(world: &World) -> impl Iterator<Item = &Attachment> {
    let of_incidents = world.incidents.incidents.values().flat_map(|incident| &incident.attachments);
    of_incidents.chain(world.problems.problems.values().flat_map(|problem| &problem.attachments))
}

/// Contents of the attachments that events remove, as long as these are not applied.
#[must_use]
pub fn detached(world: &World, events: &[Event]) -> BTreeSet<ContentHash> {
    let removed = events.iter().filter_map(|event| match event {
        Event::Incident(IncidentEvent::AttachmentRemoved { incident, attachment, .. }) => {
            Some((&world.incidents.incidents.get(incident)?.attachments, attachment))
        }
        Event::Problem(ProblemEvent::ProblemAttachmentRemoved { problem, attachment, .. }) => {
            Some((&world.problems.problems.get(problem)?.attachments, attachment))
        }
        _ => None,
    });
    removed.filter_map(|(known, id)| known.iter().find(|one| one.id == *id)).map(|attachment| attachment.hash).collect()
}

/// Contents that attachments name.
#[must_use]
pub fn named(world: &World) -> BTreeSet<ContentHash> {
    all(world).map(|attachment| attachment.hash).collect()
}

#[cfg(test)]
mod tests;
