//! Power cuts: the server on a file system that loses everything that was not synced.
//!
//! ext4's shutdown ioctl without a flush of its log leaves the disk as a power cut would. `tests/run` finds out whether this
//! machine can do it (root, loop devices) and sets `ROLLCALL_POWER_CUTS`; without it nothing is tried, and the test says so.

use crate::crash::{Ledger, check_obligations, talk};
use anyhow::{Context, Result, ensure};
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::host::Random;
use rollcall_tests::harness::process::tell;
use rollcall_tests::harness::server::{succeed, text};
use rollcall_tests::harness::{Host, Server, SimulatedAgent, until, until_async};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH` (linux/ext4.h): nothing that is not on the disk gets there.
const SHUTDOWN: &str = r#"open(my $d, "<", $ARGV[0]) or die $!; my $f = pack("I", 2); ioctl($d, 0x8004587d, $f) or die $!"#;

/// Large enough for the store, small enough for a temporary directory.
const DISK_BYTES: u64 = 256 << 20;

/// Longest time between two cuts.
const LONGEST_PAUSE_MS: u64 = 600;

/// A file system in a file.
struct Disk {
    device: String,
    mount: PathBuf,
}

impl Disk {
    fn create(directory: &Path) -> Result<Self> {
        let (image, mount) = (directory.join("disk"), directory.join("mount"));
        std::fs::File::create(&image)?.set_len(DISK_BYTES)?;
        std::fs::create_dir(&mount)?;
        run("mkfs.ext4", &["-q", "-F", text(&image)?])?;
        let device = run("losetup", &["-f", "--show", text(&image)?])?.trim().to_owned();
        let disk = Self { device, mount };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        run("mount", &["-t", "ext4", &self.device, text(&self.mount)?]).map(drop)
    }

    fn cut_power(&self) -> Result<()> {
        run("perl", &["-e", SHUTDOWN, text(&self.mount)?]).map(drop)
    }

    fn unmount(&self) -> Result<()> {
        let mount = text(&self.mount)?;
        until(PATIENCE, "the file system to be unmounted", || run("umount", &[mount]).map(Some)).map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.unmount();
        let _ = run("losetup", &["-d", &self.device]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    succeed(output).with_context(|| format!("{program} {arguments:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_power_fails() -> Result<()> {
    let cuts: u64 = std::env::var("ROLLCALL_POWER_CUTS").ok().map_or(Ok(0), |count| count.parse())?;
    if cuts == 0 {
        tell("SKIPPED: no power cut: tests/run sets ROLLCALL_POWER_CUTS where root and loop devices are there");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let disk = Disk::create(directory.path())?;
    let mut server = Server::start(&disk.mount)?;
    let api = server.api()?;
    let began = clock::now();
    let mut agent = SimulatedAgent::enrol(&api, &server.join_token(1)?, Host::new(20_261_121, 0)?).await?;
    agent.introduce().await?;
    let id = agent.id();

    let ledger = Arc::new(Ledger::default());
    let talking = tokio::spawn(talk(agent, Arc::clone(&ledger)));
    cut_and_restart(cuts, &disk, &mut server, &ledger).await?;
    ledger.stop.store(true, Ordering::Relaxed);
    let mut agent = talking.await??;

    agent.sample(clock::now()).await?;
    let known = api.get(&format!("/api/v1/agents/{id}")).await?;
    let host = known["ci"].as_str().context("the agent's host")?;
    check_obligations(&api, host, &ledger, began).await?;
    server.stop()?;
    server.verify()?;
    server.leave_log_unchecked();
    Ok(())
}

async fn cut_and_restart(cuts: u64, disk: &Disk, server: &mut Server, ledger: &Ledger) -> Result<()> {
    let seed = u64::try_from(clock::now().0)?;
    tell(&format!("power cuts: {cuts}, seed {seed}"));
    let mut random = Random::new(seed);
    let mut lost = 0;
    for cut in 0..cuts {
        let before = ledger.through.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(random.below(LONGEST_PAUSE_MS))).await;
        let unsynced = disk.mount.join(format!("unsynced-{cut}"));
        std::fs::write(&unsynced, [1; 4096])?;
        disk.cut_power()?;
        server.kill()?;
        disk.unmount()?;
        disk.mount()?;
        lost += u64::from(!std::fs::read(&unsynced).is_ok_and(|bytes| bytes == [1; 4096]));
        server.run().with_context(|| format!("start after cut {cut}"))?;
        let what = format!("acknowledgements after cut {cut}");
        until_async(PATIENCE, &what, async || Ok((ledger.through.load(Ordering::Relaxed) > before + 1).then_some(()))).await?;
    }
    ensure!(lost > 0, "the cuts were real: what nobody synced is lost at least once");
    Ok(())
}
