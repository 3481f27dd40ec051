use serde::de::{self, Expected, Unexpected};
use std::fmt::{self, Display, Write};

/// Returns the type's own text of the fault: `None` if there is none, or if it could quote the body.
#[derive(Default, Debug)]
pub(super) struct Complaint(pub(super) Option<String>);

impl Complaint {
    fn of(what: fmt::Arguments<'_>) -> Self {
        Self(Some(what.to_string()))
    }
}

impl Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

impl std::error::Error for Complaint {}

impl de::Error for Complaint {
    /// A free text may quote the input.
    fn custom<T: Display>(_: T) -> Self {
        Self(None)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(format_args!("has something other than {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::of(format_args!("has {length} elements where {expected} is expected"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::of(format_args!("has none of {}", List(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::of(format_args!("has a field other than {}", List(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(format_args!("is missing the field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(format_args!("has the field `{field}` twice"))
    }
}

struct List(&'static [&'static str]);

impl Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_char('`')?;
            f.write_str(name)?;
            f.write_char('`')?;
        }
        Ok(())
    }
}
