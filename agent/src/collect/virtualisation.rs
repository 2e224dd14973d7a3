//! Physical machine, virtual machine, container or WSL, and whose.
//!
//! Hints only, from most to least certain; without any the kind is unknown on a tree that shows no hardware, physical otherwise. No
//! instruction of the processor is executed to find out: a captured tree gives the same answer as the machine.

use super::{Failure, Scope};
use rollcall_shared::section::Virtualisation;

mod guest;
mod machine;

pub(crate) use guest::container;
use guest::wsl;
pub(crate) use machine::{Hardware, of_machine};

/// Fails in a container, whose sysfs shows its host's hardware; `what` completes "the … are the host's".
pub(crate) fn outside_containers(scope: &Scope<'_>, what: &str) -> Result<(), Failure> {
    if container(scope).is_some() {
        return Err(Failure::Skipped(format!("in a container: the {what} are the host's")));
    }
    Ok(())
}

/// Kind and technology of a system that shares its kernel with others: the hardware that it shows is not its own.
pub(crate) fn guest(scope: &Scope<'_>) -> Option<(Virtualisation, String)> {
    if let Some(technology) = container(scope) {
        return Some((Virtualisation::Container, technology));
    }
    wsl(scope).map(|technology| (Virtualisation::Wsl, technology.to_owned()))
}

#[cfg(test)]
mod tests;
