//! A run's curves as TensorBoard reads them: event files, written here.
//!
//! The one crate for them (tensorboard-rs) has not been kept for years, and the format is small: records of a length, its checksum, data, their checksum
//! (TFRecord, checksums CRC-32C, masked), where data is a message `Event` of three or four fields in protobuf's wire format.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::progress::{Event, Observer, Update, Validation};

/// An observer that writes the numbers of a run's events as scalars by update.
///
/// ```
/// use unrolled_seq2seq::tensorboard::EventFile;
///
/// let mut bytes = Vec::new();
/// EventFile::new(&mut bytes, 0).scalars(3, &[("train/perplexity", 12.5)]);
/// assert!(bytes.windows(16).any(|part| part == b"train/perplexity"));
/// ```
#[derive(Debug)]
pub struct EventFile<W> {
    writer: W,
    failed: bool,
}

impl<W: Write> EventFile<W> {
    /// Begins a file for what follows `update`; of what another file of the folder says of later updates TensorBoard then takes no notice.
    pub fn new(writer: W, update: u64) -> Self {
        let mut file = Self { writer, failed: false };
        file.record(&message(0, |out| text(out, 3, b"brain.Event:2")));
        if update > 0 {
            // SessionLog { status: START }
            file.record(&message(update + 1, |out| text(out, 7, &[1 << 3, 1])));
        }
        file
    }

    /// Writes numbers by their names.
    pub fn scalars(&mut self, update: u64, scalars: &[(&str, f64)]) {
        let mut summary = Vec::new();
        for (name, value) in scalars.iter().filter(|(_, value)| value.is_finite()) {
            let mut scalar = Vec::new();
            text(&mut scalar, 1, name.as_bytes());
            scalar.push(2 << 3 | 5);
            scalar.extend((*value as f32).to_le_bytes());
            text(&mut summary, 1, &scalar);
        }
        self.record(&message(update, |out| text(out, 5, &summary)));
    }

    /// Writes a record, and after a failure none any more: the run's log has it all.
    fn record(&mut self, data: &[u8]) {
        let length = (data.len() as u64).to_le_bytes();
        let parts = [&length[..], &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()];
        if !self.failed {
            let written = self.writer.write_all(&parts.concat()).and_then(|()| self.writer.flush());
            self.failed = written.is_err();
        }
    }
}

impl<W: Write> Observer for EventFile<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Update(update) => self.scalars(update.update, &of_update(update)),
            Event::Validation(validation) => self.scalars(validation.update, &of_validation(validation)),
            _ => {}
        }
    }
}

fn of_update(update: &Update) -> Vec<(&'static str, f64)> {
    let mut scalars = vec![
        ("train/loss per word", update.loss_per_word),
        ("train/perplexity", update.perplexity),
        ("train/gradient norm", update.gradient_norm),
        ("train/learning rate", update.learning_rate),
        ("train/words per second", update.words_per_second()),
        ("train/epoch", update.epoch),
    ];
    scalars.extend(update.loss_scale.map(|scale| ("train/loss scale", scale)));
    scalars
}

fn of_validation(validation: &Validation) -> Vec<(&'static str, f64)> {
    let mut scalars = vec![("validation/perplexity", validation.perplexity)];
    scalars.extend(validation.bleu.as_ref().map(|bleu| ("validation/BLEU", bleu.score)));
    scalars.extend(validation.chrf.as_ref().map(|chrf| ("validation/chrF2", chrf.score)));
    scalars
}

/// An `Event`: the time in field 1, the step in 2, and what is added.
fn message(step: u64, add: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut out = vec![1 << 3 | 1];
    out.extend(now.to_le_bytes());
    out.push(2 << 3);
    varint(&mut out, step);
    add(&mut out);
    out
}

/// A field of bytes with their length: text, or a message in a message.
fn text(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// TFRecord's checksum: CRC-32C (Castagnoli), turned and shifted so that a checksum of data with checksums in them is of use.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc32c(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, &byte: &u8| {
        let shift = |crc: u32, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        (0..8).fold(crc ^ u32::from(byte), shift)
    };
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of each record, whose checksums must be right.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while !file.is_empty() {
            let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            let data = &file[12..12 + length];
            let sum = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            assert_eq!((sum(8), sum(12 + length)), (masked(&file[..8]), masked(data)));
            records.push(data.to_vec());
            file = &file[16 + length..];
        }
        records
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn records_are_events_of_step_and_scalars() {
        let mut bytes = Vec::new();
        EventFile::new(&mut bytes, 0).scalars(300, &[("x", 0.5), ("gone", f64::NAN), ("y", -1.0)]);
        let records = records(&bytes);
        assert_eq!(records.len(), 2);
        assert!(records[0].ends_with(b"\x1a\x0dbrain.Event:2"), "{:?}", records[0]);
        let x = [&[0x0a, 8, 0x0a, 1, b'x', 0x15][..], &0.5f32.to_le_bytes()].concat();
        let y = [&[0x0a, 8, 0x0a, 1, b'y', 0x15][..], &(-1f32).to_le_bytes()].concat();
        // 300 is 0xac 0x02 as a varint; field 5 holds both scalars.
        let wanted = [&[0x10, 0xac, 0x02, 0x2a, 20][..], &x, &y].concat();
        assert_eq!((records[1][0], &records[1][9..]), (0x09, &wanted[..]));
    }

    #[test]
    fn a_resumed_file_says_where_it_begins() {
        let mut bytes = Vec::new();
        EventFile::new(&mut bytes, 40).scalars(41, &[]);
        assert_eq!(&records(&bytes)[1][9..], [0x10, 41, 0x3a, 2, 0x08, 1]);
    }
}
