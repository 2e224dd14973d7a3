//! Tokens, without their secrets and hashes.

use super::word::Role;
use super::{Actor, Time};
use rollcall_domain::trust as domain;
use serde::Serialize;
use utoipa::ToSchema;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Lets agents join.
    Join,
    /// Lets people's programs use this API.
    Api,
}

/// A token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Token {
    /// Its public name.
    #[schema(example = "tok_00000000000000000000000001")]
    pub id: String,
    /// What it is for.
    pub kind: TokenKind,
    /// What people call it; API tokens only.
    pub name: Option<String>,
    /// What it may do; API tokens only.
    pub role: Option<Role>,
    /// Enrolments it is good for; join tokens only.
    pub uses: Option<u32>,
    /// Enrolments made with it; join tokens only.
    pub used: Option<u32>,
    /// Whether its agents need no approval; join tokens only.
    pub auto_approve: Option<bool>,
    /// When it ends; null for never.
    pub expires_at: Option<Time>,
    /// Who made it.
    pub created_by: Actor,
    /// When.
    pub created_at: Time,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

impl From<&domain::JoinToken> for Token {
    fn from(token: &domain::JoinToken) -> Self {
        Self {
            id: token.id.to_string(),
            kind: TokenKind::Join,
            name: None,
            role: None,
            uses: Some(token.uses),
            used: Some(token.used),
            auto_approve: Some(token.auto_approve),
            expires_at: Some(Time(token.expires_at)),
            created_by: (&token.created_by).into(),
            created_at: Time(token.created_at),
            revoked: token.revoked,
        }
    }
}

impl From<&domain::ApiToken> for Token {
    fn from(token: &domain::ApiToken) -> Self {
        Self {
            id: token.id.to_string(),
            kind: TokenKind::Api,
            name: Some(token.name.clone()),
            role: Some(token.role.into()),
            uses: None,
            used: None,
            auto_approve: None,
            expires_at: token.expires_at.map(Time),
            created_by: (&token.created_by).into(),
            created_at: Time(token.created_at),
            revoked: token.revoked,
        }
    }
}

/// A token that was just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewToken {
    /// As it is.
    pub token: Token,
    /// The token's text, shown this once; null when the request repeats an earlier one by its idempotency key.
    #[schema(example = "rca_5f0c…")]
    pub secret: Option<String>,
}

/// Who asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Me {
    /// The token that was shown.
    pub token: Token,
    /// What it may do.
    pub role: Role,
}
