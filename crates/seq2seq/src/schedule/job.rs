//! What a task does, said so that an executor can do it and a chart can name it.

use std::fmt;

/// A stack of LSTM layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Reads the source.
    Encoder,
    /// Writes the target.
    Decoder,
}

impl Side {
    /// Both, in the order of the data.
    pub const ALL: [Side; 2] = [Side::Encoder, Side::Decoder];

    /// `encoder` or `decoder`.
    pub fn name(self) -> &'static str {
        match self {
            Side::Encoder => "encoder",
            Side::Decoder => "decoder",
        }
    }
}

/// Time steps in a row, from `first` up to but without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steps {
    /// The first, counted from 0.
    pub first: usize,
    /// One after the last.
    pub end: usize,
}

impl Steps {
    /// How many there are.
    pub fn count(self) -> usize {
        self.end - self.first
    }

    /// Whether the two have a step in common.
    pub fn overlap(self, other: Steps) -> bool {
        self.first < other.end && other.first < self.end
    }

    /// `total` steps cut into pieces of `length`; the last may be shorter.
    pub fn cut(total: usize, length: usize) -> Vec<Steps> {
        (0..total)
            .step_by(length.max(1))
            .map(|first| Steps { first, end: (first + length.max(1)).min(total) })
            .collect()
    }
}

impl fmt::Display for Steps {
    /// Counted from 1: `step 3`, `steps 3–5`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(formatter, "step {}", self.end),
            _ => write!(formatter, "steps {}–{}", self.first + 1, self.end),
        }
    }
}

/// Parameters that live together: they have one gradient, one share of the norm, one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The embedding that a side reads; its gradient has the rows of the batch's words only.
    Embedding(Side),
    /// A layer's two weights and its bias.
    Lstm(Side, usize),
    /// The part of the softmax's weight and bias that a holder has.
    Projection(usize),
}

/// What a task does. `part` is the micro-batch, `holder` the index of a device among those that compute the softmax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Fields of the same name mean the same everywhere.
pub enum Job {
    /// Looks up words.
    Embed { side: Side, steps: Steps, part: usize },
    /// A layer's gates, cells and h over some steps.
    LstmForward { side: Side, layer: usize, steps: Steps, part: usize },
    /// The gradients of a layer's gates, input and state over some steps.
    LstmBackward { side: Side, layer: usize, steps: Steps, part: usize },
    /// Adds to a layer's weight gradients, for the whole batch.
    LstmWeights { side: Side, layer: usize, steps: Steps },
    /// Logits of a holder's words, with their maximum, sum of exponentials and the target's logit.
    SoftmaxForward { holder: usize, steps: Steps, part: usize },
    /// Merges all holders' partials; gradients of a holder's logits, and its part of the gradient of h.
    SoftmaxBackward { holder: usize, steps: Steps, part: usize },
    /// Adds to the gradient of a holder's weight, for the whole batch.
    SoftmaxWeights { holder: usize, steps: Steps },
    /// Coalesces the gradient of an embedding's rows.
    EmbeddingWeights { side: Side },
    /// Adds up, in the holders' order, one share of the softmax's weight gradient of which each holder has a part.
    Reduce { holder: usize },
    /// The sum of squares of a gradient.
    Norm { group: Group },
    /// The clip's factor, from all sums of squares.
    Clip,
    /// One step of the optimiser.
    Update { group: Group },
    /// Brings together the updated shares of a weight that every holder has whole.
    Gather { holder: usize },
}

/// The kinds of work that a chart tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The LSTM's forward pass, embeddings included.
    Forward,
    /// The LSTM's backward pass, without the weight gradients.
    Backward,
    /// The softmax: logits, and the gradients of logits and h.
    Softmax,
    /// Weight gradients, of LSTM, softmax and embeddings.
    WeightGradient,
    /// Norm, clip and the optimiser's step.
    Update,
}

impl Kind {
    /// All, in the order of a step.
    pub const ALL: [Kind; 5] = [Kind::Forward, Kind::Softmax, Kind::Backward, Kind::WeightGradient, Kind::Update];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Forward => "LSTM forward",
            Kind::Backward => "LSTM backward",
            Kind::Softmax => "softmax",
            Kind::WeightGradient => "weight gradients",
            Kind::Update => "norm and update",
        }
    }
}

impl Job {
    /// Which kind of work it is.
    pub fn kind(&self) -> Kind {
        match self {
            Job::Embed { .. } | Job::LstmForward { .. } => Kind::Forward,
            Job::LstmBackward { .. } => Kind::Backward,
            Job::SoftmaxForward { .. } | Job::SoftmaxBackward { .. } => Kind::Softmax,
            Job::LstmWeights { .. } | Job::SoftmaxWeights { .. } | Job::EmbeddingWeights { .. } => Kind::WeightGradient,
            Job::Reduce { .. } => Kind::WeightGradient,
            Job::Norm { .. } | Job::Clip | Job::Update { .. } | Job::Gather { .. } => Kind::Update,
        }
    }

    /// The time steps that it covers, if it is about some.
    pub fn steps(&self) -> Option<Steps> {
        match *self {
            Job::Embed { steps, .. }
            | Job::LstmForward { steps, .. }
            | Job::LstmBackward { steps, .. }
            | Job::LstmWeights { steps, .. }
            | Job::SoftmaxForward { steps, .. }
            | Job::SoftmaxBackward { steps, .. }
            | Job::SoftmaxWeights { steps, .. } => Some(steps),
            _ => None,
        }
    }

    /// What it does, without the time steps: tasks of one device with the same phase belong together in a report.
    pub fn phase(&self) -> String {
        match *self {
            Job::Embed { side, .. } => format!("{} embedding", side.name()),
            Job::LstmForward { side, layer, .. } => format!("{} layer {} forward", side.name(), layer + 1),
            Job::LstmBackward { side, layer, .. } => format!("{} layer {} backward", side.name(), layer + 1),
            Job::LstmWeights { side, layer, .. } => format!("{} layer {} weight gradient", side.name(), layer + 1),
            Job::SoftmaxForward { .. } => "softmax forward".to_owned(),
            Job::SoftmaxBackward { .. } => "softmax backward".to_owned(),
            Job::SoftmaxWeights { .. } => "softmax weight gradient".to_owned(),
            Job::EmbeddingWeights { side } => format!("{} embedding gradient", side.name()),
            Job::Reduce { .. } => "reduction of the softmax's weight gradient".to_owned(),
            Job::Norm { .. } => "gradient norm".to_owned(),
            Job::Clip => "clip factor".to_owned(),
            Job::Update { .. } => "update".to_owned(),
            Job::Gather { .. } => "gathering of the softmax's weight".to_owned(),
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps() {
            Some(steps) => write!(formatter, "{}, {steps}", self.phase()),
            None => formatter.write_str(&self.phase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cut_without_a_gap() {
        let steps = |first, end| Steps { first, end };
        assert_eq!(Steps::cut(7, 3), [steps(0, 3), steps(3, 6), steps(6, 7)]);
        assert_eq!(Steps::cut(0, 3), []);
        assert!(steps(0, 3).overlap(steps(2, 4)) && !steps(0, 3).overlap(steps(3, 4)));
    }

    #[test]
    fn a_job_is_told_in_words() {
        let job = Job::LstmForward { side: Side::Encoder, layer: 0, steps: Steps { first: 2, end: 3 }, part: 0 };
        assert_eq!(job.to_string(), "encoder layer 1 forward, step 3");
        assert_eq!(
            Job::SoftmaxForward { holder: 1, steps: Steps { first: 0, end: 4 }, part: 0 }.to_string(),
            "softmax forward, steps 1–4"
        );
    }
}
