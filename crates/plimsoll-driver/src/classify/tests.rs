//! The table of responses, through the functions and the types.

use super::{BodyClassifier, ByResult, Classify, GrpcStatus, HttpStatus, response};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use plimsoll_policy::{Failure, Settlement};
use plimsoll_testkit::responses::{self, TABLE};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A minute before the date in the table that has passed.
fn a_minute_before() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_445_412_420)
}

fn fields(fields: &[responses::Field]) -> HeaderMap {
    let pair =
        |(name, value): &responses::Field| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(pair) {
        map.append(name, value);
    }
    map
}

fn head(row: &responses::Response) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(row.status).unwrap();
    *head.headers_mut() = fields(row.headers);
    head
}

#[test]
fn every_head_means_what_the_table_says() {
    for row in TABLE {
        let head = head(row);
        let said = response(head.status(), head.headers(), a_minute_before);
        assert_eq!(said, row.settlement(a_minute_before()), "{row:?}");
    }
}

#[test]
fn every_end_means_what_the_table_says() {
    for row in TABLE {
        let mut classifier = BodyClassifier::after(&row.settlement(a_minute_before()));
        if !row.trailers.is_empty() {
            classifier.read(&fields(row.trailers));
        }
        assert_eq!(classifier.settlement().outcome, row.end, "{row:?}");
    }
}

/// The types read the clock themselves, so a date comes out between the two readings around them.
#[track_caller]
fn same(classify: impl Classify<Response<()>, ()>, row: &responses::Response) {
    let before = SystemTime::now();
    let said = classify.classify(Ok(&head(row)));
    let after = SystemTime::now();
    let expected = Settlement { provisional: false, ..row.head };
    assert_eq!(Settlement { retry_after: None, ..said }, expected, "{row:?}");
    let bounds = row.wait.map(|wait| wait.at(after)..=wait.at(before));
    assert_eq!(said.retry_after.is_some(), bounds.is_some(), "{row:?}");
    assert!(said.retry_after.is_none_or(|wait| bounds.unwrap().contains(&wait)), "{row:?}: {said:?}");
}

#[test]
fn the_types_say_the_same() {
    for row in TABLE {
        same(GrpcStatus, row);
        if !row.is_grpc() {
            same(HttpStatus, row);
        }
    }
    for broken in
        [HttpStatus.classify(Err::<&Response<()>, _>(&())), GrpcStatus.classify(Err::<&Response<()>, _>(&()))]
    {
        assert_eq!(broken, Settlement::failure(Failure::Broken));
    }
}

#[test]
fn a_closure_will_do() {
    let classify = |result: Result<&u16, &()>| match result {
        Ok(500..) => Settlement::failure(Failure::Response),
        Ok(_) => Settlement::SUCCESS,
        Err(()) => Settlement::failure(Failure::Connect),
    };
    assert!(classify.classify(Ok(&503)).outcome.is_failure());
    assert!(classify.classify(Err(&())).untouched);
    assert_eq!(ByResult.classify(Ok::<&u16, &()>(&503)), Settlement::SUCCESS);
}
