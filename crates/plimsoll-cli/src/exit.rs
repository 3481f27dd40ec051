//! The exit codes.

use std::process::ExitCode;

/// The meaning of an exit code. A usage error, found by the command-line parser, is [`Exit::Wrong`] too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// 0: success.
    Fine,
    /// 1: the command failed.
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
