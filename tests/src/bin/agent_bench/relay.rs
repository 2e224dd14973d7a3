//! Counts what goes over the wire between an agent and its server: bytes of TCP, with TLS and all headers.

use anyhow::{Context, Result};
use rollcall_tests::harness::clock;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A request that comes this long after the one before begins another exchange; an agent pushes every minute.
const SILENCE: Duration = Duration::from_secs(2);

/// What went over the wire so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub sent: u64,
    pub received: u64,
    pub exchanges: u64,
}

impl Count {
    pub fn since(self, before: Self) -> Self {
        Self { sent: self.sent - before.sent, received: self.received - before.received, exchanges: self.exchanges - before.exchanges }
    }
}

/// Counts while it lives.
#[derive(Clone, Default)]
pub struct Relay {
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
    exchanges: Arc<AtomicU64>,
}

impl Relay {
    pub fn count(&self) -> Count {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Count { sent: read(&self.sent), received: read(&self.received), exchanges: read(&self.exchanges) }
    }

    fn carry(&self, agent: TcpStream, server: TcpStream) -> Result<()> {
        let (from_server, to_agent, relay) = (server.try_clone()?, agent.try_clone()?, self.clone());
        std::thread::spawn(move || copy(from_server, to_agent, |bytes| relay.add(&relay.received, bytes)));
        let relay = self.clone();
        let mut last = None;
        std::thread::spawn(move || {
            copy(agent, server, |bytes| {
                let now = clock::instant();
                if last.is_none_or(|last| now.duration_since(last) > SILENCE) {
                    relay.add(&relay.exchanges, 1);
                }
                last = Some(now);
                relay.add(&relay.sent, bytes);
            });
        });
        Ok(())
    }

    fn add(&self, counter: &AtomicU64, bytes: u64) {
        counter.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Puts a relay between an enrolled agent and its server, by the agent's own file.
pub fn between(agent_file: &Path) -> Result<Relay> {
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(agent_file)?)?;
    let url = file["agent_url"].as_str().context("an agent URL")?.to_owned();
    let (host, port) = url.rsplit_once(':').context("a port")?;
    let port: u16 = port.trim_end_matches('/').parse()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    file["agent_url"] = format!("{host}:{}", listener.local_addr()?.port()).into();
    std::fs::write(agent_file, file.to_string())?;
    let relay = Relay::default();
    let counting = relay.clone();
    std::thread::spawn(move || {
        for agent in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                let _ = counting.carry(agent, server);
            }
        }
    });
    Ok(relay)
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut count: impl FnMut(u64)) {
    let mut buffer = [0; 16 << 10];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        count(size as u64);
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
