//! A loopback server in the place of the services.

use super::*;
use crate::root::Root;
use proptest::prelude::*;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers each connection with the next of `answers`; gives back what was asked.
fn serve(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let serve_one = |answer: &String| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let request: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            // The client may have given up before the whole of a long answer.
            let _ = stream.write_all(answer.as_bytes());
            request.join("\n")
        };
        answers.iter().map(serve_one).collect()
    });
    (address, thread)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[track_caller]
fn check(provider: &str, answers: &[String], asked: &[&str], expected: [&str; 4]) {
    let (address, thread) = serve(answers.to_vec());
    let root = Root::live();
    let scope = Scope::new(&root);
    let mut row = System::default();
    fill_from(&scope, &[address], provider, &mut row);
    let requests = thread.join().expect("served");
    for (request, asked) in requests.iter().zip(asked) {
        for line in asked.split('|') {
            assert!(request.lines().any(|said| said == line), "{line:?} is not in\n{request}");
        }
    }
    let found = [row.cloud_instance_id, row.cloud_region, row.cloud_zone, row.cloud_type].map(Option::unwrap_or_default);
    assert_eq!(found, expected);
    assert_eq!(scope.problems(), None);
}

#[test]
fn aws_is_asked_for_a_token_first() {
    let document = r#"{"instanceId": "i-0abc", "region": "eu-west-1", "availabilityZone": "eu-west-1a", "instanceType": "t3.micro"}"#;
    let expected = ["i-0abc", "eu-west-1", "eu-west-1a", "t3.micro"];
    let asked = [
        "PUT /latest/api/token HTTP/1.1|X-aws-ec2-metadata-token-ttl-seconds: 60",
        "GET /latest/dynamic/instance-identity/document HTTP/1.1|X-aws-ec2-metadata-token: TOKEN==",
    ];
    check("aws", &[answer("200 OK", "TOKEN=="), answer("200 OK", document)], &asked, expected);
    check("aws", &[answer("404 Not Found", ""), answer("200 OK", document)], &asked[..1], expected);
}

#[test]
fn each_provider_is_asked_in_its_own_way() {
    let parts = [answer("200 OK", "123"), answer("200 OK", "projects/9/zones/us-central1-a"), answer("200 OK", "projects/9/machineTypes/e2-small")];
    let asked = ["GET /computeMetadata/v1/instance/id HTTP/1.1|Metadata-Flavor: Google", "GET /computeMetadata/v1/instance/zone HTTP/1.1"];
    check("gcp", &parts, &asked, ["123", "us-central1", "us-central1-a", "e2-small"]);
    let azure = answer("200 OK", r#"{"vmId": "0f-1", "location": "westeurope", "zone": "1", "vmSize": "Standard_B1s"}"#);
    check("azure", &[azure], &["Metadata: true"], ["0f-1", "westeurope", "1", "Standard_B1s"]);
    let droplet = answer("200 OK", r#"{"droplet_id": 4711, "region": "fra1"}"#);
    check("digitalocean", &[droplet], &["GET /metadata/v1.json HTTP/1.1"], ["4711", "fra1", "", ""]);
    let oracle = answer("200 OK", r#"{"id": "ocid1", "canonicalRegionName": "eu-frankfurt-1", "availabilityDomain": "AD-1", "shape": "VM.E4"}"#);
    check("oracle", &[oracle], &["Authorization: Bearer Oracle"], ["ocid1", "eu-frankfurt-1", "AD-1", "VM.E4"]);
    let nova = answer("200 OK", r#"{"uuid": "5f-2", "availability_zone": "nova"}"#);
    check("openstack", &[nova], &["GET /openstack/latest/meta_data.json HTTP/1.1"], ["5f-2", "", "nova", ""]);
    let hetzner = ["4712", "eu-central", "fsn1-dc14"].map(|text| answer("200 OK", text));
    check("hetzner", &hetzner, &[], ["4712", "eu-central", "fsn1-dc14", ""]);
}

#[track_caller]
fn check_problem(answers: &[String], expected: &str) {
    let (address, thread) = serve(answers.to_vec());
    let root = Root::live();
    let scope = Scope::new(&root);
    let mut row = System::default();
    fill_from(&scope, &[address], "azure", &mut row);
    let _ = thread.join();
    assert_eq!(row, System::default());
    let problems = scope.problems().unwrap_or_default();
    assert!(problems.contains(expected), "{problems:?}");
}

#[test]
fn what_a_service_does_wrong_is_a_problem() {
    check_problem(&[answer("302 Found", "")], "answered \"302\"");
    check_problem(&[answer("500 Broken", "")], "answered \"500\"");
    check_problem(&[answer("404 Not Found", "")], "there is no such thing");
    check_problem(&[answer("200 OK", "nonsense")], "not JSON");
    check_problem(&["nonsense".to_owned()], "the answer ends within its head");
    check_problem(&["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}".to_owned()], "the answer ends early");
    check_problem(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()], "an encoding that is not asked for");
    check_problem(&[answer("200 OK", &"x".repeat(ANSWER_BYTES + 1))], "the answer");
}

#[test]
fn a_service_that_is_not_there_is_a_problem_and_the_next_address_is_tried() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a socket").local_addr().expect("an address");
    let root = Root::live();
    let scope = Scope::new(&root);
    fill_from(&scope, &[closed], "aws", &mut System::default());
    assert!(scope.problems().is_some_and(|said| said.starts_with(&format!("http://{closed}: "))));
    let (open, thread) = serve(vec![answer("200 OK", "T"), answer("200 OK", r#"{"instanceId": "i-1"}"#)]);
    let mut row = System::default();
    fill_from(&Scope::new(&root), &[closed, open], "aws", &mut row);
    assert_eq!((row.cloud_instance_id.as_deref(), thread.join().expect("served").len()), (Some("i-1"), 2));
}

#[test]
fn a_service_that_trickles_is_given_up() {
    struct Trickle;
    impl Read for Trickle {
        fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
            piece[0] = b'x';
            Ok(1)
        }
    }
    assert_eq!(read_answer(&mut Trickle), Err("the answer comes in more than 16 pieces".to_owned()));
}

#[test]
fn what_is_known_is_not_overwritten_and_strangers_are_not_asked() {
    let mut row = System { cloud_instance_id: Some("known".to_owned()), ..System::default() };
    Instance { id: Some("other".to_owned()), region: Some("r".to_owned()), ..Instance::default() }.fill(&mut row);
    assert_eq!((row.cloud_instance_id.as_deref(), row.cloud_region.as_deref()), (Some("known"), Some("r")));
    let root = Root::live();
    let scope = Scope::new(&root);
    fill_from(&scope, &[], "alibaba", &mut row);
    fill(&scope, &mut System::default());
    assert_eq!(scope.problems(), None);
}

proptest! {
    #[test]
    fn no_answer_panics(answer in "(HTTP/1.1 200 OK\r\n)?(Content-Length: [0-9]{0,20}\r\n)?(\r\n)?.{0,30}") {
        let _ = (body(answer.as_bytes()), is_whole(answer.as_bytes()));
    }
}
