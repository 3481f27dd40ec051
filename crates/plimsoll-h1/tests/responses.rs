//! Every malformed or ambiguous response is refused for its reason, and no response depends on how its bytes are cut.

mod corpus;
mod support;

use proptest::prelude::*;
use support::{check, pieces::Cuts, relay::relay};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn each_ends_for_its_reason() {
    let wrong: Vec<String> = corpus::BAD_RESPONSES
        .iter()
        .filter_map(|(bytes, reason)| {
            let end = relay(bytes, GET, &Cuts::none()).end;
            (end != *reason).then(|| format!("{}: {end} in place of {reason}", bytes.escape_ascii()))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_of_a_refused_head_is_passed_on() {
    for (bytes, _) in corpus::BAD_RESPONSES {
        let relayed = relay(bytes, GET, &Cuts::none());
        if relayed.message.is_none() {
            assert!(relayed.downstream.is_empty(), "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn good_responses_pass() {
    for bytes in corpus::GOOD_RESPONSES {
        let relayed = relay(bytes, GET, &Cuts::none());
        assert_eq!(relayed.end, "whole", "{}", bytes.escape_ascii());
        assert!(relayed.message.is_some_and(|message| message.whole) && !relayed.reset);
    }
}

#[test]
fn a_broken_body_without_a_length_ends_in_a_reset() {
    // Large enough to be sent before the end is seen to be missing.
    let cut = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n", &[b'x'; 3000][..], b"\r\n"]
        .concat();
    let relayed = relay(&cut, b"GET / HTTP/1.0\r\n\r\n", &Cuts::none());
    assert_eq!((relayed.end.as_str(), relayed.reset), ("truncated", true));
}

#[test]
fn a_byte_at_a_time_makes_no_difference() {
    for bytes in corpus::all_responses() {
        check::responses(&bytes, &Cuts::every(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn cuts_make_no_difference(bytes in prop::sample::select(corpus::all_responses()), cuts in support::cuts()) {
        check::responses(&bytes, &cuts);
    }

    #[test]
    fn no_bytes_make_it_panic_or_depend_on_cuts(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in support::cuts(),
    ) {
        check::responses(&bytes, &cuts);
    }

    #[test]
    fn no_mutation_makes_it_panic_or_depend_on_cuts(
        bytes in support::mutated(corpus::all_responses()),
        cuts in support::cuts(),
    ) {
        check::responses(&bytes, &cuts);
    }
}
