//! One word of why a request did not go well: in the access log, and in the lines about endpoints.

use plimsoll::{Reason, policy::Limit};

/// Why a request did not go well, or an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Why {
    /// The endpoint's machine refuses connections: nothing listens there.
    UpstreamRefused,
    /// No connection to the endpoint came about, for another reason.
    UpstreamUnreachable,
    /// The endpoint's name could not be looked up.
    UpstreamUnresolved,
    /// The most connections to the endpoint that may be made are there, and none had room for another stream in time.
    UpstreamFull,
    /// The endpoint closed the connection without a response.
    UpstreamClosed,
    /// The endpoint reset the connection or the stream, or it broke, before there was a response.
    UpstreamReset,
    /// The endpoint's response is not HTTP that may be passed on.
    UpstreamMalformed,
    /// The head of the endpoint's response is larger than is taken.
    UpstreamTooLarge,
    /// The endpoint's response broke off after its head.
    UpstreamBroke,
    /// The endpoint's response has a status that is a failure.
    UpstreamStatus,
    /// A limit on the endpoint's time ran out.
    Timeout(Limit),
    /// Descriptors, ports or memory of this machine are used up.
    NoResources,
    /// The client left.
    ClientGone,
    /// The client sent or took too little for too long.
    ClientSlow,
    /// The client's body broke off or is malformed.
    ClientBroke,
    /// The client's body, or what follows it, is larger than is taken.
    ClientTooLarge,
    /// The drain was over.
    Drained,
    /// A connection of a tunnel broke.
    TunnelBroken,
    /// Nothing moved in a tunnel, either way, for too long.
    TunnelIdle,
    /// A side of a tunnel took nothing of what was there for it for too long.
    TunnelStalled,
    /// A defect of the gateway's own.
    Panicked,
    /// No route takes it.
    NoRoute,
    /// A policy refused it.
    Policy(Reason),
    /// The request is malformed, so.
    Request(&'static str),
}

impl Why {
    /// The reasons without a part that varies, for the page that lists them.
    #[cfg(test)]
    pub(crate) const PLAIN: [Self; 21] = [
        Self::UpstreamRefused,
        Self::UpstreamUnreachable,
        Self::UpstreamUnresolved,
        Self::UpstreamFull,
        Self::UpstreamClosed,
        Self::UpstreamReset,
        Self::UpstreamMalformed,
        Self::UpstreamTooLarge,
        Self::UpstreamBroke,
        Self::UpstreamStatus,
        Self::NoResources,
        Self::ClientGone,
        Self::ClientSlow,
        Self::ClientBroke,
        Self::ClientTooLarge,
        Self::Drained,
        Self::TunnelBroken,
        Self::TunnelIdle,
        Self::TunnelStalled,
        Self::Panicked,
        Self::NoRoute,
    ];

    /// The word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UpstreamRefused => "upstream-refused",
            Self::UpstreamUnreachable => "upstream-unreachable",
            Self::UpstreamUnresolved => "upstream-unresolved",
            Self::UpstreamFull => "upstream-full",
            Self::UpstreamClosed => "upstream-closed",
            Self::UpstreamReset => "upstream-reset",
            Self::UpstreamMalformed => "upstream-malformed",
            Self::UpstreamTooLarge => "upstream-too-large",
            Self::UpstreamBroke => "upstream-broke",
            Self::UpstreamStatus => "upstream-status",
            Self::Timeout(limit) => match limit {
                Limit::Connect => "connect-timeout",
                Limit::Tls => "tls-timeout",
                Limit::FirstByte => "first-byte-timeout",
                Limit::Attempt => "attempt-timeout",
                Limit::Idle => "idle-timeout",
                Limit::Total => "deadline",
            },
            Self::NoResources => "no-resources",
            Self::ClientGone => "client-gone",
            Self::ClientSlow => "client-slow",
            Self::ClientBroke => "client-broke",
            Self::ClientTooLarge => "client-too-large",
            Self::Drained => "drained",
            Self::TunnelBroken => "tunnel-broken",
            Self::TunnelIdle => "tunnel-idle",
            Self::TunnelStalled => "tunnel-stalled",
            Self::Panicked => "panicked",
            Self::NoRoute => "no-route",
            Self::Policy(reason) => reason.name(),
            Self::Request(how) => how,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn every_word_is_in_the_page() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run.md");
        let page = fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("## Reasons of failures").expect("the page has a section for it");
        let limits = Limit::ALL.map(Why::Timeout);
        let all: Vec<Why> =
            Why::PLAIN.into_iter().chain(limits).chain(Reason::ALL.map(Why::Policy)).collect();
        let words: BTreeSet<&str> = all.iter().map(|why| why.name()).collect();
        assert_eq!(words.len(), all.len());
        for word in words {
            assert!(section.contains(&format!("`{word}`")), "{word}");
        }
    }
}
