//! Panics: in a handler, in an extractor, in a child, in a `Drop`, in a stream that is half sent.

use crate::support::{
    faulty::{self, SECRET},
    running::{Running, Wanted, metric},
    web,
};
use axum::http::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn each_panic_is_a_500_or_breaks_off_and_the_service_goes_on() {
    let wanted = Wanted { routes: faulty::routes, ..Wanted::default() };
    let Some(mut service) = Running::with(wanted).await else { return };
    service.place("before").await;
    for (path, responses) in faulty::PATHS {
        let response = web::send(service.to, Method::GET, path, &[], "").await;
        if *responses {
            let response = response.unwrap();
            assert_eq!(
                (response.status, response.kind().as_str()),
                (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
                "{path}"
            );
            assert!(
                response.json()["instance"].is_string() || response.json()["id"].is_string(),
                "{path}: {response:?}"
            );
            assert!(!response.everything().contains(SECRET), "{path}: {response:?}");
        } else {
            response.expect_err("a body that breaks off is no complete response");
        }
        service.place(&format!("after {path}")).await;
    }
    let metrics = web::get(service.admin, "/metrics").await.text();
    assert!(metric(&metrics, "plimsoll_panics_total") >= 4.0, "{metrics}");
    service.is_well().await;
}
