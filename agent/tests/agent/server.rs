//! A server that speaks just enough of the protocol: TLS 1.3 with optional client certificates, HTTP/1.1, one thread a connection.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair};
use rollcall_agent::trust::CaPin;
use rollcall_shared::enrol::{AgentStatus, EnrolReply, EnrolRequest, JoinToken};
use rollcall_shared::message::{Payload, Push, PushReply, SCHEMA, Upload, UploadReply};
use rollcall_shared::{AgentId, ContentHash, Timestamp, endpoint, wire};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A test that waits longer than this has failed; on a loaded machine everything still takes a few seconds at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happened.
pub enum Event {
    Message(Payload),
    Refused,
}

#[derive(Default)]
struct Stored {
    messages: BTreeMap<(u64, u64), Payload>,
    acknowledged: BTreeMap<u64, u64>,
    content: BTreeMap<ContentHash, Vec<u8>>,
    refusals: VecDeque<(u16, String)>,
    attempts: Vec<(String, Vec<u8>)>,
}

struct Inner {
    authority: CertifiedIssuer<'static, KeyPair>,
    url: String,
    stored: Mutex<Stored>,
    events: Sender<Event>,
}

pub struct Server {
    pub url: String,
    inner: Arc<Inner>,
    events: Mutex<Receiver<Event>>,
}

type Answer = (u16, &'static str, Vec<u8>);

impl Server {
    pub fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let tls = Arc::new(tls(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (sender, events) = channel();
        let inner = Arc::new(Inner { authority, url: url.clone(), stored: Mutex::default(), events: sender });
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, inner) = (tls.clone(), shared.clone());
                std::thread::spawn(move || inner.serve(stream, tls));
            }
        });
        Self { url, inner, events: Mutex::new(events) }
    }

    pub fn token(&self) -> String {
        self.token_with_pin(&CaPin::of(self.inner.authority.der()).unwrap().to_string())
    }

    pub fn token_with_pin(&self, pin: &str) -> String {
        let token = JoinToken { secret: "ab".repeat(32), ca_pin: pin.to_owned(), url: self.url.clone() };
        format!("rcj_{}\n", BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap()))
    }

    /// Refuses the next request.
    pub fn refuse(&self, status: u16, code: &str, detail: &str) {
        let body = serde_json::json!({"type": "about:blank", "title": "No", "status": status, "detail": detail, "code": code});
        self.inner.stored.lock().unwrap().refusals.push_back((status, body.to_string()));
    }

    pub fn attempts(&self) -> Vec<(String, Vec<u8>)> {
        self.inner.stored.lock().unwrap().attempts.clone()
    }

    pub fn content(&self, hash: &ContentHash) -> Vec<u8> {
        self.inner.stored.lock().unwrap().content.get(hash).cloned().unwrap_or_else(|| panic!("{hash} was never uploaded"))
    }

    /// The first thing that `wanted` finds in a message that takes effect from now on.
    pub fn wait_for<T>(&self, wanted: impl Fn(&Payload) -> Option<T>) -> T {
        self.wait_for_event(|event| if let Event::Message(payload) = event { wanted(payload) } else { None })
    }

    pub fn wait_for_event<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let events = self.events.lock().unwrap();
        loop {
            if let Some(found) = wanted(&events.recv_timeout(PATIENCE).unwrap()) {
                return found;
            }
        }
    }

    /// One epoch, and every number from 1 took effect.
    pub fn check_each_number_arrived(&self) {
        let stored = self.inner.stored.lock().unwrap();
        let numbers: Vec<u64> = stored.messages.keys().map(|(_, sequence)| *sequence).collect();
        assert_eq!(stored.acknowledged.len(), 1, "one epoch");
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}

fn tls(authority: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).allow_unauthenticated().build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone(), authority.der().clone()], key)
        .unwrap()
}

impl Inner {
    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let connection = ServerConnection::new(tls).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while let Ok(Some((path, body))) = request(&mut stream) {
            let has_certificate = stream.get_ref().conn.peer_certificates().is_some();
            let (status, media_type, body) = self.answer(&path, &body, has_certificate);
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
            let stream = stream.get_mut();
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, path: &str, body: &[u8], has_certificate: bool) -> Answer {
        let mut stored = self.stored.lock().unwrap();
        if path == endpoint::ENROL {
            let request: EnrolRequest = serde_json::from_slice(body).unwrap();
            stored.attempts.push((request.enrolment_id.clone(), public_key(&request.csr)));
        }
        if let Some((status, body)) = stored.refusals.pop_front() {
            let _ = self.events.send(Event::Refused);
            return (status, "application/problem+json", body.into_bytes());
        }
        assert!(path == endpoint::ENROL || has_certificate, "{path} without a certificate");
        match path {
            endpoint::ENROL => (200, "application/json", self.enrol(&serde_json::from_slice(body).unwrap())),
            endpoint::PUSH => (200, endpoint::FRAME_TYPE, self.push(&mut stored, wire::decode(SCHEMA, body).unwrap())),
            endpoint::SECTIONS => {
                let upload: Upload = wire::decode(SCHEMA, body).unwrap();
                let named = upload.sections.into_iter().map(|content| (ContentHash::of(&content.0), content.0));
                let named: BTreeMap<_, _> = named.collect();
                let reply = UploadReply { stored: named.keys().copied().collect() };
                stored.content.extend(named);
                (200, endpoint::FRAME_TYPE, wire::encode(SCHEMA, &reply).unwrap())
            }
            _ => (404, "text/plain", Vec::new()),
        }
    }

    fn enrol(&self, request: &EnrolRequest) -> Vec<u8> {
        assert_eq!(request.token, "ab".repeat(32));
        let csr = CertificateSigningRequestParams::from_pem(&request.csr).unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().signed_by(&csr.public_key, &self.authority).unwrap();
        let reply = EnrolReply {
            agent_id: AgentId(7),
            status: AgentStatus::Approved,
            certificate: certificate.pem(),
            ca_certificate: self.authority.pem(),
            agent_url: self.url.clone(),
        };
        serde_json::to_vec(&reply).unwrap()
    }

    fn push(&self, stored: &mut Stored, push: Push) -> Vec<u8> {
        let mut acknowledged = stored.acknowledged.get(&push.epoch).copied().unwrap_or(0);
        let mut wanted = Vec::new();
        for message in push.messages {
            // Sent again because the agent was killed before it could note the acknowledgement.
            if message.sequence <= acknowledged {
                continue;
            }
            wanted = contents_of(&message.payload);
            wanted.retain(|hash| !stored.content.contains_key(hash));
            if !wanted.is_empty() {
                break;
            }
            acknowledged = message.sequence;
            stored.messages.insert((push.epoch, message.sequence), message.payload.clone());
            let _ = self.events.send(Event::Message(message.payload));
        }
        stored.acknowledged.insert(push.epoch, acknowledged);
        let reply = PushReply { acknowledged, wanted, settings: None, server_time: Timestamp(0) };
        wire::encode(SCHEMA, &reply).unwrap()
    }
}

fn public_key(csr: &str) -> Vec<u8> {
    use rcgen::PublicKeyData;
    CertificateSigningRequestParams::from_pem(csr).unwrap().public_key.subject_public_key_info()
}

fn contents_of(payload: &Payload) -> Vec<ContentHash> {
    match payload {
        Payload::Samples(sets) => sets.iter().map(|set| set.table).collect(),
        Payload::Report(report) => report.sections.iter().filter_map(|entry| entry.hash).collect(),
        _ => Vec::new(),
    }
}

/// Path and body; `None` when the client is gone.
fn request(stream: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((path, body)))
}
