//! Whoever is notified: takes requests on loopback, confirms each, and remembers when it came.

use super::Arrival;
use anyhow::{Context, Result};
use rollcall_tests::harness::clock;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a request; one of 10,000 incidents is cut by the sender long before.
const BODY_BYTES: usize = 16 << 20;

/// The receiver.
pub struct Receiver {
    address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Receiver {
    /// Listens on a port of its own.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, arrivals) = (listener.local_addr()?, Arc::<Mutex<Vec<Arrival>>>::default());
        let known = Arc::clone(&arrivals);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&known)));
            }
        });
        Ok(Self { address, arrivals })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far.
    pub fn count(&self) -> usize {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// When request number `place` came.
    pub fn arrival(&self, place: usize) -> Option<Instant> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).get(place).map(|(at, _)| *at)
    }

    /// The bodies of all requests from number `place` on.
    pub fn since(&self, place: usize) -> Vec<String> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).iter().skip(place).map(|(_, body)| body.clone()).collect()
    }

    /// When the first request came that names something.
    pub async fn first_about(&self, word: &str, patience: Duration) -> Option<Instant> {
        let deadline = clock::instant() + patience;
        loop {
            let found = {
                let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
                arrivals.iter().find(|(_, body)| body.contains(word)).map(|(at, _)| *at)
            };
            if found.is_some() || clock::instant() >= deadline {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(stream: TcpStream, arrivals: Arc<Mutex<Vec<Arrival>>>) {
    let mut stream = BufReader::new(stream);
    // A connection that ends is the sender's affair.
    while let Ok(body) = request(&mut stream).await {
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((clock::instant(), body));
        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        anyhow::ensure!(stream.read_line(&mut line).await? > 0, "the connection ended");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().context("a length")?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    anyhow::ensure!(length <= BODY_BYTES, "the request is too long");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
