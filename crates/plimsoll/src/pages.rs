//! The examples of the README and of the guide, compiled and run with the doc tests, so that none of them grows old.

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(#[doc = include_str!(concat!("../../../", $path))] mod $name {})*
    };
}

pages! {
    readme = "README.md";
    readme_zh = "README.zh-CN.md";
    architecture = "ARCHITECTURE.md";
    contributing = "CONTRIBUTING.md";
    index = "docs/README.md";
    admin_api = "docs/admin-api.md";
    algorithms = "docs/algorithms.md";
    axum_routes = "docs/axum-routes.md";
    balancing_and_ejection = "docs/balancing-and-ejection.md";
    bodies = "docs/bodies.md";
    bulkhead_and_concurrency = "docs/bulkhead-and-concurrency.md";
    circuit_breaker = "docs/circuit-breaker.md";
    configuration = "docs/configuration.md";
    demo = "docs/demo.md";
    error_boundary = "docs/error-boundary.md";
    evolution = "docs/evolution.md";
    exercise_boundary = "docs/exercise-boundary.md";
    exercise_bytes = "docs/exercise-bytes.md";
    exercise_client = "docs/exercise-client.md";
    exercise_profile = "docs/exercise-profile.md";
    files = "docs/files.md";
    for_go_developers = "docs/for-go-developers.md";
    gateway_in_front_of_any_service = "docs/gateway-in-front-of-any-service.md";
    getting_started = "docs/getting-started.md";
    glossary = "docs/glossary.md";
    hardening = "docs/hardening.md";
    http_client = "docs/http-client.md";
    idempotency_keys = "docs/idempotency-keys.md";
    load_shedding = "docs/load-shedding.md";
    logs = "docs/logs.md";
    memory = "docs/memory.md";
    metrics = "docs/metrics.md";
    on_call = "docs/on-call.md";
    on_call_service = "docs/on-call-service.md";
    orders = "docs/orders.md";
    own_metrics = "docs/own-metrics.md";
    performance = "docs/performance.md";
    queues_and_locks = "docs/queues-and-locks.md";
    rate_limits = "docs/rate-limits.md";
    retries_and_hedging = "docs/retries-and-hedging.md";
    run = "docs/run.md";
    serving = "docs/serving.md";
    tasks = "docs/tasks.md";
    testing_your_service = "docs/testing-your-service.md";
    timeouts_and_deadlines = "docs/timeouts-and-deadlines.md";
    tonic = "docs/tonic.md";
    tower_layers = "docs/tower-layers.md";
    writing_a_classifier = "docs/writing-a-classifier.md";
}
