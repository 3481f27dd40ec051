//! One outbound client under load, for `cargo xtask bench http`: sixty-four tasks on one thread ask one origin, one request
//! after another, each reading its response to the end. Prints how many responses arrived, and the nanoseconds of CPU
//! that they took.
//!
//! `outbound bare|ours|off|reqwest|reqwest-resilience http://127.0.0.1:8080 2000` (milliseconds)

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy, rt::TokioExecutor};
use plimsoll_http::client::Client;
use plimsoll_policy::{PolicySpec, bulkhead::BulkheadSpec, rate::RateLimitSpec};
use std::{env, fs, num::NonZeroU32, time::Duration};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::{
    bulkhead::BulkheadLayer, circuitbreaker::CircuitBreakerLayer, ratelimiter::RateLimiterLayer,
    retry::RetryLayer, timelimiter::TimeLimiterLayer,
};

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Taken = Result<(u64, u64), Failed>;

const TASKS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(200);
/// A rate that is never reached: the limit is on, and refuses nothing.
const PLENTY: usize = 1_000_000_000;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, origin, millis] = arguments.as_slice() else {
        return Err("outbound KIND ORIGIN MILLISECONDS".into());
    };
    let (kind, origin) = (kind.clone(), origin.trim_end_matches('/').to_owned());
    let slice = Duration::from_millis(millis.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (requests, cpu) = runtime.block_on(async move {
        match kind.as_str() {
            "bare" => bare(&origin, slice).await,
            "ours" => ours(&origin, everything(), slice).await,
            "off" => ours(&origin, PolicySpec::OFF, slice).await,
            "reqwest" => reqwest_alone(&origin, slice).await,
            "reqwest-resilience" => reqwest_resilient(&origin, slice).await,
            _ => Err("no such client".into()),
        }
    })?;
    println!("{requests} {cpu}");
    Ok(())
}

/// Every machine that a service's policy usually has.
fn everything() -> PolicySpec {
    PolicySpec {
        rate_limit: Some(RateLimitSpec::new("1000000000/s".parse().expect("a rate"))),
        bulkhead: Some(BulkheadSpec {
            in_flight: NonZeroU32::new(1024).expect("not zero"),
            ..BulkheadSpec::default()
        }),
        ..PolicySpec::default()
    }
}

/// Asks until the time is over. `ask` asks once and reads the response.
async fn load<F>(slice: Duration, ask: impl Fn() -> F + Clone + Send + 'static) -> Taken
where
    F: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let from = Instant::now() + WARM_UP;
    let until = from + slice;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let ask = ask.clone();
            tokio::spawn(async move {
                let mut counted = 0;
                loop {
                    let begun = Instant::now();
                    if begun >= until {
                        return Ok::<u64, Failed>(counted);
                    }
                    ask().await?;
                    counted += u64::from(begun >= from);
                }
            })
        })
        .collect();
    tokio::time::sleep_until(from).await;
    let before = cpu()?;
    tokio::time::sleep_until(until).await;
    let used = cpu()? - before;
    let mut requests = 0;
    for task in tasks {
        requests += task.await??;
    }
    Ok((requests, used))
}

/// Nanoseconds of CPU that all threads of this process have used.
fn cpu() -> Result<u64, Failed> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}

fn fine(status: StatusCode) -> Result<(), Failed> {
    if status == StatusCode::OK { Ok(()) } else { Err(status.to_string().into()) }
}

async fn bare(origin: &str, slice: Duration) -> Taken {
    let mut connector = legacy::connect::HttpConnector::new();
    connector.set_nodelay(true);
    let client: legacy::Client<_, Empty<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);
    let uri: Uri = format!("{origin}/").parse()?;
    load(slice, move || {
        let request = Request::get(uri.clone()).body(Empty::new());
        let client = client.clone();
        async move {
            let response = client.request(request?).await?;
            fine(response.status())?;
            response.into_body().collect().await?;
            Ok(())
        }
    })
    .await
}

async fn ours(origin: &str, policy: PolicySpec, slice: Duration) -> Taken {
    let client = Client::to(origin, policy)?;
    load(slice, move || {
        let request = client.get("/");
        async move {
            let response = request.send().await?;
            fine(response.status())?;
            response.bytes().await?;
            Ok(())
        }
    })
    .await
}

async fn reqwest_alone(origin: &str, slice: Duration) -> Taken {
    let client = reqwest::Client::builder().build()?;
    let url: reqwest::Url = format!("{origin}/").parse()?;
    load(slice, move || {
        let request = client.get(url.clone());
        async move {
            let response = request.send().await?;
            fine(response.status())?;
            response.bytes().await?;
            Ok(())
        }
    })
    .await
}

/// The same policy as tower-resilience has it, in the same order, around reqwest.
async fn reqwest_resilient(origin: &str, slice: Duration) -> Taken {
    let client = reqwest::Client::builder().build()?;
    let url: reqwest::Url = format!("{origin}/").parse()?;
    let inner = service_fn(move |url: reqwest::Url| {
        let request = client.get(url);
        async move { request.send().await.map_err(|error| error.to_string()) }
    });
    let retry = RetryLayer::<reqwest::Url, reqwest::Response, _>::builder().max_attempts(3);
    let breaker = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100);
    let bulkhead =
        BulkheadLayer::builder().max_concurrent_calls(1024).max_wait_duration(Duration::from_millis(100));
    let service = ServiceBuilder::new()
        .layer(RateLimiterLayer::burst(PLENTY, PLENTY).build()?)
        .layer(retry.exponential_backoff(Duration::from_millis(10)).build())
        .layer(breaker.build()?)
        .layer(bulkhead.build()?)
        .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(15)).build())
        .service(inner);
    load(slice, move || {
        let (mut service, url) = (service.clone(), url.clone());
        async move {
            let ready = service.ready().await.map_err(|error| format!("{error:?}"))?;
            let response = ready.call(url).await.map_err(|error| format!("{error:?}"))?;
            fine(response.status())?;
            response.bytes().await?;
            Ok(())
        }
    })
    .await
}
