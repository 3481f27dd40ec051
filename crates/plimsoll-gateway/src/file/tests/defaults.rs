//! Defaults of keys that are left out, and parts that are switched off.

use super::{ms, read};
use crate::spec::{AdminSpec, LimitsSpec, Protocol};
use plimsoll::policy::{balance::Balance, ejection::EjectionSpec};

#[test]
fn what_is_left_out_has_its_default() {
    let text = "version = 1\nlistener = [{ listen = \"127.0.0.1:80\" }]\nroute = [{ upstream = \"a\" }]\n\
                upstream.a.endpoints = [\"a:1\"]";
    let loaded = read(text).unwrap();
    let spec = loaded.spec;
    assert_eq!((spec.workers, spec.admin, spec.access_log), (None, Some(AdminSpec::default()), None));
    assert_eq!((spec.limits, spec.drain, spec.watch), (LimitsSpec::default(), ms(30_000), false));
    let route = &spec.routes[0];
    assert_eq!((&*route.name, route.path.as_str(), &route.policy), ("/", "/", &None));
    let upstream = &spec.upstreams["a"];
    assert_eq!((upstream.protocol, &upstream.balance), (Protocol::Http1, &Balance::PeakEwma));
    assert_eq!((&upstream.health, upstream.ejection), (&None, Some(EjectionSpec::default())));
    assert!(loaded.warnings.is_empty());
}

#[test]
fn everything_that_can_be_off_is_off() {
    let text = "version = 1\nadmin = \"off\"\naccess-log = \"off\"\nlistener = [{ listen = \"127.0.0.1:9901\" }]\n\
                upstream.a = { endpoints = [\"a:1\"], health = \"off\", ejection = \"off\" }";
    let spec = read(text).unwrap().spec;
    assert_eq!((spec.admin, spec.access_log), (None, None));
    assert_eq!((&spec.upstreams["a"].health, &spec.upstreams["a"].ejection), (&None, &None));
}

#[test]
fn defaults_fit_what_is_given() {
    let with = |section: &str| {
        let text = format!("version = 1\nlistener = [{{ listen = \"127.0.0.1:80\" }}]\n{section}");
        read(&text).unwrap().spec
    };
    assert_eq!(with("limits = { head = \"2KiB\" }").limits.target, 2048);
    assert_eq!(with("limits = { connections = 7 }").limits.per_client, 7);
    let spec = with("upstream.a = { endpoints = [\"a:1\"], health = { path = \"/\", every = \"200ms\" } }");
    assert_eq!(spec.upstreams["a"].health.as_ref().unwrap().timeout, ms(200));
}

#[test]
fn a_route_without_a_name_is_called_by_what_it_takes() {
    let text = r#"
version = 1
listener = [{ listen = "127.0.0.1:80" }]
route = [
    { upstream = "a" },
    { host = "shop.example", path = "/cart", upstream = "a" },
    { host = "shop.example", path = "/cart", methods = ["GET", "HEAD"], upstream = "a" },
    { host = "shop.example", path = "/cart", headers = { x-token = "${SECRET}" }, upstream = "a" },
]
upstream.a.endpoints = ["a:1"]
"#;
    let spec = read(text).unwrap().spec;
    let names: Vec<_> = spec.routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["/", "shop.example/cart", "GET,HEAD shop.example/cart", "shop.example/cart x-token"]);
    assert!(!format!("{spec:?}").contains("hunter2"));
}
