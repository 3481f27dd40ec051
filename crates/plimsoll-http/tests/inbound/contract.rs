//! Every layer keeps to what every layer must keep to.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use plimsoll_http::{
    inbound::{
        ArrivalLimits, BodyLimitLayer, ClientLayer, DeadlineLayer, DeadlineRules, InFlightLayer,
        RejectAsResponse, RequestIdLayer, TraceLayer,
    },
    layers::{HttpFacts, KeyBy},
};
use plimsoll_policy::{bulkhead::BulkheadSpec, rate::RateLimitSpec, shed::ShedSpec};
use plimsoll_testkit::{
    BrokenError,
    contract::{Contract, Inner},
};
use plimsoll_tower::{BulkheadLayer, RateLimitLayer, ShedLayer};
use std::{net::IpAddr, num::NonZeroU32, time::Duration};
use tower::{Layer, Service, ServiceExt};

/// Maps a request of the probes to the inner service's.
fn http<B>(inner: Inner) -> impl Service<Request<B>, Response = Response<u32>, Error = BrokenError> + Clone {
    inner.map_request(|_: Request<B>| 1).map_response(|number| {
        let mut response = Response::new(number);
        response.extensions_mut().insert(number);
        response
    })
}

/// And without: a response by the layer itself is 0.
fn plain<S, R>(service: S) -> impl Service<u32, Response = u32, Error = S::Error> + Clone
where
    S: Service<Request<Empty<Bytes>>, Response = Response<R>> + Clone,
{
    service
        .map_request(|_: u32| {
            let mut request = Request::new(Empty::new());
            request.extensions_mut().insert(IpAddr::from([192, 0, 2, 7]));
            request
        })
        .map_response(|response| response.extensions().get::<u32>().copied().unwrap_or(0))
}

macro_rules! holds {
    ($($name:ident: $layer:expr $(, $limit:ident($count:expr))?;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let contract = Contract::new(|| {
                let layer = $layer;
                move |inner: Inner| plain(layer.layer(http(inner)))
            });
            contract$(.$limit($count))?.errors(|error: &BrokenError| Some(*error)).hold().await;
        }
    )*};
}

holds! {
    the_trace: TraceLayer::new();
    the_name: RequestIdLayer::new();
    the_client: ClientLayer::default();
    the_deadline: DeadlineLayer::new(DeadlineRules::default());
    the_body: BodyLimitLayer::new(ArrivalLimits { size: Some(10), idle: Some(Duration::from_secs(1)), total: None });
    no_policy: RejectAsResponse::<ShedLayer>::maybe(None);
    shedding: RejectAsResponse::new(ShedLayer::new(ShedSpec::default()));
    a_rate: RejectAsResponse::new(RateLimitLayer::keyed(rate(), HttpFacts::by(KeyBy::Client))), in_all(3);
    places: RejectAsResponse::new(BulkheadLayer::new(two())), in_flight(2);
    until_sent: InFlightLayer::new(BulkheadLayer::new(two())), in_flight(2);
    until_sent_by_client: InFlightLayer::new(BulkheadLayer::keyed(two(), 8.try_into().unwrap(), HttpFacts::by(KeyBy::Client))), in_flight(2);
    places_by_client: RejectAsResponse::new(BulkheadLayer::keyed(two(), 8.try_into().unwrap(), HttpFacts::by(KeyBy::Client))), in_flight(2);
}

fn rate() -> RateLimitSpec {
    RateLimitSpec { burst: 3.try_into().unwrap(), ..RateLimitSpec::new("1/h".parse().unwrap()) }
}

fn two() -> BulkheadSpec {
    BulkheadSpec { in_flight: NonZeroU32::new(2).unwrap(), waiting: 0, wait: Duration::ZERO }
}
