//! From a request to its response: the way in, whatever the protocol.

use super::{
    arrival::Settled,
    attempt::Sending,
    client::Client,
    context::Proxy,
    drive::drive,
    facts, forward,
    inbound::Inbound,
    message::RequestHead,
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
use http::{Uri, Version};
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
    let head = request.into_inner();
    let grpc = head.version == Version::HTTP_2 && is_grpc(&head.fields);
    // Apart from the headers, which are changed while the path is still looked at.
    let uri = std::mem::take(&mut head.uri);
    let route = match find(snapshot, &uri, head) {
        Ok(route) => route,
        Err(none) => {
            let id = id_of(&head.fields, client.entry);
            return refused(proxy, none, grpc, None, id);
        }
    };
    let route = InFlight::on(route);
    let target = forward::target(&uri, &route);
    let uploads = Uploads::new(body, &snapshot.spec.limits, &proxy.time);
    let special = forward::Special::of(&head.fields);
    let facts = facts::facts(&route, head, &special, &uploads, &client);
    let charged = facts::charge_others(&route, head, &proxy.time);
    if let Some(entry) = client.entry {
        entry.routed(route.route(), client.address(&head.fields));
    }
    let added = forward::request(head, special, &client, snapshot.spec.trace_sample);
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
        head,
        target: &target,
        added: &added,
        uploads: &uploads,
        interims: client.interims,
        idempotent: facts.idempotent,
    };
    match drive(proxy, route.route(), sending, facts, client.began, client.entry, alarm).await {
        Ok((mut response, tunnel)) => {
            forward::response(&mut response.head.fields, tunnel.is_some());
            ProxyResponse { response, route: Some(route), tunnel, problem: None, why: None }
        }
        Err(refusal) => refused(proxy, refusal, grpc, Some(route), id),
    }
}

fn find(snapshot: &Snapshot, uri: &Uri, head: &RequestHead) -> Result<Arc<Route>, Refused> {
    let host = if snapshot.routes.asks_for_hosts() { head.fields.host().unwrap_or_default() } else { "" };
    let (host, _) = hostname::split(host);
    let subject = Subject { host, path: uri.path(), method: &head.method, fields: &head.fields };
    let found = snapshot.routes.find(&subject).map(Arc::clone);
    found.ok_or_else(|| Refused { problem: Problem::new(Kind::NoRoute), why: Why::NoRoute })
}
