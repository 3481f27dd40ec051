use super::header_names::HeaderNames;
use plimsoll::http::path::PathRules;
use std::net::SocketAddr;

/// A listener for requests, and what is done with what two readers of a request take differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSpec {
    /// Address and port.
    pub listen: SocketAddr,
    /// The treatment of spellings of a path.
    pub paths: PathRules,
    /// The treatment of header names with other characters than letters, digits and dashes.
    pub header_names: HeaderNames,
}

impl ListenerSpec {
    /// On this address, with every default.
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, paths: PathRules::default(), header_names: HeaderNames::default() }
    }
}
