//! Feeds, without their secrets and hashes.

use super::word::FeedKind;
use super::{Actor, Time};
use rollcall_domain::trust::feed as domain;
use serde::Serialize;
use utoipa::ToSchema;

/// A source of foreign inventories.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Feed {
    /// Its name; the user of basic authentication, and the source of what it delivers.
    #[schema(example = "branch-office")]
    pub id: String,
    /// Whose agents deliver.
    pub kind: FeedKind,
    /// Networks that its agents may be in; empty for anywhere.
    #[schema(example = json!(["10.7.0.0/16"]))]
    pub networks: Vec<String>,
    /// When it ends; null for never.
    pub expires_at: Option<Time>,
    /// Who made it, or renewed it last.
    pub created_by: Actor,
    /// When.
    pub created_at: Time,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

impl From<&domain::Feed> for Feed {
    fn from(feed: &domain::Feed) -> Self {
        Self {
            id: feed.name.to_string(),
            kind: feed.kind.into(),
            networks: feed.networks.iter().map(ToString::to_string).collect(),
            expires_at: feed.expires_at.map(Time),
            created_by: (&feed.created_by).into(),
            created_at: Time(feed.created_at),
            revoked: feed.revoked,
        }
    }
}

/// A feed that was just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewFeed {
    /// As it is.
    pub feed: Feed,
    /// The secret, shown this once; null when the request repeats an earlier one by its idempotency key.
    #[schema(example = "rcf_5f0c…")]
    pub secret: Option<String>,
}
