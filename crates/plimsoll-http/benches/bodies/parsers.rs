//! Readers of JSON beside each other, and what our checks add: the argument is the number of orders.

use crate::order::{COUNTS, Orders};
use bytes::Bytes;
use divan::{Bencher, counter::BytesCount};
use plimsoll_http::body::{BodyLimits, Decode, Format};

fn body(count: u64) -> Bytes {
    serde_json::to_vec(&Orders::of(count)).expect("orders are JSON").into()
}

#[divan::bench(args = COUNTS)]
fn ours(bencher: Bencher<'_, '_>, count: u64) {
    let body = body(count);
    let limits = BodyLimits::default();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| Orders::decode_as(Format::Json, body.clone(), &limits).expect("it is JSON"));
}

#[divan::bench(args = COUNTS)]
fn serde_json(bencher: Bencher<'_, '_>, count: u64) {
    let body = body(count);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_slice::<Orders>(&body).expect("it is JSON"));
}

#[divan::bench(args = COUNTS)]
fn sonic_rs(bencher: Bencher<'_, '_>, count: u64) {
    let body = body(count);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| sonic_rs::from_slice::<Orders>(&body).expect("it is JSON"));
}

/// It writes into its input, so a body that others hold too is copied first.
#[divan::bench(args = COUNTS)]
fn simd_json(bencher: Bencher<'_, '_>, count: u64) {
    let body = body(count);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| simd_json::serde::from_slice::<Orders>(&mut body.to_vec()).expect("it is JSON"));
}
