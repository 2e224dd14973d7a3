//! An agent that exists only in the test: enrols, pushes and uploads as the protocol says, and remembers what was acknowledged.

use super::connection::{self, Connection, Reply};
use super::host::Host;
use super::{Api, clock};
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rollcall_shared::enrol::{AgentStatus, EnrolReply, EnrolRequest, JOIN_TOKEN_PREFIX, JoinToken};
use rollcall_shared::message::{Content, Message, Payload, Push, PushReply, SCHEMA, Upload, UploadReply};
use rollcall_shared::{AgentId, ContentHash, Timestamp, endpoint, wire};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Rounds of "wanted → upload → push again" for one message: one is the rule, more is a server that forgets.
const ROUNDS: usize = 4;

/// Attempts to enrol while the server says "later": it limits how fast one address may enrol.
const ENROL_ATTEMPTS: usize = 600;

/// What enrolment gives.
#[derive(Clone)]
pub struct Identity {
    /// Drawn by the server.
    pub id: AgentId,
    /// Whether its data counts already.
    pub status: AgentStatus,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// What it trusts, PEM.
    pub authority: String,
    /// Where it pushes.
    pub address: SocketAddr,
}

/// An answer other than success.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Status of HTTP.
    pub status: u16,
    /// Stable code of the problem document.
    pub code: String,
    /// The document.
    pub text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.text)
    }
}

impl std::error::Error for Refusal {}

/// What a join token says.
///
/// # Errors
/// When it is none.
pub fn read_token(token: &str) -> Result<JoinToken> {
    let body = token.trim().strip_prefix(JOIN_TOKEN_PREFIX).context("a join token begins with its prefix")?;
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body)?)?)
}

/// Asks for an identity with the secret of a join token.
///
/// # Errors
/// When the server refuses, with a [`Refusal`].
pub async fn enrol(api: &Api, secret: &str, hostname: &str) -> Result<Identity> {
    let key = rcgen::KeyPair::generate()?;
    let csr = rcgen::CertificateParams::new(vec![])?.serialize_request(&key)?.pem()?;
    let request = EnrolRequest {
        token: secret.to_owned(),
        enrolment_id: format!("{:032x}", clock::random()?),
        csr,
        hostname: Some(hostname.to_owned()),
        agent_version: "0.1.0".into(),
    };
    let request = serde_json::to_value(&request)?;
    for _ in 0..ENROL_ATTEMPTS {
        let answer = api.send(reqwest::Method::POST, endpoint::ENROL, &[], Some(request.clone())).await?;
        if answer.status == 429 || answer.status == 503 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            continue;
        }
        if !answer.status.is_success() {
            bail!(Refusal { status: answer.status.as_u16(), code: answer.code(), text: answer.text });
        }
        let reply: EnrolReply = serde_json::from_str(&answer.text)?;
        let address = reply.agent_url.trim_start_matches("https://").trim_end_matches('/').parse().context("an address as agent URL")?;
        let (certificate, authority) = (reply.certificate, reply.ca_certificate);
        return Ok(Identity { id: reply.agent_id, status: reply.status, certificate, key: key.serialize_pem(), authority, address });
    }
    bail!("the server did not let {hostname} enrol in {ENROL_ATTEMPTS} attempts")
}

/// An agent with one connection and one numbered sequence of messages.
pub struct SimulatedAgent {
    /// Who it is.
    pub identity: Identity,
    /// What it describes.
    pub host: Host,
    /// One life of its spool.
    pub epoch: u64,
    /// Number of its next message.
    pub next: u64,
    /// Up to where the server acknowledged.
    pub acknowledged: u64,
    /// Version of the settings that it was last given.
    pub settings_version: u64,
    tls: Arc<rustls::ClientConfig>,
    connection: Option<Connection>,
}

impl SimulatedAgent {
    /// Enrols machine `number` of a fleet.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol(api: &Api, token: &str, host: Host) -> Result<Self> {
        let identity = enrol(api, &read_token(token)?.secret, &host.hostname).await?;
        Self::with_identity(identity, host)
    }

    /// An agent with an identity that it got earlier.
    ///
    /// # Errors
    /// When the identity's parts do not belong together.
    pub fn with_identity(identity: Identity, host: Host) -> Result<Self> {
        let tls = connection::tls(identity.authority.as_bytes(), Some((&identity.certificate, &identity.key)))?;
        let epoch = u64::try_from(clock::now().0)?;
        Ok(Self { identity, host, epoch, next: 1, acknowledged: 0, settings_version: 0, tls, connection: None })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.identity.id
    }

    /// Sends a body to a path on its kept-alive connection, opening one when there is none.
    ///
    /// # Errors
    /// When the connection fails; the next call opens another.
    pub async fn exchange(&mut self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => Connection::open(self.identity.address, Arc::clone(&self.tls)).await?,
        };
        let reply = connection.post(path, content_type, body).await?;
        if reply.keep_alive {
            self.connection = Some(connection);
        }
        Ok(reply)
    }

    /// Its open connection, if it has one.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Ends its connection.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// One push.
    ///
    /// # Errors
    /// A [`Refusal`] when the server says no, another error when it says nothing.
    pub async fn push(&mut self, messages: Vec<Message>) -> Result<PushReply> {
        let frame = self.frame(messages)?;
        self.push_frame(&frame).await
    }

    fn frame(&self, messages: Vec<Message>) -> Result<Vec<u8>> {
        let push = Push { epoch: self.epoch, sent_at: clock::now(), settings_version: self.settings_version, messages };
        Ok(wire::encode(SCHEMA, &push)?)
    }

    /// A push of one sample set with a chosen value of one metric as it is to be sent by [`Self::push_frame`], as the next message: the
    /// agents of a fleet prepare theirs each on a machine of its own.
    ///
    /// # Errors
    /// When it has no encoded form, which is a bug here.
    pub fn prepare(&mut self, at: Timestamp, metric: &str, value: f64) -> Result<Vec<u8>> {
        let sequence = self.next;
        self.next = sequence + 1;
        let set = self.host.sample_with(at, metric, value);
        self.frame(vec![Message { sequence, payload: Payload::Samples(vec![set]) }])
    }

    /// One push, encoded already.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn push_frame(&mut self, frame: &[u8]) -> Result<PushReply> {
        let reply = self.exchange(endpoint::PUSH, endpoint::FRAME_TYPE, frame).await?;
        let reply: PushReply = wire::decode(SCHEMA, &accepted(reply)?.body)?;
        self.acknowledged = self.acknowledged.max(reply.acknowledged);
        self.settings_version = reply.settings.as_ref().map_or(self.settings_version, |settings| settings.version);
        Ok(reply)
    }

    /// Uploads the wanted contents of its host.
    ///
    /// # Errors
    /// When one of them is not its own, or the server refuses.
    pub async fn upload(&mut self, wanted: &[ContentHash]) -> Result<()> {
        let own = |hash: &ContentHash| self.host.contents().iter().find(|content| content.hash == *hash);
        let sections: Option<Vec<Content>> = wanted.iter().map(|hash| own(hash).map(|found| Content(found.bytes.to_vec()))).collect();
        let sections = sections.context("the server wants what this agent never named")?;
        let frame = wire::encode(SCHEMA, &Upload { sections })?;
        let reply = self.exchange(endpoint::SECTIONS, endpoint::FRAME_TYPE, &frame).await?;
        let reply: UploadReply = wire::decode(SCHEMA, &accepted(reply)?.body)?;
        ensure!(reply.stored == wanted, "the server stored something else");
        Ok(())
    }

    /// Sends payloads as the next messages until they are acknowledged, uploading what the server wants.
    ///
    /// # Errors
    /// When the server refuses, or never acknowledges.
    pub async fn deliver(&mut self, payloads: Vec<Payload>) -> Result<PushReply> {
        let first = self.next;
        let messages: Vec<Message> = (first..).zip(payloads).map(|(sequence, payload)| Message { sequence, payload }).collect();
        let last = first + messages.len() as u64 - 1;
        self.next = last + 1;
        for _ in 0..ROUNDS {
            let unsent = messages.iter().filter(|message| message.sequence > self.acknowledged).cloned().collect();
            let reply = self.push(unsent).await?;
            if reply.acknowledged >= last {
                return Ok(reply);
            }
            ensure!(!reply.wanted.is_empty(), "message {last} is neither acknowledged ({}) nor is anything wanted", reply.acknowledged);
            self.upload(&reply.wanted).await?;
        }
        bail!("message {last} was not acknowledged after {ROUNDS} uploads")
    }

    /// Delivers that it started, and its whole inventory.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn introduce(&mut self) -> Result<PushReply> {
        let at = clock::now();
        let report = self.host.report(at);
        self.deliver(vec![Payload::Started { agent_version: "0.1.0".into(), at }, Payload::Report(report)]).await
    }

    /// Delivers one sample set.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn sample(&mut self, at: Timestamp) -> Result<PushReply> {
        let set = self.host.sample(at);
        self.deliver(vec![Payload::Samples(vec![set])]).await
    }

    /// Delivers one sample set with a chosen value of one metric.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn sample_with(&mut self, at: Timestamp, metric: &str, value: f64) -> Result<PushReply> {
        let set = self.host.sample_with(at, metric, value);
        self.deliver(vec![Payload::Samples(vec![set])]).await
    }
}

/// The reply, when it is a success.
///
/// # Errors
/// A [`Refusal`] otherwise.
pub fn accepted(reply: Reply) -> Result<Reply, Refusal> {
    if (200..300).contains(&reply.status) {
        return Ok(reply);
    }
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Err(Refusal { status: reply.status, code: problem["code"].as_str().unwrap_or_default().to_owned(), text })
}
