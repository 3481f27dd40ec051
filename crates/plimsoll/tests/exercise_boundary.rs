//! The responses that `docs/exercise-boundary.md` shows are those of its service.
#![allow(missing_docs)]

#[allow(dead_code)]
#[path = "../examples/boundary.rs"]
mod service;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use plimsoll::{
    http::boundary::{BoundaryBody, BoundaryLayer},
    telemetry::{Format, Registry},
};
use tower::{Layer, ServiceExt};

const PAGE: &str = include_str!("../../../docs/exercise-boundary.md");

/// The requests of the page with what it shows for each: `$ curl … http://127.0.0.1:8080/PATH`, and lines of JSON.
fn shown() -> Vec<(&'static str, serde_json::Value)> {
    let blocks = PAGE.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let asks = blocks.flat_map(|block| block.split("$ curl ").skip(1));
    let shown = asks.filter_map(|ask| {
        let (command, response) = ask.split_once('\n')?;
        let (_, path) = command.rsplit_once("127.0.0.1:8080")?;
        Some((path, serde_json::from_str(response.lines().find(|line| line.starts_with('{'))?).ok()?))
    });
    shown.collect()
}

async fn ask(layer: &BoundaryLayer, path: &str) -> Response<BoundaryBody<Body>> {
    // Within the router for the routes' names, and around it, as `serve` has it.
    let service = layer.layer(service::app().layer(layer.clone()));
    service.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn every_response_on_the_page_is_the_services() {
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    let shown = shown();
    assert_eq!(shown.len(), 5, "{shown:?}");
    for (path, mut expected) in shown {
        let response = ask(&layer, path).await;
        assert_eq!(response.status(), expected["status"].as_u64().unwrap() as u16, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        // Every id is another one.
        for value in [&mut problem, &mut expected] {
            if let Some(id) = value.get_mut("id") {
                assert_eq!(id.as_str().unwrap().len(), 32);
                *id = "".into();
            }
        }
        assert_eq!(problem, expected, "{path}");
        assert!(!String::from_utf8_lossy(&body).contains("/var/lib"), "{path}");
    }
    let page = registry.render(Format::from_accept("text/plain"));
    let counted: Vec<_> = PAGE.lines().filter(|line| line.starts_with("plimsoll_p")).collect();
    assert_eq!(counted.len(), 5);
    for line in counted {
        assert!(page.contains(&format!("{line}\n")), "{line} in\n{page}");
    }
}
