//! How long certificates are still good.

use super::Raw;
use crate::collect::Scope;
use rollcall_shared::Timestamp;

/// A certificate's subject, where it lies, and when it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) subject: String,
    pub(super) path: String,
    pub(super) at: Timestamp,
}

/// Those that expire first are measured; a web server's bundle of authorities is no news.
const CERTIFICATES: usize = 64;

/// The certificates of this machine; the collector of that section does not name them yet.
pub(super) fn expiries(_scope: &Scope<'_>) -> Vec<Expiry> {
    Vec::new()
}

/// Days left of each; negative when it has expired.
pub(super) fn read(mut expiries: Vec<Expiry>, now: Timestamp) -> Vec<Raw> {
    expiries.sort_by(|a, b| (a.at, &a.path, &a.subject).cmp(&(b.at, &b.path, &b.subject)));
    let one = |expiry: &Expiry| {
        let attributes = [("path", expiry.path.as_str()), ("subject", expiry.subject.as_str())];
        Raw::gauge("system.certificate.days_left", &attributes, "d", Some(days(expiry.at, now)))
    };
    expiries.iter().take(CERTIFICATES).map(one).collect()
}

/// Times of certificates are four-digit years: far below 2^53 milliseconds.
#[expect(clippy::cast_precision_loss, reason = "stated above")]
fn days(at: Timestamp, now: Timestamp) -> f64 {
    const DAY_MS: f64 = 86_400_000.0;
    at.0.saturating_sub(now.0) as f64 / DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_certificate_has_less_than_no_days() {
        let expiry = |subject: &str, days: i64| Expiry { subject: subject.into(), path: "/a".into(), at: Timestamp(days * 86_400_000) };
        let raw = read(vec![expiry("late", 20), expiry("gone", 9)], Timestamp(10 * 86_400_000));
        let left = |subject, days| Raw::gauge("system.certificate.days_left", &[("path", "/a"), ("subject", subject)], "d", Some(days));
        assert_eq!(raw, [left("gone", -1.0), left("late", 10.0)]);
    }
}
