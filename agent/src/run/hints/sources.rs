//! The kernel's own announcements: inotify, rtnetlink, device events and the mount table.

use super::{EXTENSIONS, FOLDERS, Files, Watched, message_types, of_device_event, of_file, of_route_message};
use crate::kernel::awaited;
use rollcall_shared::SectionName;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType};
use std::fs::File;
use std::future::pending;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Groups of rtnetlink (linux/rtnetlink.h): links, addresses of both families, routes of both families.
const ROUTE_GROUPS: u32 = 0x1 | 0x10 | 0x100 | 0x40 | 0x400;

/// The kernel's own events; group 2 is udev's.
const KERNEL_EVENTS: u32 = 1;

/// Datagrams of netlink are at most 32 KiB here; of inotify some tens of events.
const BUFFER_BYTES: usize = 32 << 10;

/// Datagrams taken before the loop gets its turn.
const AT_ONCE: usize = 64;

const MOUNTS: &[SectionName] = &[SectionName::Filesystems, SectionName::MountOptions];
const ALL_ROUTE: &[SectionName] = &[SectionName::NetworkInterfaces, SectionName::Routes, SectionName::Neighbours];
const ALL_DEVICES: &[SectionName] = &[
    SectionName::Disks,
    SectionName::Volumes,
    SectionName::Filesystems,
    SectionName::UsbDevices,
    SectionName::PciDevices,
    SectionName::Monitors,
];

/// What could be opened; the rest is silent.
pub struct Sources {
    files: Option<(AsyncFd<OwnedFd>, Watched)>,
    routes: Option<AsyncFd<OwnedFd>>,
    devices: Option<AsyncFd<OwnedFd>>,
    mounts: Option<AsyncFd<OwnedFd>>,
}

impl Sources {
    /// Opens what this machine has. Needs a runtime.
    pub fn open(extensions: &str) -> Self {
        let folders = FOLDERS.iter().map(|folder| (folder.path, folder.files)).chain([(extensions, EXTENSIONS)]);
        let said =
            |what: &str, error: &io::Error| tracing::debug!(%error, what, "no hints from this source; the section waits for its turn");
        Self {
            files: open_files(folders).inspect_err(|error| said("inotify", error)).ok(),
            routes: open_socket(None, ROUTE_GROUPS).inspect_err(|error| said("rtnetlink", error)).ok(),
            devices: open_socket(Some(netlink::KOBJECT_UEVENT), KERNEL_EVENTS).inspect_err(|error| said("device events", error)).ok(),
            mounts: open_mounts().inspect_err(|error| said("the mount table", error)).ok(),
        }
    }

    /// One folder alone.
    #[cfg(test)]
    pub(super) fn of_folder(path: &str, files: Files) -> Self {
        Self { files: Some(open_files([(path, files)].into_iter()).expect("inotify")), routes: None, devices: None, mounts: None }
    }

    /// What the next announcement hints at; may be nothing.
    pub async fn next(&mut self) -> Vec<SectionName> {
        let Self { files, routes, devices, mounts } = self;
        tokio::select! {
            hinted = of_files(files) => hinted,
            hinted = of_socket(routes, ALL_ROUTE, |datagram| message_types(datagram).into_iter().flat_map(of_route_message).copied().collect()) => hinted,
            hinted = of_socket(devices, ALL_DEVICES, |event| of_device_event(event).to_vec()) => hinted,
            () = changed_mounts(mounts) => MOUNTS.to_vec(),
        }
    }
}

fn open_files<'a>(folders: impl Iterator<Item = (&'a str, Files)>) -> io::Result<(AsyncFd<OwnedFd>, Watched)> {
    let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let what = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ONLYDIR;
    // A folder that is not there, or that this user may not see, has no hints.
    let watched: Watched = folders.filter_map(|(path, files)| Some((inotify::add_watch(&inotify, path, what).ok()?, files))).collect();
    Ok((awaited(inotify, Interest::READABLE)?, watched))
}

async fn of_files(files: &mut Option<(AsyncFd<OwnedFd>, Watched)>) -> Vec<SectionName> {
    let Some((inotify, watched)) = files else { return pending().await };
    let Ok(mut ready) = inotify.readable().await else { return gone(files).await };
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut reader = inotify::Reader::new(ready.get_inner(), &mut buffer);
    let mut hinted = Vec::new();
    for _ in 0..AT_ONCE {
        match reader.next() {
            // More happened than the kernel remembers: anything may have changed.
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                hinted.extend(FOLDERS.iter().flat_map(|folder| folder.files).flat_map(|(_, sections)| *sections));
            }
            Ok(event) => {
                let name = event.file_name().and_then(|name| name.to_str().ok()).unwrap_or_default();
                hinted.extend(watched.get(&event.wd()).map_or(&[][..], |files| of_file(files, name)));
            }
            Err(_) => {
                ready.clear_ready();
                break;
            }
        }
    }
    hinted
}

/// rtnetlink is protocol 0, which is no protocol to the library.
fn open_socket(protocol: Option<Protocol>, groups: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    awaited(socket, Interest::READABLE)
}

async fn of_socket(
    socket: &mut Option<AsyncFd<OwnedFd>>,
    all: &[SectionName],
    parse: impl Fn(&[u8]) -> Vec<SectionName>,
) -> Vec<SectionName> {
    let Some(open) = socket else { return pending().await };
    let Ok(mut ready) = open.readable().await else { return gone(socket).await };
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hinted = Vec::new();
    for _ in 0..AT_ONCE {
        match rustix::net::recv(ready.get_inner(), &mut buffer[..], RecvFlags::empty()) {
            Ok((size, _)) => hinted.extend(parse(&buffer[..size.min(BUFFER_BYTES)])),
            Err(Errno::AGAIN) => {
                ready.clear_ready();
                break;
            }
            // More happened than the socket holds: anything may have changed.
            Err(_) => hinted.extend(all),
        }
    }
    hinted
}

/// The kernel marks the mount table as exceptional whenever it changes (proc(5)).
fn open_mounts() -> io::Result<AsyncFd<OwnedFd>> {
    awaited(File::open("/proc/self/mounts")?.into(), Interest::PRIORITY)
}

async fn changed_mounts(mounts: &mut Option<AsyncFd<OwnedFd>>) {
    let Some(open) = mounts else { return pending().await };
    let Ok(mut ready) = open.ready(Interest::PRIORITY).await else { return gone(mounts).await };
    ready.clear_ready();
}

/// A source that fails is silent from then on.
async fn gone<S, T>(source: &mut Option<S>) -> T {
    *source = None;
    pending().await
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |source: Option<i32>| source.unwrap_or(-1);
        f.debug_struct("Sources")
            .field("files", &number(self.files.as_ref().map(|(files, _)| files.as_raw_fd())))
            .field("routes", &self.routes.is_some())
            .field("devices", &self.devices.is_some())
            .field("mounts", &self.mounts.is_some())
            .finish()
    }
}
