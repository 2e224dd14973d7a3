//! NVMe's part of sysfs: a namespace belongs to a controller, or to a subsystem that several controllers lead to.

use crate::collect::Scope;

/// The controllers through which a namespace is reached, sorted: those of its subsystem, else the one above it.
pub(crate) fn controllers(scope: &Scope<'_>, name: &str) -> Vec<String> {
    let device = format!("/sys/block/{name}/device");
    let listed = scope.root().list(&device).ok().flatten().unwrap_or_default();
    let mut controllers: Vec<String> = listed.into_iter().filter(|entry| is_controller(entry)).collect();
    if controllers.is_empty() {
        controllers.extend(name.rsplit_once('n').map(|(controller, _)| controller.to_owned()).filter(|name| is_controller(name)));
    }
    controllers
}

fn is_controller(name: &str) -> bool {
    name.strip_prefix("nvme").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `nvme0c1n1`, one path of several to a namespace that has a disk of its own.
pub(super) fn is_path(name: &str) -> bool {
    let rest = name.strip_prefix("nvme").unwrap_or_default();
    rest.split_once('c').is_some_and(|(subsystem, rest)| subsystem.bytes().all(|byte| byte.is_ascii_digit()) && rest.contains('n'))
}

/// Globally unique identifier of a namespace on kernels without `wwid`, in that attribute's form; zeros are none.
pub(super) fn identifier(scope: &Scope<'_>, name: &str) -> Option<String> {
    ["nguid", "eui"].into_iter().find_map(|attribute| {
        let text = scope.attribute(&format!("/sys/block/{name}/{attribute}"))?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
        (matches!(digits.len(), 16 | 32) && digits.bytes().any(|digit| digit != b'0')).then(|| format!("eui.{digits}"))
    })
}

/// How it is attached: `nvme` is on this machine's bus, others name their network.
pub(super) fn interface(scope: &Scope<'_>, name: &str) -> &'static str {
    let transport = controllers(scope, name).first().and_then(|controller| scope.attribute(&format!("/sys/class/nvme/{controller}/transport")));
    match transport.as_deref() {
        Some("tcp") => "nvme_tcp",
        Some("rdma") => "nvme_rdma",
        Some("fc") => "nvme_fc",
        _ => "nvme",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_namespaces() {
        for (name, expected) in [("nvme0n1", false), ("nvme0c0n1", true), ("nvme12c33n2", true), ("sdc", false), ("nvmec", false)] {
            assert_eq!(is_path(name), expected, "{name}");
        }
    }
}
