use super::{client_fields::LastClientFields, interim::InterimSink};
use crate::access_log::Entry;
use plimsoll::{
    driver::Fields,
    http::headers::{Forwarding, Scheme, TrustedProxy},
    policy::Instant,
};
use std::net::IpAddr;

/// The client of a request.
#[derive(Clone, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) peer: IpAddr,
    /// When the request had been read.
    pub(crate) began: Instant,
    pub(crate) scheme: Scheme,
    pub(crate) trusted: &'a [TrustedProxy],
    /// For interim responses, where the client can read them.
    pub(crate) interims: Option<&'a dyn InterimSink>,
    /// The fields about it that were last made.
    pub(crate) fields: &'a LastClientFields,
    /// Its line in the access log, if it gets one.
    pub(crate) entry: Option<&'a Entry>,
}

impl Client<'_> {
    /// The client's own address, as far as it is believed.
    pub(crate) fn address(&self, fields: &impl Fields) -> IpAddr {
        if self.trusted.is_empty() {
            return self.peer;
        }
        Forwarding { peer: self.peer, scheme: self.scheme, trusted: self.trusted }.client(fields)
    }
}
