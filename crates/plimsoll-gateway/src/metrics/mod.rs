//! Metrics of the gateway beside those of its policies.
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_requests_total` | counter | `route`, `upstream`, `code` (`2xx` …) | requests responded to |
//! | `plimsoll_request_duration_seconds` | histogram | `route`, `upstream` | from a request's head to its response's last byte |
//! | `plimsoll_requests_in_flight` | gauge | `route`, `upstream` | requests under way |
//! | `plimsoll_response_body_bytes_total` | counter | `route`, `upstream` | bytes of responses sent to clients |
//! | `plimsoll_problems_total` | counter | `kind`, `route` | responses of the gateway's own; `route` is a path of the admin API, empty for all that is proxied |
//! | `plimsoll_refused_requests_total` | counter | `reason` | requests refused before any route: malformed, too large, too slow |
//! | `plimsoll_slow_clients_total` | counter | `direction`: `upload`, `download` | requests ended because their client sent or took too little for too long |
//! | `plimsoll_connections` | gauge | | connections of clients |
//! | `plimsoll_connections_accepted_total` | counter | | connections accepted |
//! | `plimsoll_connections_refused_total` | counter | `reason` | connections closed at once: too many in all, or of one client |
//! | `plimsoll_tunnels` | gauge | `route`, `upstream` | connections that have switched protocols |
//! | `plimsoll_tunnels_ended_total` | counter | `route`, `upstream`, `reason`: `closed`, `broken`, `idle`, `stalled`, `drained` | tunnels that have ended |
//! | `plimsoll_tunnel_bytes_total` | counter | `route`, `upstream`, `direction`: `to-client`, `to-endpoint` | bytes carried by tunnels |
//! | `plimsoll_panics_total` | counter | `place`, `route` | panics caught, each ending one request; `route` as above |
//! | `plimsoll_upstream_connects_total` | counter | `upstream`, `result` | connections opened to endpoints |
//! | `plimsoll_upstream_idle_connections` | gauge | `upstream` | kept connections |
//! | `plimsoll_endpoint_attempts_total` | counter | `upstream`, `endpoint`, `outcome` | attempts at each endpoint, hedges included, by what came of them |
//! | `plimsoll_endpoint_bodies_failed_total` | counter | `upstream`, `endpoint` | responses that broke off after their head |
//! | `plimsoll_ejections_total` | counter | `upstream`, `reason` | endpoints left out for a while |
//! | `plimsoll_ejections_withheld_total` | counter | `upstream`, `because` | ejections that a bound forbade |
//! | `plimsoll_reloads_total` | counter | `result` | configurations offered while running |
//! | `plimsoll_config_last_reload_success_timestamp_seconds` | gauge | | when the configuration was last taken from its source |
//! | `plimsoll_health_checks_total` | counter | `upstream`, `result` | active health checks |
//! | `plimsoll_worker_lag_seconds` | histogram | `worker` | how late a worker's timer fires: its run queue's delay |
//! | `plimsoll_build_info` | gauge | `version` | 1 |
//!
//! Metrics collected at a scrape are in [`crate::collect`], and, for tasks, locks, queues and pools, in
//! [`plimsoll::http::observe`].
//!
//! | file | what |
//! | --- | --- |
//! | `families` | every family, and the series of a route or an upstream |
//! | `route`, `tunnel` | what is counted of the requests and tunnels of a route |
//! | `upstream` | what is counted of an upstream and of its endpoints |

mod families;
mod route;
mod tunnel;
mod upstream;

pub(crate) use families::Metrics;
pub(crate) use route::RouteMetrics;
pub(crate) use tunnel::{TunnelEnd, TunnelMetrics};
pub(crate) use upstream::{EndpointMetrics, UpstreamMetrics};
