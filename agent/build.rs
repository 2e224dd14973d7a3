//! Says for which kind of system the agent is compiled: `linux`, `unix_like`.
//!
//! The features `check-as-unix` and `check-as-other` have the code for other systems compiled on this one.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(linux)");
    println!("cargo::rustc-check-cfg=cfg(unix_like)");
    let (as_unix, as_other) = (env::var_os("CARGO_FEATURE_CHECK_AS_UNIX").is_some(), env::var_os("CARGO_FEATURE_CHECK_AS_OTHER").is_some());
    let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let is_unix = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|families| families.split(',').any(|family| family == "unix"));
    if is_linux && !as_unix && !as_other {
        println!("cargo::rustc-cfg=linux");
    }
    if is_unix && !as_other {
        println!("cargo::rustc-cfg=unix_like");
    }
    // What is built to be small: functions that came out alike (there are as many as there are kinds of rows) are kept once. No code
    // here compares the addresses of functions.
    let is_small = env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z");
    if is_small && env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
