//! How an agent gets its identity: a join token, a certificate signing request, an answer.

use crate::AgentId;
use serde::{Deserialize, Serialize};

/// What an agent asks. Everything but the token and the key is a hint for the person who approves, never a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// Secret part of the join token.
    pub token: String,
    /// Random name of this attempt, 32 hexadecimal digits, made and synced before the first request: a retry with the same
    /// key is answered as the first was.
    pub enrolment_id: String,
    /// PKCS#10 request in PEM. Only its public key is used.
    pub csr: String,
    /// What the host calls itself.
    pub hostname: Option<String>,
    /// Version of the agent.
    pub agent_version: String,
}

/// Whether the server takes data from an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Known, not yet approved by a person or the token's policy: nothing it sends takes effect.
    Pending,
    /// Its data counts.
    Approved,
    /// Refused for ever; its connections are closed.
    Revoked,
    /// Refused until a person approves it again: its host reports with other keys now.
    Suspended,
}

/// The server's answer: an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolReply {
    /// Drawn by the server.
    pub agent_id: AgentId,
    /// Pending or approved.
    pub status: AgentStatus,
    /// The agent's certificate, PEM.
    pub certificate: String,
    /// The certificate authority that signs server and agents, PEM.
    pub ca_certificate: String,
    /// Base URL of the agent listener, such as `https://rollcall.example:8444`.
    pub agent_url: String,
}

/// Text form of a join token: `rcj_` + URL-safe base64 without padding of `{"s":secret,"p":pin,"u":url}` (JSON).
pub const JOIN_TOKEN_PREFIX: &str = "rcj_";

/// What a join token carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinToken {
    /// 256 bit, hexadecimal; the only part that is secret.
    #[serde(rename = "s")]
    pub secret: String,
    /// SHA-256 of the certificate authority's public key (SubjectPublicKeyInfo, DER), hexadecimal: what the first contact trusts.
    #[serde(rename = "p")]
    pub ca_pin: String,
    /// Base URL of the API listener.
    #[serde(rename = "u")]
    pub url: String,
}
