//! The log of `plimsoll run`, and that nothing waits for its reader.
#![cfg(unix)]

mod program;
mod serving;

use program::Scratch;
use serde_json::Value;
use serving::{Origin, Serving, eventually, get, send};
use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

const ANY: &str = "127.0.0.1:0";

/// An origin that can be killed: its socket closes, and its connections with it.
struct StoppableOrigin {
    address: SocketAddr,
    dead: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl StoppableOrigin {
    fn start() -> Self {
        let listener = TcpListener::bind(ANY).unwrap();
        let address = listener.local_addr().unwrap();
        let (dead, open) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let (killed, sockets) = (Arc::clone(&dead), Arc::clone(&open));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if killed.load(Ordering::SeqCst) {
                    return;
                }
                sockets.lock().unwrap().push(stream.try_clone().unwrap());
                thread::spawn(move || response(stream));
            }
        });
        Self { address, dead, open }
    }

    fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        // The loop is woken once more, and lets go of the listener.
        let _ = TcpStream::connect(self.address);
        eventually("the socket is closed", || TcpStream::connect(self.address).is_err());
        for socket in self.open.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn response(stream: TcpStream) {
    let mut responses = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(_)) = lines.next() {
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let _ = responses.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Kills one origin of this many under load, and gives what the log says from then on, up to the end.
fn log_of_a_killed_origin(test: &str, others: usize) -> Vec<Value> {
    let (mortal, scratch) = (StoppableOrigin::start(), Scratch::new(test));
    let others: Vec<Origin> = (0..others).map(|_| Origin::start()).collect();
    let mut endpoints: Vec<String> = others.iter().map(|origin| format!("\"{}\"", origin.address)).collect();
    endpoints.push(format!("\"{}\"", mortal.address));
    // All of it turns as fast as it can be made to.
    let text = format!(
        r#"version = 1
drain = "1s"
[admin]
listen = "{ANY}"
[[listener]]
listen = "{ANY}"
[[route]]
upstream = "orders"
[upstream.orders]
endpoints = [{}]
balance = "round-robin"
ejection = {{ consecutive-failures = 2, for = "100ms", max-for = "200ms", at-most = "50%" }}
health = {{ path = "/", every = "1s", unhealthy-after = 3 }}
[policy.default]
breaker = {{ consecutive-failures = 5, open = "200ms" }}
"#,
        endpoints.join(", ")
    );
    let mut serving = Serving::start(&scratch.file(text));
    for _ in 0..20 {
        assert_eq!(get(serving.address, "/a").unwrap().0, 200);
    }
    mortal.kill();
    for _ in 0..400 {
        get(serving.address, "/a").unwrap();
        thread::park_timeout(std::time::Duration::from_millis(10));
    }
    serving.signal("TERM");
    let log = serving.rest();
    let end = log.find("\"draining\"").unwrap();
    let end = log[..end].rfind('\n').map_or(0, |at| at + 1);
    lines(&log[..end])
}

#[test]
fn a_killed_origin_is_in_the_log_with_the_cause_and_in_at_most_ten_lines() {
    for (test, others) in [("lone", 0), ("replicas", 2)] {
        let log = log_of_a_killed_origin(test, others);
        let refused: Vec<&Value> = log.iter().filter(|line| line["why"] == "upstream-refused").collect();
        let [refused] = &refused[..] else { panic!("{log:#?}") };
        assert_eq!((&refused["level"], &refused["upstream"]), (&"WARN".into(), &"orders".into()));
        assert!(refused["error"].as_str().unwrap().contains("Connection refused"), "{refused:#}");
        assert_eq!(refused["id"].as_str().unwrap().len(), 32, "{refused:#}");
        let of = |message: &str| log.iter().find(|line| line["message"] == message);
        if others == 0 {
            let opened = of("breaker opened").unwrap_or_else(|| panic!("{log:#?}"));
            assert_eq!(
                (&opened["reason"], &opened["to"]),
                (&"consecutive-failures".into(), &"open".into()),
                "{opened:#}"
            );
        } else {
            let ejected = of("endpoint ejected").unwrap_or_else(|| panic!("{log:#?}"));
            assert_eq!(ejected["reason"], "consecutive-failures", "{ejected:#}");
        }
        let unhealthy = of("endpoint unhealthy").unwrap_or_else(|| panic!("{log:#?}"));
        assert_eq!(unhealthy["heard"], "no connection: connection refused");
        // Less than a minute has gone by, with hundreds of failures and dozens of turns.
        assert!(log.len() <= 10, "{}: {log:#?}", log.len());
    }
}

#[test]
fn the_line_of_a_failure_has_the_id_that_the_client_got() {
    let (mortal, scratch) = (StoppableOrigin::start(), Scratch::new("same-id"));
    let text = format!(
        "version = 1\nadmin = {{ listen = \"{ANY}\" }}\nlistener = [{{ listen = \"{ANY}\" }}]\n\
         route = [{{ upstream = \"orders\" }}]\nupstream.orders.endpoints = [\"{}\"]\n",
        mortal.address
    );
    let mut serving = Serving::start(&scratch.file(text));
    mortal.kill();
    let (status, body) = get(serving.address, "/a").unwrap();
    assert_eq!(status, 502, "{body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    let line: Value = serde_json::from_str(&serving.line("upstream-refused")).unwrap();
    assert_eq!(line["id"], problem["id"], "{problem:#}\n{line:#}");
}

#[test]
fn a_change_is_a_line_with_who_what_was_and_what_is_and_a_scrape_is_none() {
    let (origin, scratch) = (Origin::start(), Scratch::new("changes"));
    let text = format!(
        "version = 1\nadmin = {{ listen = \"{ANY}\" }}\nlistener = [{{ listen = \"{ANY}\" }}]\n\
         route = [{{ upstream = \"orders\" }}]\nupstream.orders.endpoints = [\"{}\"]\n",
        origin.address
    );
    let mut serving = Serving::start(&scratch.file(text));
    for path in ["/metrics", "/livez", "/readyz", "/api/v1/status"] {
        assert_eq!(get(serving.admin, path).unwrap().0, 200);
    }
    let patched =
        send(serving.admin, "PATCH", "/api/v1/policies/default", r#"{"timeout": {"total": "20s"}}"#);
    assert_eq!(patched.as_ref().unwrap().0, 200, "{patched:?}");
    let forced = send(serving.admin, "POST", "/api/v1/policies/default/breaker", r#"{"force": "open"}"#);
    assert_eq!(forced.unwrap().0, 200);
    serving.signal("TERM");
    let log = serving.rest();
    let log: Vec<Value> = lines(&log);
    let of = |message: &str| {
        log.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{log:#?}"))
    };
    let line = of("policy patched");
    assert_eq!((&line["by"], &line["policy"]), (&"127.0.0.1".into(), &"default".into()), "{line:#}");
    assert_eq!(line["new"], r#"{"timeout":{"total":"20s"}}"#);
    let old: Value = serde_json::from_str(line["old"].as_str().unwrap()).unwrap();
    assert!(old["timeout"]["total"].is_string() && old.as_object().unwrap().len() == 1, "{old:#}");
    let line = of("breaker forced");
    assert_eq!(
        (&line["by"], &line["old"], &line["new"]),
        (&"127.0.0.1".into(), &"closed".into(), &"open".into())
    );
    assert_eq!(of("draining")["by"], "SIGTERM");
    assert!(!log.iter().any(|line| line["target"] == "plimsoll::requests"), "{log:#?}");
}

/// A proxy in front that nobody named: all its clients share one client's limits, which must not go unnoticed.
#[test]
fn forwarded_fields_from_a_peer_that_is_not_trusted_are_one_warning_that_says_what_to_set() {
    let (origin, scratch) = (Origin::start(), Scratch::new("strangers"));
    let file = |trusted: &str| {
        format!(
            "version = 1\n{trusted}\nadmin = {{ listen = \"{ANY}\" }}\nlistener = [{{ listen = \"{ANY}\" }}]\n\
             route = [{{ upstream = \"orders\" }}]\nupstream.orders.endpoints = [\"{}\"]\n",
            origin.address
        )
    };
    for (trusted, warnings) in [("", 1), ("trusted = [\"127.0.0.0/8\"]", 0)] {
        let mut serving = Serving::start(&scratch.file(file(trusted)));
        for field in ["X-Forwarded-For: 9.9.9.9", "Forwarded: for=9.9.9.9", "X-Forwarded-Proto: https"] {
            let path = format!("/a HTTP/1.1\r\n{field}\r\nX-Rest: ");
            assert_eq!(get(serving.address, &path).unwrap().0, 200);
        }
        let page = get(serving.admin, "/metrics").unwrap().1;
        let counted = format!("plimsoll_untrusted_forwarded_total {}\n", if warnings == 1 { 3 } else { 0 });
        assert!(page.contains(&counted), "{counted} in {page}");
        serving.signal("TERM");
        let log = lines(&serving.rest());
        let said: Vec<&Value> = log.iter().filter(|line| line["setting"] == "trusted").collect();
        assert_eq!(said.len(), warnings, "{log:#?}");
        if let [line] = &said[..] {
            assert_eq!((&line["level"], &line["peer"]), (&"WARN".into(), &"127.0.0.1".into()), "{line:#}");
        }
    }
}

/// A gateway whose output nobody reads.
struct UnreadGateway {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Drop for UnreadGateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago: what is said about real ones is not heard.
fn free() -> (SocketAddr, SocketAddr) {
    let sockets = [TcpListener::bind(ANY).unwrap(), TcpListener::bind(ANY).unwrap()];
    let [one, other] = sockets.map(|socket| socket.local_addr().unwrap());
    (one, other)
}

fn unread(scratch: &Scratch, origin: &Origin, redirect: &str) -> UnreadGateway {
    let (address, admin) = free();
    let text = format!(
        "version = 1\ndrain = \"5s\"\nadmin = {{ listen = \"{admin}\" }}\nlistener = [{{ listen = \"{address}\" }}]\n\
         access-log = {{}}\nroute = [{{ upstream = \"orders\" }}]\nupstream.orders.endpoints = [\"{}\"]\n",
        origin.address
    );
    let script = format!("exec \"$0\" run \"$1\" {redirect}");
    let child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_plimsoll"), &scratch.file(text)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let gateway = UnreadGateway { child, address, admin };
    eventually("it serves", || get(admin, "/readyz").is_some_and(|response| response.0 == 200));
    gateway
}

#[test]
fn neither_unread_nor_closed_nor_full_streams_stop_anything() {
    let full = OpenOptions::new().write(true).open("/dev/full").is_ok();
    for (test, redirect, closed) in [
        ("unread", "", false),
        ("broken", "", true),
        ("full", ">/dev/full 2>&1", false),
        ("closed", ">&- 2>&-", false),
    ] {
        if test == "full" && !full {
            continue;
        }
        let (origin, scratch) = (Origin::start(), Scratch::new(test));
        let mut gateway = unread(&scratch, &origin, redirect);
        if closed {
            drop((gateway.child.stdout.take(), gateway.child.stderr.take()));
        }
        // Each is a line of some eight kilobytes: far more than a pipe and the log's buffer hold together.
        let (long, other) = ("x".repeat(4000), "y".repeat(4000));
        for nth in 0..60 {
            let name = if nth % 2 == 0 { &long } else { &other };
            let filter = format!("{{\"filter\": \"info,{name}=info\"}}");
            assert_eq!(send(gateway.admin, "PATCH", "/api/v1/log", &filter).unwrap().0, 200, "{test}: {nth}");
        }
        // One line each in the access log, on standard output.
        for nth in 0..600 {
            assert_eq!(get(gateway.address, "/a").unwrap().0, 200, "{test}: {nth}");
        }
        assert_eq!(get(gateway.admin, "/livez").unwrap().0, 200, "{test}");
        let page = get(gateway.admin, "/metrics").unwrap().1;
        let lost: f64 = page
            .lines()
            .filter(|line| line.starts_with("plimsoll_log_lines_dropped_total{log=\"program\""))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum();
        // A stream that is closed from the start leads nowhere: nobody wants its lines.
        assert!(lost > 0.0 || test == "closed", "{test}:\n{page}");
        let sent = Command::new("kill").args(["-TERM", &gateway.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let mut code = None;
        eventually("it ends", || {
            code = gateway.child.try_wait().unwrap();
            code.is_some()
        });
        assert_eq!(code.unwrap().code(), Some(0), "{test}");
    }
}

#[test]
fn a_wrong_file_is_told_and_ends_it_though_nobody_reads() {
    let scratch = Scratch::new("unread-fault");
    // More faults than a pipe takes.
    let file = scratch.file(format!(
        "version = 1\n{}",
        (0..1500).map(|nth| format!("wrong-{nth} = 1")).collect::<Vec<_>>().join("\n")
    ));
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["run", &file])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut code = None;
    eventually("it ends", || {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(2));
}

#[test]
fn the_access_log_on_standard_output_has_one_line_a_request_and_the_log_none_of_them() {
    let (origin, scratch) = (Origin::start(), Scratch::new("stdout"));
    let mut gateway = unread(&scratch, &origin, "");
    for nth in 0..20 {
        assert_eq!(get(gateway.address, &format!("/{nth}")).unwrap().0, 200);
    }
    let sent = Command::new("kill").args(["-TERM", &gateway.child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let (out, err) = (gateway.child.stdout.take().unwrap(), gateway.child.stderr.take().unwrap());
    let out: Vec<Value> =
        BufReader::new(out).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let paths: HashSet<&str> = out.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!((out.len(), paths.len()), (20, 20));
    let err: Vec<String> = BufReader::new(err).lines().map(Result::unwrap).collect();
    assert!(err.len() < 20, "{err:#?}");
    let _ = fs::remove_dir(scratch.path());
}
