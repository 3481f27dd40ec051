//! A request on its way: its route, its call, its attempts, its response.
//!
//! | file | what |
//! | --- | --- |
//! | `arrival` | what two readers of it could take differently: made one, or refused |
//! | `handle` | from a request to its response: the way in, whatever the protocol |
//! | `context` | what the requests of a worker share |
//! | `client`, `inbound` | the client of a request, and the body as it comes from there |
//! | `forward`, `client_fields` | headers and target as they are sent on; the fields about the client |
//! | `facts` | what the policy is told of the request |
//! | `drive` | the call over the route's endpoints, up to the head of its response |
//! | `attempt`, `fault` | one attempt at one endpoint, and how it can fail |
//! | `upload`, `download` | bodies on their way |
//! | `message` | the heads of requests and responses |
//! | `interim` | interim responses on their way to the client |
//! | `switched`, `tunnel` | a call that goes on as a tunnel |
//! | `paced` | how long a request's body may be waited for |
//! | `response`, `refusal` | the response to the client, and what the gateway itself responds |

mod arrival;
mod attempt;
mod client;
mod client_fields;
mod context;
mod download;
mod drive;
mod facts;
mod fault;
mod forward;
mod handle;
mod inbound;
mod interim;
mod message;
mod paced;
mod refusal;
mod response;
mod switched;
mod tunnel;
mod upload;

pub(crate) use arrival::{Arrived, Trailing};
pub(crate) use client::Client;
pub(crate) use client_fields::LastClientFields;
pub(crate) use context::Proxy;
pub(crate) use download::{Download, DownloadError};
pub(crate) use forward::via;
pub(crate) use handle::handle;
pub(crate) use inbound::Inbound;
pub(crate) use interim::InterimSink;
pub(crate) use message::{Fields, RequestHead, Response};
pub(crate) use plimsoll::driver::Alarm;
pub(crate) use refusal::{problem_response, stopped};
pub(crate) use response::ProxyResponse;
pub(crate) use tunnel::Tunnel;
