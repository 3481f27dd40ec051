//! Panics: in a handler, in an extractor, in a child, in a `Drop`, in a stream that is half sent.

use crate::support::{
    faulty::{self, SECRET},
    running::{Running, Wanted, metric},
    web,
};
use axum::http::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn each_is_answered_or_broken_off_and_the_service_serves_on() {
    let wanted = Wanted { routes: faulty::routes, ..Wanted::default() };
    let Some(mut service) = Running::with(wanted).await else { return };
    service.place("before").await;
    for (path, answers) in faulty::PATHS {
        let answer = web::send(service.to, Method::GET, path, &[], "").await;
        if *answers {
            let answer = answer.unwrap();
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
                "{path}"
            );
            assert!(
                answer.json()["instance"].is_string() || answer.json()["id"].is_string(),
                "{path}: {answer:?}"
            );
            assert!(!answer.everything().contains(SECRET), "{path}: {answer:?}");
        } else {
            answer.expect_err("a body that breaks off is no whole answer");
        }
        service.place(&format!("after {path}")).await;
    }
    let metrics = web::get(service.admin, "/metrics").await.text();
    assert!(metric(&metrics, "plimsoll_panics_total") >= 4.0, "{metrics}");
    service.is_well().await;
}
