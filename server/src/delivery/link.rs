//! Links in messages: where people read of incidents, and how they take notice with one press.
//!
//! A link to take notice says which incidents, of which group, through which channel it was sent, to whom and until when, under a
//! code that this server alone can make. Whoever holds it may take notice of those incidents and of their group's, and may do nothing else. It holds no secret of its
//! own, and the server keeps nothing for it. A link to read of one incident is made alike, and neither is good for what the other is for.

use super::secret::Signer;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rollcall_domain::delivery::message::NAMED;
use rollcall_domain::id::{ChannelId, IncidentId, NotificationGroupId};
use rollcall_shared::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Where links to take notice lead; a token follows.
pub const ACKNOWLEDGE: &str = "/acknowledge/";

/// Where links to read of an incident lead; a token follows.
pub const LOOK: &str = "/incident/";

/// How long such a link is good: whoever comes back from a week's holiday finds another state.
pub const GOOD_FOR: Duration = Duration::from_secs(7 * 86_400);

/// Bytes of whom a link was sent to; more is cut.
const SENT_TO_BYTES: usize = 100;

/// What tokens to take notice begin with; another form would begin with something else.
const TAKE_NOTICE: u8 = 2;

/// What tokens to read of an incident begin with: they are no others.
const READ: u8 = 3;

/// Characters of the longest token, and some.
const TOKEN_CHARACTERS: usize = 2_000;

/// What a link lets its holder do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Through which channel it was sent.
    pub channel: ChannelId,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The group that was told of, whose other incidents count as well; `None` for a test.
    pub group: Option<NotificationGroupId>,
    /// Of which incidents to take notice; at most [`NAMED`].
    pub incidents: Vec<IncidentId>,
    /// To whom it was sent; empty for all that the channel reaches.
    pub sent_to: String,
}

/// Why a token lets nobody do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// This server did not make it.
    Unknown,
    /// Its time is over.
    Expired,
}

/// Makes and reads links.
#[derive(Clone)]
pub struct Links {
    base: Option<Arc<str>>,
    key: Arc<hmac::Key>,
}

impl Links {
    /// Links of the server with this signer; without a base URL there are none.
    #[must_use]
    pub fn new(signer: &Signer, base: Option<&str>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, signer.derived("links to take notice").as_ref());
        Self { base: base.map(|base| base.trim_end_matches('/').into()), key: Arc::new(key) }
    }

    /// Where people reach this server.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Where its holder reads of its incident.
    #[must_use]
    pub fn look(&self, invitation: &Invitation) -> Option<String> {
        self.base().map(|base| format!("{base}{LOOK}{}", self.sealed(READ, invitation)))
    }

    /// Where its holder takes notice.
    #[must_use]
    pub fn acknowledge(&self, invitation: &Invitation) -> Option<String> {
        self.base().map(|base| format!("{base}{ACKNOWLEDGE}{}", self.token(invitation)))
    }

    /// An invitation as text.
    #[must_use]
    pub fn token(&self, invitation: &Invitation) -> String {
        self.sealed(TAKE_NOTICE, invitation)
    }

    fn sealed(&self, purpose: u8, invitation: &Invitation) -> String {
        let incidents = &invitation.incidents[..invitation.incidents.len().min(NAMED)];
        let mut bytes = vec![purpose];
        bytes.extend(invitation.channel.0.to_be_bytes());
        bytes.extend(invitation.expires_at.0.to_be_bytes());
        bytes.extend(invitation.group.map_or(0, |group| group.0).to_be_bytes());
        bytes.push(u8::try_from(incidents.len()).unwrap_or(u8::MAX));
        incidents.iter().for_each(|id| bytes.extend(id.0.to_be_bytes()));
        bytes.extend(prefix(&invitation.sent_to, SENT_TO_BYTES).as_bytes());
        let tag = hmac::sign(&self.key, &bytes);
        bytes.extend(tag.as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Self::token`] made. How long that takes tells nothing of the code.
    ///
    /// # Errors
    /// What is no invitation.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Invitation, BadLink> {
        self.opened(TAKE_NOTICE, token, now)
    }

    /// Reads the token of a link that [`Self::look`] made, as [`Self::read`] does.
    ///
    /// # Errors
    /// What is no such link.
    pub fn read_look(&self, token: &str, now: Timestamp) -> Result<Invitation, BadLink> {
        self.opened(READ, token, now)
    }

    fn opened(&self, purpose: u8, token: &str, now: Timestamp) -> Result<Invitation, BadLink> {
        if token.len() > TOKEN_CHARACTERS {
            return Err(BadLink::Unknown);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| BadLink::Unknown)?;
        let (content, tag) = bytes.split_at_checked(bytes.len().saturating_sub(32)).ok_or(BadLink::Unknown)?;
        hmac::verify(&self.key, content, tag).map_err(|_| BadLink::Unknown)?;
        let invitation = parse(purpose, content).ok_or(BadLink::Unknown)?;
        if invitation.expires_at <= now { Err(BadLink::Expired) } else { Ok(invitation) }
    }
}

fn parse(purpose: u8, bytes: &[u8]) -> Option<Invitation> {
    let (version, bytes) = bytes.split_first()?;
    let (channel, bytes) = bytes.split_first_chunk()?;
    let (expires_at, bytes) = bytes.split_first_chunk()?;
    let (group, bytes) = bytes.split_first_chunk()?;
    let group = u128::from_be_bytes(*group);
    let (count, bytes) = bytes.split_first()?;
    let (ids, sent_to) = bytes.split_at_checked(usize::from(*count) * 16)?;
    let incidents = ids.chunks_exact(16).filter_map(|id| Some(IncidentId(u128::from_be_bytes(id.try_into().ok()?))));
    (*version == purpose).then_some(())?;
    Some(Invitation {
        channel: ChannelId(u128::from_be_bytes(*channel)),
        expires_at: Timestamp(i64::from_be_bytes(*expires_at)),
        group: (group != 0).then_some(NotificationGroupId(group)),
        incidents: incidents.collect(),
        sent_to: std::str::from_utf8(sent_to).ok()?.to_owned(),
    })
}

/// As much of a text as has at most so many bytes.
fn prefix(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_235_460_000);

    fn links(key: u8) -> Links {
        Links::new(&Signer::new([key; 32]), Some("https://rollcall.example/"))
    }

    fn invitation() -> Invitation {
        let incidents = vec![IncidentId(5), IncidentId(u128::MAX)];
        let (group, sent_to) = (Some(NotificationGroupId(9)), "ann@example.org".into());
        Invitation { channel: ChannelId(3), expires_at: NOW.plus(GOOD_FOR), group, incidents, sent_to }
    }

    #[test]
    fn a_link_says_what_it_was_made_for_until_its_time_is_over() {
        let links = links(7);
        let link = links.acknowledge(&invitation()).unwrap();
        let token = link.strip_prefix("https://rollcall.example/acknowledge/").unwrap();
        assert_eq!(links.read(token, NOW), Ok(invitation()));
        assert_eq!(links.read(token, NOW.plus(GOOD_FOR)), Err(BadLink::Expired));
        assert_eq!(Links::new(&Signer::new([7; 32]), None).acknowledge(&invitation()), None);
        assert!(links.token(&invitation()).len() < 200);
    }

    #[test]
    fn a_link_that_was_changed_or_made_elsewhere_says_nothing() {
        let token = links(7).token(&invitation());
        assert_eq!(links(8).read(&token, NOW), Err(BadLink::Unknown));
        for place in 0..token.len() {
            let mut text = token.clone().into_bytes();
            text[place] = if text[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(links(7).read(std::str::from_utf8(&text).unwrap(), NOW), Err(BadLink::Unknown), "{place}");
        }
        for text in ["", "A", "%00", &"A".repeat(TOKEN_CHARACTERS + 1)] {
            assert_eq!(links(7).read(text, NOW), Err(BadLink::Unknown));
        }
    }

    #[test]
    fn a_link_to_read_takes_no_notice_and_the_other_way_round() {
        let links = links(7);
        let look = links.look(&invitation()).unwrap();
        let token = look.strip_prefix("https://rollcall.example/incident/").unwrap();
        assert_eq!(links.read_look(token, NOW), Ok(invitation()));
        assert_eq!(links.read_look(token, NOW.plus(GOOD_FOR)), Err(BadLink::Expired));
        assert_eq!(links.read(token, NOW), Err(BadLink::Unknown));
        assert_eq!(links.read_look(&links.token(&invitation()), NOW), Err(BadLink::Unknown));
    }

    #[test]
    fn the_longest_link_is_bounded_and_reads() {
        let incidents = vec![IncidentId(u128::MAX); 80];
        let longest = Invitation { incidents, sent_to: "é".repeat(200), ..invitation() };
        let token = links(7).token(&longest);
        let read = links(7).read(&token, NOW).unwrap();
        assert_eq!((read.incidents.len(), read.sent_to.len()), (NAMED, SENT_TO_BYTES));
    }
}
