//! Which unit or control group a process belongs to, from `/proc/<pid>/cgroup`.

use super::text::bounded;

/// The systemd unit, else the control group's path; none at the root.
pub(crate) fn of_cgroup(text: &str) -> Option<String> {
    let hierarchy = |name: &str| text.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(name)?.strip_prefix(':'));
    // systemd's own hierarchy on version 1, the only one on version 2.
    let path = hierarchy("name=systemd").filter(|path| *path != "/").or_else(|| hierarchy(""))?;
    let is_unit = |part: &&str| [".service", ".scope", ".socket", ".mount", ".swap"].iter().any(|suffix| part.ends_with(suffix));
    let unit = path.rsplit('/').find(is_unit);
    let found = unit.unwrap_or(path);
    // A scope of a log-in or of a container's exec has a number that changes; that is the process's own.
    (found != "/" && !found.is_empty()).then(|| bounded(found.to_owned()))
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
}
