//! A file of PyTorch's recorded values, and comparison with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use unrolled_autograd::{Gradients, Var};
use unrolled_nn::safetensors_file::{self, TensorFile};
use unrolled_nn::{Module, Parameter};
use unrolled_tensor::{DType, Device, Tensor};

/// One case's recorded numbers in one dtype, and which of its results have been compared.
pub struct Golden {
    name: String,
    file: TensorFile,
    tolerance: f64,
    compared: BTreeSet<String>,
}

/// The folder of the recorded values.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Runs `test` on a case in f32 (within 1e-5 of each tensor's largest number) and in f64 (within 1e-10), on the shared CPU and on an
/// independent one; every recorded result must have been compared then.
pub fn each(case: &str, test: impl Fn(&mut Golden, &Device)) {
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-10)] {
        for device in [Device::cpu(), Device::cpus(2).remove(1)] {
            let name = format!("{case}_{dtype}");
            let file = safetensors_file::load(folder().join(format!("{name}.safetensors")), &device).unwrap();
            let name = format!("{name} on {device}");
            let mut golden = Golden { name, file, tolerance, compared: BTreeSet::new() };
            test(&mut golden, &device);
            golden.finish();
        }
    }
}

fn is_result(name: &str) -> bool {
    ["expected.", "gradient.", "after20."].iter().any(|prefix| name.starts_with(prefix))
}

impl Golden {
    /// A recorded tensor.
    pub fn get(&self, name: &str) -> Tensor {
        self.file.tensors.get(name).unwrap_or_else(|| panic!("{}: no `{name}`", self.name)).clone()
    }

    /// Recorded integers, as ids.
    pub fn ids(&self, name: &str) -> Tensor {
        self.get(name).cast(DType::U32)
    }

    pub fn constant(&self, name: &str) -> Var {
        Var::constant(self.get(name))
    }

    pub fn leaf(&self, name: &str) -> Var {
        Var::leaf(self.get(name))
    }

    pub fn parameter(&self, name: &str) -> Parameter {
        Parameter::new(self.get(name))
    }

    /// Gives all parameters of `module` their recorded values, `prefix` before their paths.
    pub fn fill(&self, prefix: &str, module: &mut dyn Module) {
        for (path, parameter) in module.parameters_mut() {
            *parameter = self.parameter(&format!("{prefix}{path}"));
        }
    }

    /// Compares a result.
    pub fn check(&mut self, name: &str, found: &Tensor) {
        let wanted = self.get(name);
        assert_eq!(found.shape(), wanted.shape(), "{}: {name}", self.name);
        let (found, wanted) = (found.to_f64_vec(), wanted.to_f64_vec());
        let scale = wanted.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        for (i, (&found, &wanted)) in found.iter().zip(&wanted).enumerate() {
            let difference = (found - wanted).abs();
            // Written so that NaN is too far.
            let near = difference <= self.tolerance * scale;
            assert!(near, "{}: {name}[{i}] is {found}, not {wanted}; the largest is {scale}", self.name);
        }
        self.compared.insert(name.to_string());
    }

    /// Compares the gradient of `var` with the one recorded under `name`.
    pub fn check_gradient(&mut self, name: &str, gradients: &Gradients, var: &Var) {
        let found = gradients.get(var).unwrap_or_else(|| panic!("{}: nothing depends on `{name}`", self.name));
        self.check(&format!("gradient.{name}"), &found);
    }

    /// The results that are left belong to another test.
    pub fn ignore_rest(&mut self) {
        self.compared.extend(self.file.tensors.keys().cloned());
    }

    fn finish(self) {
        let forgotten: Vec<_> =
            self.file.tensors.keys().filter(|name| is_result(name) && !self.compared.contains(*name)).collect();
        assert!(forgotten.is_empty(), "{}: not compared: {forgotten:?}", self.name);
    }
}
