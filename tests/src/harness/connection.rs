//! One kept-alive HTTP/1.1 connection over mutual TLS: as little as agents need, so that load is limited by the server and not by
//! its generator, and so that a test may send what no proper client would.

use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Head of a response: a handful of lines.
const HEAD_BYTES: usize = 16 << 10;

/// Body of a response: settings with a thousand thresholds stay far below.
const BODY_BYTES: usize = 4 << 20;

/// A connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    traffic: Traffic,
}

/// Bytes of HTTP that went either way; TLS adds 22 bytes a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the server.
    pub sent: u64,
    /// From the server.
    pub received: u64,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status of HTTP.
    pub status: u16,
    /// Seconds to wait before the next attempt, when the server said so.
    pub retry_after: Option<u64>,
    /// Whether the server keeps the connection.
    pub keep_alive: bool,
    /// The body.
    pub body: Vec<u8>,
}

/// A client's side of TLS 1.3: trusts one authority, shows one certificate or none.
///
/// # Errors
/// When a text is not PEM, or key and certificate do not belong together.
pub fn tls(authority: &[u8], identity: Option<(&str, &str)>) -> Result<Arc<ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = builder.with_root_certificates(roots);
    let Some((certificate, key)) = identity else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?))
}

impl Connection {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// When nobody listens or either side refuses the other.
    pub async fn open(address: SocketAddr, tls: Arc<ClientConfig>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        Ok(Self { stream, buffer: Vec::new(), traffic: Traffic::default() })
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// When the connection ends or the response is none.
    pub async fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: rollcall\r\ncontent-type: {content_type}\r\naccept: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.send(&request).await?;
        self.receive().await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.traffic.sent += bytes.len() as u64;
        Ok(self.stream.flush().await?)
    }

    /// Reads one response.
    ///
    /// # Errors
    /// When the connection ends or the response is none.
    pub async fn receive(&mut self) -> Result<Reply> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            ensure!(self.buffer.len() < HEAD_BYTES, "the response's head is too long");
            self.fill().await?;
        };
        let mut reply = Reply { status: 0, retry_after: None, keep_alive: true, body: Vec::new() };
        let length = parse_head(std::str::from_utf8(&self.buffer[..end])?, &mut reply)?;
        ensure!(length <= BODY_BYTES, "the response's body is too long");
        let total = end + 4 + length;
        while self.buffer.len() < total {
            self.fill().await?;
        }
        reply.body = self.buffer[end + 4..total].to_vec();
        self.buffer.drain(..total);
        Ok(reply)
    }

    /// What went over it so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Waits until the server ends the connection; what still arrives is thrown away.
    pub async fn closed(&mut self) {
        while self.fill().await.is_ok() {
            self.buffer.clear();
        }
    }

    async fn fill(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        if read == 0 {
            bail!("the server ended the connection");
        }
        self.traffic.received += read as u64;
        Ok(())
    }
}

fn parse_head(head: &str, reply: &mut Reply) -> Result<usize> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|rest| rest.get(..3));
    reply.status = status.context("no status line")?.parse()?;
    let mut length = 0;
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse()?,
            "transfer-encoding" => bail!("the answers to agents have a length"),
            "retry-after" => reply.retry_after = value.parse().ok(),
            "connection" if value.eq_ignore_ascii_case("close") => reply.keep_alive = false,
            _ => {}
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_status_length_and_advice() {
        let mut reply = Reply { status: 0, retry_after: None, keep_alive: true, body: Vec::new() };
        let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\nRetry-After: 2\r\nConnection: close";
        assert_eq!(parse_head(head, &mut reply).unwrap(), 12);
        assert_eq!((reply.status, reply.retry_after, reply.keep_alive), (503, Some(2), false));
    }

    #[test]
    fn other_texts_are_no_head() {
        for head in ["", "HTTP/2 200", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nno header"] {
            let mut reply = Reply { status: 0, retry_after: None, keep_alive: true, body: Vec::new() };
            assert!(parse_head(head, &mut reply).is_err(), "{head:?}");
        }
    }
}
