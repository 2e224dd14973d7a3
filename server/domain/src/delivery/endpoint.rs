//! Where a channel leads: the kinds of receivers, and what each needs to be reached.
//!
//! Whether an address may be called is for the edge to say, which has the configuration; here it is only well formed. A credential
//! is never in the clear: it is sealed by the edge for its channel, or it is the name of a file that the server's operator offers.

use super::{Channel, Follows};
use crate::Rejection;
use serde::{Deserialize, Serialize};

/// Where PagerDuty takes events of accounts in the United States; accounts in Europe have `https://events.eu.pagerduty.com/v2/enqueue`.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// Bytes of an address: what every server and proxy takes.
const URL_BYTES: usize = 2_000;

/// Bytes of a host's name (RFC 1035, 2.3.4).
const HOST_BYTES: usize = 253;

/// Bytes of a mail address, and of what is before its `@` (RFC 5321, 4.5.3.1).
const MAIL_BYTES: (usize, usize) = (254, 64);

/// Recipients of one mail: servers must take 100 (RFC 5321, 4.5.3.1.8).
pub const RECIPIENTS: usize = 100;

/// Characters of a user name, or of a file's name in the configuration.
const NAME_CHARACTERS: usize = 200;

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS after a first exchange in the clear; nothing is sent without it. Port 587.
    Starttls,
    /// TLS from the first byte. Port 465.
    Tls,
    /// None; to this machine itself alone.
    None,
}

impl Security {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }
}

/// What a receiver wants to see, so that it takes what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Credential {
    /// As people gave it, encrypted under this server's key and bound to its channel.
    Sealed {
        /// What the edge can open.
        sealed: String,
    },
    /// In a file.
    File {
        /// What the server's configuration calls it.
        name: String,
    },
}

/// How a channel reaches its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChannelKind {
    /// HTTP requests, signed as Standard Webhooks says.
    Webhook {
        /// Where they go.
        url: String,
    },
    /// HTTP requests as Alertmanager makes them (version 4), signed as well.
    Alertmanager {
        /// Where they go.
        url: String,
    },
    /// An incoming webhook of Slack. Its address is the credential.
    Slack {
        /// The address.
        #[serde(default)]
        credential: Option<Credential>,
    },
    /// PagerDuty's Events API, version 2.
    #[serde(rename = "pagerduty")]
    PagerDuty {
        /// Where events go.
        url: String,
        /// The routing key of an integration.
        #[serde(default)]
        credential: Option<Credential>,
    },
    /// Mail.
    Mail {
        /// The server that takes it.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is protected.
        security: Security,
        /// As whom this server logs in; not at all unless given.
        #[serde(default)]
        username: Option<String>,
        /// Whom it comes from.
        sender: String,
        /// Whom it goes to, unless a notification names others.
        recipients: Vec<String>,
        /// The password of that user.
        #[serde(default)]
        credential: Option<Credential>,
    },
}

impl ChannelKind {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Mail { .. } => "mail",
        }
    }

    /// What its receiver wants to see.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Webhook { .. } | Self::Alertmanager { .. } => None,
            Self::Slack { credential } | Self::PagerDuty { credential, .. } | Self::Mail { credential, .. } => credential.as_ref(),
        }
    }

    /// Whether its requests are signed with a secret of this server's making.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Webhook { .. } | Self::Alertmanager { .. })
    }

    /// The field in which people give its credential.
    fn credential_field(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "url",
            Self::PagerDuty { .. } => "routing_key",
            _ => "password",
        }
    }

    /// Refuses what cannot be reached.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self) -> Result<(), Rejection> {
        match self {
            Self::Webhook { url } | Self::Alertmanager { url } => check_url(url)?,
            Self::PagerDuty { url, .. } => check_url(url)?,
            Self::Slack { .. } => {}
            Self::Mail { .. } => self.check_mail()?,
        }
        let is_needed = matches!(self, Self::Slack { .. } | Self::PagerDuty { .. }) || self.username().is_some();
        match self.credential() {
            None if is_needed => Err(Rejection::invalid(self.credential_field(), "must be given, or the name of a file that holds it")),
            Some(Credential::File { name }) if !is_name(name) => {
                Err(Rejection::invalid("credential_file", "must be a name of delivery.credential_files in the server's configuration"))
            }
            Some(_) if !is_needed => Err(Rejection::invalid("username", "must be given with a password")),
            _ => Ok(()),
        }
    }

    fn username(&self) -> Option<&str> {
        match self {
            Self::Mail { username, .. } => username.as_deref(),
            _ => None,
        }
    }

    fn check_mail(&self) -> Result<(), Rejection> {
        let Self::Mail { host, port, username, sender, recipients, .. } = self else { return Ok(()) };
        let is_host_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if !(1..=HOST_BYTES).contains(&host.len()) || !host.chars().all(is_host_character) {
            return Err(Rejection::invalid("host", "must be a name such as mail.example.org, or an address"));
        }
        if *port == 0 {
            return Err(Rejection::invalid("port", "must be 1 to 65535, such as 587"));
        }
        if username.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(Rejection::invalid("username", format!("must have 1 to {NAME_CHARACTERS} characters, without controls")));
        }
        if !is_mail_address(sender) {
            return Err(Rejection::invalid("sender", "must be one address such as rollcall@example.org"));
        }
        if !(1..=RECIPIENTS).contains(&recipients.len()) || !recipients.iter().all(|one| is_mail_address(one)) {
            return Err(Rejection::invalid("recipients", format!("must be 1 to {RECIPIENTS} addresses such as ops@example.org")));
        }
        Ok(())
    }

    /// Takes over the credential that is known, when none is given: people cannot read it, so they need not give it again. If it
    /// would be shown to somebody else than before it has to be given again.
    ///
    /// # Errors
    /// The field in which to give it.
    pub fn keeping_credential_of(mut self, known: &Self) -> Result<Self, Rejection> {
        if self.credential().is_some() || known.credential().is_none() {
            return Ok(self);
        }
        let is_same = match (&self, known) {
            (Self::Slack { .. }, Self::Slack { .. }) => true,
            (Self::PagerDuty { url, .. }, Self::PagerDuty { url: before, .. }) => url == before,
            (
                Self::Mail { host, port, security, username, .. },
                Self::Mail { host: host_before, port: port_before, security: security_before, username: username_before, .. },
            ) => {
                if username.is_none() {
                    return Ok(self);
                }
                (host, port, security, username) == (host_before, port_before, security_before, username_before)
            }
            _ => return Ok(self),
        };
        if !is_same {
            return Err(Rejection::invalid(self.credential_field(), "must be given again, since it is to be shown to somebody else"));
        }
        if let Self::Slack { credential } | Self::PagerDuty { credential, .. } | Self::Mail { credential, .. } = &mut self {
            *credential = known.credential().cloned();
        }
        Ok(self)
    }
}

impl Channel {
    /// Whether it is told of records of the log.
    #[must_use]
    pub fn follows_feed(&self) -> bool {
        matches!(self.kind, ChannelKind::Webhook { .. }) && self.wanted.follows != Follows::Notifications
    }

    /// Whether routes may send to it.
    #[must_use]
    pub fn takes_notifications(&self) -> bool {
        !matches!(self.kind, ChannelKind::Webhook { .. }) || self.wanted.follows != Follows::Feed
    }
}

fn check_url(url: &str) -> Result<(), Rejection> {
    if !(1..=URL_BYTES).contains(&url.len()) || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Rejection::invalid("url", format!("must be a URL of at most {URL_BYTES} bytes without spaces")));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARACTERS).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// Whether a text is one mail address: the unquoted forms of RFC 5321 in ASCII, which is what all servers take. Nothing in it can
/// end a line or begin a second address.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= MAIL_BYTES.0 && local.len() <= MAIL_BYTES.1 && local.split('.').all(is_atom) && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests;
