use super::{Client, Names, Origin, PATIENCE};
use plimsoll::{driver::Time, telemetry::Format};
use plimsoll_gateway::{Gateway, file, spec::GatewaySpec};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// A gateway to be: one route to one upstream, under a policy with every machine off, until said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    endpoints: Vec<String>,
    names: Names,
    workers: usize,
    top: String,
    listener: String,
    limits: String,
    upstream: String,
    policy: String,
    routes: Option<String>,
}

/// The defaults of the tests: no limit that a busy machine could reach.
const POLICY: [&str; 5] = [
    r#"timeout = { connect = "15s", first-byte = "15s", attempt = "15s", idle = "15s", total = "15s" }"#,
    r#"shed = "off""#,
    r#"breaker = "off""#,
    r#"bulkhead = "off""#,
    r#"retry = "off""#,
];
const UPSTREAM: [&str; 2] = [r#"ejection = "off""#, r#"balance = "round-robin""#];

/// The lines of `defaults` whose keys `said` leaves out, then `said`.
fn filled(defaults: &[&str], said: &str) -> String {
    let key = |line: &str| line.split('=').next().map(str::trim).unwrap_or_default().to_owned();
    let said_keys: Vec<_> = said.lines().map(key).collect();
    let mut text = String::new();
    for line in defaults.iter().filter(|line| !said_keys.contains(&key(line))) {
        text.push_str(line);
        text.push('\n');
    }
    text + said
}

impl Setup {
    pub(crate) fn to(origin: &Origin) -> Self {
        Self::to_addresses([origin.address])
    }

    pub(crate) fn to_all(origins: &[&Origin]) -> Self {
        Self::to_addresses(origins.iter().map(|origin| origin.address))
    }

    pub(crate) fn to_addresses(endpoints: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(|address| address.to_string()).collect(),
            names: Names::default(),
            workers: 1,
            top: String::new(),
            listener: String::new(),
            limits: String::new(),
            upstream: String::new(),
            policy: String::new(),
            routes: None,
        }
    }

    /// One endpoint, by a name that these tell the addresses of.
    pub(crate) fn to_name(name: &str, port: u16, names: &Names) -> Self {
        Self { endpoints: vec![format!("{name}:{port}")], names: names.clone(), ..Self::to_addresses([]) }
    }

    /// A line of the file before its first section.
    pub(crate) fn top(mut self, line: &str) -> Self {
        self.top = format!("{}{line}\n", self.top);
        self
    }

    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// A line of the listener.
    pub(crate) fn listener(mut self, line: &str) -> Self {
        self.listener = format!("{}{line}\n", self.listener);
        self
    }

    /// A line of `[limits]`.
    pub(crate) fn limits(mut self, line: &str) -> Self {
        self.limits = format!("{}{line}\n", self.limits);
        self
    }

    /// A line of `[upstream.origin]`.
    pub(crate) fn upstream(mut self, line: &str) -> Self {
        self.upstream = format!("{}{line}\n", self.upstream);
        self
    }

    /// A line of `[policy.p]`.
    pub(crate) fn policy(mut self, line: &str) -> Self {
        self.policy = format!("{}{line}\n", self.policy);
        self
    }

    /// Sections in place of the one route that takes everything; they may name `origin` and `p`, and bring others.
    pub(crate) fn routes(mut self, sections: &str) -> Self {
        self.routes = Some(sections.to_owned());
        self
    }

    pub(crate) fn spec(&self) -> GatewaySpec {
        let endpoints: Vec<String> = self.endpoints.iter().map(|address| format!("{address:?}")).collect();
        let route = "[[route]]\nname = \"r\"\nupstream = \"origin\"\npolicy = \"p\"\n";
        let text = format!(
            "version = 1\nworkers = {}\nadmin = \"off\"\n{}\n[[listener]]\nlisten = \"127.0.0.1:0\"\n{}\n[limits]\n{}\n{}\n\
             [upstream.origin]\nendpoints = [{}]\n{}\n[policy.p]\n{}\n",
            self.workers,
            self.top,
            self.listener,
            self.limits,
            self.routes.as_deref().unwrap_or(route),
            endpoints.join(", "),
            filled(&UPSTREAM, &self.upstream),
            filled(&POLICY, &self.policy),
        );
        match file::parse("test.toml", &text, &|_| None) {
            Ok(loaded) => loaded.spec,
            Err(invalid) => panic!("{invalid}\n{text}"),
        }
    }

    pub(crate) fn start(&self) -> Running {
        self.start_on(Time::TOKIO)
    }

    /// The same on this clock, with its timers.
    pub(crate) fn start_on(&self, time: Time) -> Running {
        let resolver = Arc::new(self.names.clone());
        let gateway = Gateway::start_with(self.spec(), &mut Vec::new(), time, resolver);
        let gateway = gateway.expect("the gateway starts");
        let address = gateway.addresses()[0];
        Running { gateway, address }
    }
}

/// A gateway that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// The page of metrics as text.
    pub(crate) fn metrics(&self) -> String {
        self.gateway.registry().render(Format::Prometheus)
    }

    /// The sum of a count's samples that have all of these labels, written as in `kind="no-route"`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> i64 {
        let text = self.metrics();
        let of_it = text.lines().filter_map(|line| line.strip_prefix(name));
        let samples = of_it.filter(|rest| rest.starts_with(['{', ' ']));
        let samples = samples.filter(|rest| labels.iter().all(|label| rest.contains(label)));
        samples.map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>() as i64
    }

    /// Waits until the metric has reached this.
    #[track_caller]
    pub(crate) fn until_metric(&self, name: &str, labels: &[&str], value: i64) {
        let limit = Instant::now() + PATIENCE;
        while self.metric(name, labels) != value {
            assert!(Instant::now() < limit, "{name} {labels:?} never came to {value}:\n{}", self.metrics());
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Drains with this limit; says how many connections were cut off.
    pub(crate) fn drain(self, limit: Duration) -> usize {
        self.gateway.drain(limit)
    }
}
