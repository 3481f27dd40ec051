//! JSON as we read it beside JSON as others read it: what is accepted, and as what.

#![cfg(feature = "server")]

use http::{HeaderMap, HeaderValue, header};
use plimsoll_http::body::{self, BodyLimits, Depth};
use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::HashMap, fmt::Debug};

#[derive(PartialEq, Debug, Deserialize)]
struct Typed {
    a: Option<u64>,
    b: Option<f64>,
    c: Option<String>,
    d: Option<Vec<Kind>>,
    e: Option<HashMap<String, f32>>,
}

#[derive(PartialEq, Debug, Deserialize)]
enum Kind {
    Unit,
    New(u8),
    Pair(u8, String),
    Fields { x: f64 },
}

#[derive(PartialEq, Debug, Deserialize)]
struct Ignoring {
    #[serde(rename = "c")]
    _c: Option<u8>,
}

fn ours<T: DeserializeOwned>(body: &[u8]) -> Result<T, body::DecodeError> {
    let headers =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    body::decode(&headers, body.to_vec().into(), &BodyLimits::default().depth(Depth::MAX))
}

/// As `serde_json` reads it from bytes, with the whole of it checked for UTF-8.
fn theirs<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    serde_json::from_slice(text.as_bytes()).map_err(|error| error.to_string())
}

fn agree<T: DeserializeOwned + Debug>(body: &[u8]) -> Result<(), TestCaseError> {
    match (ours::<T>(body), theirs::<T>(body)) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}")),
        (Err(_), Err(_)) => {}
        (ours, theirs) => {
            prop_assert!(false, "{:?}: {ours:?} beside {theirs:?}", String::from_utf8_lossy(body));
        }
    }
    Ok(())
}

/// Texts that are JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let numbers = "(0|-0|-?[1-9][0-9]{0,24}|0[0-9])(\\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?";
    let strings = r#""([a-e ]|é|😀|\\["\\/bfnrtxu]|\\u[0-9a-fD]{4}|\\ud83d\\ude00|\x00|\x1f|\n)*""#;
    let leaf = prop_oneof![numbers, strings, "true|false|null|tru|nulll|NaN", Just("\"Unit\"".to_owned())];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let key = prop_oneof![
            "\"(a|b|c|d|e|zz|New|Pair|Fields|x)\"".prop_map(String::from),
            Just(r#""\u0061""#.to_owned()),
            Just("1".to_owned())
        ];
        let comma = prop_oneof![9 => Just(","), 1 => Just(" , "), 1 => Just("\n"), 1 => Just(",,")];
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..5), comma.clone())
                .prop_map(|(items, comma)| format!("[{}]", items.join(comma))),
            (proptest::collection::vec((key, inner), 0..6), comma).prop_map(|(fields, comma)| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("{{{}}}", fields.join(comma))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_accepted_is_accepted_as_the_same(text in nearly_json()) {
        agree::<Value>(text.as_bytes())?;
        agree::<Typed>(text.as_bytes())?;
        agree::<Ignoring>(text.as_bytes())?;
        agree::<Vec<Kind>>(text.as_bytes())?;
    }

    #[test]
    fn bytes_out_of_place_change_nothing(
        text in nearly_json(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        insert in any::<bool>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        agree::<Value>(&bytes)?;
        agree::<Typed>(&bytes)?;
        agree::<Ignoring>(&bytes)?;
    }

    #[test]
    fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        agree::<Value>(&bytes)?;
        agree::<Typed>(&bytes)?;
    }

    #[test]
    fn a_number_is_read_as_it_is_written(number in any::<f64>().prop_filter("JSON has no others", |number| number.is_finite())) {
        prop_assert_eq!(ours::<f64>(format!("{number:?}").as_bytes()).unwrap().to_bits(), number.to_bits());
    }
}

#[test]
fn nobody_reads_it_and_it_is_checked_all_the_same() {
    assert!(ours::<Ignoring>(b"{\"zz\":\"\xFF\"}").is_err());
    assert!(ours::<Ignoring>(format!("{{\"zz\":{}}}", "[".repeat(1000)).as_bytes()).is_err());
    let deep = format!("{{\"zz\":{}{}}}", "[".repeat(127), "]".repeat(127));
    assert!(ours::<Ignoring>(deep.as_bytes()).is_err());
    assert!(ours::<Ignoring>(b"{} {}").is_err());
}

/// Twice as fast, and not the same language: why neither of them reads what comes from outside. When this fails, they
/// have changed, and the choice can be made anew.
#[test]
fn faster_readers_read_something_else() {
    let escape = r#"{"zz":"\uzzzz"}"#;
    assert!(serde_json::from_str::<Ignoring>(escape).is_err());
    assert!(sonic_rs::from_str::<Ignoring>(escape).is_ok(), "no digits, where nobody looks");
    let zero = |sign: f64| sign.is_sign_negative();
    assert!(zero(serde_json::from_str("-0").unwrap()));
    assert!(!zero(sonic_rs::from_str("-0").unwrap()), "the sign is lost");

    let large = "18446744073709551616";
    assert!(serde_json::from_str::<Value>(large).is_ok());
    assert!(
        simd_json::serde::from_slice::<Value>(&mut large.as_bytes().to_vec()).is_err(),
        "2^64 is a number"
    );
}
