//! The command lines: exit codes, where errors go, and what refuses to start.

use crate::scene::Scene;
use anyhow::Result;
use rollcall_tests::harness::Server;
use rollcall_tests::harness::agent::write_private;
use rollcall_tests::harness::server::{rollcall_agent, rollcall_server, text};
use std::process::Output;

#[track_caller]
fn check(output: Result<Output>, code: i32, named: &[&str]) {
    let output = output.expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(output.stdout.is_empty() || code == 0, "errors go to standard error");
    named.iter().for_each(|text| assert!(error.contains(text), "{text:?} is not in: {error}"));
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    check(rollcall_server(&["init"]), 2, &["--data"]);
    check(rollcall_server(&["frobnicate"]), 2, &["frobnicate"]);
    check(rollcall_server(&["token", "create", "--data", "/nowhere", "--kind", "sesame"]), 2, &["sesame"]);
    check(rollcall_agent(&["run"]), 2, &["--state"]);
    check(rollcall_agent(&["inventory", "--section", "horoscope"]), 2, &["horoscope"]);
    check(rollcall_agent(&["enrol", "--server", "https://127.0.0.1:1"]), 2, &["--token-file"]);
}

#[test]
fn failures_are_exit_code_1_and_name_their_subject() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let absent = directory.path().join("absent");
    check(rollcall_server(&["run", "--data", text(&absent)?]), 1, &[text(&absent)?]);
    check(rollcall_server(&["verify", "--data", text(&absent)?]), 1, &[text(&absent)?]);
    check(rollcall_agent(&["run", "--state", text(&absent)?]), 1, &[text(&absent)?]);
    let token = directory.path().join("token");
    write_private(&token, "rcj_nonsense")?;
    let arguments = ["enrol", "--server", "https://127.0.0.1:1", "--token-file", text(&token)?, "--state", text(&absent)?];
    check(rollcall_agent(&arguments), 1, &["token"]);
    Ok(())
}

#[test]
fn a_configuration_with_an_unknown_key_names_file_and_key() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Server::init(directory.path())?;
    let file = directory.path().join("wrong.toml");
    let path = server.data().display().to_string();
    write_private(&file, &format!("data = {path:?}\nlisten_on = \"127.0.0.1:0\"\n"))?;
    check(rollcall_server(&["run", "--config", text(&file)?]), 1, &["wrong.toml", "listen_on"]);
    write_private(&file, &format!("state = {path:?}\npush_intervall = 3\n"))?;
    check(rollcall_agent(&["run", "--config", text(&file)?]), 1, &["wrong.toml", "push_intervall"]);
    Ok(())
}

#[test]
fn the_inventory_of_this_machine_needs_no_server() -> Result<()> {
    let output = rollcall_agent(&["inventory", "--format", "json", "--section", "os", "--section", "packages"])?;
    let text = String::from_utf8(output.stdout)?;
    let inventory: serde_json::Value = serde_json::from_str(&text)?;
    assert!(inventory.to_string().contains("kernel_release"), "{text:.300}");
    check(rollcall_agent(&["inventory", "--section", "cpus"]), 0, &[]);
    check(rollcall_agent(&["health"]), 0, &[]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_directory_is_refused_and_the_first_lives() -> Result<()> {
    let mut scene = Scene::start()?;
    let data = text(scene.server.data())?.to_owned();
    check(rollcall_server(&["run", "--data", &data]), 1, &[]);
    check(rollcall_server(&["init", "--data", &data]), 1, &[data.as_str()]);
    scene.server.process()?.ensure_alive()?;
    scene.api.get("/readyz").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_while_the_server_runs_works_at_once_and_after_a_restart() -> Result<()> {
    let mut scene = Scene::start()?;
    let token = scene.server.token(&["--kind", "api", "--role", "viewer", "--ttl", "1h"])?;
    let viewer = scene.server.api_as(Some(&token))?;
    assert_eq!(viewer.get("/api/v1/me").await?["role"], "viewer");
    scene.server.stop()?;
    let later = scene.server.token(&["--kind", "api", "--role", "auditor"])?;
    scene.server.run()?;
    assert_eq!(viewer.get("/api/v1/me").await?["role"], "viewer");
    assert_eq!(scene.server.api_as(Some(&later))?.get("/api/v1/me").await?["role"], "auditor");
    Ok(())
}
