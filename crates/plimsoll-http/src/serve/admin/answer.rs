//! Answers to what is wrong, which do not grow with what was sent.

use crate::{Kind, Problem};
use axum::response::{IntoResponse, Response};
use plimsoll_policy::file::Faults;
use serde_json::{Value, json};

/// The most faults of one answer. Whoever sends more can be helped no better by more of them.
const FAULTS: usize = 20;
/// The most bytes of a text that may hold what was sent.
const TEXT: usize = 512;

pub(super) fn shortened(mut text: String) -> String {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT));
        text.push('…');
    }
    text
}

/// A problem with the first [`FAULTS`] of what is wrong, and how many more there are.
pub(super) fn faults(detail: &'static str, faults: &Faults) -> Response {
    let all = faults.iter().count();
    let told = faults.iter().take(FAULTS).map(|fault| {
        let mut fault = json!(fault);
        for text in fault.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
            if let Value::String(text) = text {
                *text = shortened(std::mem::take(text));
            }
        }
        fault
    });
    let problem =
        Problem::new(Kind::Unprocessable).detail(detail).member("faults", Value::Array(told.collect()));
    if all > FAULTS {
        return problem.member("more", json!(all - FAULTS)).into_response();
    }
    problem.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use plimsoll_policy::file::{Fault, Place};

    #[tokio::test]
    async fn an_answer_does_not_grow_with_what_was_sent() {
        let place = || Place::Json { pointer: String::new() };
        let many = (0..1000).map(|at| {
            Fault::new(place(), format!("key-{at}"), "x".repeat(10_000)).expecting("a text".to_owned())
        });
        let wrong = Faults::check(many.collect()).unwrap_err();
        let body = to_bytes(faults("Nothing has changed.", &wrong).into_body(), usize::MAX).await.unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((told["faults"].as_array().unwrap().len(), &told["more"]), (FAULTS, &json!(980)));
        assert!(body.len() < 20 * 2 * TEXT, "{}", body.len());
    }
}
