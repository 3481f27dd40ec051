//! Every malformed or ambiguous request of the corpus is refused for its reason, and no request depends on how its bytes
//! are cut.

mod corpus;
mod support;

use proptest::prelude::*;
use support::{check, forward::forward, pieces::Cuts};

#[test]
fn each_is_refused_for_its_reason() {
    let corpus = corpus::requests();
    assert!(corpus.len() >= 90, "{}", corpus.len());
    let wrong: Vec<String> = corpus
        .iter()
        .filter_map(|entry| {
            let end = forward(&entry.bytes, &Cuts::none()).end;
            (end != entry.reason).then(|| format!("{}: {end} in place of {}", entry.name, entry.reason))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = corpus::requests().iter().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_byte_at_a_time_makes_no_difference() {
    for entry in corpus::requests() {
        if entry.bytes.len() < 2_000 {
            check::requests(&entry.bytes, &Cuts::every(&entry.bytes));
        }
    }
}

#[test]
fn a_preface_behind_an_empty_line_is_no_http_2_however_it_comes() {
    let bytes = b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(forward(bytes, &Cuts::none()).end, "version");
    assert_eq!(forward(bytes, &Cuts::every(bytes)).end, "version");
}

#[test]
fn good_requests_pass() {
    let forwarded = forward(corpus::GOOD_REQUESTS, &Cuts::none());
    assert_eq!((forwarded.messages.len(), forwarded.end.as_str()), (4, "end"), "{forwarded:#?}");
    assert!(forwarded.messages.iter().all(|message| message.whole));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn cuts_make_no_difference(bytes in prop::sample::select(corpus::all_requests()), cuts in support::cuts()) {
        check::requests(&bytes, &cuts);
    }

    #[test]
    fn cuts_make_no_difference_to_good_ones(cuts in support::cuts()) {
        check::requests(corpus::GOOD_REQUESTS, &cuts);
    }

    #[test]
    fn no_bytes_make_it_panic_or_depend_on_cuts(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in support::cuts(),
    ) {
        check::requests(&bytes, &cuts);
    }

    #[test]
    fn no_mutation_makes_it_panic_or_depend_on_cuts(
        bytes in support::mutated(corpus::all_requests()),
        cuts in support::cuts(),
    ) {
        check::requests(&bytes, &cuts);
    }
}
