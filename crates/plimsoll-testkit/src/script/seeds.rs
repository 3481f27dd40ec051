use std::{env, str::FromStr};

/// Which scripts are played.
///
/// | variable | |
/// | --- | --- |
/// | `PLIMSOLL_SCRIPT_SEED` | the script of this seed, and no other |
/// | `PLIMSOLL_SCRIPTS` | at least so many, from the first seed on |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    first: u64,
    least: u64,
    alone: bool,
}

impl Seeds {
    /// As the environment says; `usual` many where it says nothing.
    ///
    /// # Panics
    /// If a variable holds no number.
    pub fn from_env(usual: u64) -> Self {
        match (read("PLIMSOLL_SCRIPT_SEED"), read("PLIMSOLL_SCRIPTS")) {
            (Some(seed), _) => Self { first: seed, least: 1, alone: true },
            (None, many) => Self { first: 0, least: many.unwrap_or(usual), alone: false },
        }
    }

    /// It is one script, to be looked at.
    pub const fn is_alone(&self) -> bool {
        self.alone
    }

    /// The least number of scripts.
    pub const fn least(&self) -> u64 {
        self.least
    }

    /// The seeds, and as many further ones as are asked for.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<> {
        (self.first..).take(if self.alone { 1 } else { usize::MAX })
    }
}

fn read<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let number = text.trim().parse().ok();
    assert!(number.is_some(), "{name} is {text:?}, and no number");
    number
}
