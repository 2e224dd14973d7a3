//! One mail: over which connection it goes, how long that may take, and what the answers mean.
//!
//! A mail server's name is looked up and checked like that of any receiver, and the connection goes to an address that was checked.
//! No login and no mail leaves before TLS stands, but to this machine itself. A recipient whom the server will never take does
//! not keep the mail from the others; one whom it cannot take now gets the mail later, and the others do not get it again.

mod bounded;

use super::guard::Guard;
use bounded::Bounded;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use rollcall_domain::delivery::{Outcome, Security};
use rollcall_domain::id::DeliveryId;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a mail may take at most, greeting and TLS included: servers check what they get before they answer.
const WHOLE: Duration = Duration::from_secs(60);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may take to say good-bye.
const QUIT: Duration = Duration::from_secs(1);

/// Deliveries whose progress is remembered: those of all channels that can wait at once.
const REMEMBERED: usize = 1_000;

/// A mail that is ready to go.
#[derive(Clone, Debug)]
pub struct Mail {
    /// As which delivery.
    pub delivery: DeliveryId,
    /// The server that takes it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Whom it comes from.
    pub sender: Address,
    /// Whom it goes to.
    pub recipients: Vec<Address>,
    /// Why it does not go to others.
    pub unreachable: Vec<String>,
    /// Headers and body.
    pub bytes: Vec<u8>,
}

/// Sends mails through the guard.
#[derive(Clone)]
pub struct MailSender {
    guard: Guard,
    whole: Duration,
    /// Trusted instead of the machine's certificate authorities.
    authority: Option<Certificate>,
    /// Who has got which delivery already. Lost at a restart: then some get it twice.
    reached: Arc<Mutex<BTreeMap<DeliveryId, BTreeSet<String>>>>,
}

/// Why a mail did not go on its way.
enum Trouble {
    /// It may go later.
    Later(String),
    /// The server will never take it.
    Never(String),
}

/// What became of each recipient.
#[derive(Default)]
struct Verdict {
    later: Vec<String>,
    never: Vec<String>,
    reached: Vec<String>,
}

impl MailSender {
    /// A sender that trusts the machine's certificate authorities.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard, whole: WHOLE, authority: None, reached: Arc::default() }
    }

    /// A sender that waits no longer than this, and trusts one certificate authority alone.
    #[must_use]
    pub fn trusting(self, authority: Certificate, whole: Duration) -> Self {
        Self { whole, authority: Some(authority), ..self }
    }

    /// A sender that waits no longer than this.
    #[must_use]
    pub fn with_limit(self, whole: Duration) -> Self {
        Self { whole, ..self }
    }

    /// Sends.
    pub async fn send(&self, mail: &Mail) -> Outcome {
        let reached = self.lock().get(&mail.delivery).cloned().unwrap_or_default();
        let left: Vec<&Address> = mail.recipients.iter().filter(|one| !reached.contains(one.as_ref() as &str)).collect();
        let verdict = match timeout(self.whole, self.exchange(mail, &left)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(Trouble::Later(reason))) => return Outcome::Failed { reason, retry_after: None },
            Ok(Err(Trouble::Never(reason))) => return Outcome::Refused { reason },
            Err(_) => return Outcome::Failed { reason: "the mail server did not answer in time".into(), retry_after: None },
        };
        self.conclude(mail, verdict, !reached.is_empty())
    }

    fn conclude(&self, mail: &Mail, verdict: Verdict, reached_before: bool) -> Outcome {
        let reached_some = reached_before || !verdict.reached.is_empty();
        if !verdict.later.is_empty() {
            self.remember(mail.delivery, verdict.reached);
            let reason = [verdict.later, verdict.never].concat().join("; ");
            return Outcome::Failed { reason, retry_after: None };
        }
        self.lock().remove(&mail.delivery);
        match (verdict.never.join("; "), reached_some) {
            (reason, _) if reason.is_empty() => Outcome::Confirmed,
            (reason, true) => Outcome::Partly { reason },
            (reason, false) => Outcome::Refused { reason },
        }
    }

    fn remember(&self, delivery: DeliveryId, more: Vec<String>) {
        let mut reached = self.lock();
        while reached.len() >= REMEMBERED {
            reached.pop_first();
        }
        reached.entry(delivery).or_default().extend(more);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<DeliveryId, BTreeSet<String>>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(&self, mail: &Mail, recipients: &[&Address]) -> Result<Verdict, Trouble> {
        let mut connection = self.connect(mail).await?;
        let verdict = transact(&mut connection, mail, recipients).await;
        // What was said is said: nobody waits for a good-bye.
        let _ = timeout(QUIT, connection.quit()).await;
        verdict
    }

    async fn connect(&self, mail: &Mail) -> Result<AsyncSmtpConnection, Trouble> {
        let found = self.guard.addresses(&mail.host).await.map_err(|refusal| Trouble::Later(refusal.to_string()))?;
        if mail.security == Security::None && !found.iter().all(std::net::IpAddr::is_loopback) {
            return Err(Trouble::Later(format!("{} is not this machine, and mail goes elsewhere over TLS alone", mail.host)));
        }
        let addresses: Vec<SocketAddr> = found.into_iter().map(|address| SocketAddr::new(address, mail.port)).collect();
        let name = ClientId::Domain(mail.sender.domain().to_owned());
        let mut connection = match mail.security {
            Security::Tls => {
                let tls = Some(self.tls(&mail.host)?);
                let connected = AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), Some(CONNECT), &name, tls, None);
                connected.await.map_err(|error| Trouble::Later(cause(&error)))?
            }
            Security::Starttls | Security::None => {
                let connected = timeout(CONNECT, TcpStream::connect(addresses.as_slice())).await;
                let stream = connected.map_err(|_| Trouble::Later("the mail server could not be reached in time".into()))?;
                let stream = Bounded::new(stream.map_err(|error| Trouble::Later(error.to_string()))?);
                let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name).await;
                greeted.map_err(|error| Trouble::Later(cause(&error)))?
            }
        };
        if mail.security == Security::Starttls {
            if !connection.can_starttls() {
                return Err(Trouble::Later("the mail server does not offer STARTTLS".into()));
            }
            connection.starttls(self.tls(&mail.host)?, &name).await.map_err(|error| Trouble::Later(cause(&error)))?;
        }
        if let Some((user, password)) = &mail.login {
            let login = Credentials::new(user.clone(), password.clone());
            let accepted = connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await;
            accepted.map_err(|error| Trouble::Later(format!("the mail server refused the login: {}", answer(&error))))?;
        }
        Ok(connection)
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, Trouble> {
        let builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
        let builder = match &self.authority {
            None => builder,
            Some(authority) => builder.certificate_store(CertificateStore::None).add_root_certificate(authority.clone()),
        };
        builder.build_rustls().map_err(|error| Trouble::Later(format!("this server cannot send: {}", cause(&error))))
    }
}

async fn transact(connection: &mut AsyncSmtpConnection, mail: &Mail, recipients: &[&Address]) -> Result<Verdict, Trouble> {
    let mut verdict = Verdict { never: mail.unreachable.clone(), ..Verdict::default() };
    let from = MailFrom::new(Some(mail.sender.clone()), Vec::new());
    // A sender that is refused is a matter of configuration, on this side or that: it may be put right.
    connection.command(from).await.map_err(|error| Trouble::Later(format!("sender {}: {}", mail.sender, answer(&error))))?;
    for recipient in recipients {
        match connection.command(Rcpt::new((*recipient).clone(), Vec::new())).await {
            Ok(_) => verdict.reached.push(recipient.to_string()),
            Err(error) if error.is_permanent() => verdict.never.push(format!("{recipient}: {}", answer(&error))),
            Err(error) if error.is_transient() => verdict.later.push(format!("{recipient}: {}", answer(&error))),
            Err(error) => return Err(Trouble::Later(cause(&error))),
        }
    }
    if verdict.reached.is_empty() {
        return Ok(verdict);
    }
    let sent = match connection.command(Data).await {
        Ok(_) => connection.message(&mail.bytes).await,
        Err(error) => Err(error),
    };
    match sent {
        Ok(_) => Ok(verdict),
        Err(error) if error.is_permanent() => Err(Trouble::Never(answer(&error))),
        Err(error) => Err(Trouble::Later(answer(&error))),
    }
}

/// What a server answered: its code alone, since its words may be anybody's.
fn answer(error: &Error) -> String {
    error.status().map_or_else(|| cause(error), |code| format!("the mail server answered {code}"))
}

/// What lies at the root of an error.
fn cause(error: &Error) -> String {
    let Some(mut root) = error.source() else { return error.to_string() };
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    root.to_string()
}

#[cfg(test)]
mod tests;
