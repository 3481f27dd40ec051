//! Every interleaving of a look that finds nothing and a refusal that comes meanwhile.

use super::*;
use loom::{sync::Arc, thread};

const NOW: Instant = Instant::from_nanos(1_000);

#[test]
fn loom_a_refusal_is_never_overlooked() {
    loom::model(|| {
        let throttle = Arc::new(Throttle::new(ThrottleSpec::default()));
        throttle.settle(NOW, Outcome::Success);
        let looking = {
            let throttle = throttle.clone();
            thread::spawn(move || throttle.admit(NOW, Draw::new(u64::MAX)).is_ok())
        };
        (0..2).for_each(|_| throttle.settle(NOW, Outcome::Throttled));
        assert!(looking.join().unwrap());
        assert!(throttle.snapshot(NOW).probability > 0.0);
        assert!(throttle.admit(NOW, Draw::new(0)).is_err());
    });
}

/// Two who find nothing at once, and an accepted call after which one of them has to look again.
#[test]
fn loom_calm_lasts_no_longer_than_the_step_that_it_was_seen_in() {
    loom::model(|| {
        let throttle = Arc::new(Throttle::new(ThrottleSpec::default()));
        throttle.settle(NOW, Outcome::Success);
        throttle.settle(NOW, Outcome::Throttled);
        let looking = {
            let throttle = throttle.clone();
            thread::spawn(move || throttle.admit(NOW, Draw::new(u64::MAX)).is_ok())
        };
        assert!(throttle.admit(NOW, Draw::new(u64::MAX)).is_ok());
        throttle.settle(NOW, Outcome::Throttled);
        assert!(looking.join().unwrap());
        assert!(throttle.snapshot(NOW).probability > 0.0);
        throttle.admit(NOW, Draw::new(u64::MAX)).unwrap();
        assert!(throttle.admit(NOW, Draw::new(0)).is_err());
    });
}
