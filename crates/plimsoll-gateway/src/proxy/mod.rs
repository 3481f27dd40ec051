//! A request on its way: its route, its call, its attempts, its answer.
//!
//! | file | what |
//! | --- | --- |
//! | `arrival` | what two readers of it could take differently: made one, or refused |
//! | `handle` | from a request to its answer: the way in, whatever the protocol |
//! | `forward` | headers and target as they are sent on |
//! | `facts` | what the policy is told of the request |
//! | `drive` | the call over the route's endpoints, up to the head of its response |
//! | `attempt` | one attempt at one endpoint |
//! | `upload`, `download` | bodies on their way |
//! | `interim` | interim answers on their way to the client |
//! | `switched` | a call that goes on as a tunnel |
//! | `paced` | how long a request's body may be waited for |

mod arrival;
mod attempt;
mod download;
mod drive;
mod facts;
mod fault;
mod forward;
mod handle;
mod interim;
mod paced;
mod switched;
mod upload;

pub(crate) use arrival::{Arrived, Settled, Stop, TrailerError, Trailing, is_odd};
pub(crate) use attempt::dial;
pub(crate) use download::{Download, DownloadError, Source};
pub(crate) use fault::Fault;
pub(crate) use forward::via;
pub(crate) use handle::{Answered, Client, Inbound, Tunnel, handle, spoken, stopped};
pub(crate) use interim::InterimSink;
pub(crate) use plimsoll::driver::Alarm;
pub(crate) use switched::Switched;
pub(crate) use upload::{Upload, UploadError};
