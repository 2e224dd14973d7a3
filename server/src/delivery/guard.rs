//! Which addresses this server may call: what stands between a channel's URL and the network behind the server.
//!
//! An administrator of Rollcall is not an administrator of the network that its server stands in. So nothing is called but
//! public addresses over HTTPS, unless the server's configuration names the network. A name is looked up once for a connection,
//! every address that it has is checked, and the connection goes to one of those: a name that says something else a moment later
//! changes nothing. Redirects are not followed, and no proxy is used, since a proxy would look names up by itself.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

/// Addresses of one name that are looked at; a name that has more is not meant for us.
const ADDRESSES: usize = 32;

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is no URL that can be called.
    #[error("{0}")]
    Url(String),
    /// The address is not a public one.
    #[error("{subject} {kind}; the server's configuration would have to allow it (delivery.allowed_networks)")]
    Address {
        /// The host as in the URL, and what it stands for.
        subject: String,
        /// What that is.
        kind: &'static str,
    },
    /// The name stands for nothing.
    #[error("{0} has no address")]
    NoAddress(String),
}

/// The addresses of one name.
pub type LookedUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up.
pub trait Names: Send + Sync {
    /// The addresses of a host's name.
    fn look_up(&self, host: &str) -> LookedUp;
}

/// As the machine is set up.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, host: &str) -> LookedUp {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).take(ADDRESSES).collect()) })
    }
}

/// What may be called.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
    names: Arc<dyn Names>,
}

impl Guard {
    /// A guard that lets public addresses through, and those of the networks named.
    #[must_use]
    pub fn new(allowed: &[IpNet], names: Arc<dyn Names>) -> Self {
        Self { allowed: allowed.into(), names }
    }

    /// Reads the URL of a receiver. A name in it is checked when it is called, an address now.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn check(&self, text: &str) -> Result<Url, Refusal> {
        let refuse = |reason: &str| Refusal::Url(reason.to_owned());
        let url = Url::parse(text).map_err(|error| Refusal::Url(format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(refuse("must begin with https://"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("names no host"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must not hold a user name or password; requests are signed instead"));
        }
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if url.scheme() == "http" && !literal.is_some_and(|address| address.is_loopback()) {
            return Err(refuse("must begin with https://; http:// is for loopback addresses such as http://127.0.0.1:9000 alone"));
        }
        if let Some(address) = literal {
            self.admit(host, address)?;
        }
        Ok(url)
    }

    /// Reads the host of a receiver that has no URL. A name is checked when it is called, an address now.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn check_host(&self, host: &str) -> Result<(), Refusal> {
        // An address written in numbers of another base is a name here, which is looked up and checked like any other.
        host.trim_matches(['[', ']']).parse().map_or(Ok(()), |address| self.admit(host, address))
    }

    /// Where a host may be called: its address, or all that its name has.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Refusal> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return self.admit(host, address).map(|()| vec![address]);
        }
        let found = self.names.look_up(host).await.map_err(|error| Refusal::NoAddress(format!("{host} ({error})")))?;
        Ok(self.choose(host, &found)?.into_iter().map(|address| address.ip()).collect())
    }

    /// Whether an address may be called.
    fn admit(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let address = unmapped(address);
        match special(address) {
            Some(kind) if !self.allowed.iter().any(|network| network.contains(&address)) => {
                let is_literal = host.trim_matches(['[', ']']).parse() == Ok(address);
                Err(Refusal::Address { subject: if is_literal { format!("{host} is") } else { format!("{host} is {address},") }, kind })
            }
            _ => Ok(()),
        }
    }

    /// All addresses of a name, if each of them may be called: a name that has one public and one inner address is a trap or
    /// a mistake.
    fn choose(&self, host: &str, found: &[IpAddr]) -> Result<Vec<SocketAddr>, Refusal> {
        if found.is_empty() {
            return Err(Refusal::NoAddress(host.to_owned()));
        }
        found.iter().map(|address| self.admit(host, *address).map(|()| SocketAddr::new(*address, 0))).collect()
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = guard.names.look_up(&host).await?;
            let addresses: Addrs = Box::new(guard.choose(&host, &found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// An IPv4 address that is written as an IPv6 one is what it stands for (`::ffff:0:0/96`).
fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// What kind of an address it is, if it is none of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(four) => NOT_PUBLIC_4.iter().find(|(network, _)| network.contains(&four)).map(|(_, kind)| *kind),
        IpAddr::V6(six) => {
            let named = NOT_PUBLIC_6.iter().find(|(network, _)| network.contains(&six)).map(|(_, kind)| *kind);
            // Everything else outside of 2000::/3 has not been given to anybody.
            named.or_else(|| (six.segments()[0] & 0xe000 != 0x2000).then_some("not a public address"))
        }
    }
}

const fn four(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn six(first: u16, second: u16, third: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), length)
}

/// IANA's registry of special-purpose IPv4 addresses, multicast, and one provider's metadata service on a public address.
const NOT_PUBLIC_4: [(Ipv4Net, &str); 17] = [
    (four(0, 0, 0, 0, 8), "an address of this host"),
    (four(10, 0, 0, 0, 8), "a private address"),
    (four(100, 64, 0, 0, 10), "a shared address of providers"),
    (four(127, 0, 0, 0, 8), "a loopback address"),
    (four(168, 63, 129, 16, 32), "a cloud's metadata service"),
    (four(169, 254, 0, 0, 16), "a link-local address, where clouds have their metadata services"),
    (four(172, 16, 0, 0, 12), "a private address"),
    (four(192, 0, 0, 0, 24), "an address of protocols"),
    (four(192, 0, 2, 0, 24), "an address for documentation"),
    (four(192, 31, 196, 0, 24), "an address of protocols"),
    (four(192, 52, 193, 0, 24), "an address of protocols"),
    (four(192, 88, 99, 0, 24), "an address of relays"),
    (four(192, 168, 0, 0, 16), "a private address"),
    (four(198, 18, 0, 0, 15), "an address for benchmarks"),
    (four(198, 51, 100, 0, 24), "an address for documentation"),
    (four(203, 0, 113, 0, 24), "an address for documentation"),
    (four(224, 0, 0, 0, 3), "a multicast or reserved address"),
];

/// Ranges within 2000::/3 that are not public, and those outside of it that people know by name.
const NOT_PUBLIC_6: [(Ipv6Net, &str); 10] = [
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "a loopback address"),
    (six(0x64, 0xff9b, 0, 32), "an address of translators"),
    (six(0xfc00, 0, 0, 7), "a private address"),
    (six(0xfe80, 0, 0, 10), "a link-local address"),
    (six(0xff00, 0, 0, 8), "a multicast address"),
    (six(0x2001, 0, 0, 23), "an address of protocols"),
    (six(0x2001, 0xdb8, 0, 32), "an address for documentation"),
    (six(0x2002, 0, 0, 16), "an address of relays, which stands for an IPv4 one"),
    (six(0x3fff, 0, 0, 20), "an address for documentation"),
    (six(0x5f00, 0, 0, 16), "an address of protocols"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        let allowed: Vec<IpNet> = allowed.iter().map(|network| network.parse().unwrap()).collect();
        Guard::new(&allowed, Arc::new(SystemNames))
    }

    #[track_caller]
    fn check(allowed: &[&str], url: &str, expected: Option<&str>) {
        let refused = guard(allowed).check(url).err().map(|refusal| refusal.to_string());
        match expected {
            None => assert_eq!(refused, None, "{url}"),
            Some(part) => assert!(refused.as_ref().is_some_and(|text| text.contains(part)), "{url}: {refused:?}"),
        }
    }

    #[test]
    fn public_names_and_addresses_are_called_over_https_alone() {
        for url in ["https://hooks.example/a?b=c", "https://1.1.1.1/", "https://[2606:4700:4700::1111]:8443/x", "https://192.0.1.1/"] {
            check(&[], url, None);
        }
        for url in ["http://hooks.example/", "http://1.1.1.1/", "ftp://hooks.example/", "file:///etc/passwd", "gopher://127.0.0.1/"] {
            check(&[], url, Some("must begin with https://"));
        }
        check(&[], "https://user:secret@hooks.example/", Some("user name"));
        check(&[], "https://", Some("is no URL"));
        check(&[], "hooks.example", Some("is no URL"));
        check(&[], "data:text/plain,x", Some("must begin with https://"));
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_however_they_are_written() {
        for (host, kind) in [
            ("127.0.0.1", "loopback"),
            ("127.8.9.1", "loopback"),
            ("0.0.0.0", "this host"),
            ("2130706433", "loopback"),
            ("0x7f.1", "loopback"),
            ("017700000001", "loopback"),
            ("10.1.2.3", "private"),
            ("172.31.255.255", "private"),
            ("192.168.0.1", "private"),
            ("100.100.100.200", "providers"),
            ("169.254.169.254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("192.0.0.192", "protocols"),
            ("198.19.0.1", "benchmarks"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("[::1]", "loopback"),
            ("[::]", "not a public"),
            ("[::ffff:127.0.0.1]", "loopback"),
            ("[::ffff:a9fe:a9fe]", "metadata"),
            ("[::127.0.0.1]", "not a public"),
            ("[64:ff9b::7f00:1]", "translators"),
            ("[64:ff9b:1::1]", "translators"),
            ("[fd00:ec2::254]", "private"),
            ("[fe80::1]", "link-local"),
            ("[fec0::1]", "not a public"),
            ("[ff02::1]", "multicast"),
            ("[2001::1]", "protocols"),
            ("[2001:db8::1]", "documentation"),
            ("[2002:7f00:1::]", "relays"),
        ] {
            check(&[], &format!("https://{host}/hook"), Some(kind));
        }
    }

    #[test]
    fn the_configuration_allows_networks_and_http_on_loopback_with_them() {
        check(&["10.0.0.0/8"], "https://10.1.2.3/", None);
        check(&["10.0.0.0/8"], "https://[::ffff:10.1.2.3]/", None);
        check(&["10.0.0.0/8"], "https://192.168.0.1/", Some("private"));
        check(&["10.0.0.0/8"], "http://10.1.2.3/", Some("must begin with https://"));
        check(&[], "http://127.0.0.1:9000/", Some("delivery.allowed_networks"));
        check(&["127.0.0.0/8"], "http://127.0.0.1:9000/", None);
        check(&["::1/128"], "http://[::1]:9000/", None);
        check(&["127.0.0.0/8"], "http://localhost:9000/", Some("must begin with https://"));
    }

    #[track_caller]
    fn check_found(found: &[&str], expected: Option<&str>) {
        let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
        let refused = guard(&[]).choose("hooks.example", &found).err().map(|refusal| refusal.to_string());
        match expected {
            None => assert_eq!(refused, None),
            Some(part) => assert!(refused.as_ref().is_some_and(|text| text.contains(part)), "{refused:?}"),
        }
    }

    #[test]
    fn a_name_is_called_only_if_all_its_addresses_may_be() {
        check_found(&["1.1.1.1", "2606:4700:4700::1111"], None);
        check_found(&["1.1.1.1", "127.0.0.1"], Some("hooks.example is 127.0.0.1, a loopback address"));
        check_found(&["::ffff:169.254.169.254"], Some("hooks.example is 169.254.169.254"));
        check_found(&[], Some("hooks.example has no address"));
    }
}
