//! Written values read back equal, and no input breaks the reader.

use super::{example::policies, policy, strategies};
use crate::{Document, PolicyFile, Shape, from_json, merge};
use plimsoll_policy::PolicySpec;
use proptest::prelude::*;
use serde_json::{Value, json};

proptest! {
    #[test]
    fn every_policy_is_read_as_it_was_written(spec in strategies::policy()) {
        let written = spec.write();
        prop_assert_eq!(&from_json::<PolicySpec>(&written).map_err(|f| TestCaseError::fail(format!("{f}\n{written}")))?, &spec);
        prop_assert_eq!(merge(&spec, &json!({})).unwrap(), spec);
    }

    #[test]
    fn what_is_written_is_toml_too(spec in strategies::policy()) {
        let file = json!({ "version": 1, "policy": { "p": spec.write() } });
        let text = toml::to_string(&file).unwrap();
        let back: PolicyFile = Document::parse("f", &text).unwrap().read(&|_| None).unwrap();
        prop_assert_eq!(&back.policy["p"], &spec);
    }

    #[test]
    fn a_patch_puts_one_policy_in_the_place_of_another(from in strategies::policy(), to in strategies::policy()) {
        let mut patch = to.write();
        // Keys that the target does not have must go.
        for key in ["slow-call", "slow-ratio"] {
            if let Some(Value::Object(breaker)) = patch.get_mut("breaker") {
                breaker.entry(key).or_insert(Value::Null);
            }
        }
        prop_assert_eq!(merge(&from, &patch).unwrap(), to);
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".*|[a-z\\[\\]\"'.=\n{}, 0-9${}#é]{0,80}") {
        told(&text);
    }

    /// Near to right, so that what is behind the syntax is reached.
    #[test]
    fn no_damage_breaks_the_reader(
        at in any::<prop::sample::Index>(),
        length in 0..40usize,
        with in "[ \"=\n{}\\[\\].a-z0-9$é]{0,6}",
    ) {
        let text = policies();
        let start = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary((start + length).min(text.len()));
        told(&format!("{}{with}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn no_patch_breaks_the_reader(key in select_key(), value in any_json()) {
        let patch = json!({ key: value });
        if let Err(faults) = merge(&PolicySpec::default(), &patch) {
            prop_assert!(faults.iter().count() > 0);
        }
    }
}

/// Reads a text and tells every fault in every way.
fn told(text: &str) {
    let source = crate::SourceFile::new("f", text);
    let faults = match Document::parse("f", text) {
        Ok(document) => document.read::<PolicyFile>(&|name| Some(name.to_owned())).err(),
        Err(faults) => Some(faults),
    };
    if let Some(faults) = faults {
        assert!(!faults.to_string().is_empty() && !faults.render(&source).is_empty());
        serde_json::to_string(&faults).unwrap();
    }
}

fn select_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "timeout",
        "shed",
        "rate-limit",
        "breaker",
        "bulkhead",
        "retry",
        "hedge",
        "what",
    ])
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![".{0,8}", "off", "[0-9]{1,3}(s|ms|%|/s)"].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof!["[a-z-]{1,6}", "rate|burst|total|open|window|on|budget|after"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn a_null_is_the_default_again() {
    let spec = policy(
        "retry = \"off\"\nbreaker = { open = \"9s\", slow-call = \"1s\" }\nrate-limit = { rate = \"5/s\" }",
    )
    .unwrap();
    let patched =
        merge(&spec, &json!({ "retry": null, "rate-limit": null, "breaker": { "open": null } })).unwrap();
    let default = PolicySpec::default();
    assert_eq!((patched.retry, patched.rate_limit), (default.retry, default.rate_limit));
    let breaker = patched.breaker.unwrap();
    assert_eq!((breaker.open, breaker.slow), (default.breaker.unwrap().open, spec.breaker.unwrap().slow));
}

#[test]
fn a_null_for_a_key_that_there_is_not_is_told() {
    let patch =
        json!({ "rate-limt": null, "retry": { "attemps": null }, "hedge": { "aftr": null }, "": null });
    let faults = merge(&PolicySpec::default(), &patch).unwrap_err().to_string();
    for near in ["rate-limit", "attempts", "after"] {
        assert!(faults.contains(&format!("did you mean {near:?}")), "{near}: {faults}");
    }
    // One that may be there, and is not, is nothing to be told of.
    let spec = merge(&PolicySpec::default(), &json!({ "rate-limit": null, "hedge": { "budget": null } }));
    assert_eq!(spec.map(|spec| spec.hedge.is_some()), Ok(true));
}

#[test]
fn a_patch_turns_on_what_was_off() {
    let patched = merge(&PolicySpec::OFF, &json!({ "hedge": {}, "timeout": { "total": "1s" } })).unwrap();
    assert_eq!(patched.hedge, Some(plimsoll_policy::hedge::HedgeSpec::default()));
    assert_eq!(patched.timeouts.attempt, None);
    assert_eq!(patched.timeouts.total, Some(std::time::Duration::from_secs(1)));
}

#[test]
fn a_wrong_patch_is_told_by_pointer() {
    let patch = json!({ "retry": { "attempts": 0, "on": ["reset", "rest"] }, "brekaer": "off", "timeout": { "total": "2s" } });
    let faults = merge(&PolicySpec::default(), &patch).unwrap_err().to_string();
    let expected = "\
/brekaer: brekaer: unknown key \"brekaer\", expected \"timeout\", \"shed\", \"rate-limit\", \"throttle\", \"breaker\", \
\"bulkhead\", \"concurrency\", \"retry\" or \"hedge\" (did you mean \"breaker\"?)
/retry/attempts: retry.attempts: found 0, expected from 1 to 10 attempts, the first included
/retry/on/1: retry.on[1]: found \"rest\", expected \"connect\", \"reset\", \"timeout\" or a status from 400 to 599 (did you mean \"reset\"?)
/timeout/attempt: timeout.attempt: 15s is above the total of 2s, expected at most the total, or a longer total
/timeout/first-byte: timeout.first-byte: 15s is above the total of 2s, expected at most the total, or a longer total";
    assert_eq!(faults, expected);
    assert_eq!(
        merge(&PolicySpec::default(), &json!(7)).unwrap_err().to_string(),
        "/: found 7, expected a table"
    );
}

#[test]
fn a_patch_cannot_read_the_environment() {
    let faults = merge(&PolicySpec::default(), &json!({ "rate-limit": { "rate": "${PATH}" } })).unwrap_err();
    assert!(
        faults
            .to_string()
            .starts_with("/rate-limit/rate: rate-limit.rate: found \"${PATH}\", expected a rate")
    );
}
