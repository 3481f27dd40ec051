//! How the program ends.

use std::process::ExitCode;

/// The meaning of an exit code. A usage error, found by the command-line parser, is [`Exit::Wrong`] too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// 0: fine.
    Fine,
    /// 1: what was asked for failed.
    Failed,
    /// 2: wrong usage or an invalid file.
    Wrong,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Wrong => Self::from(2),
        }
    }
}
