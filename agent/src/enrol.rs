//! Enrolment: from a join token to an identity.
//!
//! Key and enrolment id are on disk before the first request, so that an attempt that was cut short anywhere is the same
//! attempt when it is made again. `agent.json` is written last. The token is never written down, logged or shown.

use crate::clock::Clock;
use crate::entropy::{self, NoEntropy};
use crate::http::{Failure, Http};
use crate::identity::{AGENT_FILE, AUTHORITY_FILE, AgentFile, CERTIFICATE_FILE, KEY_FILE};
use crate::platform;
use crate::state::{StateDir, StateError};
use crate::trust::{self, CaPin, TrustError};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rollcall_shared::endpoint;
use rollcall_shared::enrol::{EnrolReply, EnrolRequest, JOIN_TOKEN_PREFIX, JoinToken};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A token is about 300 bytes; a file beyond this is another file.
const TOKEN_BYTES: u64 = 8 << 10;

/// Two certificates, an id and a URL.
const REPLY_BYTES: usize = 64 << 10;

const ATTEMPT_FILE: &str = "enrolment.json";

/// Why enrolment did not happen. Every case can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The token cannot be read.
    #[error("{}: cannot read the join token: {source}", path.display())]
    TokenFile {
        /// `-` for standard input.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a token.
    #[error("the join token is not valid: {0}; copy it whole, it begins with {JOIN_TOKEN_PREFIX}")]
    Token(&'static str),
    /// Not a URL for an agent.
    #[error("{url:?} is no server URL: {why}; it looks like https://rollcall.example:8443")]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// TLS parts.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The exchange.
    #[error("{url}: {failure}")]
    Exchange {
        /// The server.
        url: String,
        /// What happened.
        failure: Failure,
    },
    /// The answer cannot be used.
    #[error("{url}: the answer is refused: {why}")]
    Answer {
        /// The server.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No key could be made.
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// Reads a token from a file, or from standard input for `-`.
///
/// # Errors
/// When it cannot be read or is no token.
pub fn read_token(path: &Path) -> Result<JoinToken, EnrolError> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        io::stdin().lock().take(TOKEN_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(TOKEN_BYTES).read_to_string(&mut text))
    };
    read.map_err(|source| EnrolError::TokenFile { path: path.to_owned(), source })?;
    parse_token(&text)
}

/// Reads the text form of a token. Errors never repeat it.
///
/// # Errors
/// [`EnrolError::Token`] or [`EnrolError::Url`].
pub fn parse_token(text: &str) -> Result<JoinToken, EnrolError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(EnrolError::Token("it is empty"));
    }
    let body = text.strip_prefix(JOIN_TOKEN_PREFIX).ok_or(EnrolError::Token("it does not begin as one"))?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(body).map(Zeroizing::new).map_err(|_| EnrolError::Token("it is not base64"))?;
    let token: JoinToken = serde_json::from_slice(&json).map_err(|_| EnrolError::Token("its content is not a token's"))?;
    let is_secret = token.secret.len() == 64 && token.secret.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_secret {
        return Err(EnrolError::Token("its secret is not 64 hexadecimal digits"));
    }
    token.ca_pin.parse::<CaPin>().map_err(|_| EnrolError::Token("its pin is not 64 hexadecimal digits"))?;
    server_url(&token.url)?;
    Ok(token)
}

/// Checks a base URL and brings it into the form that paths are appended to.
///
/// # Errors
/// Anything but `https://host[:port]`.
pub fn server_url(text: &str) -> Result<String, EnrolError> {
    let refuse = |why| EnrolError::Url { url: text.chars().take(200).collect(), why };
    let url = reqwest::Url::parse(text).map_err(|_| refuse("it is not a URL"))?;
    if url.scheme() != "https" {
        return Err(refuse("only https is spoken"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refuse("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("there is something beside host and port"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The attempt in progress.
#[derive(Debug, Serialize, Deserialize)]
struct Attempt {
    enrolment_id: String,
}

/// Enrols. `server` is where; the token's own URL is used by whoever calls this without another wish.
///
/// # Errors
/// Every [`EnrolError`]; the attempt stays on disk and may be made again.
pub async fn enrol(state: &StateDir, server: &str, token: &JoinToken, clock: &dyn Clock) -> Result<AgentFile, EnrolError> {
    let url = server_url(server)?;
    let pin = token.ca_pin.parse::<CaPin>().map_err(|_| EnrolError::Token("its pin is not 64 hexadecimal digits"))?;
    let (attempt, key) = prepare(state)?;
    let request = EnrolRequest {
        token: token.secret.clone(),
        enrolment_id: attempt.enrolment_id.clone(),
        csr: rcgen::CertificateParams::new(Vec::new())?.serialize_request(&key)?.pem()?,
        hostname: platform::node_name(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let reply = exchange(&url, pin, &request).await?;
    check_reply(&reply, pin, &key).map_err(|why| EnrolError::Answer { url: url.clone(), why })?;
    let file = AgentFile {
        agent_id: reply.agent_id,
        status_at_enrolment: reply.status,
        server_url: url,
        agent_url: server_url(&reply.agent_url)?,
        enrolment_id: attempt.enrolment_id,
        ca_pin: pin.to_string(),
        enrolled_at: clock.now().wall,
        epoch: 0,
    };
    state.install(AUTHORITY_FILE, reply.ca_certificate.as_bytes())?;
    state.install(CERTIFICATE_FILE, reply.certificate.as_bytes())?;
    state.install_json(AGENT_FILE, &file)?;
    Ok(file)
}

/// The key and the name of the attempt: those on disk, or new ones that are on disk when this returns.
fn prepare(state: &StateDir) -> Result<(Attempt, rcgen::KeyPair), EnrolError> {
    let key = match state.read(KEY_FILE)?.map(Zeroizing::new) {
        Some(text) => rcgen::KeyPair::from_pem(&text)?,
        None => {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            state.install(KEY_FILE, Zeroizing::new(key.serialize_pem()).as_bytes())?;
            key
        }
    };
    let attempt = match state.read_json(ATTEMPT_FILE)? {
        Some(attempt) => attempt,
        None => {
            let random: [u8; 16] = entropy::draw()?;
            let attempt = Attempt { enrolment_id: random.iter().map(|byte| format!("{byte:02x}")).collect() };
            state.install_json(ATTEMPT_FILE, &attempt)?;
            attempt
        }
    };
    Ok((attempt, key))
}

async fn exchange(url: &str, pin: CaPin, request: &EnrolRequest) -> Result<EnrolReply, EnrolError> {
    let fail = |failure| EnrolError::Exchange { url: url.to_owned(), failure };
    let http = Http::new(trust::first_contact(pin)?, url).map_err(fail)?;
    let body = serde_json::to_vec(request).map_err(|error| fail(Failure::Malformed(error.to_string())))?;
    let answer = http.post(endpoint::ENROL, Some(("content-type", "application/json")), body, REPLY_BYTES).await.map_err(fail)?;
    serde_json::from_slice(&answer).map_err(|error| fail(Failure::Malformed(error.to_string())))
}

/// The answer must keep what the token promised: the pinned authority, and a certificate for our key.
fn check_reply(reply: &EnrolReply, pin: CaPin, key: &rcgen::KeyPair) -> Result<(), String> {
    let authority = trust::certificate_of("its authority", &reply.ca_certificate).map_err(|error| error.to_string())?;
    if CaPin::of(&authority) != Some(pin) {
        return Err("its authority is not the one that the join token names".to_owned());
    }
    let certified = trust::public_key_of("its certificate", &reply.certificate).map_err(|error| error.to_string())?;
    if certified != rcgen::PublicKeyData::subject_public_key_info(key) {
        return Err("its certificate is for another key".to_owned());
    }
    trust::enrolled(&reply.ca_certificate, &reply.certificate, &Zeroizing::new(key.serialize_pem())).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests;
