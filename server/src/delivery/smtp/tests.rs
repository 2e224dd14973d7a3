use super::*;
use crate::delivery::guard::{LookedUp, Names};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::{IpAddr, Ipv4Addr};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Longer than any exchange on loopback takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every name is this machine.
struct Here;

impl Names for Here {
    fn look_up(&self, _host: &str) -> LookedUp {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// A mail as a server took it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    encrypted: bool,
    login: Option<String>,
    sender: String,
    recipients: Vec<String>,
    data: String,
}

/// How a server differs from one that takes everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Takes,
    /// Encrypts from the first byte.
    Implicit,
    WithoutStarttls,
    Hangs,
    NeverEndsItsLine,
    RefusesMail,
    RefusesLogin,
}

/// A mail server on loopback, whose certificate is for `mail.example`.
struct Post {
    port: u16,
    authority: Certificate,
    taken: Arc<Mutex<Vec<Taken>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

/// What the tasks of a server share.
#[derive(Clone)]
struct Desk {
    manner: Manner,
    acceptor: TlsAcceptor,
    taken: Arc<Mutex<Vec<Taken>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

impl Post {
    async fn start(manner: Manner) -> Self {
        let (authority, acceptor) = certificates();
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let desk = Desk { manner, acceptor, taken: Arc::default(), commands: Arc::default() };
        let post = Self { port, authority, taken: desk.taken.clone(), commands: desk.commands.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(desk.clone().serve(stream));
            }
        });
        post
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    fn mail(&self, recipients: &[&str]) -> Mail {
        Mail {
            delivery: DeliveryId(9),
            host: "mail.example".into(),
            port: self.port,
            security: Security::Starttls,
            login: Some(("rollcall".into(), "hunter2".into())),
            sender: "rollcall@example.org".parse().unwrap(),
            recipients: recipients.iter().map(|one| one.parse().unwrap()).collect(),
            unreachable: Vec::new(),
            bytes: b"Subject: x\r\n\r\n.a line with a dot\r\n".to_vec(),
        }
    }

    fn sender(&self) -> MailSender {
        MailSender::new(loopback()).trusting(self.authority.clone(), PATIENCE)
    }
}

fn loopback() -> Guard {
    Guard::new(&["127.0.0.0/8".parse().unwrap()], Arc::new(Here))
}

fn certificates() -> (Certificate, TlsAcceptor) {
    let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec()).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["mail.example".to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (authority, TlsAcceptor::from(Arc::new(config)))
}

impl Desk {
    async fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        match self.manner {
            Manner::Hangs => return std::future::pending().await,
            Manner::NeverEndsItsLine => loop {
                stream.write_all(b"220 and so on and so on").await?;
            },
            Manner::Implicit => {
                let stream = self.acceptor.clone().accept(stream).await?;
                return self.converse(stream, true, true).await.map(drop);
            }
            _ => {}
        }
        if let Some(stream) = self.converse(stream, false, true).await? {
            let stream = self.acceptor.clone().accept(stream).await?;
            self.converse(stream, true, false).await?;
        }
        Ok(())
    }

    /// Answers until the other side leaves, or wants encryption.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, encrypted: bool, greets: bool) -> std::io::Result<Option<S>> {
        let mut stream = BufReader::new(stream);
        let mut mail = Taken { encrypted, ..Taken::default() };
        if greets {
            stream.write_all(b"220 mail.example\r\n").await?;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            self.commands.lock().unwrap().push(line.trim_end().to_owned());
            let answer = match line.split([' ', ':', '\r']).next().unwrap_or_default() {
                "EHLO" if encrypted || self.manner == Manner::WithoutStarttls => "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n",
                "EHLO" => "250-mail.example\r\n250 STARTTLS\r\n",
                "STARTTLS" => {
                    stream.write_all(b"220 go\r\n").await?;
                    return Ok(Some(stream.into_inner()));
                }
                "AUTH" if self.manner == Manner::RefusesLogin => "535 no\r\n",
                "AUTH" => {
                    mail.login = line.split_whitespace().nth(2).map(str::to_owned);
                    "235 yes\r\n"
                }
                "MAIL" => {
                    mail.sender = line.trim_end().to_owned();
                    "250 yes\r\n"
                }
                "RCPT" if line.contains("nobody") => "550 no such user\r\n",
                "RCPT" if line.contains("later") && self.taken.lock().unwrap().is_empty() => "450 not now\r\n",
                "RCPT" => {
                    mail.recipients.push(line.trim_end().trim_start_matches("RCPT TO:").to_owned());
                    "250 yes\r\n"
                }
                "DATA" if self.manner == Manner::RefusesMail => "554 no\r\n",
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    while !mail.data.ends_with("\r\n.\r\n") {
                        stream.read_line(&mut mail.data).await?;
                    }
                    self.taken.lock().unwrap().push(std::mem::take(&mut mail));
                    "250 taken\r\n"
                }
                _ => "221 bye\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

#[track_caller]
fn assert_failed(outcome: &Outcome, part: &str) {
    assert!(matches!(outcome, Outcome::Failed { reason, .. } if reason.contains(part)), "{part}: {outcome:?}");
}

#[tokio::test]
async fn a_mail_goes_over_tls_with_a_login_to_all_recipients() {
    for manner in [Manner::Takes, Manner::Implicit] {
        let post = Post::start(manner).await;
        let mut mail = post.mail(&["ann@example.org", "bob@example.org"]);
        if manner == Manner::Implicit {
            mail.security = Security::Tls;
        }
        assert_eq!(post.sender().send(&mail).await, Outcome::Confirmed, "{manner:?}");
        let [taken] = &post.taken()[..] else { panic!("{:?}", post.taken()) };
        assert!(taken.encrypted && taken.login.as_deref() == Some("AHJvbGxjYWxsAGh1bnRlcjI="), "{taken:?}");
        assert_eq!(taken.recipients, ["<ann@example.org>", "<bob@example.org>"]);
        assert!(taken.data.contains("\r\n..a line with a dot\r\n"), "{taken:?}");
    }
}

#[tokio::test]
async fn nothing_leaves_without_tls_that_can_be_trusted() {
    let post = Post::start(Manner::WithoutStarttls).await;
    assert_failed(&post.sender().send(&post.mail(&["ann@example.org"])).await, "STARTTLS");
    let another = Post::start(Manner::Takes).await;
    let distrusting = MailSender::new(loopback()).trusting(post.authority.clone(), PATIENCE);
    assert_failed(&distrusting.send(&another.mail(&["ann@example.org"])).await, "certificate");
    let elsewhere = Mail { host: "other.example".into(), ..another.mail(&["ann@example.org"]) };
    assert_failed(&another.sender().send(&elsewhere).await, "certificate");
    for post in [post, another] {
        assert!(post.taken().is_empty());
        let commands = post.commands.lock().unwrap();
        assert!(!commands.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{commands:?}");
    }
}

#[tokio::test]
async fn without_tls_mail_goes_to_this_machine_alone() {
    let post = Post::start(Manner::WithoutStarttls).await;
    let plain = Mail { security: Security::None, login: None, ..post.mail(&["ann@example.org"]) };
    assert_eq!(post.sender().send(&plain).await, Outcome::Confirmed);
    let guard = Guard::new(&["10.0.0.0/8".parse().unwrap()], Arc::new(Here));
    let inner = Mail { host: "10.0.0.1".into(), ..plain };
    assert_failed(&MailSender::new(guard).send(&inner).await, "10.0.0.1 is not this machine");
}

#[tokio::test]
async fn a_name_that_points_inward_is_never_called() {
    let post = Post::start(Manner::Takes).await;
    let sender = MailSender::new(Guard::new(&[], Arc::new(Here)));
    let outcome = sender.send(&post.mail(&["ann@example.org"])).await;
    assert_failed(&outcome, "mail.example is 127.0.0.1, a loopback address");
    assert!(post.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn recipients_that_are_refused_do_not_keep_the_mail_from_others() {
    let post = Post::start(Manner::Takes).await;
    let outcome = post.sender().send(&post.mail(&["nobody@example.org", "ann@example.org"])).await;
    let Outcome::Partly { reason } = &outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("nobody@example.org: the mail server answered 550"), "{reason}");
    assert_eq!(post.taken()[0].recipients, ["<ann@example.org>"]);
    let outcome = post.sender().send(&post.mail(&["nobody@example.org"])).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    let unreachable = Mail { unreachable: vec!["\"x\" is not one mail address".into()], ..post.mail(&["ann@example.org"]) };
    assert!(matches!(post.sender().send(&unreachable).await, Outcome::Partly { .. }));
}

#[tokio::test]
async fn who_has_it_does_not_get_it_again_when_others_get_it_later() {
    let post = Post::start(Manner::Takes).await;
    let (sender, mail) = (post.sender(), post.mail(&["ann@example.org", "later@example.org"]));
    assert_failed(&sender.send(&mail).await, "later@example.org: the mail server answered 450");
    assert_eq!(sender.send(&mail).await, Outcome::Confirmed);
    let recipients: Vec<Vec<String>> = post.taken().into_iter().map(|taken| taken.recipients).collect();
    assert_eq!(recipients, [["<ann@example.org>"], ["<later@example.org>"]]);
}

#[tokio::test]
async fn what_a_server_refuses_for_good_is_refused_and_a_login_may_be_put_right() {
    let post = Post::start(Manner::RefusesMail).await;
    let outcome = post.sender().send(&post.mail(&["ann@example.org"])).await;
    assert!(matches!(&outcome, Outcome::Refused { reason } if reason.contains("554")), "{outcome:?}");
    let post = Post::start(Manner::RefusesLogin).await;
    let outcome = post.sender().send(&post.mail(&["ann@example.org"])).await;
    assert_failed(&outcome, "refused the login: the mail server answered 535");
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_hangs_or_never_ends_its_line_costs_little() {
    let post = Post::start(Manner::Hangs).await;
    let hasty = post.sender().with_limit(Duration::from_millis(200));
    assert_failed(&hasty.send(&post.mail(&["ann@example.org"])).await, "did not answer in time");
    let post = Post::start(Manner::NeverEndsItsLine).await;
    assert_failed(&post.sender().send(&post.mail(&["ann@example.org"])).await, "says too much");
}
