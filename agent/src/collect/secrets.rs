//! Taking secrets out of command lines before they leave the host.
//!
//! What is taken out is the value of anything that calls itself a password, token, key or the like, in the forms `--name=value`,
//! `--name value` and `NAME=value`, passwords in URLs, and the attached `-pVALUE` of database clients. It errs on the side of taking.

use super::text::{bounded, tidy};
use rollcall_shared::limits::TEXT_BYTES;

const REDACTED: &str = "[redacted]";

/// Words in a name that make its value a secret.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "private-key",
    "private_key",
    "access_key",
];

/// A command line of arguments, joined by blanks, without its secrets; none when there are no arguments.
pub(crate) fn redacted<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut command = String::new();
    let mut next_is_secret = false;
    let mut program = None;
    for argument in arguments {
        // One over the limit is enough to be cut; nothing beyond would be kept.
        if command.len() > TEXT_BYTES {
            break;
        }
        if !command.is_empty() {
            command.push(' ');
        }
        let program = *program.get_or_insert_with(|| argument.rsplit('/').next().unwrap_or_default());
        // The next option is never the value of this one.
        if std::mem::take(&mut next_is_secret) && !argument.starts_with('-') {
            command.push_str(REDACTED);
            continue;
        }
        next_is_secret = push(&mut command, argument, program);
    }
    tidy(&command).map(bounded)
}

/// Adds one argument; says whether the next one is a secret.
fn push(command: &mut String, argument: &str, program: &str) -> bool {
    if let Some(flag) = password_flag(argument, program) {
        command.extend([flag, REDACTED]);
        return false;
    }
    let found = push_without_assignments(command, argument);
    !found && argument.starts_with('-') && !argument.contains('=') && is_secret(argument) || is_password_flag_alone(argument, program)
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// Adds one argument without the values of secrets named in it, wherever they stand: a script or a JSON document is one argument too.
fn push_without_assignments(command: &mut String, argument: &str) -> bool {
    let mut found = false;
    let mut plain = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(start) = rest.find(is_name) {
        let (before, tail) = rest.split_at(start);
        let (name, tail) = tail.split_at(tail.find(|character| !is_name(character)).unwrap_or(tail.len()));
        plain.extend([before, name]);
        rest = tail;
        let Some(separator) = separator(tail).filter(|_| is_secret(name)) else { continue };
        let (between, value) = tail.split_at(separator);
        // An option that is nothing but the assignment ends with its argument, blanks or not.
        let is_whole = !between.ends_with(['"', '\'']) && plain.trim_start_matches('-') == name.trim_start_matches('-');
        let end = if is_whole { value.len() } else { value_end(between, value) };
        plain.extend([between, if end == 0 { "" } else { REDACTED }]);
        rest = &value[end..];
        found = true;
    }
    plain.push_str(rest);
    push_without_passwords_in_urls(command, &plain);
    found
}

/// Bytes up to the value: `=`, `: "`, `" : "`; none when what follows the name is no assignment.
fn separator(tail: &str) -> Option<usize> {
    let quote = tail.strip_prefix(['"', '\'']).unwrap_or(tail).trim_start();
    let value = quote.strip_prefix([':', '=']).filter(|value| !value.starts_with("//"))?.trim_start();
    let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
    Some(tail.len() - value.len())
}

/// A quoted value ends with its quote, another with the blank or sign after it.
fn value_end(between: &str, value: &str) -> usize {
    let quote = between.chars().next_back().filter(|character| matches!(character, '"' | '\''));
    let ends = |character: char| match quote {
        Some(quote) => character == quote,
        None => character.is_whitespace() || matches!(character, ',' | ';' | '&' | '}' | ')' | '"' | '\''),
    };
    value.find(ends).unwrap_or(value.len())
}

/// Files that hold a secret are not the secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_place = ["file", "path", "dir", "url", "uri", "type", "fd"].iter().any(|place| name.ends_with(place));
    !is_place && NAMES.iter().any(|word| name.contains(word))
}

/// `-pVALUE` of MySQL and MariaDB clients, `-aVALUE` of none: redis takes its password as the next argument.
fn password_flag<'a>(argument: &'a str, program: &str) -> Option<&'a str> {
    let takes = program.starts_with("mysql") || program.starts_with("mariadb") || program == "sshpass";
    (takes && argument.len() > 2 && argument.starts_with("-p")).then(|| &argument[..2])
}

fn is_password_flag_alone(argument: &str, program: &str) -> bool {
    match argument {
        "-a" => program == "redis-cli",
        "-p" => matches!(program, "sshpass" | "mongo" | "mongosh" | "mongodump" | "mongorestore" | "smbclient" | "ldapsearch"),
        "-w" => program.starts_with("ldap"),
        "-u" | "--user" | "-U" => matches!(program, "curl" | "smbclient"),
        "-P" => matches!(program, "sqlcmd" | "isql"),
        _ => false,
    }
}

/// `scheme://user:password@host`.
fn push_without_passwords_in_urls(command: &mut String, argument: &str) {
    let mut rest = argument;
    while let Some((before, after)) = rest.split_once("://") {
        command.extend([before, "://"]);
        let authority = &after[..after.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(after.len())];
        rest = after;
        if let Some((user, _)) = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
            command.extend([user, ":", REDACTED]);
            rest = &after[authority.rfind('@').unwrap_or(0)..];
        }
    }
    command.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(command: &[&str], expected: &str) {
        assert_eq!(redacted(command.iter().copied()).as_deref(), Some(expected));
    }

    #[test]
    fn named_secrets_are_taken_out() {
        check(&["app", "--password=hunter2", "-v"], "app --password=[redacted] -v");
        check(&["app", "--db-password", "hunter2", "-v"], "app --db-password [redacted] -v");
        check(&["env", "API_TOKEN=abc", "app"], "env API_TOKEN=[redacted] app");
        check(&["java", "-Djavax.net.ssl.keyStorePassword=x"], "java -Djavax.net.ssl.keyStorePassword=[redacted]");
        check(&["app", "--env", r#"{"GH_TOKEN": "abc", "A": "b"}"#], r#"app --env {"GH_TOKEN": "[redacted]", "A": "b"}"#);
        check(
            &["sh", "-c", "PGPASSWORD='a b' psql --host x; TOKEN=y z"],
            "sh -c PGPASSWORD='[redacted]' psql --host x; TOKEN=[redacted] z",
        );
        check(&["app", "--password=two words"], "app --password=[redacted]");
        check(&["curl", "https://example.org/?token=abc&x=1"], "curl https://example.org/?token=[redacted]&x=1");
        check(&["curl", "-u", "ann:hunter2", "https://example.org"], "curl -u [redacted] https://example.org");
    }

    #[test]
    fn passwords_of_clients_and_urls_are_taken_out() {
        check(&["/usr/bin/mysqldump", "-uroot", "-phunter2"], "/usr/bin/mysqldump -uroot -p[redacted]");
        check(&["app", "postgres://ann:hunter2@db/x?y=1"], "app postgres://ann:[redacted]@db/x?y=1");
        check(&["redis-cli", "-a", "hunter2"], "redis-cli -a [redacted]");
    }

    #[test]
    fn what_is_no_secret_stays() {
        check(&["app", "--password-file=/etc/x", "--port=80"], "app --password-file=/etc/x --port=80");
        check(&["app", "--password", "--verbose"], "app --password --verbose");
        check(&["ssh", "-p2222", "host"], "ssh -p2222 host");
        check(&["nginx: master process /usr/sbin/nginx"], "nginx: master process /usr/sbin/nginx");
    }

    proptest! {
        #[test]
        fn a_named_secret_never_comes_through(secret in "[a-z0-9]{12}", name in "--[a-z]{0,4}(password|token|secret|apikey)") {
            for command in [vec!["app".to_owned(), format!("{name}={secret}")], vec!["app".to_owned(), name.clone(), secret.clone()]] {
                prop_assert!(!redacted(command.iter().map(String::as_str)).expect("a command").contains(&secret));
            }
        }

        #[test]
        fn no_command_panics(arguments in proptest::collection::vec(any::<String>(), 0..6)) {
            let _ = redacted(arguments.iter().map(String::as_str));
            let _ = redacted(["mysql"].into_iter().chain(arguments.iter().map(String::as_str)));
        }
    }
}
