//! The three formats: the argument is the number of orders.

use crate::order::{COUNTS, Orders};
use divan::{Bencher, counter::BytesCount};
use plimsoll_http::body::{BodyLimits, Decode, Encode, Format, WithProtobuf};

fn encode(bencher: Bencher<'_, '_>, count: u64, format: Format) {
    let orders = WithProtobuf(Orders::of(count));
    let bytes = orders.encode_as(format).expect("orders have every format");
    bencher.counter(BytesCount::new(bytes.len())).bench(|| orders.encode_as(format));
}

fn decode(bencher: Bencher<'_, '_>, count: u64, format: Format) {
    let bytes = WithProtobuf(Orders::of(count)).encode_as(format).expect("orders have every format");
    let limits = BodyLimits::default();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| WithProtobuf::<Orders>::decode_as(format, bytes.clone(), &limits));
}

#[divan::bench(args = COUNTS)]
fn encode_json(bencher: Bencher<'_, '_>, count: u64) {
    encode(bencher, count, Format::Json);
}

#[divan::bench(args = COUNTS)]
fn encode_messagepack(bencher: Bencher<'_, '_>, count: u64) {
    encode(bencher, count, Format::MessagePack);
}

#[divan::bench(args = COUNTS)]
fn encode_protobuf(bencher: Bencher<'_, '_>, count: u64) {
    encode(bencher, count, Format::Protobuf);
}

#[divan::bench(args = COUNTS)]
fn decode_json(bencher: Bencher<'_, '_>, count: u64) {
    decode(bencher, count, Format::Json);
}

#[divan::bench(args = COUNTS)]
fn decode_messagepack(bencher: Bencher<'_, '_>, count: u64) {
    decode(bencher, count, Format::MessagePack);
}

#[divan::bench(args = COUNTS)]
fn decode_protobuf(bencher: Bencher<'_, '_>, count: u64) {
    decode(bencher, count, Format::Protobuf);
}
