//! Problems from refused or failed work of queues and pools.

use super::{Kind, Problem};
use plimsoll_task::{
    PanicError,
    deadline::DeadlineExceededError,
    pool::PoolError,
    queue::{SendBeforeError, SendError, TrySendError},
};

impl From<DeadlineExceededError> for Problem {
    fn from(_: DeadlineExceededError) -> Self {
        Self::new(Kind::DeadlineExceeded)
    }
}

/// An internal failure; message and location are for the log.
impl From<PanicError> for Problem {
    fn from(panicked: PanicError) -> Self {
        Self::internal(panicked)
    }
}

/// A full pool is a full bulkhead; one that is closed or gets no thread is [`Kind::Unavailable`].
impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Full { .. } => Self::new(Kind::BulkheadFull).because(error),
            PoolError::Late => Self::new(Kind::DeadlineExceeded),
            PoolError::Panicked(panicked) => panicked.into(),
            error => Self::new(Kind::Unavailable).because(error),
        }
    }
}

/// A queue without receivers, mostly because the service is shutting down.
impl<T> From<SendError<T>> for Problem {
    fn from(error: SendError<T>) -> Self {
        // Without the item: that need be neither `Send` nor for the log.
        Self::new(Kind::Unavailable).because(error.to_string())
    }
}

/// A full queue is [`Kind::Overloaded`], a closed one [`Kind::Unavailable`].
impl<T> From<TrySendError<T>> for Problem {
    fn from(error: TrySendError<T>) -> Self {
        let kind = match error {
            TrySendError::Full(_) => Kind::Overloaded,
            TrySendError::Closed(_) => Kind::Unavailable,
        };
        Self::new(kind).because(error.to_string())
    }
}

/// A queue without a slot until the deadline is [`Kind::DeadlineExceeded`], a closed one [`Kind::Unavailable`].
impl<T> From<SendBeforeError<T>> for Problem {
    fn from(error: SendBeforeError<T>) -> Self {
        let kind = match error {
            SendBeforeError::Late(_) => Kind::DeadlineExceeded,
            SendBeforeError::Closed(_) => Kind::Unavailable,
        };
        Self::new(kind).because(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_task::{pool::Pool, queue};
    use std::{num::NonZeroUsize, rc::Rc};

    #[test]
    fn each_refusal_has_its_kind() {
        let full = PoolError::Full { pool: "resize", queued: 8 };
        for (problem, kind, status) in [
            (Problem::from(full), Kind::BulkheadFull, 503),
            (PoolError::Late.into(), Kind::DeadlineExceeded, 504),
            (PoolError::Closed.into(), Kind::Unavailable, 503),
            (PoolError::NoThread.into(), Kind::Unavailable, 503),
            (TrySendError::Full(Rc::new(1)).into(), Kind::Overloaded, 503),
            (TrySendError::Closed(()).into(), Kind::Unavailable, 503),
            (SendBeforeError::Late(()).into(), Kind::DeadlineExceeded, 504),
            (SendBeforeError::Closed(()).into(), Kind::Unavailable, 503),
            (SendError(()).into(), Kind::Unavailable, 503),
            (DeadlineExceededError.into(), Kind::DeadlineExceeded, 504),
        ] {
            assert_eq!((problem.kind(), problem.status().as_u16()), (kind, status));
        }
    }

    #[tokio::test]
    async fn a_handler_submits_work_and_reports_its_end() {
        async fn panics(pool: &Pool) -> Result<(), Problem> {
            Ok(pool.run(|| panic!("row 7 of {}", "prices")).await?)
        }
        fn is_full(sender: &queue::Sender<u8>) -> Result<(), Problem> {
            Ok(sender.try_send(1)?)
        }
        let pool = Pool::cpu("problem: panics", NonZeroUsize::MIN, 1);
        let problem = panics(&pool).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::Internal);
        assert!(problem.chain().to_string().contains("row 7 of prices"), "{}", problem.chain());
        assert!(!String::from_utf8_lossy(problem.to_http().body()).contains("prices"));

        let (sender, _receiver) = queue::bounded("problem: full", 1);
        assert!(is_full(&sender).is_ok());
        assert_eq!(is_full(&sender).unwrap_err().kind(), Kind::Overloaded);
    }
}
