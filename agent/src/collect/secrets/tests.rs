//! What is taken and what stays, shape by shape; and that no shape lets a planted secret through.

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
    check(&["sh", "-c", "PGPASSWORD='a b' psql --host x; TOKEN=y z"], "sh -c PGPASSWORD='[redacted]' psql --host x; TOKEN=[redacted] z");
    check(&["app", "--password=two words"], "app --password=[redacted]");
    check(&["curl", "https://example.org/?token=abc&x=1"], "curl https://example.org/?token=[redacted]&x=1");
    check(&["curl", "-u", "ann:hunter2", "https://example.org"], "curl -u ann:[redacted] https://example.org");
    check(&["keytool", "-storepass", "x y", "-keypass", "z"], "keytool -storepass [redacted] -keypass [redacted]");
}

#[test]
fn passwords_of_clients_and_urls_are_taken_out() {
    check(&["/usr/bin/mysqldump", "-uroot", "-phunter2"], "/usr/bin/mysqldump -uroot -p[redacted]");
    check(&["sudo", "mysql", "-phunter2", "shop"], "sudo mysql -p[redacted] shop");
    check(&["app", "postgres://ann:hunter2@db/x?y=1"], "app postgres://ann:[redacted]@db/x?y=1");
    check(&["app", "amqp://ann:hun/ter#2@mq:5672/"], "app amqp://ann:[redacted]@mq:5672/");
    check(&["git", "clone", "https://abcdef@example.org/x.git"], "git clone https://[redacted]@example.org/x.git");
    check(&["redis-cli", "-a", "hunter2"], "redis-cli -a [redacted]");
    check(&["docker", "run", "-e", "ANY=hunter2", "-p", "80:80", "x"], "docker run -e ANY=[redacted] -p 80:80 x");
    check(&["docker", "login", "-u", "ann", "-p", "hunter2", "registry"], "docker login -u ann -p [redacted] registry");
    check(&["mysqladmin", "-u", "root", "password", "hunter2"], "mysqladmin -u root password [redacted]");
    check(&["sqlplus", "scott/tiger@db"], "sqlplus scott/[redacted]");
    check(&["rabbitmqctl", "add_user", "ann", "hunter2"], "rabbitmqctl add_user ann [redacted]");
    check(&["htpasswd", "-b", "/etc/web.users", "ann", "hunter2"], "htpasswd -b /etc/web.users [redacted] [redacted]");
}

#[test]
fn headers_and_documents_are_read() {
    check(&["curl", "-H", "Authorization: Bearer a.b-c", "https://x"], "curl -H Authorization: [redacted] https://x");
    check(&["sh", "-c", "curl -H \"Authorization: Bearer abc\" https://x"], "sh -c curl -H \"Authorization: [redacted]\" https://x");
    check(&["app", r#"{\"password\": \"a,b\", \"x\": 1}"#], r#"app {\"password\": \"[redacted]", \"x\": 1}"#);
    check(&["app", "<user>ann</user><password>a b</password>"], "app <user>ann</user><password>[redacted]</password>");
    check(&["app", "Server=db;User Id=sa;Password=a b;Encrypt=true"], "app Server=db;User Id=sa;Password=[redacted];Encrypt=true");
    check(
        &["app", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "x"],
        "app -----BEGIN RSA PRIVATE KEY----- [redacted] x",
    );
    check(&["app", "-----BEGIN", "PRIVATE", "KEY-----", "MIIE"], "app -----BEGIN PRIVATE KEY----- [redacted]");
}

#[test]
fn what_is_no_secret_stays() {
    for command in [
        &["app", "--password-file=/etc/x", "--port=80"][..],
        &["app", "--password", "--verbose"],
        &["ssh", "-p2222", "-p", "2222", "host"],
        &["nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"],
        &["docker", "run", "--user", "1000:1000", "-p", "127.0.0.1:80:80", "nginx:1.25"],
        &["java", "-Dsort.key=name_of_a_column", "-Xmx4g", "-jar", "/opt/app/app.jar"],
        &["sshd: ann@pts/0"],
        &["postgres: 15/main: walwriter "],
        &["git", "clone", "ssh://git@example.org/x.git"],
        &["sh", "-c", "echo 'it is  fine' && exit 0"],
        &["Basic", "system", "services"],
        &["mysql", "-p", "shop"],
        &["/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"],
        &["app", "http://[::1]:8080/path"],
    ] {
        check(command, command.join(" ").trim_end());
    }
}

/// Command lines with a secret: `§` stands for it, each element is an argument.
const SHAPES: &[&[&str]] = &[
    &["app", "--password=§"],
    &["app", "--password", "§"],
    &["app", "-password", "§"],
    &["app", "--password:§"],
    &["app", "--client-secret", "§", "--x"],
    &["app", "--api_key=§"],
    &["app", "--auth-token", "§"],
    &["env", "DB_PASS=§", "app"],
    &["env", "WIFI_PSK=§", "app"],
    &["app", "PASSWORD", "=", "x", "password=", "§"],
    &["app", "--set", "db.auth.password=§,replicas=3"],
    &["app", r#"{"password":"§"}"#],
    &["app", r#"{"outer": {"apiKey" : "§", "x": 1}}"#],
    &["app", r#"{\"password\":\"§\"}"#],
    &["app", "{'secret': '§'}"],
    &["app", ":password => \"§\""],
    &["app", "password: §"],
    &["app", "<password>§</password>"],
    &["app", "mysql://root:§@db:3306/x"],
    &["app", "redis://:§@cache:6379/0"],
    &["app", "url is 'postgresql://u:§@h/db' and more"],
    &["app", "https://§@example.org/repository.git"],
    &["app", "https://example.org/callback?x=1&access_token=§&y=2"],
    &["app", "https://x.blob.core.windows.net/c?sv=1&sig=§"],
    &["app", "https://maps.example.org/?key=§"],
    &["app", "jdbc:sqlserver://h;user=sa;password=§;encrypt=true"],
    &["app", "jdbc:mysql://h/db?user=x&password=§"],
    &["app", "jdbc:oracle:thin:scott/§@//h:1521/x"],
    &["app", "Server=h;Uid=sa;Pwd=§"],
    &["app", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=§;EndpointSuffix=core.windows.net"],
    &["app", "Endpoint=sb://h/;SharedAccessKeyName=Root;SharedAccessKey=§"],
    &["psql", "host=h user=u password=§ dbname=d"],
    &["psql", "postgresql://u:§@h/d"],
    &["pg_dump", "--dbname=postgresql://u:§@h/d"],
    &["curl", "-H", "Authorization: Bearer §", "https://x"],
    &["curl", "-H", "authorization: Basic §", "https://x"],
    &["curl", "-HAuthorization: Token §", "https://x"],
    &["curl", "--header", "Authorization: §", "https://x"],
    &["curl", "--header=Authorization: Bearer §"],
    &["curl", "--header", "X-Api-Key: §"],
    &["curl", "-H", "Cookie: a=b; session=§"],
    &["curl", "Authorization:", "Bearer", "§"],
    &["curl", "Bearer", "§"],
    &["curl", "-u", "user:§", "https://x"],
    &["curl", "-uuser:§", "https://x"],
    &["curl", "--user", "user:§"],
    &["curl", "--proxy-user", "user:§"],
    &["sh", "-c", "curl -u user:§ https://x"],
    &["sh", "-c", "curl -H 'Authorization: Bearer §' https://x"],
    &["sh", "-c", "mysql -u root -p§ shop < dump"],
    &["sh", "-c", "cd /x && mysql --password '§' shop"],
    &["sh", "-c", "sudo sh -c \"mysql -p§\""],
    &["sh", "-c", "export SECRET=§; app"],
    &["sh", "-c", "echo x | app --token \"§\" -v"],
    &["mysql", "-uroot", "-p§"],
    &["mariadb-dump", "-p§", "x"],
    &["docker", "exec", "db", "mysql", "-p§"],
    &["mysql", "net", "http", "-p§"],
    &["mysqladmin", "password", "§"],
    &["sshpass", "-p", "§", "ssh", "host"],
    &["sshpass", "-p§", "ssh", "host"],
    &["mongosh", "-u", "x", "-p", "§"],
    &["redis-cli", "-h", "x", "-a", "§"],
    &["redis-cli", "--pass", "§"],
    &["redis-cli", "AUTH", "§"],
    &["redis-cli", "config", "set", "requirepass", "§"],
    &["redis-server", "--requirepass", "§"],
    &["openssl", "rsa", "-passin", "pass:§"],
    &["openssl", "enc", "-aes-256-cbc", "-k", "§"],
    &["docker", "run", "-e", "NAME=§", "image"],
    &["docker", "run", "--env", "NAME=§", "image"],
    &["docker", "run", "--env=NAME=§", "image"],
    &["docker", "run", "-eNAME=§", "image"],
    &["podman", "login", "-u", "x", "-p", "§", "registry"],
    &["docker", "login", "-p§", "registry"],
    &["docker", "build", "--build-arg", "ANY=§", "."],
    &["ldapsearch", "-D", "cn=x", "-w", "§"],
    &["smbclient", "-U", "user%§", "//h/share"],
    &["sqlcmd", "-S", "h", "-U", "sa", "-P", "§"],
    &["sqlplus", "scott/§@db"],
    &["expdp", "userid=scott/§@db"],
    &["zip", "-P", "§", "x.zip"],
    &["7z", "a", "-p§", "x.7z"],
    &["ipmitool", "-H", "h", "-U", "u", "-P", "§"],
    &["snmpwalk", "-v2c", "-c", "§", "h"],
    &["htpasswd", "-b", "file", "user", "§"],
    &["rabbitmqctl", "change_password", "user", "§"],
    &["wpa_passphrase", "ssid", "§"],
    &["xfreerdp", "/u:x", "/p:§"],
    &["useradd", "-p", "§", "name"],
    &["gpg", "--batch", "--passphrase", "§"],
    &["mount.cifs", "-o", "user=x,password=§"],
    &["app", "AKIA§ABCDEFGHIJKLMNOP"],
    &["app", "ghp_§abcdefghijklmnopqrst"],
    &["app", "hvs.§abcdefghijklmnopqrst"],
    &["app", "--data", "xoxb-1234567-§"],
    &["app", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abcdefgh.§"],
    &["app", "-----BEGIN PRIVATE KEY-----\n§\n-----END PRIVATE KEY-----"],
    &["app", "-----BEGIN OPENSSH PRIVATE KEY----- § "],
    &["app", "-----BEGIN", "EC", "PRIVATE", "KEY-----", "§"],
    &["aws", "configure", "set", "aws_secret_access_key=§"],
    &["consul", "-token=§"],
    &["helm", "install", "--set-string", "a=b,auth.rootPassword=§"],
];

fn planted(shape: &[&str], secret: &str) -> String {
    let arguments: Vec<String> = shape.iter().map(|argument| argument.replace('§', secret)).collect();
    redacted(arguments.iter().map(String::as_str)).expect("a command")
}

#[test]
fn no_shape_lets_a_secret_through() {
    for shape in SHAPES {
        let shown = planted(shape, "hunter2QQ7");
        assert!(!shown.contains("hunter2QQ7"), "{shape:?} became {shown:?}");
        assert!(shown.contains(REDACTED), "{shape:?} became {shown:?}");
    }
}

#[test]
fn a_password_with_blanks_and_signs_goes_as_a_whole() {
    for shape in [
        &["app", "--password", "§"][..],
        &["app", "--password=§"],
        &["env", "DB_PASSWORD=§"],
        &["docker", "run", "-e", "A=§"],
        &["curl", "-u", "a:§"],
    ] {
        for secret in ["two words", "a'b", "x;y&z,w", "-starts-With1", "é€"] {
            let shown = planted(shape, secret);
            assert!(!shown.contains(secret.split(' ').next_back().expect("a word")), "{shape:?} became {shown:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_planted_secret_never_comes_through(shape in proptest::sample::select(SHAPES), secret in "[A-Za-z0-9]{9}[0-9]") {
        let shown = planted(shape, &secret);
        prop_assert!(!shown.contains(&secret), "{:?} became {:?}", shape, shown);
    }

    #[test]
    fn a_named_secret_never_comes_through(secret in "[a-z0-9]{12}", name in "--[a-z]{0,4}(password|token|secret|apikey)") {
        for command in [vec!["app".to_owned(), format!("{name}={secret}")], vec!["app".to_owned(), name.clone(), secret.clone()]] {
            prop_assert!(!redacted(command.iter().map(String::as_str)).expect("a command").contains(&secret));
        }
    }

    #[test]
    fn no_command_panics(arguments in proptest::collection::vec(any::<String>(), 0..6)) {
        let _ = redacted(arguments.iter().map(String::as_str));
        for client in ["mysql", "curl", "docker", "sqlplus", "htpasswd", "redis-cli"] {
            let _ = redacted([client].into_iter().chain(arguments.iter().map(String::as_str)));
        }
    }

    #[test]
    fn no_punctuation_panics(text in "[-é=:;\"'\\\\<>@/?&%{} pPuUe]{0,40}(password|://|-----BEGIN |PRIVATE KEY|:thin:)[-é=:;\"'\\\\<>@/ ]{0,20}") {
        let _ = redacted(["curl", text.as_str(), text.as_str()].into_iter());
    }
}
