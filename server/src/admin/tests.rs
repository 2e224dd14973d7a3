use super::*;
use crate::testing::TestServer;
use std::os::unix::fs::MetadataExt;

const JOIN: Ask = Ask::CreateJoinToken { uses: 1, ttl_s: 60, auto_approve: false };

#[tokio::test]
async fn a_running_server_makes_tokens_over_its_socket() {
    let test = TestServer::start().await;
    let socket = test.directory.admin_socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    let Some(Told::Token(text)) = ask(&socket, &JOIN).await.unwrap() else { panic!("no token") };
    let read = token::read_join_token(&text).unwrap();
    assert_eq!(read.url, format!("https://{}", test.server.api));
    let known =
        test.server.engine.read(|world| world.trust.join_tokens.values().any(|known| known.secret_hash == token::hash_of(&read.secret)));
    assert!(known);
}

#[tokio::test]
async fn what_the_domain_rejects_is_told() {
    let test = TestServer::start().await;
    let wrong = Ask::CreateJoinToken { uses: 1, ttl_s: 0, auto_approve: false };
    let Some(Told::Error(reason)) = ask(&test.directory.admin_socket(), &wrong).await.unwrap() else { panic!("a token") };
    assert!(reason.starts_with("ttl: "), "{reason}");
}

#[tokio::test]
async fn lines_that_ask_nothing_known_are_refused_and_the_server_lives() {
    let test = TestServer::start().await;
    let socket = test.directory.admin_socket();
    for line in ["{}\n", "hello\n", "{\"ask\":\"run_command\"}\n", "\0\n"] {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        assert!(read_line(&mut stream).await.unwrap().starts_with("{\"error\":\"not understood: "), "{line:?}");
    }
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    stream.write_all(&[b'x'; 2 * LINE_BYTES as usize]).await.unwrap_or_default();
    assert!(read_line(&mut stream).await.is_err());
    assert!(ask(&socket, &JOIN).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_stopped_leaves_neither_socket_nor_run_file() {
    let test = TestServer::start().await;
    let (socket, run_file) = (test.directory.admin_socket(), test.directory.run_file());
    let run: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&run_file).unwrap()).unwrap();
    assert_eq!(run["api"], test.server.api.to_string());
    assert_eq!(run["pid"], std::process::id());
    test.server.stop().await;
    assert!(!socket.exists() && !run_file.exists());
    assert_eq!(ask(&socket, &JOIN).await.unwrap(), None);
}

#[tokio::test]
async fn the_socket_of_a_killed_server_is_nobody_and_can_be_bound_again() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert_eq!(ask(&path, &JOIN).await.unwrap(), None);
    assert!(bind(&path).is_ok());
}

#[tokio::test]
async fn a_long_path_is_no_obstacle() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("x".repeat(150));
    std::fs::create_dir(&directory).unwrap();
    let path = directory.join("admin.sock");
    let listener = bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_line(&mut stream).await.unwrap();
        write_line(&mut stream, &Told::Error("heard".into())).await.unwrap();
    });
    assert_eq!(ask(&path, &JOIN).await.unwrap(), Some(Told::Error("heard".into())));
    server.await.unwrap();
}
