//! The macros that describe sections and words.

/// Describes a section of the file once: its type, its keys, their defaults and their documentation. [`Shape`] follows
/// from it (reading, writing, JSON Schema); so does a reference page ([`reference`]).
///
/// Each key has a doc comment (it becomes the key's description in the schema) and ends in a comma:
///
/// - `key: Type,` must be given;
/// - `key: Type = default,` has a default;
/// - `key?: Type,` may be left out: the field is an `Option<Type>`;
/// - `key: Type => stand-in,` has a default that depends on other keys: [`Rules::apply`] must put it in place of the
///   stand-in where the key was not [given](crate::Section::given).
///
/// `_` in a field's name is `-` in the file; `field as "key"` names the key apart. The type must implement [`Rules`].
///
/// ```
/// use plimsoll_config::{Document, Rules, section};
/// use std::{net::SocketAddr, num::NonZeroU32};
///
/// section! {
///     /// Where requests come in.
///     pub struct Listener {
///         /// Address and port.
///         listen: SocketAddr,
///         /// How many connections may be open at once.
///         max_connections: NonZeroU32 = NonZeroU32::new(10_000).unwrap(),
///     }
/// }
///
/// impl Rules for Listener {}
///
/// let document = Document::parse("a.toml", "listen = \"127.0.0.1:80\"")?;
/// let listener: Listener = document.read(&|_| None)?;
/// assert_eq!(listener.max_connections.get(), 10_000);
///
/// let document = Document::parse("a.toml", "listn = \"127.0.0.1:80\"\nmax-connections = 0")?;
/// let faults = document.read::<Listener>(&|_| None).unwrap_err();
/// assert_eq!(faults.iter().count(), 3);   // unknown key, missing key, zero
/// # Ok::<(), plimsoll_config::ConfigError>(())
/// ```
///
/// With `for` in place of `struct NAME`, it describes a type that exists already and has these fields (`?` is not for
/// such).
///
/// [`Shape`]: crate::Shape
/// [`Rules`]: crate::Rules
/// [`Rules::apply`]: crate::Rules::apply
/// [`reference`]: crate::reference
#[macro_export]
macro_rules! section {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident { $($keys:tt)* }) => {
        $crate::section! { @sort { [$($doc)+] $vis struct $name } {} $($keys)* }
    };
    ($(#[doc = $doc:literal])+ for $name:ident { $($keys:tt)* }) => {
        $crate::section! { @sort { [$($doc)+] for $name } {} $($keys)* }
    };

    // Key by key into one form: { documentation, field, key, field's type, key's type, mode (default) }.
    (@sort $head:tt { $($done:tt)* }
        $(#[doc = $doc:literal])+ $field:ident $(as $key:literal)? ? : $ty:ty, $($rest:tt)*) => {
        $crate::section! { @sort $head { $($done)*
            { [$($doc)+] $field [$($key)?] [Option<$ty>] [$ty] optional () }
        } $($rest)* }
    };
    (@sort $head:tt { $($done:tt)* }
        $(#[doc = $doc:literal])+ $field:ident $(as $key:literal)? : $ty:ty = $default:expr, $($rest:tt)*) => {
        $crate::section! { @sort $head { $($done)*
            { [$($doc)+] $field [$($key)?] [$ty] [$ty] default ($default) }
        } $($rest)* }
    };
    (@sort $head:tt { $($done:tt)* }
        $(#[doc = $doc:literal])+ $field:ident $(as $key:literal)? : $ty:ty => $stand_in:expr, $($rest:tt)*) => {
        $crate::section! { @sort $head { $($done)*
            { [$($doc)+] $field [$($key)?] [$ty] [$ty] derived ($stand_in) }
        } $($rest)* }
    };
    (@sort $head:tt { $($done:tt)* }
        $(#[doc = $doc:literal])+ $field:ident $(as $key:literal)? : $ty:ty, $($rest:tt)*) => {
        $crate::section! { @sort $head { $($done)*
            { [$($doc)+] $field [$($key)?] [$ty] [$ty] required () }
        } $($rest)* }
    };

    (@sort { [$($doc:literal)+] $vis:vis struct $name:ident }
        { $({ [$($key_doc:literal)+] $field:ident $key:tt [$field_ty:ty] $ty:tt $mode:ident $default:tt })* }) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Debug)]
        $vis struct $name {
            $($(#[doc = $key_doc])+ pub $field: $field_ty,)*
        }
        $crate::section! { @sort { [$($doc)+] for $name }
            { $({ [$($key_doc)+] $field $key [$field_ty] $ty $mode $default })* } }
    };
    (@sort { [$($doc:literal)+] for $name:ident }
        { $({ [$($key_doc:literal)+] $field:ident $key:tt $field_ty:tt [$ty:ty] $mode:ident $default:tt })* }) => {
        impl $crate::Shape for $name {
            fn expected() -> ::std::borrow::Cow<'static, str> {
                $crate::Section::EXPECTED.into()
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader<'_>) -> Option<Self> {
                let keys = [$($crate::section!(@key $field $key)),*];
                let mut section = $crate::Section::open(node, reader, &keys)?;
                $(let $field = $crate::section!(@read section, $field $key, $ty, $mode $default);)*
                let mut whole = Self { $($field: $field?),* };
                $crate::Rules::apply(&mut whole, &mut section);
                section.is_sound().then_some(whole)
            }

            fn schema(schemas: &mut $crate::Schemas) -> $crate::Value {
                let mut section = $crate::SectionSchema::new(schemas);
                $({
                    let doc = $crate::prose(&[$($key_doc),+]);
                    $crate::section!(@schema section, doc, $field $key, $ty, $mode $default);
                })*
                section.close(&$crate::prose(&[$($doc),+]))
            }

            fn write(&self) -> $crate::Value {
                let mut entries = $crate::Map::new();
                $($crate::section!(@write self, entries, $field $key, $ty, $mode);)*
                $crate::Value::Object(entries)
            }
        }
    };

    (@key $field:ident []) => { stringify!($field).replace('_', "-") };
    (@key $field:ident [$key:literal]) => { String::from($key) };

    (@read $section:ident, $field:ident $key:tt, $ty:ty, required ()) => {
        $section.required::<$ty>(&$crate::section!(@key $field $key))
    };
    (@read $section:ident, $field:ident $key:tt, $ty:ty, optional ()) => {
        $section.optional::<$ty>(&$crate::section!(@key $field $key))
    };
    (@read $section:ident, $field:ident $key:tt, $ty:ty, $mode:ident ($default:expr)) => {
        $section.or_else::<$ty>(&$crate::section!(@key $field $key), || $default)
    };

    (@schema $section:ident, $doc:ident, $field:ident $key:tt, $ty:ty, required ()) => {
        $section.required::<$ty>(&$crate::section!(@key $field $key), &$doc)
    };
    (@schema $section:ident, $doc:ident, $field:ident $key:tt, $ty:ty, default ($default:expr)) => {{
        let default: $ty = $default;
        let default = $crate::Shape::write(&default);
        $section.key::<$ty>(&$crate::section!(@key $field $key), &$doc, Some(default))
    }};
    (@schema $section:ident, $doc:ident, $field:ident $key:tt, $ty:ty, $mode:ident $default:tt) => {
        $section.key::<$ty>(&$crate::section!(@key $field $key), &$doc, None)
    };

    (@write $self:ident, $entries:ident, $field:ident $key:tt, $ty:ty, optional) => {
        if let Some(value) = &$self.$field {
            $entries.insert($crate::section!(@key $field $key), <$ty as $crate::Shape>::write(value));
        }
    };
    (@write $self:ident, $entries:ident, $field:ident $key:tt, $ty:ty, $mode:ident) => {
        $entries.insert(
            $crate::section!(@key $field $key),
            <$ty as $crate::Shape>::write(&$self.$field),
        );
    };
}

/// Describes an enum without fields by the words that stand for it in the file: `words! { Jitter { "full" => Full } }`.
/// [`Shape`](crate::Shape) follows from it.
#[macro_export]
macro_rules! words {
    ($name:ident { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl $crate::Shape for $name {
            fn expected() -> ::std::borrow::Cow<'static, str> {
                $crate::one_of(&[$($word),+]).into()
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader<'_>) -> Option<Self> {
                let words = [$(($word, $name::$variant)),+];
                reader.word(node, &words, &<Self as $crate::Shape>::expected())
            }

            fn schema(_: &mut $crate::Schemas) -> $crate::Value {
                $crate::json!({ "enum": [$($word),+] })
            }

            fn write(&self) -> $crate::Value {
                match self {
                    $($name::$variant => $word.into(),)+
                }
            }
        }
    };
}
