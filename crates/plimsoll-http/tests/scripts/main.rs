//! The client over real sockets comes to the decisions of the call machine fed by hand, instant by instant, in virtual time.
//!
//! One script again: `PLIMSOLL_SCRIPT_SEED=123 cargo test -p plimsoll-http --features client --test scripts`
#![cfg(feature = "client")]
#![allow(missing_docs)]

use http::Method;
use plimsoll_driver::TimeSource;
use plimsoll_http::client::{Client, Error};
use plimsoll_policy::Observer;
use plimsoll_telemetry::{Format, PolicyMetrics, Registry};
use plimsoll_testkit::{
    VirtualTime,
    script::{
        Act, Coverage, Script, Seeds, reference,
        wire::{Activity, Ledger, Origin, Wire, agree, ended, of_reference, show},
    },
};
use std::{pin::Pin, time::Duration};

/// So many scripts.
const SCRIPTS: u64 = 60;

struct ClientWire {
    script: Script,
    client: Client,
    registry: Registry,
    /// The origin's port is another each time.
    named: String,
    activity: Activity,
}

impl Wire for ClientWire {
    const TELLS_ENDS: bool = true;

    fn start(&mut self, call: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let method = if self.script.calls[call].idempotent { Method::GET } else { Method::POST };
        let sent = self.client.request(method, format!("/{call}")).send();
        let activity = self.activity.clone();
        Box::pin(async move {
            let response = match sent.await {
                Ok(response) => response,
                Err(error) => return activity.ended(call, how(&error)),
            };
            activity.ended(call, ended::status(response.status().as_u16()));
            let mut body = response.into_body();
            let end = loop {
                match http_body_util::BodyExt::frame(&mut body).await {
                    Some(Ok(_)) => activity.note(),
                    Some(Err(error)) => {
                        break error.timed_out().map_or(ended::BODY_BROKEN.to_owned(), ended::body_limit);
                    }
                    None => break ended::BODY.to_owned(),
                }
            };
            activity.ended(call, end);
        })
    }

    fn act(&mut self, act: &Act) {
        if let Act::Revise(spec) = act {
            self.client.handles().remove(0).update(spec.as_ref().clone());
        }
    }

    fn metrics(&self) -> String {
        self.registry.render(Format::Prometheus).replace(&self.named, "upstream=\"origin\"")
    }
}

fn how(error: &Error) -> String {
    match error {
        Error::Rejected(rejected) => ended::refused(*rejected),
        Error::TimedOut { limit, .. } => ended::limit(*limit),
        _ => ended::BROKEN.to_owned(),
    }
}

async fn play(script: &Script, expected: &Ledger, quiet: Duration) -> Ledger {
    let (time, activity, registry) = (VirtualTime::seeded(script.seed), Activity::default(), Registry::new());
    let origin = Origin::start(script, &time, &activity).await.unwrap();
    let client = Client::builder().time(time.time()).metrics(&registry).unwrap();
    let client = client.origin(&format!("http://{}", origin.address()), script.spec.clone()).unwrap();
    let named = format!("upstream=\"{}\"", origin.address());
    let (script, activity) = (script.clone(), activity.clone());
    let mut wire = ClientWire { script: script.clone(), client, registry, named, activity: activity.clone() };
    show(&script, &time, &activity, quiet, expected, &mut wire).await
}

#[tokio::test]
async fn the_client_comes_to_the_same_decisions() {
    let (mut coverage, seeds) = (Coverage::default(), Seeds::from_env(SCRIPTS));
    for seed in seeds.iter().take(seeds.least() as usize) {
        let script = Script::on_the_wire(seed);
        let journal = reference(&script, &mut coverage);
        let registry = Registry::new();
        let metrics = PolicyMetrics::new(&registry, "client", "origin").unwrap();
        let start = VirtualTime::seeded(seed).now();
        let hear = |now, event: &_| metrics.on(now, event);
        let expected = of_reference(&script, &journal, start, hear, || registry.render(Format::Prometheus));
        let replay = format!(
            "PLIMSOLL_SCRIPT_SEED={seed} cargo test -p plimsoll-http --features client --test scripts"
        );
        if let Err(difference) =
            agree(&expected, "the client", &replay, async |quiet| play(&script, &expected, quiet).await).await
        {
            panic!("{script:#?}\n{difference}");
        }
    }
    println!("{} scripts:\n{coverage}", seeds.least());
}
