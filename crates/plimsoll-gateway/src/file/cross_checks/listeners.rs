//! Addresses: each is listened on once, and none of one's own is sent to.

use super::super::lenient::{Admin, LenientFile, Part};
use crate::spec::AdminSpec;
use plimsoll::config::{Diagnostic, Located};
use std::net::SocketAddr;

/// Whether two sockets would stand in each other's way. Port 0 is another port each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let (one, other) = (a.ip().to_canonical(), b.ip().to_canonical());
    let wild = one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified());
    a.port() == b.port() && a.port() != 0 && (one == other || wild)
}

fn listened(file: &LenientFile) -> Vec<&Located<SocketAddr>> {
    let listeners = file.listeners.get().into_iter().flat_map(|listeners| &listeners.0);
    listeners.filter_map(|listener| listener.listen.get()).collect()
}

/// Where the admin API listens, and how a fault says so.
fn admin(file: &LenientFile) -> Option<(SocketAddr, String)> {
    let default = || (AdminSpec::default().listen, "the admin API, whose default it is".to_owned());
    match &file.admin {
        Part::Absent | Part::Is(Admin::On(Part::Absent)) => Some(default()),
        Part::Is(Admin::On(Part::Is(listen))) => {
            Some((*listen.get(), format!("the admin API at {}", listen.location())))
        }
        Part::Wrong | Part::Is(Admin::On(Part::Wrong) | Admin::Off) => None,
    }
}

/// Listeners on the address of another, or of the admin API.
pub(super) fn collisions(file: &LenientFile, faults: &mut Vec<Diagnostic>) {
    let admin = admin(file);
    let listeners = listened(file);
    for (at, listener) in listeners.iter().enumerate() {
        let first = listeners[..at].iter().find(|first| collide(*first.get(), *listener.get()));
        let admin = admin.as_ref().filter(|(admin, _)| collide(*admin, *listener.get()));
        let taken = match (first, admin) {
            (Some(first), _) => format!("the listener at {}", first.location()),
            (None, Some((_, admin))) => admin.clone(),
            (None, None) => continue,
        };
        let fault = listener.fault(format!("{} is taken by {taken}", listener.shown()));
        faults.push(fault.expecting("an address and port of its own"));
    }
}

/// Endpoints that are listeners of this gateway.
pub(super) fn loops(file: &LenientFile, warnings: &mut Vec<Diagnostic>) {
    let listeners = listened(file);
    let upstreams = file.upstreams.get().map(|upstreams| upstreams.entries.iter());
    let endpoints = upstreams.into_iter().flatten().filter_map(|(_, upstream)| upstream.endpoints.get());
    for endpoint in endpoints.flat_map(|endpoints| endpoints.iter()) {
        let Some(ip) = endpoint.address.ip() else { continue };
        let address = SocketAddr::new(ip, endpoint.address.port());
        if let Some(listener) = listeners.iter().find(|listener| *listener.get() == address) {
            let problem =
                format!("{} is this gateway's own listener at {}", endpoint.shown(), listener.location());
            warnings.push(endpoint.fault(problem).expecting("a replica: requests to itself would go round"));
        }
    }
}
