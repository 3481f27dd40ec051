//! Two threads that find an interval over: one decision, and no delay is missed.

use super::*;
use loom::{sync::Arc, thread};

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

#[test]
fn loom_an_interval_is_judged_once() {
    loom::model(|| {
        let shedder = Arc::new(Shedder::new(ShedSpec::default()));
        let late = Duration::from_millis(50);
        shedder.waited(at(1), late);
        let other = {
            let shedder = shedder.clone();
            thread::spawn(move || shedder.waited(at(101), late))
        };
        shedder.waited(at(101), late);
        other.join().unwrap();
        assert!(shedder.overloaded(at(101)));
        assert_eq!(shedder.cursor.load(Relaxed), Cursor::ALL.0, "counting has begun, and nothing is cut yet");
    });
}

#[test]
fn loom_the_least_delay_of_two_stays() {
    loom::model(|| {
        let shedder = Arc::new(Shedder::new(ShedSpec::default()));
        shedder.waited(at(1), Duration::from_millis(50));
        let other = {
            let shedder = shedder.clone();
            thread::spawn(move || shedder.waited(at(2), Duration::ZERO))
        };
        shedder.waited(at(2), Duration::from_millis(8));
        other.join().unwrap();
        shedder.waited(at(101), Duration::from_millis(50));
        assert!(!shedder.overloaded(at(101)));
    });
}

#[test]
fn loom_a_call_that_left_is_believed_before_one_that_stands() {
    loom::model(|| {
        let shedder = Arc::new(Shedder::new(ShedSpec::default()));
        shedder.standing(at(1), Duration::ZERO);
        let other = {
            let shedder = shedder.clone();
            thread::spawn(move || shedder.waited(at(2), Duration::ZERO))
        };
        shedder.standing(at(2), Duration::from_millis(200));
        other.join().unwrap();
        shedder.waited(at(101), Duration::from_millis(50));
        assert!(!shedder.overloaded(at(101)), "one did not wait");
    });
}
