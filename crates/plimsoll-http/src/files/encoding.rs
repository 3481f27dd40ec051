use http::{HeaderMap, header};
use smallvec::SmallVec;

/// A content coding of precompressed variants, which are files beside the plain one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// `br`, in a file with `.br` added to its name.
    Brotli,
    /// `zstd`, `.zst`.
    Zstd,
    /// `gzip`, `.gz`.
    Gzip,
}

impl Encoding {
    /// Returns its name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// Returns the suffix of the variant's file name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// Returns the offered encodings that the client accepts, by its preference; among equals in the order of the offer.
///
/// Those with a lower weight than the plain file are omitted.
pub(super) fn accepted(headers: &HeaderMap, offered: &[Encoding]) -> SmallVec<[Encoding; 3]> {
    let mut found: SmallVec<[(u16, Encoding); 3]> = SmallVec::new();
    let weights = Weights::of(headers);
    for encoding in offered {
        let weight = weights.of_coding(*encoding);
        if weight > 0 && weight >= weights.identity.unwrap_or(0) {
            found.push((weight, *encoding));
        }
    }
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    found.into_iter().map(|(_, encoding)| encoding).collect()
}

/// The weights by coding, in thousandths; `None` if it is not named.
#[derive(Default)]
struct Weights {
    br: Option<u16>,
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    fn of(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for each in value.as_bytes().split(|byte| *byte == b',') {
                let mut parts = each.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
                let coding = parts.next().unwrap_or_default();
                // A part with a malformed weight is ignored, as everywhere.
                let Some(weight) = parts.next().map_or(Some(1000), weight) else { continue };
                let slot = match coding {
                    name if name.eq_ignore_ascii_case(b"br") => &mut weights.br,
                    name if name.eq_ignore_ascii_case(b"zstd") => &mut weights.zstd,
                    name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                        &mut weights.gzip
                    }
                    name if name.eq_ignore_ascii_case(b"identity") => &mut weights.identity,
                    b"*" => &mut weights.any,
                    _ => continue,
                };
                *slot = Some(weight);
            }
        }
        weights
    }

    fn of_coding(&self, encoding: Encoding) -> u16 {
        let named = match encoding {
            Encoding::Brotli => self.br,
            Encoding::Zstd => self.zstd,
            Encoding::Gzip => self.gzip,
        };
        named.or(self.any).unwrap_or(0)
    }
}

/// Parses `q=0.125` in thousandths; `q=.125` too, which Java's clients write.
fn weight(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', value @ ..] = parameter else { return None };
    let (whole, decimals) = match value {
        [b'.', decimals @ ..] if (1..=3).contains(&decimals.len()) => (&b'0', decimals),
        [whole] => (whole, &b""[..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut sum = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    for (digit, worth) in decimals.iter().zip([100, 10, 1]) {
        sum += u16::from(digit.is_ascii_digit().then(|| digit - b'0')?) * worth;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip, Zstd};

    #[test]
    fn the_callers_favourite_first() {
        for (field, expected) in [
            ("gzip, deflate, br, zstd", &[Brotli, Zstd, Gzip][..]),
            ("gzip", &[Gzip]),
            ("GZIP;q=1.0, br;q=0.5", &[Gzip, Brotli]),
            ("gzip;q=0.001", &[Gzip]),
            ("gzip;q=0", &[]),
            ("gzip;q=0.000, br", &[Brotli]),
            ("*", &[Brotli, Zstd, Gzip]),
            ("*;q=0.5, br;q=0", &[Zstd, Gzip]),
            ("identity", &[]),
            ("br;q=0.5, identity;q=0.8", &[]),
            ("br;q=0.5, gzip;q=0.9, identity;q=0.8", &[Gzip]),
            ("identity;q=0, gzip", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("br;q=2", &[]),
            ("br;q=1.001", &[]),
            ("br;q=0.1234", &[]),
            ("br;level=5", &[]),
            ("br;q=.5, gzip", &[Gzip, Brotli]),
            ("br;q=., gzip", &[Gzip]),
            ("br;q=x, *;q=0.5", &[Brotli, Zstd, Gzip]),
            ("compress, deflate", &[]),
            ("", &[]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, field.parse().unwrap());
            assert_eq!(&accepted(&headers, &[Brotli, Zstd, Gzip])[..], expected, "{field}");
        }
        assert!(accepted(&HeaderMap::new(), &[Brotli]).is_empty(), "nothing is asked for");
    }

    #[test]
    fn only_what_is_on_offer() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT_ENCODING, "br".parse().unwrap());
        headers.append(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(&accepted(&headers, &[Gzip])[..], &[Gzip]);
        assert_eq!(&accepted(&headers, &[Gzip, Brotli])[..], &[Gzip, Brotli]);
    }
}
