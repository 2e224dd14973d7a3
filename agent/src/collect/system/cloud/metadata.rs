//! The providers' link-local metadata services, asked only where the operator set `cloud_metadata`.
//!
//! Plain HTTP/1.1 to two fixed addresses, never a name, never through a proxy, never redirected, never for credentials. Everything is
//! bounded: each step in time, an answer in bytes and in the number of its pieces. Only the service of the provider that this machine
//! is known to be of is asked: others' services, or whoever else has the address in a plain network, learn nothing.

use super::super::super::Scope;
use super::super::super::text::tidy;
use super::super::super::trace::Found;
use super::super::super::Failure;
use rollcall_shared::section::System;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The same for all providers but the second, which is AWS's on networks without IPv4.
const ADDRESSES: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), 80),
];

/// The service is on the same host and answers within milliseconds.
const PATIENCE: Duration = Duration::from_millis(300);

/// Bytes of an answer; Azure's, the longest, has some 4 KiB.
const ANSWER_BYTES: usize = 64 << 10;

/// Pieces that an answer may come in; bounds what a service that trickles costs to some seconds.
const PIECES: usize = 16;

/// Asks the provider's service for what is not known yet.
pub(super) fn fill(scope: &Scope<'_>, row: &mut System) {
    let Some(provider) = row.cloud_provider.clone() else { return };
    let addresses = if provider == "aws" { &ADDRESSES[..] } else { &ADDRESSES[..1] };
    fill_from(scope, addresses, &provider, row);
}

fn fill_from(scope: &Scope<'_>, addresses: &[SocketAddr], provider: &str, row: &mut System) {
    let mut service = Service { addresses: addresses.to_vec(), bytes: 0 };
    let source = format!("http://{}", addresses.first().map(ToString::to_string).unwrap_or_default());
    let answer = match provider {
        "aws" => aws(&mut service),
        "gcp" => gcp(&mut service),
        "azure" => azure(&mut service),
        "oracle" => oracle(&mut service),
        "openstack" => openstack(&mut service),
        "digitalocean" => digitalocean(&mut service),
        "hetzner" => hetzner(&mut service),
        "vultr" => vultr(&mut service),
        // The others' services have other addresses, or say nothing that is asked here.
        _ => return,
    };
    scope.count(service.bytes);
    match answer {
        Ok(instance) => {
            scope.asked(&source, Found::Read(service.bytes));
            instance.fill(row);
        }
        Err(error) => {
            scope.asked(&source, Found::Failed(error.clone()));
            scope.problem(Failure::source(source, error));
        }
    }
}

/// What services tell.
#[derive(Debug, Default)]
struct Instance {
    id: Option<String>,
    region: Option<String>,
    zone: Option<String>,
    kind: Option<String>,
}

impl Instance {
    fn of(document: &Value, [id, region, zone, kind]: [&str; 4]) -> Self {
        let text = |path: &str| match document.pointer(path)? {
            Value::String(text) => tidy(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self { id: text(id), region: text(region), zone: text(zone), kind: text(kind) }
    }

    fn fill(self, row: &mut System) {
        let keep = |field: &mut Option<String>, said: Option<String>| *field = field.take().or(said);
        keep(&mut row.cloud_instance_id, self.id);
        keep(&mut row.cloud_region, self.region);
        keep(&mut row.cloud_zone, self.zone);
        keep(&mut row.cloud_type, self.kind);
    }
}

/// Version 2 with a session's token; an older service knows no tokens and answers without.
fn aws(service: &mut Service) -> Result<Instance, String> {
    let token = service.ask("PUT", "/latest/api/token", &[("X-aws-ec2-metadata-token-ttl-seconds", "60")])?;
    let token = token.and_then(|token| tidy(&token)).filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("X-aws-ec2-metadata-token", token.as_str())).collect();
    let document = service.document("/latest/dynamic/instance-identity/document", &headers)?;
    Ok(Instance::of(&document, ["/instanceId", "/region", "/availabilityZone", "/instanceType"]))
}

/// Asked one by one: the whole document would bring start scripts and keys.
fn gcp(service: &mut Service) -> Result<Instance, String> {
    let mut read = |name: &str| service.ask("GET", &format!("/computeMetadata/v1/instance/{name}"), &[("Metadata-Flavor", "Google")]);
    // `projects/123/zones/us-central1-a`.
    let last = |text: Option<String>| text.and_then(|text| tidy(text.rsplit('/').next()?));
    let (id, zone, kind) = (last(read("id")?), last(read("zone")?), last(read("machine-type")?));
    let region = zone.as_deref().and_then(|zone| zone.rsplit_once('-')).map(|(region, _)| region.to_owned());
    Ok(Instance { id, region, zone, kind })
}

fn azure(service: &mut Service) -> Result<Instance, String> {
    let document = service.document("/metadata/instance/compute?api-version=2021-02-01&format=json", &[("Metadata", "true")])?;
    Ok(Instance::of(&document, ["/vmId", "/location", "/zone", "/vmSize"]))
}

fn oracle(service: &mut Service) -> Result<Instance, String> {
    let document = service.document("/opc/v2/instance/", &[("Authorization", "Bearer Oracle")])?;
    Ok(Instance::of(&document, ["/id", "/canonicalRegionName", "/availabilityDomain", "/shape"]))
}

fn openstack(service: &mut Service) -> Result<Instance, String> {
    let document = service.document("/openstack/latest/meta_data.json", &[])?;
    Ok(Instance::of(&document, ["/uuid", "", "/availability_zone", ""]))
}

fn digitalocean(service: &mut Service) -> Result<Instance, String> {
    let document = service.document("/metadata/v1.json", &[])?;
    Ok(Instance::of(&document, ["/droplet_id", "/region", "", ""]))
}

fn hetzner(service: &mut Service) -> Result<Instance, String> {
    let mut read = |name: &str| service.ask("GET", &format!("/hetzner/v1/metadata/{name}"), &[]).map(|text| text.and_then(|text| tidy(&text)));
    Ok(Instance { id: read("instance-id")?, region: read("region")?, zone: read("availability-zone")?, kind: None })
}

fn vultr(service: &mut Service) -> Result<Instance, String> {
    let document = service.document("/v1.json", &[])?;
    Ok(Instance::of(&document, ["/instance-v2-id", "/region/regioncode", "", ""]))
}

/// One service; the address that answered first is kept.
struct Service {
    addresses: Vec<SocketAddr>,
    bytes: usize,
}

impl Service {
    fn document(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Value, String> {
        let text = self.ask("GET", path, headers)?.ok_or_else(|| format!("{path}: there is no such thing"))?;
        serde_json::from_str(&text).map_err(|_| format!("{path}: not JSON"))
    }

    /// The text of an answer; none when the service does not know the path.
    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Option<String>, String> {
        let mut stream = self.connect()?;
        let host = self.addresses.first().map(|address| address.ip().to_string()).unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).map_err(|error| format!("{path}: {error}"))?;
        let answer = read_answer(&mut stream).map_err(|error| format!("{path}: {error}"))?;
        self.bytes = self.bytes.saturating_add(answer.len());
        body(&answer).map_err(|error| format!("{path}: {error}"))
    }

    fn connect(&mut self) -> Result<TcpStream, String> {
        let mut last = "no address".to_owned();
        for (at, address) in self.addresses.iter().enumerate() {
            let connected = TcpStream::connect_timeout(address, PATIENCE).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            });
            match connected {
                Ok(stream) => {
                    self.addresses = vec![self.addresses[at]];
                    return Ok(stream);
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

/// Up to the end of the stream or of the length that the answer names.
fn read_answer(stream: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    let mut piece = vec![0; 16 << 10];
    for _ in 0..PIECES {
        let read = stream.read(&mut piece).map_err(|error| error.to_string())?;
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if answer.len() > ANSWER_BYTES {
            return Err(format!("the answer has more than {ANSWER_BYTES} bytes"));
        }
        if read == 0 || is_whole(&answer) {
            return Ok(answer);
        }
    }
    Err(format!("the answer comes in more than {PIECES} pieces"))
}

fn split(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(answer.get(..end)?).into_owned(), answer.get(end + 4..)?))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn is_whole(answer: &[u8]) -> bool {
    split(answer).is_some_and(|(head, body)| {
        header(&head, "content-length").and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| body.len() >= length)
    })
}

/// 200 is an answer; what says that the path is unknown is none; anything else, a redirection too, is an error.
fn body(answer: &[u8]) -> Result<Option<String>, String> {
    let (head, body) = split(answer).ok_or("the answer ends within its head")?;
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let status = words.next().filter(|version| version.starts_with("HTTP/1.")).and(words.next()).unwrap_or_default();
    match status {
        "200" => {}
        "404" | "405" => return Ok(None),
        status => return Err(format!("answered {:?}", status.chars().take(16).collect::<String>())),
    }
    if header(&head, "transfer-encoding").is_some() {
        return Err("the answer comes in an encoding that is not asked for".to_owned());
    }
    let length = header(&head, "content-length").map(|length| length.parse::<usize>().map_err(|_| "a length that is no number")).transpose()?;
    let whole = body.get(..length.unwrap_or(body.len())).ok_or("the answer ends early")?;
    Ok(Some(String::from_utf8_lossy(whole).into_owned()))
}

/// An answer of the service.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let whole = read_answer(&mut &*bytes);
    usize::from(whole.is_ok_and(|answer| body(&answer).is_ok_and(|text| text.is_some())))
}

#[cfg(test)]
mod tests;
