//! How much of a small model's training step is spent outside kernels: `cargo bench --bench overhead`.
//!
//! The translator with two LSTM layers of 64 cells, 8 pairs of 10 words, 1,000 words in each vocabulary, on one thread. Its device is the CPU with a clock
//! around each verb of the seam; what the step takes beside these is the graph, the rules, the layers and the optimiser's bookkeeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use unrolled::nn::Optimiser;
use unrolled::seq2seq::batch::Batch;
use unrolled::seq2seq::config::Config;
use unrolled::seq2seq::model::{Model, Sizes};
use unrolled::seq2seq::numbered::NumberedCorpus;
use unrolled::seq2seq::training::{Recipe, Trainer};
use unrolled::tensor::fused::{
    CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, LstmArgs, LstmGradients, LstmOutput,
    LstmOutputGradients,
};
use unrolled::tensor::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use unrolled::tensor::random::Key;
use unrolled::tensor::{Backend, DType, Device, Event, Memory, Result, Storage, Tensor};

/// The CPU, and how long its verbs took.
#[derive(Debug)]
struct Timed {
    cpu: Device,
    clock: Arc<Clock>,
}

#[derive(Debug, Default)]
struct Clock {
    nanoseconds: AtomicU64,
    verbs: AtomicU64,
    /// A verb may be made of others, which then do not count.
    depth: AtomicUsize,
}

impl Clock {
    fn time<T>(&self, verb: impl FnOnce() -> T) -> T {
        let outermost = self.depth.fetch_add(1, Relaxed) == 0;
        let start = Instant::now();
        let answer = verb();
        if outermost {
            self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
            self.verbs.fetch_add(1, Relaxed);
        }
        self.depth.fetch_sub(1, Relaxed);
        answer
    }
}

/// Each verb as the CPU's, timed.
macro_rules! timed {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $verb(&self, $($argument: $type),*) -> $answer {
            self.clock.time(|| self.cpu.backend().$verb($($argument),*))
        }
    )*};
}

impl Backend for Timed {
    fn name(&self) -> String {
        "cpu with a clock".into()
    }
    fn memory(&self) -> Memory {
        self.cpu.backend().memory()
    }
    fn reset_peak(&self) {
        self.cpu.backend().reset_peak();
    }
    fn run(&self, work: &mut (dyn FnMut() + Send)) {
        self.cpu.backend().run(work);
    }
    timed! {
        upload(bytes: &[u8], dtype: DType) -> Result<Storage>;
        download(x: &Tensor, bytes: &mut [u8]) -> Result<()>;
        fill(value: f64, len: usize, dtype: DType) -> Result<Storage>;
        record() -> Result<Event>;
        wait(event: &Event) -> Result<()>;
        synchronize() -> Result<()>;
        cast(x: &Tensor, dtype: DType) -> Result<Storage>;
        unary(op: Unary, x: &Tensor) -> Result<Storage>;
        binary(op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage>;
        compare(op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage>;
        select(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage>;
        reduce(op: Reduce, x: &Tensor) -> Result<Storage>;
        cumulative_sum(x: &Tensor) -> Result<Storage>;
        softmax(x: &Tensor, logarithm: bool) -> Result<Storage>;
        top_k(x: &Tensor, k: usize) -> Result<(Storage, Storage)>;
        matmul(a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage>;
        gather(x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage>;
        scatter_add(x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage>;
        concat(parts: &[&Tensor], axis: usize) -> Result<Storage>;
        random(distribution: Distribution, key: Key, step: Option<&Tensor>, len: usize, dtype: DType) -> Result<Storage>;
        accumulate(onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()>;
        update(rule: &Update, parameter: &mut Tensor, gradient: &Tensor, rows: Option<&Tensor>, state: &mut [Tensor], hyper: &Tensor) -> Result<()>;
        lstm_sequence(args: &LstmArgs<'_>) -> Result<LstmOutput>;
        lstm_sequence_backward(args: &LstmArgs<'_>, output: &LstmOutput, gradients: &LstmOutputGradients<'_>) -> Result<LstmGradients>;
        linear_cross_entropy(args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy>;
        linear_cross_entropy_partials(args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials>;
        linear_cross_entropy_gradients(args: &CrossEntropyArgs<'_>, log_sum: &Tensor) -> Result<CrossEntropyGradients>;
        coalesce(index: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)>;
    }
}

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
    let clock = Arc::new(Clock::default());
    let device = Device::new(Arc::new(Timed { cpu: Device::cpu(), clock: clock.clone() }));
    let sizes =
        Sizes { source_words: WORDS, target_words: WORDS, embedding: 64, hidden: 64, layers: 2, softmax_slices: 1 };
    let model = Model::new(&sizes, 0.0, 0.08.into(), Key::new(1), &device);
    let batch = Batch::of(&corpus(), &(0..8).collect::<Vec<_>>(), true);
    let mut trainer = Trainer::new(model, Optimiser::sgd(), Recipe::of(&Config::default()));
    // The median over steps: a shared machine stops some of them.
    let mut shares = Vec::new();
    let mut seconds = Vec::new();
    for step in 0..STEPS + 20 {
        clock.nanoseconds.store(0, Relaxed);
        clock.verbs.store(0, Relaxed);
        let start = Instant::now();
        trainer.step(&batch, step as u64, 0.1);
        let all = start.elapsed().as_nanos() as f64;
        if step >= 20 {
            seconds.push(all * 1e-9);
            shares.push(1.0 - clock.nanoseconds.load(Relaxed) as f64 / all);
        }
    }
    let median = |x: &mut Vec<f64>| {
        x.sort_by(f64::total_cmp);
        x[x.len() / 2]
    };
    println!(
        "{:.3} ms a step, {} verbs; outside kernels {:.1}% (medians of {STEPS} steps)",
        1e3 * median(&mut seconds),
        clock.verbs.load(Relaxed),
        100.0 * median(&mut shares)
    );
}
