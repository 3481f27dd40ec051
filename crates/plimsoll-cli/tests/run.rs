//! `plimsoll run`: the program itself, its signals and its exit codes.
#![cfg(unix)]

mod program;
mod serving;

use program::{Scratch, plimsoll};
use serving::{Origin, Serving, eventually, get};
use std::{fs, net::TcpListener, os::unix::net::UnixDatagram, path::Path, time::Duration};

fn file(listen: &str, admin: &str, origin: &Origin) -> String {
    format!(
        r#"version = 1
drain = "60s"
[admin]
listen = "{admin}"
[[listener]]
listen = "{listen}"
[[route]]
path = "/a"
upstream = "orders"
[upstream.orders]
endpoints = ["{}"]
"#,
        origin.address
    )
}

const ANY: &str = "127.0.0.1:0";

fn started(test: &str) -> (Serving, Origin, Scratch, String) {
    let (origin, scratch) = (Origin::start(), Scratch::new(test));
    let path = scratch.file(file(ANY, ANY, &origin));
    (Serving::start(&path), origin, scratch, path)
}

#[test]
fn a_port_in_use_ends_it_with_1_and_the_address() {
    let (origin, scratch) = (Origin::start(), Scratch::new("in-use"));
    let taken = TcpListener::bind(ANY).unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    for (listen, admin) in [(&*taken.1, ANY), (ANY, &*taken.1)] {
        let ran = plimsoll(&["run", &scratch.file(file(listen, admin, &origin))]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let said = format!("error: cannot listen on {}: Address already in use (os error", taken.1);
        assert!(ran.err.contains(&said), "{}", ran.err);
        assert_eq!(ran.out, "", "standard output is the access log's");
    }
}

#[test]
fn a_second_one_on_the_same_ports_ends_with_1() {
    let (serving, origin, scratch, _path) = started("second");
    // The first one shares its port between its workers, and still with nobody else.
    let ran = plimsoll(&["run", &scratch.file(file(&serving.address.to_string(), ANY, &origin))]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains(&serving.address.to_string()), "{}", ran.err);
    assert_eq!(get(serving.address, "/a"), Some((200, "/a".to_owned())));
}

#[test]
fn a_wrong_file_ends_it_with_2_and_every_fault() {
    let (origin, scratch) = (Origin::start(), Scratch::new("wrong"));
    let wrong = file(ANY, "0.0.0.0:0", &origin).replace("drain = \"60s\"", "drain = 60\nworkrs = 1");
    let path = scratch.file(wrong);
    let ran = plimsoll(&["run", &path]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    for part in [":2:", ":3:", ":5:", "did you mean \"workers\"?", "no token", "3 faults"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    let ran = plimsoll(&["run", &format!("{path}.nowhere")]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.starts_with("error: cannot read "), "{}", ran.err);
    assert_eq!(plimsoll(&["run", "--log", "loud"]).code, 2);
}

#[test]
fn hangup_takes_up_a_good_file_and_refuses_a_bad_one() {
    let (mut serving, origin, scratch, path) = started("hangup");
    assert_eq!(get(serving.address, "/a").unwrap().0, 200);
    let good = file(ANY, ANY, &origin).replace("\"/a\"", "\"/b\"");
    scratch.file(&good);
    serving.signal("HUP");
    eventually("the new route", || get(serving.address, "/b").unwrap().0 == 200);
    assert_eq!(get(serving.address, "/a").unwrap().0, 404);

    fs::write(&path, good.replace("upstream = \"orders\"", "upstream = \"ordrs\"")).unwrap();
    serving.signal("HUP");
    serving.said("no upstream is called \\\"ordrs\\\"");
    serving.said("the old one serves on");
    assert_eq!(get(serving.address, "/b").unwrap().0, 200);
    let metrics = get(serving.admin, "/metrics").unwrap().1;
    for line in
        ["plimsoll_reloads_total{result=\"applied\"} 1", "plimsoll_reloads_total{result=\"refused\"} 1"]
    {
        assert!(metrics.contains(line), "{line}");
    }
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn user_signal_1_opens_the_access_log_anew() {
    let (origin, scratch) = (Origin::start(), Scratch::new("rotate"));
    let (log, old) = (scratch.path().join("access.log"), scratch.path().join("access.log.1"));
    let logged = format!("version = 1\n[access-log]\npath = \"{}\"", log.display());
    let text = file(ANY, ANY, &origin).replace("version = 1\ndrain = \"60s\"", &logged);
    let mut serving = Serving::start(&scratch.file(text));
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    get(serving.address, "/a");
    eventually("a line", || lines(&log) == 1);
    fs::rename(&log, &old).unwrap();
    serving.signal("USR1");
    eventually("a new file", || log.exists());
    get(serving.address, "/a");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    assert_eq!((lines(&log), lines(&old)), (1, 1), "the last lines are written at the end");
}

#[test]
fn a_watched_file_is_taken_up_by_itself() {
    let (origin, scratch) = (Origin::start(), Scratch::new("watch"));
    let watched = file(ANY, ANY, &origin).replace("version = 1", "version = 1\nwatch = true");
    let path = scratch.file(&watched);
    let serving = Serving::start(&path);
    assert_eq!(get(serving.address, "/a").unwrap().0, 200);
    // As editors save: another file in its place.
    let other = scratch.path().join("other.toml");
    fs::write(&other, watched.replace("\"/a\"", "\"/longer\"")).unwrap();
    fs::rename(&other, &path).unwrap();
    eventually("the new route", || get(serving.address, "/longer").unwrap().0 == 200);
}

#[test]
fn terminate_lets_a_request_finish() {
    let (mut serving, origin, _scratch, _path) = started("drain");
    let address = serving.address;
    let slow = std::thread::spawn(move || get(address, "/a/hold"));
    eventually("the request is under way", || origin.held() == 1);
    serving.signal("TERM");
    eventually("not ready", || get(serving.admin, "/readyz").is_some_and(|response| response.0 == 503));
    eventually("no new connections", || get(address, "/a").is_none());
    origin.release();
    assert_eq!(slow.join().unwrap(), Some((200, "/a/hold".to_owned())));
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut serving, origin, _scratch, _path) = started("twice");
    let address = serving.address;
    let slow = std::thread::spawn(move || get(address, "/a/hold"));
    eventually("the request is under way", || origin.held() == 1);
    serving.signal("INT");
    serving.said("draining");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    assert_eq!(slow.join().unwrap(), None);
}

#[test]
fn a_service_manager_hands_over_a_socket_and_hears_how_things_stand() {
    let (origin, scratch) = (Origin::start(), Scratch::new("systemd"));
    let socket = TcpListener::bind(ANY).unwrap();
    let address = socket.local_addr().unwrap();
    let path = scratch.file(file(&address.to_string(), ANY, &origin));
    let notices = scratch.path().join("notify");
    let hears = UnixDatagram::bind(&notices).unwrap();
    hears.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut bytes = [0; 64];
        let length = hears.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut serving = Serving::handed(&path, socket, &notices);
    assert_eq!(heard(), "READY=1");
    assert_eq!(serving.address, address);
    assert_eq!(get(address, "/a").unwrap().0, 200);
    serving.signal("TERM");
    assert_eq!(heard(), "STOPPING=1");
    assert_eq!(serving.ended(), Some(0));
}
