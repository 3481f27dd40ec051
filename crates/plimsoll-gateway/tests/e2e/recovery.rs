//! Endpoints that die under load and come back: retried elsewhere, refused cleanly, recovered without a restart.

use crate::support::{Client, Origin, Running, Setup, refused_address, until};
use plimsoll_gateway::control::Control;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Clients that ask one thing after the other until told to stop, and which responses they got.
struct Load {
    stop: Arc<AtomicBool>,
    statuses: Arc<Mutex<BTreeMap<u16, usize>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(gateway: &Running, clients: usize) -> Self {
        let (stop, statuses) =
            (Arc::new(AtomicBool::new(false)), Arc::<Mutex<BTreeMap<u16, usize>>>::default());
        let threads = (0..clients).map(|_| {
            let (mut client, stop, statuses) = (gateway.client(), Arc::clone(&stop), Arc::clone(&statuses));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let response = client.get("/");
                    if response.status() != 200 {
                        // Whatever goes wrong is told cleanly.
                        assert!(
                            ["upstream-unreachable", "upstream-broken", "circuit-open"]
                                .contains(&&*response.problem())
                        );
                    }
                    *statuses.lock().unwrap().entry(response.status()).or_default() += 1;
                }
            })
        });
        let threads = threads.collect();
        Self { stop, statuses, threads }
    }

    fn responses(&self, status: u16) -> usize {
        self.statuses.lock().unwrap().get(&status).copied().unwrap_or(0)
    }

    fn all(&self) -> usize {
        self.statuses.lock().unwrap().values().sum()
    }

    /// Waits until so many more have got a response.
    fn until_more(&self, count: usize) {
        let from = self.all();
        until("more responses", || (self.all() >= from + count).then_some(()));
    }

    fn end(self) -> BTreeMap<u16, usize> {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("a client got what it could understand");
        }
        self.statuses.lock().unwrap().clone()
    }
}

#[test]
fn an_endpoint_killed_under_load_costs_no_response() {
    let (first, second) = (Origin::responding(OK), Origin::responding(OK));
    let gateway = Setup::to_all(&[&first, &second])
        .workers(2)
        .policy(r#"retry = { attempts = 4, backoff = "1ms..5ms", budget = "100%", reserve = 1000 }"#)
        .upstream(
            r#"ejection = { consecutive-failures = 3, for = "100ms", max-for = "100ms", at-most = "50%" }"#,
        )
        .start();
    let load = Load::on(&gateway, 4);
    load.until_more(50);
    let address = first.kill();
    load.until_more(200);
    assert!(gateway.metric("plimsoll_ejections_total", &["reason=\"consecutive-failures\""]) >= 1);
    let back = Origin::responding_at(address, OK);
    // Found again without being told.
    until("it is asked again", || (back.requests() > 0).then_some(()));
    load.until_more(50);
    let statuses = load.end();
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}

#[test]
fn all_down_is_refused_cleanly_and_recovers() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin)
        .workers(2)
        .policy(r#"retry = { attempts = 2, backoff = "1ms..1ms" }"#)
        .policy(r#"breaker = { window = 20, minimum-calls = 5, failure-ratio = "50%", open = "50ms", max-open = "50ms" }"#)
        .start();
    let load = Load::on(&gateway, 3);
    load.until_more(50);
    let address = origin.kill();
    until("refusals", || (load.responses(503) >= 20).then_some(()));
    let back = Origin::responding_at(address, OK);
    until("it is asked again", || (back.requests() > 20).then_some(()));
    let statuses = load.end();
    assert!(statuses.keys().all(|status| [200, 502, 503].contains(status)), "{statuses:?}");
    assert_eq!(gateway.client().get("/").text(), "ok");
}

#[test]
fn the_only_endpoint_is_never_ejected() {
    let gateway = Setup::to_addresses([refused_address()])
        .upstream(r#"ejection = { consecutive-failures = 1, for = "1h", max-for = "1h", at-most = "100%" }"#)
        .start();
    for _ in 0..5 {
        gateway.client().get("/").assert_problem(502, "upstream-unreachable");
    }
    assert_eq!(gateway.metric("plimsoll_ejections_total", &[]), 0);
    assert!(gateway.metric("plimsoll_ejections_withheld_total", &[]) >= 1);
}

#[test]
fn an_ejected_endpoint_is_left_out() {
    let (bad, good) = (refused_address(), Origin::responding(OK));
    let gateway = Setup::to_addresses([bad, good.address])
        .upstream(r#"ejection = { consecutive-failures = 2, for = "1h", max-for = "1h", at-most = "50%" }"#)
        .start();
    let mut client = gateway.client();
    until("it is ejected", || {
        client.get("/");
        (gateway.metric("plimsoll_ejections_total", &["upstream=\"origin\""]) == 1).then_some(())
    });
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "ok");
    }
}

/// One replica breaks every connection and another never responds: what is asked gets a response all the same.
#[test]
fn with_one_endpoint_resetting_and_one_hanging_nearly_nothing_fails() {
    let resetting = Origin::serving(|_, _| Err(crate::support::End::Reset));
    let hanging = Origin::by_hand();
    let good = Origin::responding(OK);
    let gateway = Setup::to_all(&[&resetting, &hanging, &good])
        .workers(2)
        .policy(r#"timeout = { connect = "1s", first-byte = "100ms", attempt = "100ms", total = "10s" }"#)
        .policy(r#"retry = { attempts = 3, backoff = "1ms..5ms", budget = "100%", reserve = 1000 }"#)
        .upstream(r#"ejection = { consecutive-failures = 3, for = "1h", max-for = "1h", at-most = "67%" }"#)
        // One of three is enough: those that are out must not be asked.
        .upstream(r#"panic-threshold = "30%""#)
        .start();
    let load = Load::on(&gateway, 8);
    load.until_more(2000);
    let statuses = load.end();
    let (all, good) = (statuses.values().sum::<usize>(), statuses[&200]);
    assert!((all - good) * 200 < all, "under half a percent fails: {statuses:?}");
}

#[test]
fn an_endpoint_that_says_it_is_ill_gets_nothing_until_it_is_well() {
    let ill = Arc::new(AtomicBool::new(true));
    let replica = |name: &'static str, ill: Option<&Arc<AtomicBool>>| {
        let ill = ill.map(Arc::clone);
        Origin::serving(move |request, wire| {
            let down = ill.as_ref().is_some_and(|ill| ill.load(Ordering::SeqCst));
            match request.target() {
                "/healthz" if down => wire.send("HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n"),
                "/healthz" => wire.respond("well"),
                _ => wire.respond(name),
            }
            Ok(())
        })
    };
    let (first, second) = (replica("first", Some(&ill)), replica("second", None));
    let health = r#"health = { path = "/healthz", every = "20ms", healthy-after = 1, unhealthy-after = 1 }"#;
    // Health checks belong to the control plane, which lives on a runtime of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let checked =
        |setup: Setup| runtime.block_on(Control::start(setup.upstream(health).spec(), None)).unwrap();
    let control = checked(Setup::to_all(&[&first, &second]));
    let mut client = Client::connect(control.gateway().addresses()[0]);
    let mut asked_first = || client.get("/").text() == "first" || client.get("/").text() == "first";
    until("the ill one is left out", || (!asked_first()).then_some(()));
    assert!(!(0..5).any(|_| asked_first()));
    ill.store(false, Ordering::SeqCst);
    until("it is back", || asked_first().then_some(()));

    ill.store(true, Ordering::SeqCst);
    let control = checked(Setup::to(&first).upstream(r#"panic-threshold = "0%""#));
    let mut client = Client::connect(control.gateway().addresses()[0]);
    until("none is left", || {
        let response = client.get("/");
        (response.status() != 200).then(|| response.assert_problem(503, "no-endpoint"))
    });
}
