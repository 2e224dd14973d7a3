//! Says for which kind of system the agent is compiled: `linux`, `unix_like`.
//!
//! `ROLLCALL_CHECK_PLATFORM=unix` or `=other` has the code for other systems compiled on this one, to check it where no toolchain
//! for them is at hand. A program made so works, and knows less.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=ROLLCALL_CHECK_PLATFORM");
    println!("cargo::rustc-check-cfg=cfg(linux)");
    println!("cargo::rustc-check-cfg=cfg(unix_like)");
    let target = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let families = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    let pretended = env::var("ROLLCALL_CHECK_PLATFORM").unwrap_or_default();
    if target == "linux" && pretended.is_empty() {
        println!("cargo::rustc-cfg=linux");
    }
    if families.split(',').any(|family| family == "unix") && pretended != "other" {
        println!("cargo::rustc-cfg=unix_like");
    }
}
