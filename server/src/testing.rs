//! A whole server in the test's process, on loopback and the memory store, and a client that can misbehave.

use crate::admin::Ask;
use crate::app::{Environment, Server};
use crate::ca::Authority;
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::config::{Config, render};
use crate::data_directory::{self, DataDirectory, Secrecy};
use crate::engine::Request as EngineRequest;
use crate::entropy::SystemEntropy;
use crate::store::memory::MemoryStore;
use crate::{tls, token};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command};
use rollcall_shared::enrol::{EnrolReply, EnrolRequest};
use rollcall_shared::{AgentId, endpoint};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server and what a test needs to know of it.
pub struct TestServer {
    pub server: Server,
    pub clock: Arc<ManualClock>,
    pub directory: DataDirectory,
    _root: tempfile::TempDir,
}

/// A certificate chain and its key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// An agent that enrolled.
pub struct Enrolled {
    pub id: AgentId,
    pub identity: Identity,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// `more` is appended to a configuration that listens on free ports.
    pub async fn start_with(more: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::create(root.path()).unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        Authority::create(&directory, clock.now(), &SystemEntropy).unwrap();
        let text = render(Some("127.0.0.1:0"), Some("127.0.0.1:0"), &[]) + more;
        data_directory::write_atomically(&directory.config(), text.as_bytes(), Secrecy::Open).unwrap();
        let config = Config::load(&directory.config()).unwrap();
        let environment = Environment { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let server = Server::start(config, Arc::new(MemoryStore::default()), environment).await.unwrap();
        Self { server, clock, directory, _root: root }
    }

    /// The secret of a new join token.
    pub async fn join_secret(&self, uses: u32, auto_approve: bool) -> String {
        let text = self.server.tokens.create(Ask::CreateJoinToken { uses, ttl_s: 3600, auto_approve }).await.unwrap();
        token::read_join_token(&text).unwrap().secret
    }

    pub async fn trust(&self, command: TrustCommand) {
        let command = Command::Trust(command);
        let request = EngineRequest { actor: Actor::Local, request_id: None, idempotency_key: None, command };
        self.server.engine.execute(request).await.unwrap();
    }

    pub async fn post_enrol(&self, request: &EnrolRequest) -> Reply {
        self.post_enrol_bytes("application/json", &serde_json::to_vec(request).unwrap()).await
    }

    pub async fn post_enrol_bytes(&self, media_type: &str, body: &[u8]) -> Reply {
        let mut connection = self.connect(self.server.api, None).await.unwrap();
        post(&mut connection, endpoint::ENROL, &[("content-type", media_type)], body).await.unwrap()
    }

    /// Enrols an approved agent.
    pub async fn enrol(&self) -> Enrolled {
        let (secret, key) = (self.join_secret(1, true).await, KeyPair::generate().unwrap());
        let reply = self.post_enrol(&enrol_request(&secret, 1, &key)).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        let reply: EnrolReply = serde_json::from_slice(&reply.body).unwrap();
        Enrolled { id: reply.agent_id, identity: identity(&reply.certificate, &key) }
    }

    pub async fn connect(&self, address: SocketAddr, identity: Option<&Identity>) -> io::Result<TlsStream<TcpStream>> {
        self.connect_with(address, self.client(identity, &[&rustls::version::TLS13])).await
    }

    pub async fn connect_with(&self, address: SocketAddr, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await
    }

    pub fn client(&self, identity: Option<&Identity>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.directory.ca_certificate()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(tls::provider()).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
        }
    }

    /// A leaf that the authority's real key signed, whatever it says.
    pub fn sign(&self, params: &CertificateParams) -> Identity {
        let authority = KeyPair::from_pem(&std::fs::read_to_string(self.directory.ca_key()).unwrap()).unwrap();
        let certificate = std::fs::read_to_string(self.directory.ca_certificate()).unwrap();
        sign(params, &Issuer::from_ca_cert_pem(&certificate, authority).unwrap())
    }
}

pub fn sign(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Identity {
    let key = KeyPair::generate().unwrap();
    identity(&params.signed_by(&key, issuer).unwrap().pem(), &key)
}

pub fn identity(certificate: &str, key: &KeyPair) -> Identity {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    Identity { chain, key: PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap() }
}

pub fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

/// A request to enrol as the `number`th attempt.
pub fn enrol_request(secret: &str, number: u32, key: &KeyPair) -> EnrolRequest {
    EnrolRequest {
        token: secret.to_owned(),
        enrolment_id: format!("{number:032x}"),
        csr: csr(key),
        hostname: Some("web-1".into()),
        agent_version: "0.1.0".into(),
    }
}

/// One exchange over HTTP/1.1 on a connection that stays open.
pub async fn post(stream: &mut TlsStream<TcpStream>, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    // A server that refuses a body by its declared length may hang up before all of it is written.
    let _ = stream.write_all(body).await;
    read_reply(stream).await
}

async fn read_reply(stream: &mut TlsStream<TcpStream>) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Reply { status, head, body })
}
