//! A shard: the pairs of one block of text. All numbers are little-endian.
//!
//! ```text
//! header, 128 bytes    "unrldata", version u32, bytes of a source id u8 and of a target id u8 (2 where the vocabulary allows, else 4), 0 u16,
//!                      pairs u32, 0 u32, first line u64, lines u64, dropped 5 × u64, words 2 × u64, known words 2 × u64, bytes of ids u64,
//!                      CRC-32 of the entries u32, CRC-32 of the header before it u32
//! entries, 12 each     in the order of the text: where its ids begin u32, source words u16, target words u16, CRC-32 of its ids u32
//! ids                  of each pair the source's, then the target's; by target length, then source length
//! ```
//!
//! Every pair has its own checksum, so that opening need not read everything and yet nothing damaged is ever trained on.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Crc;

use super::error::at;
use super::manifest::{FORMAT, ShardSum};
use super::positioned::{self, ReadAt};
use super::{Dropped, PrepareError};
use crate::vocabulary::UNK;

const MAGIC: &[u8; 8] = b"unrldata";
pub(super) const HEADER: usize = 128;
pub(super) const ENTRY: usize = 12;

/// The beginning of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of an id of each side.
    pub widths: [u8; 2],
    pub pairs: u32,
    /// The first line of its block, and how many it has.
    pub first: u64,
    pub lines: u64,
    pub dropped: Dropped,
    pub words: [u64; 2],
    pub known: [u64; 2],
    pub data: u64,
    pub entries_crc: u32,
}

/// One pair: where its ids are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub offset: u32,
    pub source: u16,
    pub target: u16,
    pub crc: u32,
}

/// The CRC-32 of bytes.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// How many bytes an id takes.
pub(super) fn width(vocabulary: usize) -> u8 {
    if vocabulary <= 1 << 16 { 2 } else { 4 }
}

/// Appends ids.
pub(super) fn encode(ids: &[u32], width: u8, bytes: &mut Vec<u8>) {
    match width {
        2 => ids.iter().for_each(|&id| bytes.extend((id as u16).to_le_bytes())),
        _ => ids.iter().for_each(|id| bytes.extend(id.to_le_bytes())),
    }
}

/// Replaces `ids` by those in `bytes`.
fn decode(bytes: &[u8], width: u8, ids: &mut Vec<u32>) {
    ids.clear();
    match width {
        2 => ids.extend(bytes.as_chunks::<2>().0.iter().map(|&id| u32::from(u16::from_le_bytes(id)))),
        _ => ids.extend(bytes.as_chunks::<4>().0.iter().map(|&id| u32::from_le_bytes(id))),
    }
}

impl Header {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((FORMAT as u32).to_le_bytes());
        bytes.extend([self.widths[0], self.widths[1], 0, 0]);
        bytes.extend(self.pairs.to_le_bytes());
        bytes.extend([0; 4]);
        let dropped = self.dropped.in_order();
        let numbers = [&[self.first, self.lines][..], &dropped, &self.words, &self.known, &[self.data]].concat();
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(self.entries_crc.to_le_bytes());
        bytes.extend(crc(&bytes).to_le_bytes());
        debug_assert_eq!(bytes.len(), HEADER);
        bytes
    }

    fn parse(path: &Path, bytes: &[u8; HEADER]) -> Result<Header, PrepareError> {
        let wrong = |problem: &str| PrepareError::damaged(path, problem);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |index: usize| {
            let at = 24 + 8 * index;
            u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
        };
        if !bytes.starts_with(MAGIC) {
            return Err(wrong("it does not begin as a shard does"));
        }
        if u64::from(u32_at(8)) != FORMAT {
            return Err(PrepareError::Version { path: path.to_owned(), found: u32_at(8).into(), known: FORMAT });
        }
        if u32_at(HEADER - 4) != crc(&bytes[..HEADER - 4]) {
            return Err(wrong("its header has another checksum"));
        }
        let widths = [bytes[12], bytes[13]];
        if widths.iter().any(|width| ![2, 4].contains(width)) {
            return Err(wrong("its ids have an impossible width"));
        }
        Ok(Header {
            widths,
            pairs: u32_at(16),
            first: u64_at(0),
            lines: u64_at(1),
            dropped: Dropped::of([2, 3, 4, 5, 6].map(u64_at)),
            words: [7, 8].map(u64_at),
            known: [9, 10].map(u64_at),
            data: u64_at(11),
            entries_crc: u32_at(HEADER - 8),
        })
    }

    /// What the manifest holds of it.
    pub fn sum(&self) -> ShardSum {
        let bytes = self.bytes();
        ShardSum { pairs: self.pairs, bytes: self.length(), crc: crc(&bytes[..HEADER - 4]) }
    }

    fn length(&self) -> u64 {
        (HEADER as u64 + ENTRY as u64 * u64::from(self.pairs)).saturating_add(self.data)
    }
}

impl Entry {
    pub fn bytes(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..4].copy_from_slice(&self.offset.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.source.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.target.to_le_bytes());
        bytes[8..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; ENTRY]) -> Entry {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        Entry {
            offset: u32::from_le_bytes([a, b, c, d]),
            source: u16::from_le_bytes([e, f]),
            target: u16::from_le_bytes([g, h]),
            crc: u32::from_le_bytes([i, j, k, l]),
        }
    }

    /// Bytes of its two sides.
    fn sizes(&self, widths: [u8; 2]) -> [usize; 2] {
        [usize::from(self.source) * usize::from(widths[0]), usize::from(self.target) * usize::from(widths[1])]
    }
}

/// An open shard: its entries are in memory, its ids on disk.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    file: Box<dyn ReadAt>,
    pub header: Header,
    pub entries: Vec<Entry>,
    /// Where the ids begin.
    data: u64,
}

impl Shard {
    /// Opens a shard; its header and entries are checked, its ids when they are read.
    pub fn open(path: &Path) -> Result<Shard, PrepareError> {
        let file = File::open(path).map_err(at("open", path))?;
        Shard::of(path, positioned::file(file))
    }

    fn of(path: &Path, file: Box<dyn ReadAt>) -> Result<Shard, PrepareError> {
        let length = file.length().map_err(at("read", path))?;
        let too_short =
            |wanted: u64| PrepareError::damaged(path, format!("it has {length} bytes and should have {wanted}"));
        if length < HEADER as u64 {
            return Err(too_short(HEADER as u64));
        }
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0).map_err(at("read", path))?;
        let header = Header::parse(path, &bytes)?;
        // Before memory is asked for on the header's word.
        if length != header.length() {
            return Err(too_short(header.length()));
        }
        let mut table = vec![0; ENTRY * header.pairs as usize];
        file.read_exact_at(&mut table, HEADER as u64).map_err(at("read", path))?;
        if crc(&table) != header.entries_crc {
            return Err(PrepareError::damaged(path, "its table of pairs has another checksum"));
        }
        let entries: Vec<Entry> = table.as_chunks::<ENTRY>().0.iter().map(Entry::parse).collect();
        let shard = Shard { path: path.to_owned(), file, header, entries, data: (HEADER + table.len()) as u64 };
        shard.check_entries()?;
        Ok(shard)
    }

    fn check_entries(&self) -> Result<(), PrepareError> {
        let mut words = [0, 0];
        for (index, entry) in self.entries.iter().enumerate() {
            let end = u64::from(entry.offset) + entry.sizes(self.header.widths).iter().sum::<usize>() as u64;
            if entry.source == 0 || entry.target == 0 || end > self.header.data {
                return Err(PrepareError::damaged(&self.path, format!("its pair {index} does not lie in it")));
            }
            words = [words[0] + u64::from(entry.source), words[1] + u64::from(entry.target)];
        }
        if words != self.header.words {
            return Err(PrepareError::damaged(&self.path, "its pairs have other numbers of words than it says"));
        }
        Ok(())
    }

    /// Reads the ids of an entry of this shard into `source` and `target`; `sizes` are those of the vocabularies, `bytes` is room to use again.
    pub fn read(
        &self,
        entry: &Entry,
        sizes: [usize; 2],
        bytes: &mut Vec<u8>,
        [source, target]: [&mut Vec<u32>; 2],
    ) -> Result<(), PrepareError> {
        let [first, second] = entry.sizes(self.header.widths);
        bytes.resize(first + second, 0);
        let place = self.data + u64::from(entry.offset);
        self.file.read_exact_at(bytes, place).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => PrepareError::damaged(&self.path, "it was cut short while it was read"),
            _ => at("read", &self.path)(error).into(),
        })?;
        let damaged = |problem: &str| {
            PrepareError::damaged(&self.path, format!("{problem} in the {} bytes from byte {place} on", first + second))
        };
        if crc(bytes) != entry.crc {
            return Err(damaged("a pair has another checksum:"));
        }
        decode(&bytes[..first], self.header.widths[0], source);
        decode(&bytes[first..], self.header.widths[1], target);
        let fits = |ids: &[u32], size: usize| ids.iter().all(|&id| id >= UNK && (id as usize) < size);
        if fits(source, sizes[0]) && fits(target, sizes[1]) {
            Ok(())
        } else {
            Err(damaged("a word is in no vocabulary:"))
        }
    }
}

/// Sets the checksums of a shard's bytes right, as far as they can be understood: for fuzzing, which would not get past them.
#[doc(hidden)]
pub fn reseal(bytes: &mut [u8]) {
    if bytes.len() < HEADER {
        return;
    }
    let (header, rest) = bytes.split_at_mut(HEADER);
    let pairs = u32::from_le_bytes(header[16..20].try_into().expect("four bytes")) as usize;
    let table = pairs.saturating_mul(ENTRY).min(rest.len());
    let (entries, data) = rest.split_at_mut(table);
    for bytes in entries.as_chunks_mut::<ENTRY>().0 {
        let mut entry = Entry::parse(bytes);
        let length: usize = entry.sizes([header[12], header[13]]).iter().sum();
        if let Some(ids) = data.get(entry.offset as usize..(entry.offset as usize).saturating_add(length)) {
            entry.crc = crc(ids);
            *bytes = entry.bytes();
        }
    }
    header[HEADER - 8..HEADER - 4].copy_from_slice(&crc(entries).to_le_bytes());
    let sum = crc(&header[..HEADER - 4]);
    header[HEADER - 4..].copy_from_slice(&sum.to_le_bytes());
}
