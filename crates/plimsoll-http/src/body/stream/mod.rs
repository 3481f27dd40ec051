//! Bodies made of streams.

mod chunks;
mod coalesced;
mod events;
mod ndjson;
mod ndjson_reader;

pub use chunks::Chunks;
pub use coalesced::StreamAbortedError;
pub use events::{Event, EventFieldError, EventId, EventName, EventStream, LastEventId};
pub use ndjson::NdJson;
pub use ndjson_reader::NdJsonReader;
