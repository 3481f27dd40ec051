//! Answers to what is wrong, which do not grow with what was sent.

use crate::{Kind, Problem};
use plimsoll_config::ConfigError;
use serde_json::{Value, json};

/// The most faults of one response. Whoever sends more can be helped no better by more of them.
const FAULTS: usize = 20;
/// The most bytes of a text that may hold what was sent.
const TEXT: usize = 512;

/// Returns the text as it may stand in an admin API's answer: of one that holds what was sent, the first 512 bytes.
#[must_use]
pub fn admin_text(mut text: String) -> String {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT));
        text.push('…');
    }
    text
}

/// Returns the problem of an admin API that says what is wrong with what was sent, or with a file: the first 20 faults as the
/// member `faults`, and as `more` how many further ones there are.
#[must_use]
pub fn admin_faults(detail: impl Into<String>, faults: &ConfigError) -> Problem {
    let all = faults.iter().count();
    let told = faults.iter().take(FAULTS).map(|fault| {
        let mut fault = json!(fault);
        for text in fault.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
            if let Value::String(text) = text {
                *text = admin_text(std::mem::take(text));
            }
        }
        fault
    });
    let problem = Problem::new(Kind::Unprocessable)
        .detail(admin_text(detail.into()))
        .member("faults", Value::Array(told.collect()));
    if all > FAULTS { problem.member("more", json!(all - FAULTS)) } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::to_bytes, response::IntoResponse};
    use plimsoll_config::{Diagnostic, Location};

    #[tokio::test]
    async fn an_answer_does_not_grow_with_what_was_sent() {
        let location = || Location::Json { pointer: String::new() };
        let many = (0..1000).map(|at| {
            Diagnostic::new(location(), format!("key-{at}"), "x".repeat(10_000))
                .expecting("a text".to_owned())
        });
        let wrong = ConfigError::check(many.collect()).unwrap_err();
        let answer = admin_faults("Nothing has changed.", &wrong).into_response();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((told["faults"].as_array().unwrap().len(), &told["more"]), (FAULTS, &json!(980)));
        assert!(body.len() < 20 * 2 * TEXT, "{}", body.len());
    }
}
