//! A machine within this machine where nothing happens: process, mount, network, host name and IPC namespaces of their own.
//!
//! Hardware, files and package databases are this machine's own; processes, sockets, interfaces and routes are only those that a
//! test puts there. The way out is a relay whose listening socket was made inside and whose connections are made outside.

use super::clock::{self, PATIENCE};
use super::process::Process;
use super::server::text;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;

/// Run as the first process inside: the loopback interface, and a sysfs that shows the network inside with all that is mounted on it.
const SETTLE_IN: &str = "ip link set lo up && mount --rbind /sys \"$1\" && mount -t sysfs sysfs /sys && \
    mount --rbind \"$1/fs/cgroup\" /sys/fs/cgroup && umount -l \"$1\" && exec sleep infinity";

/// Namespaces that live as long as this.
pub struct Seclusion {
    /// `unshare`; when it ends, the kernel ends all that runs inside.
    outside: Process,
    /// The first process inside, by its number outside.
    first: u32,
}

impl Seclusion {
    /// Makes them; `directory` is for a log and a mount point.
    ///
    /// # Errors
    /// Without root, or without `unshare`, `nsenter` and `ip` (util-linux, iproute2).
    pub fn start(directory: &Path) -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "namespaces of its own need root");
        let aside = directory.join("sys");
        std::fs::create_dir(&aside)?;
        let namespaces = ["--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--uts", "--ipc"];
        let arguments = [&namespaces[..], &["sh", "-c", SETTLE_IN, "sh", text(&aside)?]].concat();
        let mut outside = Process::start(Path::new("unshare"), &arguments, &directory.join("seclusion.log"))?;
        let first = clock::until(PATIENCE, "the namespaces", || {
            outside.ensure_alive()?;
            let child = only_child(outside.id())?;
            Ok((std::fs::read_to_string(format!("/proc/{child}/comm"))?.trim() == "sleep").then_some(child))
        });
        let first = first.with_context(|| outside.tail())?;
        Ok(Self { outside, first })
    }

    /// Makes what is said to `address` inside come to the same address outside.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn relay(&self, address: SocketAddr) -> Result<()> {
        let network = File::open(format!("/proc/{}/ns/net", self.first))?;
        // A thread of its own: what it enters, it never leaves.
        let inside = std::thread::spawn(move || -> Result<TcpListener> {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(TcpListener::bind(address)?)
        });
        let listener = inside.join().map_err(|_| anyhow::anyhow!("the thread inside died"))??;
        std::thread::spawn(move || {
            for inside in listener.incoming().flatten() {
                if let Ok(outside) = TcpStream::connect(address) {
                    let _ = join(&inside, &outside);
                }
            }
        });
        Ok(())
    }

    /// Starts a program inside.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&mut self, program: &Path, arguments: &[&str], log: &Path) -> Result<Resident> {
        self.outside.ensure_alive()?;
        let first = self.first.to_string();
        let enter = ["--target", &first, "--pid", "--mount", "--net", "--uts", "--ipc", text(program)?];
        let outside = Process::start(Path::new("nsenter"), &[&enter[..], arguments].concat(), log)?;
        let id = clock::until(PATIENCE, "the program inside", || only_child(outside.id()).map(Some)).with_context(|| outside.tail())?;
        Ok(Resident { outside, id })
    }
}

/// A program inside.
pub struct Resident {
    /// `nsenter`, which ends as the program does.
    outside: Process,
    /// The program's number outside.
    id: u32,
}

impl Resident {
    /// Whether it still runs; an error with the end of its log when it does not.
    ///
    /// # Errors
    /// When it ended.
    pub fn ensure_alive(&mut self) -> Result<()> {
        self.outside.ensure_alive()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.ensure_alive()?;
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw).context("a process number")?;
        Ok(kill_process(id, signal)?)
    }

    /// Asks it to end and waits until it did, with exit code 0.
    ///
    /// # Errors
    /// When it does not end in time, or fails.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = clock::until(PATIENCE, "the program inside to end", || self.outside.ended())?;
        ensure!(status.success(), "it stopped with {status}\n{}", self.outside.tail());
        Ok(())
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let _ = self.signal(Signal::TERM);
    }
}

fn only_child(id: u32) -> Result<u32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    children.split_whitespace().next().and_then(|child| child.parse().ok()).with_context(|| format!("process {id} has no child"))
}

fn join(one: &TcpStream, other: &TcpStream) -> Result<()> {
    for (from, to) in [(one, other), (other, one)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        std::thread::spawn(move || carry(from, to));
    }
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
