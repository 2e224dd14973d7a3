//! How long certificates are still good.

use super::Raw;
use crate::collect::{Scope, certificates};
use rollcall_shared::Timestamp;

/// Those that expire first are measured; a web server's bundle of authorities is no news.
const CERTIFICATES: usize = 64;

/// Days left of what stands first in each file; negative when it has expired.
pub(super) fn read(scope: &Scope<'_>, now: Timestamp) -> Vec<Raw> {
    days_left(certificates::expiries(scope), now)
}

fn days_left(mut expiries: Vec<(String, Timestamp)>, now: Timestamp) -> Vec<Raw> {
    expiries.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let one = |(path, at): &(String, Timestamp)| Raw::gauge("system.certificate.days_left", &[("path", path)], "d", Some(days(*at, now)));
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
        let expiry = |path: &str, days: i64| (path.to_owned(), Timestamp(days * 86_400_000));
        let raw = days_left(vec![expiry("/late", 20), expiry("/gone", 9)], Timestamp(10 * 86_400_000));
        let left = |path, days| Raw::gauge("system.certificate.days_left", &[("path", path)], "d", Some(days));
        assert_eq!(raw, [left("/gone", -1.0), left("/late", 10.0)]);
    }
}
