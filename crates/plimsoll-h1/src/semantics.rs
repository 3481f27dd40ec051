//! Rules of HTTP semantics (RFC 9110) that hold in HTTP/2 as well.
//!
//! A proxy that takes HTTP/2 on one side and writes HTTP/1.1 on the other has to apply them before it forwards.

pub use crate::fields::{has_blank_end, list_size, may_not_trail};
pub use crate::target::{check_host, is_authority};
