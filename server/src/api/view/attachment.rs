//! Files that are attached to incidents and problems.

use super::{Actor, Time};
use rollcall_domain::attachment as domain;
use serde::Serialize;
use utoipa::ToSchema;

/// A file that is attached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Attachment {
    /// Its id.
    #[schema(example = "att_00000000000000000000000001")]
    pub id: String,
    /// What it is called.
    #[schema(example = "dmesg.log")]
    pub name: String,
    /// What it is, as whoever attached it said.
    #[schema(example = "text/plain")]
    pub media_type: String,
    /// How large it is, bytes.
    pub size: u64,
    /// BLAKE3 of its content, hexadecimal; also the entity tag of the file.
    pub hash: String,
    /// Who attached it.
    pub by: Actor,
    /// When.
    pub at: Time,
}

impl From<&domain::Attachment> for Attachment {
    fn from(attachment: &domain::Attachment) -> Self {
        Self {
            id: attachment.id.to_string(),
            name: attachment.name.clone(),
            media_type: attachment.media_type.clone(),
            size: attachment.size,
            hash: attachment.hash.to_string(),
            by: (&attachment.by).into(),
            at: Time(attachment.at),
        }
    }
}
