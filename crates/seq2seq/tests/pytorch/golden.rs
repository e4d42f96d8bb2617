//! PyTorch's recorded translator, and comparison with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use unrolled_nn::safetensors_file::{self, TensorFile};
use unrolled_nn::{Module, Parameter};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

/// How many batches were recorded.
pub const BATCHES: usize = 4;

/// The recorded numbers in one dtype, and which of the results have been compared.
pub struct Golden {
    name: String,
    file: TensorFile,
    tolerance: f64,
    compared: BTreeSet<String>,
}

impl Golden {
    /// f32 is compared within 1e-5 of each tensor's largest number, f64 within 1e-10.
    pub fn load(dtype: DType, device: &Device) -> Golden {
        let name = format!("translator_{dtype}");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let file = safetensors_file::load(folder.join(format!("{name}.safetensors")), device).unwrap();
        let tolerance = if dtype == DType::F64 { 1e-10 } else { 1e-5 };
        Golden { name, file, tolerance, compared: BTreeSet::new() }
    }

    /// A recorded tensor.
    pub fn get(&self, name: &str) -> Tensor {
        self.file.tensors.get(name).unwrap_or_else(|| panic!("{}: no `{name}`", self.name)).clone()
    }

    /// Recorded integers.
    fn ids(&self, name: &str) -> Vec<u32> {
        self.get(name).cast(DType::U32).to_vec()
    }

    /// The recorded model, of the file's dtype, on `device`.
    pub fn model(&self, softmax_slices: usize, dropout: f64, device: &Device) -> Model {
        let shape = |name: &str| self.get(&format!("parameter.{name}")).shape().to_vec();
        let (source, target) = (shape("source_embedding.weight"), shape("target_embedding.weight"));
        let sizes = Sizes {
            source_words: source[0],
            target_words: target[0],
            embedding: source[1],
            hidden: shape("projection.weight")[1],
            layers: 2,
            softmax_slices,
        };
        let mut model = Model::new(&sizes, dropout, 0.08.into(), Key::new(1), device);
        let recorded = self.file.tensors.keys().filter(|name| name.starts_with("parameter.")).count();
        assert_eq!(model.parameters().len(), recorded);
        for (path, parameter) in model.parameters_mut() {
            let value = self.get(&format!("parameter.{path}"));
            assert_eq!(value.shape(), parameter.tensor().shape(), "{path}");
            *parameter = Parameter::new(value);
        }
        model
    }

    /// Batch `index`, laid out from its sentences; the result must be the recorded layout.
    pub fn batch(&self, index: usize) -> Batch {
        let of = |name: &str| self.ids(&format!("input.batch.{index}.{name}"));
        let (source, output) = (of("source"), of("target_output"));
        let (source_lengths, target_lengths) = (of("source_lengths"), of("target_lengths"));
        let count = source_lengths.len();
        let words = |ids: &[u32], lengths: &[u32], b: usize| -> Vec<u32> {
            (0..lengths[b] as usize - 1).map(|t| ids[t * count + b]).collect()
        };
        let mut corpus = NumberedCorpus::new();
        for b in 0..count {
            let mut sentence = words(&source, &source_lengths, b);
            sentence.reverse();
            corpus.push(&sentence, &words(&output, &target_lengths, b));
        }
        let pairs: Vec<u32> = (0..count as u32).collect();
        let batch = Batch::of(&corpus, &pairs, true);
        assert_eq!((&batch.source.ids, &batch.source.lengths), (&source, &source_lengths));
        assert_eq!((&batch.target_output, &batch.target_lengths), (&output, &target_lengths));
        assert_eq!(batch.target_input, of("target_input"));
        batch
    }

    /// Compares a result.
    pub fn check(&mut self, name: &str, found: &Tensor) {
        assert_eq!(found.shape(), self.get(name).shape(), "{}: {name}", self.name);
        self.check_numbers(name, &found.to_f64_vec());
    }

    /// Compares a result that is in numbers.
    pub fn check_numbers(&mut self, name: &str, found: &[f64]) {
        self.near(name, found, &self.get(name).to_f64_vec());
        self.compared.insert(name.to_string());
    }

    /// Compares numbers with others, by this file's tolerance.
    pub fn near(&self, name: &str, found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len(), "{}: {name}", self.name);
        let scale = wanted.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        for (i, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
            // Written so that NaN is too far.
            let near = (found - wanted).abs() <= self.tolerance * scale;
            assert!(near, "{}: {name}[{i}] is {found}, not {wanted}; the largest is {scale}", self.name);
        }
    }

    /// Every recorded result with one of these prefixes has been compared.
    pub fn finish(&self, prefixes: &[&str]) {
        let is_due = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let due: BTreeSet<&String> = self.file.tensors.keys().filter(is_due).collect();
        assert!(!due.is_empty());
        let forgotten: Vec<_> = due.iter().filter(|name| !self.compared.contains(**name)).collect();
        assert!(forgotten.is_empty(), "{}: not compared: {forgotten:?}", self.name);
    }
}
