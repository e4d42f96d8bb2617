//! How much of a small model's training step is spent outside kernels: `cargo bench --bench overhead`.
//!
//! The translator with two LSTM layers of 64 cells, 8 pairs of 10 words, 1,000 words in each vocabulary, on one thread. Its device is the CPU with a clock
//! around each verb of the seam ([`Device::profiled`](unrolled::tensor::Device::profiled)); what the step takes beside these is the graph, the rules, the layers and the optimiser's bookkeeping.

use std::time::Instant;

use unrolled::nn::Optimiser;
use unrolled::seq2seq::batch::Batch;
use unrolled::seq2seq::config::Config;
use unrolled::seq2seq::model::{Model, Sizes};
use unrolled::seq2seq::numbered::NumberedCorpus;
use unrolled::seq2seq::training::{Recipe, Trainer};
use unrolled::tensor::Device;
use unrolled::tensor::random::Key;

const WORDS: usize = 1_000;
const STEPS: usize = 200;

fn corpus() -> NumberedCorpus {
    let (mut corpus, key) = (NumberedCorpus::new(), Key::new(2));
    let mut drawn = (0..).map(|i| 3 + key.below(i, WORDS as u64 - 3) as u32);
    for _ in 0..8 {
        let mut sentence = || drawn.by_ref().take(10).collect::<Vec<_>>();
        let (source, target) = (sentence(), sentence());
        corpus.push(&source, &target);
    }
    corpus
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    let (device, profile) = Device::cpu().profiled();
    let sizes =
        Sizes { source_words: WORDS, target_words: WORDS, embedding: 64, hidden: 64, layers: 2, softmax_slices: 1 };
    let model = Model::new(&sizes, 0.0, 0.08.into(), Key::new(1), &device);
    let batch = Batch::of(&corpus(), &(0..8).collect::<Vec<_>>(), true);
    let mut trainer = Trainer::new(model, Optimiser::sgd(), Recipe::of(&Config::default()));
    // The median over steps: a shared machine stops some of them.
    let mut shares = Vec::new();
    let mut seconds = Vec::new();
    for step in 0..STEPS + 20 {
        profile.reset();
        let start = Instant::now();
        trainer.step(&batch, step as u64, 0.1);
        if step >= 20 {
            seconds.push(start.elapsed().as_secs_f64());
            let report = profile.report();
            shares.push(report.seconds_between() / report.seconds);
        }
    }
    let median = |x: &mut Vec<f64>| {
        x.sort_by(f64::total_cmp);
        x[x.len() / 2]
    };
    println!(
        "{:.3} ms a step, {} verbs; outside kernels {:.1}% (medians of {STEPS} steps)",
        1e3 * median(&mut seconds),
        profile.report().calls.iter().map(|call| call.calls).sum::<u64>(),
        100.0 * median(&mut shares)
    );
}
