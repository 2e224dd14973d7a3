//! Containers and WSL: systems that share a kernel, told from what their managers leave in them.

use super::super::text::tidy;
use super::super::{Scope, mounts};

/// Bytes of the environment of process 1.
const ENVIRONMENT_BYTES: usize = 256 << 10;

/// Bytes of the mount table that are looked at; what managers mount comes first.
const MOUNTS_BYTES: usize = 1 << 20;

/// The container technology when this is a container.
pub(crate) fn container(scope: &Scope<'_>) -> Option<String> {
    let table = MountTable::read(scope);
    // Kubernetes' containers carry the marks of the runtime below it too.
    if table.is_in_pod {
        return Some("kubernetes".to_owned());
    }
    // systemd, where it is process 1 of a container, writes down what its manager told it.
    if let Some(manager) = scope.attribute("/run/systemd/container") {
        return Some(manager).filter(|manager| manager != "wsl");
    }
    if scope.root().exists("/proc/vz") && !scope.root().exists("/proc/bc") {
        return Some("openvz".to_owned());
    }
    let marked = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker"), ("/dev/.lxc-boot-id", "lxc")];
    let marked = marked.into_iter().find(|(mark, _)| scope.root().exists(mark));
    // Images are turned into virtual machines with the marker file still in them: whoever mounts a whole disk as its root is no container.
    if let Some((_, name)) = marked.filter(|_| !table.has_disk_of_its_own) {
        return Some(name.to_owned());
    }
    if let Some(said) = environment_of_init(scope) {
        return Some(said).filter(|name| name != "wsl");
    }
    let cgroup = scope.text("/proc/1/cgroup").ok().flatten().unwrap_or_default();
    of_cgroup(&cgroup).or(table.runtime).map(str::to_owned)
}

/// `wsl1` or `wsl2`: the first has no Linux kernel, the second Microsoft's build of it.
pub(super) fn wsl(scope: &Scope<'_>) -> Option<&'static str> {
    let release = scope.attribute("/proc/sys/kernel/osrelease").unwrap_or_default();
    if release.contains("WSL2") || release.contains("microsoft-standard") {
        return Some("wsl2");
    }
    if release.contains("Microsoft") {
        return Some("wsl1");
    }
    // A kernel of the user's own still finds the way to Windows' programs registered.
    let marks = ["/run/WSL", "/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"];
    marks.iter().any(|mark| scope.root().exists(mark)).then_some("wsl2")
}

/// What the mount table says of where the root and the files that managers put over it come from.
#[derive(Debug, Default)]
struct MountTable {
    is_in_pod: bool,
    has_disk_of_its_own: bool,
    runtime: Option<&'static str>,
}

impl MountTable {
    fn read(scope: &Scope<'_>) -> Self {
        let mut table = Self::default();
        // An unreadable table is no hint, and other sections say that it is unreadable.
        let mut bytes = 0;
        let _ = scope.lines("/proc/self/mountinfo", |_, line| {
            bytes += line.len() + 1;
            if let Some(mount) = mounts::parse(line) {
                table.take(&mount);
            }
            Ok(bytes < MOUNTS_BYTES)
        });
        table
    }

    fn take(&mut self, mount: &mounts::Mount) {
        const OF_MANAGER: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
        // Where a runtime keeps what it mounts into its containers.
        const RUNTIMES: [(&str, &str); 6] = [
            ("/docker/", "docker"),
            ("/containers/storage/", "podman"),
            ("/overlay-containers/", "podman"),
            ("/libpod", "podman"),
            ("io.containerd", "containerd"),
            ("/crio", "cri-o"),
        ];
        let of_runtime = |text: &str| RUNTIMES.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
        match mount.mount_point.as_str() {
            "/" => {
                self.has_disk_of_its_own = mount.root == "/" && mount.source.starts_with("/dev/");
                let layers = mount.options.iter().filter(|option| option.starts_with("lowerdir=") || option.starts_with("upperdir="));
                if mount.fs_type.contains("overlay") {
                    self.runtime = self.runtime.or_else(|| layers.clone().find_map(|option| of_runtime(option)));
                }
            }
            "/run/secrets/kubernetes.io/serviceaccount" | "/var/run/secrets/kubernetes.io/serviceaccount" => self.is_in_pod = true,
            file if OF_MANAGER.contains(&file) => {
                self.is_in_pod |= mount.root.contains("/kubelet/pods/");
                self.runtime = self.runtime.or_else(|| of_runtime(&mount.root));
            }
            _ => {}
        }
    }
}

/// LXC, nspawn and podman set `container=` for process 1, Kubernetes the address of its service; readable with privileges only, and
/// its absence is no problem.
fn environment_of_init(scope: &Scope<'_>) -> Option<String> {
    let environment = scope.bytes("/proc/1/environ", ENVIRONMENT_BYTES).ok()??;
    let variables = || environment.split(|&byte| byte == 0);
    if variables().any(|entry| entry.starts_with(b"KUBERNETES_SERVICE_HOST=")) {
        return Some("kubernetes".to_owned());
    }
    tidy(&String::from_utf8_lossy(variables().find_map(|entry| entry.strip_prefix(b"container="))?))
}

/// Process 1 of a container sits below its runtime's control group unless it has a namespace of its own.
fn of_cgroup(text: &str) -> Option<&'static str> {
    const MARKS: [(&str, &str); 10] = [
        ("/kubepods", "kubernetes"),
        ("/docker", "docker"),
        ("/libpod", "podman"),
        ("/crio-", "cri-o"),
        ("cri-containerd", "containerd"),
        ("/containerd", "containerd"),
        ("/lxc", "lxc"),
        ("/machine.slice", "systemd-nspawn"),
        ("/garden/", "garden"),
        ("/ecs/", "docker"),
    ];
    let paths = || text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    MARKS.iter().find(|(mark, _)| paths().any(|path| path.contains(mark))).map(|(_, name)| *name)
}
