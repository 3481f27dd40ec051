//! Origins that are names: several addresses, dead ones among them, and addresses that change.

use crate::{
    server::Server,
    stand::{handle, patient, until},
};
use plimsoll_http::{
    client::{Builder, Client},
    dial::{DialSettings, Dialer, Resolve, Resolved, Resolving},
};
use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The addresses of every name.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<Vec<IpAddr>>>);

impl Names {
    fn set(&self, addresses: &[&str]) {
        *self.0.lock().unwrap() = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    }
}

impl Resolve for Names {
    fn resolve(&self, _: &str) -> Resolving {
        let addresses = self.0.lock().unwrap().clone();
        Box::pin(async move {
            if addresses.is_empty() {
                return Err(io::Error::other("no such name"));
            }
            Ok(Resolved { addresses, ttl: None })
        })
    }
}

async fn named(addresses: &[&str], set: impl FnOnce(Builder) -> Builder) -> (Server, Names, Client) {
    let server = Server::content().await;
    let names = Names::default();
    names.set(addresses);
    let settings = DialSettings { name_time: Duration::from_secs(1), ..DialSettings::default() };
    let builder = Client::builder().dialer(Dialer::new(names.clone(), settings));
    let port = server.origin.rsplit(':').next().unwrap();
    let client = set(builder).origin(&format!("http://orders.internal:{port}"), patient()).unwrap();
    (server, names, client)
}

#[tokio::test]
async fn an_address_that_refuses_costs_no_call() {
    let (server, _names, client) =
        named(&["127.0.0.9", "127.0.0.1"], |builder| builder.idle_connections(0)).await;
    for _ in 0..3 {
        client.get("/").send().await.unwrap().success().unwrap().bytes().await.unwrap();
    }
    assert_eq!((server.count(), handle(&client).pool().failed), (3, 0));
    assert!(server.header(0, "host").unwrap().starts_with("orders.internal:"));
}

#[tokio::test]
async fn kept_connections_to_addresses_that_are_gone_are_closed() {
    for http2 in [false, true] {
        let set = |builder: Builder| if http2 { builder.http2_only() } else { builder };
        let (_server, names, client) = named(&["127.0.0.1"], set).await;
        client.get("/").send().await.unwrap().success().unwrap().bytes().await.unwrap();
        assert_eq!(handle(&client).pool().open, 1);
        names.set(&["127.0.0.9"]);
        until(|| handle(&client).pool().open == 0).await;
        assert!(client.get("/").send().await.unwrap_err().is_connect(), "the name leads elsewhere");
        names.set(&["127.0.0.1"]);
        until(|| handle(&client).pool().failed > 0).await;
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_is_no_connection() {
    let (_server, _names, client) = named(&[], |builder| builder).await;
    let error = client.get("/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    let mut told = String::new();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    assert!(told.ends_with("no such name"), "{told}");
}
