use super::*;

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn token(json: &str) -> String {
    format!("{JOIN_TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(json))
}

fn good() -> String {
    token(&format!(r#"{{"s":"{SECRET}","p":"{SECRET}","u":"https://localhost:8443"}}"#))
}

#[track_caller]
fn check(text: &str, expected: Result<&str, &str>) {
    match (parse_token(text), expected) {
        (Ok(token), Ok(url)) => assert_eq!(token.url, url),
        (Err(error), Err(part)) => {
            let error = error.to_string();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains(SECRET), "the error repeats the secret");
        }
        (parsed, expected) => panic!("{parsed:?} instead of {expected:?}"),
    }
}

#[test]
fn a_token_carries_secret_pin_and_url() {
    check(&good(), Ok("https://localhost:8443"));
    check(&format!("  {}\n", good()), Ok("https://localhost:8443"));
}

#[test]
fn what_is_no_token_is_refused_without_repeating_it() {
    check("", Err("it is empty"));
    check("rca_abc", Err("does not begin as one"));
    check("rcj_!!!", Err("not base64"));
    check(&token("{}"), Err("content is not a token's"));
    check(&token(&format!(r#"{{"s":"{SECRET}x","p":"{SECRET}","u":"https://h"}}"#)), Err("secret is not 64"));
    check(&token(&format!(r#"{{"s":"{SECRET}","p":"zz","u":"https://h"}}"#)), Err("pin is not 64"));
    check(&token(&format!(r#"{{"s":"{SECRET}","p":"{SECRET}","u":"http://h"}}"#)), Err("only https"));
    check(&token(&format!(r#"{{"s":"{SECRET}","p":"{SECRET}","u":"https://h","x":1}}"#)), Err("content is not a token's"));
    check(&good()[..good().len() - 7], Err("content is not a token's"));
}

#[test]
fn a_server_url_is_host_and_port_only() {
    assert_eq!(server_url("https://h.example:8443/").unwrap(), "https://h.example:8443");
    assert_eq!(server_url("https://[::1]:1").unwrap(), "https://[::1]:1");
    for (text, why) in [
        ("h:1", "only https"),
        ("", "not a URL"),
        ("https://u:p@h", "beside host and port"),
        ("https://h/x", "beside host and port"),
        ("https://h?x", "beside host and port"),
    ] {
        let error = server_url(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn key_and_attempt_are_made_once_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::open(&directory.path().join("state")).unwrap();
    let (first, key) = prepare(&state).unwrap();
    let (second, same) = prepare(&state).unwrap();
    assert_eq!(first.enrolment_id.len(), 32);
    assert_eq!(first.enrolment_id, second.enrolment_id);
    assert_eq!(key.serialize_pem(), same.serialize_pem());
}
