use super::*;

fn mail() -> ChannelKind {
    ChannelKind::Mail {
        host: "mail.example.org".into(),
        port: 587,
        security: Security::Starttls,
        username: Some("rollcall".into()),
        sender: "rollcall@example.org".into(),
        recipients: vec!["ops@example.org".into()],
        credential: Some(sealed("a")),
    }
}

fn sealed(text: &str) -> Credential {
    Credential::Sealed { sealed: text.into() }
}

#[track_caller]
fn check(change: impl FnOnce(&mut ChannelKind), expected: Option<&str>) {
    let mut kind = mail();
    change(&mut kind);
    let field = match kind.check() {
        Err(Rejection::Invalid { field, .. }) => Some(field),
        other => other.err().map(|other| other.to_string()),
    };
    assert_eq!(field.as_deref(), expected, "{kind:?}");
}

/// Changes one field of [`mail`].
macro_rules! with {
    ($field:ident = $value:expr) => {
        |kind: &mut ChannelKind| {
            if let ChannelKind::Mail { $field, .. } = kind {
                *$field = $value;
            }
        }
    };
}

#[test]
fn a_mail_server_that_cannot_be_is_refused_by_field() {
    check(|_| (), None);
    check(with!(host = "::1".into()), None);
    for address in ["", "a b", "mail.example.org\r\nX: y", "mail/x", "user@mail"] {
        check(with!(host = address.into()), Some("host"));
    }
    check(with!(port = 0), Some("port"));
    check(with!(username = Some("a\nb".into())), Some("username"));
    check(with!(username = None), Some("username"));
    check(with!(credential = None), Some("password"));
    check(with!(sender = "Rollcall <rollcall@example.org>".into()), Some("sender"));
    check(with!(recipients = Vec::new()), Some("recipients"));
    check(with!(recipients = vec!["ops@example.org".into(); RECIPIENTS + 1]), Some("recipients"));
    check(with!(credential = Some(Credential::File { name: String::new() })), Some("credential_file"));
    check(|kind| *kind = ChannelKind::Slack { credential: None }, Some("url"));
    check(|kind| *kind = ChannelKind::PagerDuty { url: PAGERDUTY_URL.into(), credential: None }, Some("routing_key"));
}

#[test]
fn one_address_is_one_address_and_one_line() {
    for good in ["ops@example.org", "a.b+c@localhost", "o'neil_1@mail-2.example.co.uk"] {
        assert!(is_mail_address(good), "{good}");
    }
    let long = format!("{}@example.org", "a".repeat(65));
    for bad in [
        "",
        "ops",
        "@example.org",
        "ops@",
        "a@b@c",
        "a b@c",
        "a,b@c",
        "a@b.",
        ".a@b",
        "a..b@c",
        "\"a\"@b",
        "a@-b",
        "a@b\r\nBcc: x@y",
        "é@b",
        &long,
    ] {
        assert!(!is_mail_address(bad), "{bad:?}");
    }
}

#[test]
fn a_credential_is_kept_only_for_whom_it_was_given() {
    let without = |change: &dyn Fn(&mut ChannelKind)| {
        let mut kind = mail();
        with!(credential = None)(&mut kind);
        change(&mut kind);
        kind.keeping_credential_of(&mail()).map(|kind| kind.credential().cloned())
    };
    assert_eq!(without(&|_| ()), Ok(Some(sealed("a"))));
    assert_eq!(without(&|kind| with!(recipients = vec!["others@example.org".into()])(kind)), Ok(Some(sealed("a"))));
    assert_eq!(without(&|kind| with!(username = None)(kind)), Ok(None));
    let elsewhere = without(&|kind| with!(host = "mail.attacker.example".into())(kind));
    assert!(matches!(elsewhere, Err(Rejection::Invalid { ref field, .. }) if field == "password"), "{elsewhere:?}");
    assert!(without(&|kind| with!(security = Security::None)(kind)).is_err());
    let given = mail().keeping_credential_of(&ChannelKind::Slack { credential: Some(sealed("b")) });
    assert_eq!(given.map(|kind| kind.credential().cloned()), Ok(Some(sealed("a"))));
    let url = |url: &str, credential| ChannelKind::PagerDuty { url: url.into(), credential };
    assert!(url("https://other.example", None).keeping_credential_of(&url(PAGERDUTY_URL, Some(sealed("c")))).is_err());
}
