//! The access log: one JSON object a line for each request, or for a sample of them.
//!
//! | key | what |
//! | --- | --- |
//! | `time` | when the request's head had come, RFC 3339, UTC |
//! | `client` | the client's address, as far as it is believed |
//! | `protocol` | `HTTP/1.1`, `HTTP/2.0`, … |
//! | `method`, `host`, `path` | what was asked for; never the query, where secrets travel |
//! | `status` | the response's; where there was none, 499 if the client left before, 503 if the drain was over |
//! | `route`, `upstream`, `endpoint` | where it went; the endpoint is the one whose response it was, else the last one asked |
//! | `attempts` | how often it was sent, hedges included |
//! | `bytes` | of the response's body, as sent; of a tunnel, what went to the client |
//! | `bytes_to_endpoint` | of a tunnel: what went the other way |
//! | `broken` | `true` where the response broke off after its head, or a tunnel did not end with both sides done |
//! | `duration_ms` | from the request's head to the response's last byte, or the tunnel's end |
//! | `trace_id` | of the trace it belongs to, and the id of its problem |
//! | `problem` | what the gateway itself had to say |
//! | `why` | one word of why it did not go well; a failure status of the endpoint's own has none |
//!
//! Empty fields are omitted. Lines are made by the worker at the end of a request and written by the
//! log's own thread; what that cannot take is dropped and counted (`plimsoll_log_lines_dropped_total`).
//!
//! | file | what |
//! | --- | --- |
//! | `log` | the open log |
//! | `entry` | the line of a request, from its head to its end |
//! | `summary` | how a request ended |
//! | `line` | the line as it is written |
//! | `drained` | whether the drain's time is over |

mod drained;
mod entry;
mod line;
mod log;
mod summary;

pub(crate) use drained::drain_is_over;
pub(crate) use entry::Entry;
pub(crate) use log::AccessLog;
pub(crate) use summary::ResponseSummary;
