//! The engine beside hyper: the same requests and responses in the same bytes, and in the bytes passed on.

mod corpus;
mod support;

use proptest::prelude::*;
use support::check;

#[test]
fn the_corpus_of_requests() {
    for bytes in &corpus::all_requests() {
        check::requests_beside_hyper(bytes);
    }
}

#[test]
fn the_corpus_of_responses() {
    for bytes in &corpus::all_responses() {
        check::responses_beside_hyper(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn mutated_requests(bytes in support::mutated(corpus::all_requests())) {
        check::requests_beside_hyper(&bytes);
    }

    #[test]
    fn mutated_responses(bytes in support::mutated(corpus::all_responses())) {
        check::responses_beside_hyper(&bytes);
    }
}
