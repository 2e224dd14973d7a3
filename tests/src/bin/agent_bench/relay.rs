//! Counts what goes over the wire between an agent and its server: bytes of TCP, with TLS and all headers.

use anyhow::{Context, Result};
use rollcall_tests::harness::clock;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that comes this long after the one before begins another exchange; an agent pushes every minute.
const SILENCE: Duration = Duration::from_secs(2);

/// One request and its answer, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange {
    pub sent: u64,
    pub received: u64,
}

/// Counts while it lives.
#[derive(Clone, Default)]
pub struct Relay {
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Relay {
    /// What went over the wire so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().map(|exchanges| exchanges.clone()).unwrap_or_default()
    }

    fn carry(&self, agent: TcpStream, server: TcpStream) -> Result<()> {
        let (from_server, to_agent, relay) = (server.try_clone()?, agent.try_clone()?, self.clone());
        std::thread::spawn(move || copy(from_server, to_agent, |bytes| relay.count(false, |exchange| exchange.received += bytes)));
        let relay = self.clone();
        let mut last = None;
        std::thread::spawn(move || {
            copy(agent, server, |bytes| {
                let now = clock::instant();
                let is_new = last.is_none_or(|last| now.duration_since(last) > SILENCE);
                last = Some(now);
                relay.count(is_new, |exchange| exchange.sent += bytes);
            });
        });
        Ok(())
    }

    fn count(&self, is_new: bool, add: impl FnOnce(&mut Exchange)) {
        let Ok(mut exchanges) = self.exchanges.lock() else { return };
        if is_new || exchanges.is_empty() {
            exchanges.push(Exchange::default());
        }
        if let Some(exchange) = exchanges.last_mut() {
            add(exchange);
        }
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
