//! From a request to its response: the way in, whatever the protocol.

use super::{
    arrival::Settled,
    attempt::Sending,
    client::Client,
    context::Proxy,
    drive::drive,
    facts, forward,
    inbound::Inbound,
    refusal::{Refused, id_of, refused},
    response::ProxyResponse,
    upload::Uploads,
};
use crate::{
    hostname,
    route::{InFlight, Route, Subject},
    snapshot::Snapshot,
    why::Why,
};
use http::{Uri, Version, header, request};
use plimsoll::{
    driver::Alarm,
    http::{Kind, Problem, ProblemId, is_grpc},
};
use std::sync::Arc;

/// Returns the response to a request. Whatever goes wrong becomes a response too.
///
/// Dropped, the attempts under way are cancelled and everything admitted is settled as such.
pub(crate) async fn handle(
    proxy: &Proxy,
    snapshot: &Snapshot,
    request: Settled<'_>,
    body: Inbound,
    client: Client<'_>,
    alarm: &mut Alarm,
) -> ProxyResponse {
    let parts = request.into_inner();
    let grpc = parts.version == Version::HTTP_2 && is_grpc(&parts.headers);
    // Apart from the headers, which are changed while the path is still looked at.
    let uri = std::mem::take(&mut parts.uri);
    let route = match find(snapshot, &uri, parts) {
        Ok(route) => route,
        Err(none) => {
            let id = id_of(&parts.headers, client.entry);
            return refused(proxy, none, grpc, None, id);
        }
    };
    let route = InFlight::on(route);
    let target = forward::target(&uri, &route);
    let uploads = Uploads::new(body, &snapshot.spec.limits, &proxy.time);
    let special = forward::Special::of(&parts.headers);
    let facts = facts::facts(&route, parts, &special, &uploads, &client);
    let charged = facts::charge_others(&route, parts, &proxy.time);
    if let Some(entry) = client.entry {
        entry.routed(route.route(), client.address(&parts.headers));
    }
    let added = forward::request(parts, special, &client, snapshot.spec.trace_sample);
    if added.is_doubted() {
        proxy.strangers.heard(client.peer, "trusted");
    }
    let id = ProblemId::new(added.trace.trace);
    if let Some(entry) = client.entry {
        entry.traced(id);
    }
    if let Err(rejected) = charged {
        let why = Why::Policy(rejected.reason);
        let problem = Problem::from(rejected);
        return refused(proxy, Refused { problem, why }, grpc, Some(route), id);
    }
    let sending = Sending {
        parts,
        target: &target,
        added: &added,
        uploads: &uploads,
        interims: client.interims,
        idempotent: facts.idempotent,
    };
    match drive(proxy, route.route(), sending, facts, client.entry, alarm).await {
        Ok((mut response, tunnel)) => {
            forward::response(response.headers_mut(), tunnel.is_some());
            ProxyResponse { response, route: Some(route), tunnel, problem: None, why: None }
        }
        Err(refusal) => refused(proxy, refusal, grpc, Some(route), id),
    }
}

fn find(snapshot: &Snapshot, uri: &Uri, parts: &request::Parts) -> Result<Arc<Route>, Refused> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let (host, _) = hostname::split(host);
    let subject = Subject { host, path: uri.path(), method: &parts.method, headers: &parts.headers };
    let found = snapshot.routes.find(&subject).map(Arc::clone);
    found.ok_or_else(|| Refused { problem: Problem::new(Kind::NoRoute), why: Why::NoRoute })
}
