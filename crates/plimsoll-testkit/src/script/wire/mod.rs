//! Scripts over real sockets, for drivers that have connections of their own.
//!
//! Time is virtual here too: it goes on when nothing has happened for a while, which is the one thing that a real clock is
//! asked for. A machine that is busy may be late all the same, so [`agree`] believes a difference when it has seen it
//! three times.
//!
//! Such a driver has no journal. It counts what it decides, so what is compared is a [`Ledger`]: whatever its counts rose by
//! in each instant, and how each call ended.

mod ledger;
mod origin;
mod show;

pub use ledger::{Ledger, ended, of_reference};
pub use origin::Origin;
pub use show::{Activity, Wire, show};

/// A difference is believed after so many times.
const TIMES: usize = 3;

/// Plays until the two agree.
///
/// # Errors
/// Both sides of the last difference, from shortly before it on. `replay` is the command that plays this script again.
pub async fn agree(
    expected: &[String],
    name: &str,
    replay: &str,
    mut play: impl AsyncFnMut() -> Vec<String>,
) -> Result<(), String> {
    let mut last = Ok(());
    for _ in 0..TIMES {
        last = super::compare::lines(expected, &play().await, name, replay);
        if last.is_ok() {
            break;
        }
    }
    last
}
