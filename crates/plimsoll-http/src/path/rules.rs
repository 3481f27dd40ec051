//! The handling of each spelling that two readers take differently.

/// The handling of each spelling of a path that two readers take differently.
///
/// The default refuses such a spelling or makes one of it, so that every later reader takes the path for the same.
/// Under any rules, escapes of unreserved characters are decoded and `..` never leads above the root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PathRules {
    /// `%2F`.
    pub encoded_slash: EncodedSlash,
    /// `//`.
    pub repeated_slash: RepeatedSlash,
    /// `\` and `%5C`.
    pub backslash: Backslash,
    /// `;` and `%3B`.
    pub parameters: Parameters,
    /// `%00` to `%1F`, `%7F`, and overlong UTF-8.
    pub controls: Controls,
    /// `.` and `..`.
    pub dots: Dots,
}

impl PathRules {
    /// Everything that may pass does.
    pub const PASS: Self = Self {
        encoded_slash: EncodedSlash::Pass,
        repeated_slash: RepeatedSlash::Pass,
        backslash: Backslash::Pass,
        parameters: Parameters::Pass,
        controls: Controls::Pass,
        dots: Dots::Resolve,
    };
}

/// The handling of `%2F`: a slash to readers that decode before they split, a part of a name to those that split first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EncodedSlash {
    /// The path is refused.
    #[default]
    Refuse,
    /// It is a slash.
    Decode,
    /// It stays, as a part of a name.
    Pass,
}

/// The handling of `//`: one slash to some readers, an empty segment to others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RepeatedSlash {
    /// It is one slash.
    #[default]
    Merge,
    /// The path is refused.
    Refuse,
    /// It stays, with an empty segment.
    Pass,
}

/// The handling of `\` and `%5C`: a slash to some readers, a part of a name to others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Backslash {
    /// The path is refused.
    #[default]
    Refuse,
    /// It is a slash.
    Slash,
    /// It stays, as `%5C`, as a part of a name.
    Pass,
}

/// The handling of `;` and `%3B`: the start of a segment's parameter to servlets, a part of its name to others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Parameters {
    /// The path is refused.
    #[default]
    Refuse,
    /// It is cut off with the rest of its segment.
    Strip,
    /// It stays. A segment that is a dot segment without its parameters (`..;a`) is refused all the same.
    Pass,
}

/// The handling of escapes of control characters, at which some readers end the path, and of overlong UTF-8, which some
/// read as other characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Controls {
    /// The path is refused.
    #[default]
    Refuse,
    /// They stay, as escapes.
    Pass,
}

/// The handling of `.` and `..`, written out or escaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dots {
    /// They are resolved ([RFC 3986, section 5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4)).
    #[default]
    Resolve,
    /// The path is refused.
    Refuse,
}
