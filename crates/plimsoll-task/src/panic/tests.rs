use super::*;
use std::{
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
};

struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("from drop");
    }
}

#[tokio::test]
async fn message_and_place_come_along() {
    let line = line!() + 1;
    let panicked = catch(async { panic!("order {}", 7) }).await.unwrap_err();
    assert_eq!(panicked.message(), "order 7");
    let place = panicked.location().unwrap();
    assert!(place.file().ends_with("tests.rs"), "{place}");
    assert_eq!(place.line(), line);
    assert_eq!(panicked.to_string(), format!("panicked: order 7 (at {place})"));
}

#[tokio::test]
async fn what_does_not_panic_passes() {
    assert_eq!(catch(ready(3)).await, Ok(3));
}

#[tokio::test]
async fn a_value_that_is_no_text_has_a_place_all_the_same() {
    let panicked = catch(async { panic_any(5_u8) }).await.unwrap_err();
    assert_eq!(panicked.message(), "a value that is no text");
    assert!(panicked.location().is_some());
}

#[tokio::test]
async fn a_panic_in_drop_at_the_end_is_caught() {
    let loud = Loud;
    let ends = async move {
        let _loud = &loud;
        ready(()).await;
    };
    assert_eq!(catch(ends).await.unwrap_err().message(), "from drop");
}

#[tokio::test]
async fn where_another_panic_came_between_no_place_is_told() {
    struct Between;
    impl Drop for Between {
        fn drop(&mut self) {
            assert!(catch_unwind(|| panic!("between")).is_err());
        }
    }
    let panicked = catch(async {
        let _between = Between;
        panic!("outer")
    });
    let panicked = panicked.await.unwrap_err();
    assert_eq!((panicked.message(), panicked.location()), ("outer", None));
}

#[tokio::test]
async fn resumed_it_is_the_same() {
    let first = catch(async { panic!("once") }).await.unwrap_err();
    let again = first.clone();
    let second = catch(async move { again.resume() }).await.unwrap_err();
    assert_eq!(first, second);
}

#[test]
fn panics_are_counted() {
    install_hook();
    let before = count();
    assert!(catch_unwind(AssertUnwindSafe(|| panic!("counted"))).is_err());
    // Other tests panic at the same time.
    assert!(count() > before);
}

#[test]
fn installing_while_unwinding_does_no_harm() {
    struct Installs;
    impl Drop for Installs {
        fn drop(&mut self) {
            install_hook();
            drop(catch(pending::<()>()));
        }
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _installs = Installs;
        panic!("unwinding")
    }));
    assert!(unwound.is_err());
}
