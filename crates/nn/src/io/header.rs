//! The header of an array: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! `\x93NUMPY`, two bytes of version, the length of the text (2 bytes in version 1, 4 in versions 2 and 3), and the text: a Python dictionary
//! such as `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.

use std::io::Read;

use unrolled_tensor::DType;

use super::error::{ArrayPlace, NpyError};
use crate::disk::At;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longer texts than this describe structures, not tensors.
const LONGEST: usize = 1 << 20;
/// The elements begin at a multiple of this.
const ALIGNMENT: usize = 64;
/// NumPy leaves room to write a longer first axis over the header; so equal arrays make equal files.
const ROOM_FOR_AXIS: usize = 21;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub dtype: DType,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// How many bytes the elements take.
    pub fn data_bytes(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64 * self.dtype.size() as u64
    }

    /// Reads a header; what follows are the elements.
    pub fn read(place: &ArrayPlace, input: &mut dyn Read) -> Result<Header, NpyError> {
        let mut start = [0; 8];
        fill(place, input, &mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(unsound(place, "it does not begin with \\x93NUMPY; is it another format?"));
        }
        let length = match start[6] {
            1 => {
                let mut length = [0; 2];
                fill(place, input, &mut length)?;
                u16::from_le_bytes(length) as usize
            }
            2 | 3 => {
                let mut length = [0; 4];
                fill(place, input, &mut length)?;
                u32::from_le_bytes(length) as usize
            }
            version => return Err(unsound(place, format!("version {version} of the format; 1, 2 and 3 are known"))),
        };
        if length > LONGEST {
            return Err(unsound(place, format!("its header would be {length} bytes long")));
        }
        let mut text = vec![0; length];
        fill(place, input, &mut text)?;
        parse(place, &text)
    }

    /// The bytes that NumPy's own `save` writes before the elements of a contiguous array.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lengths: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let shape = if let [one] = &lengths[..] { format!("({one},)") } else { format!("({})", lengths.join(", ")) };
        let descr = descr(self.dtype).expect("a dtype of the format");
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        if let Some(first) = lengths.first() {
            text.extend(std::iter::repeat_n(' ', ROOM_FOR_AXIS.saturating_sub(first.len())));
        }
        let wide = text.len() + ALIGNMENT > u16::MAX as usize;
        let before = MAGIC.len() + 2 + if wide { 4 } else { 2 };
        let padding = ALIGNMENT - (before + text.len() + 1) % ALIGNMENT;
        text.extend(std::iter::repeat_n(' ', padding));
        text.push('\n');
        let mut bytes = MAGIC.to_vec();
        if wide {
            bytes.extend([2, 0]);
            bytes.extend((text.len() as u32).to_le_bytes());
        } else {
            bytes.extend([1, 0]);
            bytes.extend((text.len() as u16).to_le_bytes());
        }
        bytes.extend(text.as_bytes());
        bytes
    }
}

/// What the format calls a dtype, written little-endian; bfloat16 is unknown to it.
pub(super) fn descr(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F16 => Some("<f2"),
        DType::F32 => Some("<f4"),
        DType::F64 => Some("<f8"),
        DType::U32 => Some("<u4"),
        DType::I64 => Some("<i8"),
        DType::Bool => Some("|b1"),
        DType::BF16 => None,
    }
}

fn unsound(place: &ArrayPlace, reason: impl Into<String>) -> NpyError {
    NpyError::Header { place: place.clone(), reason: reason.into() }
}

/// Reads exactly as many bytes, or says that the header is cut short.
fn fill(place: &ArrayPlace, input: &mut dyn Read, bytes: &mut [u8]) -> Result<(), NpyError> {
    match input.read_exact(bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(unsound(place, "it ends within the header; fetch or write it again"))
        }
        other => Ok(other.at("read", &place.file)?),
    }
}

fn parse(place: &ArrayPlace, text: &[u8]) -> Result<Header, NpyError> {
    let text = std::str::from_utf8(text).map_err(|_| unsound(place, "its header is no text"))?;
    let wrong = |what: &str| unsound(place, format!("{what} in its header `{}`", shortened(text)));
    let mut rest = Text(text);
    let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
    rest.expect("{").ok_or_else(|| wrong("no dictionary"))?;
    while rest.expect("}").is_none() {
        let key = rest.string().ok_or_else(|| wrong("no key where one should be"))?;
        rest.expect(":").ok_or_else(|| wrong("no `:` after a key"))?;
        match key {
            "descr" => {
                // A list stands for a structure of several fields.
                let known = rest.string().ok_or_else(|| unsupported(place, shortened(rest.0)))?;
                dtype = Some(element_type(known).ok_or_else(|| unsupported(place, shortened(known)))?);
            }
            "fortran_order" => fortran_order = Some(rest.truth().ok_or_else(|| wrong("fortran_order is no bool"))?),
            "shape" => shape = Some(rest.lengths().ok_or_else(|| wrong("shape is no tuple of lengths"))?),
            _ => return Err(wrong("an unknown key")),
        }
        if rest.expect(",").is_none() && !rest.0.trim_start().starts_with('}') {
            return Err(wrong("no `,` between two keys"));
        }
    }
    if !rest.0.trim().is_empty() {
        return Err(wrong("something after the dictionary"));
    }
    let (Some((dtype, big_endian)), Some(fortran_order), Some(shape)) = (dtype, fortran_order, shape) else {
        return Err(wrong("one of the keys descr, fortran_order and shape is missing"));
    };
    // An axis of length 0 hides absurd others from a check of the size alone.
    let bytes = shape.iter().try_fold(dtype.size() as isize, |n, &d| n.checked_mul(isize::try_from(d.max(1)).ok()?));
    if bytes.is_none() {
        return Err(unsound(place, format!("it has the impossible shape {shape:?}")));
    }
    Ok(Header { dtype, big_endian, fortran_order, shape })
}

/// At most 80 characters of a text that may be anything.
fn shortened(text: &str) -> String {
    text.trim().chars().take(80).collect::<String>().escape_default().to_string()
}

/// The dtype and whether its bytes are in big-endian order.
fn element_type(descr: &str) -> Option<(DType, bool)> {
    let order = descr.chars().next().filter(|order| "<>=|".contains(*order));
    let name = &descr[order.map_or(0, char::len_utf8)..];
    let dtype = DType::ALL.into_iter().find(|&dtype| self::descr(dtype).is_some_and(|ours| &ours[1..] == name))?;
    let big_endian = match order {
        Some('>') => true,
        Some('<') => false,
        _ => cfg!(target_endian = "big"),
    };
    Some((dtype, big_endian))
}

fn unsupported(place: &ArrayPlace, descr: String) -> NpyError {
    let kind = descr.trim_start_matches(['<', '>', '=', '|']).chars().next();
    let advice = match kind {
        Some('i' | 'u') => "convert them in NumPy with x.astype('int64') or x.astype('uint32')",
        Some('f') => "convert them in NumPy with x.astype('float64')",
        Some('c') => "save the parts x.real and x.imag",
        Some('[') => "save each field of the structure by itself",
        _ => "f16, f32, f64, u32, i64 and bool are",
    };
    NpyError::UnsupportedDtype { place: place.clone(), dtype: format!("`{descr}`"), advice }
}

/// What is left of a text, taken token by token; white space between tokens does not count.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// A string between quotes of either kind, without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|quote| "'\"".contains(*quote))?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn truth(&mut self) -> Option<bool> {
        self.expect("True").map(|()| true).or_else(|| self.expect("False").map(|()| false))
    }

    /// A tuple of lengths. Python 2 wrote an `L` behind long ones.
    fn lengths(&mut self) -> Option<Vec<usize>> {
        self.expect("(")?;
        let mut lengths = Vec::new();
        while self.expect(")").is_none() {
            let text = self.0.trim_start();
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            lengths.push(text[..digits].parse().ok()?);
            self.0 = &text[digits..];
            let _ = self.expect("L");
            if self.expect(",").is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Header, String> {
        parse(&ArrayPlace { file: "x.npy".into(), array: None }, text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_of_writing_a_header_is_read() {
        let header = |dtype, big_endian, fortran_order, shape: &[usize]| {
            Ok(Header { dtype, big_endian, fortran_order, shape: shape.to_vec() })
        };
        let native = cfg!(target_endian = "big");
        for (text, expected) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
                header(DType::F32, false, false, &[2, 3]),
            ),
            ("{\"shape\":(3L,),\"descr\":\">i8\",\"fortran_order\":True}", header(DType::I64, true, true, &[3])),
            ("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", header(DType::Bool, native, false, &[])),
            ("{'descr': '=f2', 'fortran_order': False, 'shape': (0,5)}", header(DType::F16, native, false, &[0, 5])),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (text, said) in [
            ("", "no dictionary"),
            ("{", "no key"),
            ("{'descr': '<f4', 'fortran_order': False}", "missing"),
            ("{'descr' '<f4'}", "no `:`"),
            ("{'descr': '<f4' 'fortran_order': False}", "no `,`"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "fortran_order is no bool"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "no tuple of lengths"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", "no tuple of lengths"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "no tuple of lengths"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9)}", "impossible shape"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "after the dictionary"),
            ("{'colour': 1}", "unknown key"),
            ("{'descr': '<i4', 'fortran_order': False, 'shape': ()}", "astype('int64')"),
            ("{'descr': '<f16', 'fortran_order': False, 'shape': ()}", "astype('float64')"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "x.real"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "each field"),
            ("{'descr': 'é', 'fortran_order': False, 'shape': ()}", "f16, f32"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with("x.npy: ") && error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_very_long_shape_takes_the_second_version() {
        let header = Header { dtype: DType::F32, big_endian: false, fortran_order: false, shape: vec![1; 30_000] };
        let bytes = header.to_bytes();
        assert_eq!((bytes[6], bytes.len() % ALIGNMENT), (2, 0));
        let place = ArrayPlace { file: "x.npy".into(), array: None };
        assert_eq!(Header::read(&place, &mut &bytes[..]).unwrap(), header);
    }
}
