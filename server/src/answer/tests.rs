use super::*;

#[test]
fn every_code_has_a_name_of_its_own_and_an_error_status() {
    for (position, code) in Code::ALL.into_iter().enumerate() {
        assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        assert!(Code::ALL[..position].iter().all(|other| other.as_str() != code.as_str()), "{code:?}");
        assert_eq!(Code::of(code.status()).status(), code.status());
    }
}

#[test]
fn the_cause_of_a_failure_is_not_told() {
    let error = ApiError::from(EngineError::Unavailable("/var/lib: disk on fire".into()));
    let body = format!("{:?}", error.render(Some("r1")).into_body());
    assert!(!error.detail.contains("fire") && !body.contains("fire"));
}

#[test]
fn entity_tags_are_compared_weakly() {
    let tag = HeaderValue::from_static("\"7\"");
    assert!(matches_tag("\"7\"", &tag) && matches_tag("W/\"7\"", &tag) && matches_tag("\"6\", \"7\"", &tag) && matches_tag("*", &tag));
    assert!(!matches_tag("\"77\"", &tag) && !matches_tag("7", &tag));
}
