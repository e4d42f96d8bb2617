//! A plan in words.

use std::fmt;

use super::plan::{Order, Plan, Vocabulary, When};
use super::{Arithmetic, Group, Side};
use crate::wording::{counted, plural};

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "plan {}", self.name)?;
        for side in Side::ALL {
            let layers: Vec<String> = self.layers(side).iter().map(ToString::to_string).collect();
            let embedding = self.embedding(side);
            writeln!(
                formatter,
                "  {}: layers on devices {}, embedding on {embedding}",
                side.name(),
                layers.join(", ")
            )?;
        }
        writeln!(formatter, "  softmax: {}", self.vocabulary)?;
        let when = |when| match when {
            When::AtOnce => "at each step",
            When::Deferred => "when nothing more urgent is left",
        };
        let (lstm, softmax) = (when(self.lstm_weights), when(self.softmax_weights));
        writeln!(formatter, "  weight gradients: the softmax's {softmax}, the LSTM's {lstm}")?;
        let order = match self.order {
            Order::Program => "each device in the program's order",
            Order::CriticalPath => "what the longest way leads on from comes first",
            Order::WeightsLast => "what the longest way leads on from comes first, weight gradients last",
        };
        write!(formatter, "  order: {order}")?;
        if self.micro_batches > 1 {
            write!(formatter, ", in {} micro-batches", self.micro_batches)?;
        }
        let chunks = self.chunks;
        if (chunks.lstm, chunks.softmax) != (1, 1) {
            write!(
                formatter,
                "; {} of the LSTM and {} of the softmax to a task",
                counted(chunks.lstm, "step"),
                chunks.softmax
            )?;
        }
        Ok(())
    }
}

impl Plan {
    /// What lives on a device, in a few words: `layer 1 of both, embeddings`.
    pub fn on(&self, device: usize) -> String {
        let layers = |side: Side| -> Vec<String> {
            let own = self.layers(side).iter().enumerate().filter(|(_, at)| **at == device);
            own.map(|(layer, _)| (layer + 1).to_string()).collect()
        };
        let named =
            |layers: &[String]| format!("layer{} {}", if layers.len() == 1 { "" } else { "s" }, layers.join(", "));
        let (encoder, decoder) = (layers(Side::Encoder), layers(Side::Decoder));
        let mut parts = Vec::new();
        match (encoder.is_empty(), decoder.is_empty()) {
            (false, false) if encoder == decoder => parts.push(format!("{} of both", named(&encoder))),
            _ => {
                let sides = [("encoder", encoder), ("decoder", decoder)].into_iter();
                parts.extend(
                    sides
                        .filter(|(_, found)| !found.is_empty())
                        .map(|(side, found)| format!("{side} {}", named(&found))),
                );
            }
        }
        match Side::ALL.map(|side| self.embedding(side) == device) {
            [true, true] => parts.push("embeddings".to_owned()),
            [false, false] => {}
            _ => parts.push("embedding".to_owned()),
        }
        parts.extend(self.softmax_on(device));
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    }

    fn softmax_on(&self, device: usize) -> Option<String> {
        match &self.vocabulary {
            Vocabulary::Rows(devices) => devices.contains(&device).then(|| "softmax of its steps".to_owned()),
            Vocabulary::Slices(slices) => {
                let words: usize = slices.iter().filter(|slice| slice.device == device).map(|slice| slice.words).sum();
                (words > 0).then(|| format!("softmax of {} {}", grouped(words), plural(&words, "word")))
            }
        }
    }
}

/// `20,000`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Vocabulary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vocabulary::Rows(devices) => {
                let dealt: Vec<String> = devices.iter().map(ToString::to_string).collect();
                write!(
                    formatter,
                    "the whole vocabulary on each device, steps dealt out to {} in turn",
                    dealt.join(", ")
                )
            }
            Vocabulary::Slices(slices) => {
                let mut on: Vec<usize> = slices.iter().map(|slice| slice.device).collect();
                on.sort_unstable();
                on.dedup();
                let words = |device| slices.iter().filter(|s| s.device == device).map(|s| s.words).sum::<usize>();
                let part = |&device: &usize| {
                    let words = words(device);
                    format!("{} {} on {device}", grouped(words), plural(&words, "word"))
                };
                let parts: Vec<String> = on.iter().map(part).collect();
                write!(formatter, "{}; {}", counted(slices.len(), "slice"), parts.join(", "))
            }
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partial_sums {
            1 => {
                let slices = counted(self.slices.len(), "softmax slice");
                write!(formatter, "the sums of one device with {slices}, in its order")
            }
            n => write!(formatter, "other sums: the softmax's weight gradient is added up in {n} parts"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Embedding(Side::Encoder) => formatter.write_str("source embedding"),
            Group::Embedding(Side::Decoder) => formatter.write_str("target embedding"),
            Group::Lstm(side, layer) => write!(formatter, "{} layer {}", side.name(), layer + 1),
            Group::Projection(_) => formatter.write_str("softmax"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sizes;

    #[test]
    fn a_plan_is_told_in_words() {
        let sizes =
            Sizes { source_words: 9, target_words: 8003, embedding: 8, hidden: 8, layers: 2, softmax_slices: 1 };
        let plan = Plan::paper(&sizes, 4).unwrap();
        assert_eq!(plan.on(0), "layer 1 of both, embeddings");
        assert_eq!((plan.on(2).as_str(), plan.on(9).as_str()), ("softmax of 4,002 words", "nothing"));
        let text = plan.to_string();
        assert!(text.contains("encoder: layers on devices 0, 1, embedding on 0"), "{text}");
        assert!(text.contains("2 slices; 4,002 words on 2, 4,001 words on 3"), "{text}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!((grouped(999).as_str(), grouped(1_234_567).as_str()), ("999", "1,234,567"));
    }
}
