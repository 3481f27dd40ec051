//! The gateway over real sockets comes to the decisions of the call machine fed by hand, instant by instant, in virtual
//! time.
//!
//! One script again: `PLIMSOLL_SCRIPT_SEED=123 cargo test -p plimsoll-gateway --test scripts`
#![allow(missing_docs)]

use plimsoll::{
    driver::TimeSource,
    http::dial::SystemResolver,
    policy::Observer,
    telemetry::{Format, PolicyMetrics, Registry},
};
use plimsoll_gateway::{Gateway, file, spec::GatewaySpec};
use plimsoll_testkit::{
    VirtualTime,
    script::{
        Act, Coverage, Script, Seeds, reference,
        wire::{Activity, Ledger, Origin, Wire, agree, of_reference, show},
    },
};
use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// So many scripts.
const SCRIPTS: u64 = 24;

struct GatewayWire {
    script: Script,
    gateway: Gateway,
    address: SocketAddr,
    activity: Activity,
}

impl Wire for GatewayWire {
    // That is for the tests of responses.
    const TELLS_ENDS: bool = false;

    fn start(&mut self, call: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let method = if self.script.calls[call].idempotent { "GET" } else { "POST" };
        let request =
            format!("{method} /{call} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let (address, activity) = (self.address, self.activity.clone());
        Box::pin(async move {
            let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
            // A client that is dropped has left, and does not wait for more.
            stream.set_zero_linger().expect("a socket takes it");
            stream.write_all(request.as_bytes()).await.expect("the gateway reads");
            let mut taken = [0; 4096];
            while stream.read(&mut taken).await.is_ok_and(|read| read > 0) {
                activity.note();
            }
            activity.ended(call, String::new());
        })
    }

    fn act(&mut self, _: &Act) {}

    fn metrics(&self) -> String {
        self.gateway.registry().render(Format::Prometheus)
    }
}

fn spec(script: &Script, origins: [SocketAddr; 2]) -> GatewaySpec {
    let [first, second] = origins;
    let text = format!(
        "version = 1\nworkers = 1\nadmin = \"off\"\n[[listener]]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\nname = \"r\"\nupstream = \"origin\"\npolicy = \"p\"\n\
         [upstream.origin]\nendpoints = [\"{first}\", \"{second}\"]\nejection = \"off\"\nbalance = \"round-robin\"\n\
         [policy.p]\n"
    );
    let mut spec = file::parse("test.toml", &text, &|_| None).expect("it is well formed").spec;
    *spec.policies.values_mut().next().expect("it has one policy") = script.spec.clone();
    spec
}

async fn play(script: &Script, expected: &Ledger, quiet: Duration) -> Ledger {
    let (time, activity) = (VirtualTime::seeded(script.seed), Activity::default());
    let origin = Origin::start(script, &time, &activity).await.unwrap();
    let twin = origin.twin().await.unwrap();
    let spec = spec(script, [origin.address(), twin.address()]);
    let clock = time.time();
    // It waits for its workers.
    let started = tokio::task::spawn_blocking(move || {
        Gateway::start_with(spec, &mut Vec::new(), clock, Arc::new(SystemResolver))
    });
    let gateway = started.await.unwrap().expect("the gateway starts");
    let address = gateway.addresses()[0];
    awake(address).await;
    let mut wire = GatewayWire { script: script.clone(), gateway, address, activity: activity.clone() };
    show(script, &time, &activity, quiet, expected, &mut wire).await
}

/// Until its worker responds. What is no request is nothing to a policy.
async fn awake(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
    stream.write_all(b"no request\r\n\r\n").await.expect("the gateway reads");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.expect("the gateway responds");
    assert!(response.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&response));
}

#[tokio::test]
async fn the_gateway_comes_to_the_same_decisions() {
    let (mut coverage, seeds) = (Coverage::default(), Seeds::from_env(SCRIPTS));
    for seed in seeds.iter().take(seeds.least() as usize) {
        let mut script = Script::on_the_wire(seed);
        // A new configuration is a matter of files, and shedding also goes by how late the worker itself is.
        script.acts.clear();
        script.spec.shed = None;
        let journal = reference(&script, &mut coverage);
        let registry = Registry::new();
        let metrics = PolicyMetrics::new(&registry, "p", "origin").unwrap();
        let start = VirtualTime::seeded(seed).now();
        let hear = |now, event: &_| metrics.on(now, event);
        let expected = of_reference(&script, &journal, start, hear, || registry.render(Format::Prometheus))
            .without_ends();
        let replay = format!("PLIMSOLL_SCRIPT_SEED={seed} cargo test -p plimsoll-gateway --test scripts");
        if let Err(difference) =
            agree(&expected, "the gateway", &replay, async |quiet| play(&script, &expected, quiet).await)
                .await
        {
            panic!("{script:#?}\n{difference}");
        }
    }
    println!("{} scripts:\n{coverage}", seeds.least());
}
