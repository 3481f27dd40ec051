//! The value of the `Date` field, formatted once a second and thread.

use http::HeaderValue;
use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

thread_local! {
    static DATE: RefCell<(u64, [u8; 29])> = const { RefCell::new((u64::MAX, [b' '; 29])) };
}

/// Calls `with` with the current date in HTTP's format.
pub(crate) fn with_now<R>(with: impl FnOnce(&[u8]) -> R) -> R {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    DATE.with_borrow_mut(|(of, text)| {
        if *of != second {
            let fresh = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            text.copy_from_slice(fresh.as_bytes());
            *of = second;
        }
        with(text)
    })
}

/// Returns the present date as the value of a `Date` field.
pub fn date() -> HeaderValue {
    thread_local! {
        static VALUE: RefCell<HeaderValue> = const { RefCell::new(HeaderValue::from_static("")) };
    }
    with_now(|date| {
        VALUE.with_borrow_mut(|value| {
            if value.as_bytes() != date
                && let Ok(fresh) = HeaderValue::from_bytes(date)
            {
                *value = fresh;
            }
            value.clone()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_date_of_now() {
        let text = with_now(|date| String::from_utf8(date.to_vec()).unwrap());
        let date = httpdate::parse_http_date(&text).unwrap();
        assert!(date.elapsed().is_ok_and(|ago| ago < Duration::from_secs(60)));
    }
}
