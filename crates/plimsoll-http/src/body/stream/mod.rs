//! Bodies made of streams.

mod chunks;
mod coalesced;
mod events;
mod ndjson;
mod ndjson_reader;

pub use chunks::Chunks;
pub use coalesced::StreamAborted;
pub use events::{Event, EventId, EventName, EventStream, InvalidField, LastEventId};
pub use ndjson::NdJson;
pub use ndjson_reader::NdJsonReader;
