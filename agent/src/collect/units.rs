//! Which unit, control group or container a process belongs to, from `/proc/<pid>/cgroup`.

use super::text::tidy;

/// The systemd unit, else the control group's path; none at the root.
pub(crate) fn of_cgroup(text: &str) -> Option<String> {
    let hierarchy = |name: &str| text.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(name)?.strip_prefix(':'));
    // systemd's own hierarchy on version 1, the only one on version 2.
    let path = hierarchy("name=systemd").filter(|path| *path != "/").or_else(|| hierarchy(""))?;
    let is_unit = |part: &&str| [".service", ".scope", ".socket", ".mount", ".swap"].iter().any(|suffix| part.ends_with(suffix));
    let unit = path.rsplit('/').find(is_unit);
    let found = unit.unwrap_or(path);
    // A scope of a log-in or of a container's exec has a number that changes; that is the process's own.
    tidy(found).filter(|found| found != "/")
}

/// The outermost container in a control group's path, by its id or name: the one that this machine's runtime knows. None for a process
/// of the host.
pub(crate) fn container_of_cgroup(text: &str) -> Option<String> {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(containers).next()
}

/// `lxc.payload.NAME`, `lxc/NAME`, `machine-NAME.scope`, or an id of the Open Container Initiative's runtimes.
fn containers(path: &str) -> impl Iterator<Item = String> {
    let mut before = "";
    path.split('/').filter_map(move |part| {
        let above = std::mem::replace(&mut before, part);
        let lxc = part.strip_prefix("lxc.payload.").or(Some(part).filter(|_| above == "lxc")).filter(|name| !name.is_empty());
        lxc.and_then(tidy).or_else(|| container_id(part).map(str::to_owned)).or_else(|| machine(part))
    })
}

/// `<id>`, `docker-<id>.scope`, `cri-containerd-<id>.scope`, `libpod-<id>.scope`, …; `conmon` watches a container from outside.
fn container_id(part: &str) -> Option<&str> {
    /// Ids are SHA-256 sums.
    const ID_DIGITS: usize = 64;
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let (runtime, id) = name.rsplit_once('-').unwrap_or(("", name));
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_id && !runtime.ends_with("conmon")).then_some(id)
}

/// systemd's name of a machine, with its escapes taken back; virtual machines have one too.
fn machine(part: &str) -> Option<String> {
    let name = part.strip_suffix(".scope")?.strip_prefix("machine-").filter(|name| !name.is_empty() && !name.starts_with("qemu"))?;
    tidy(&name.replace("\\x2d", "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(of_cgroup(text).as_deref(), expected);
    }

    #[test]
    fn the_innermost_unit_counts() {
        check("0::/system.slice/ssh.service", Some("ssh.service"));
        check("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope", Some("app-x.scope"));
        check("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/", Some("cron.service"));
        check("0::/docker/0123", Some("/docker/0123"));
        check("0::/", None);
        check("nonsense", None);
    }

    #[test]
    fn containers_are_told_by_their_ids() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let container = |path: &str| container_of_cgroup(&format!("12:pids:/\n0::{path}\n"));
        for path in [
            format!("/system.slice/docker-{id}.scope"),
            format!("/docker/{id}"),
            format!("/machine.slice/libpod-{id}.scope/container"),
            format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{id}.scope"),
        ] {
            assert_eq!(container(&path).as_deref(), Some(id), "{path}");
        }
        assert_eq!(container("/lxc.payload.web/system.slice/nginx.service").as_deref(), Some("web"));
        assert_eq!(container("/machine.slice/machine-my\\x2dbox.scope/payload").as_deref(), Some("my-box"));
        assert_eq!(container("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"), None);
        assert_eq!(container("/system.slice/docker.service"), None);
    }
}
