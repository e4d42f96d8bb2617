//! The recorded file, and comparison with it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use unrolled_autograd::{Backward, Reduction, Var, grad};
use unrolled_tensor::{DType, Device, Tensor};

/// Relative to a tensor's largest number.
const TOLERANCE: f64 = 1e-10;

/// All cases.
pub struct Golden {
    tensors: BTreeMap<String, Tensor>,
    parameters: BTreeMap<String, Value>,
}

/// One use of an operation: its inputs, and what it is told beside them.
pub struct Case<'a> {
    pub name: &'a str,
    parameters: &'a Value,
    inputs: Vec<Var>,
}

impl Golden {
    pub fn load() -> Golden {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/operations.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors.tensors().into_iter().map(|(name, view)| {
            let dtype = match view.dtype() {
                Dtype::F64 => DType::F64,
                Dtype::I64 => DType::I64,
                Dtype::BOOL => DType::Bool,
                other => panic!("{name} is {other:?}"),
            };
            (name, Tensor::from_bytes(view.data(), dtype, view.shape(), &Device::cpu()))
        });
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let about = &header.metadata().as_ref().unwrap()["about"];
        let about: Value = serde_json::from_str(about).unwrap();
        let cases = about["cases"].as_object().unwrap().clone();
        Golden { tensors: tensors.collect(), parameters: cases.into_iter().collect() }
    }

    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.parameters.iter().map(|(name, parameters)| {
            let inputs = (0..).map_while(|i| self.tensors.get(&format!("{name}.input.{i}")).cloned());
            let var = |x: Tensor| if x.dtype().is_float() { Var::leaf(x) } else { Var::constant(x) };
            Case { name, parameters, inputs: inputs.map(var).collect() }
        })
    }

    /// What is wrong with the output or the gradients.
    pub fn compare(&self, case: &Case<'_>, run: fn(&Case<'_>) -> Var) -> Vec<String> {
        let work = AssertUnwindSafe(|| {
            let output = run(case);
            let mut wrong: Vec<String> = self.differs(case, "output", output.tensor()).into_iter().collect();
            if let Some(cotangent) = self.tensors.get(&format!("{}.cotangent", case.name)) {
                wrong.extend(self.gradients_differ(case, &output, cotangent));
            }
            wrong
        });
        catch_unwind(work).unwrap_or_else(|payload| {
            let said = payload.downcast_ref::<String>().map(String::as_str);
            vec![format!("{}: panicked: {}", case.name, said.unwrap_or("?"))]
        })
    }

    fn gradients_differ(&self, case: &Case<'_>, output: &Var, cotangent: &Tensor) -> Vec<String> {
        let leaves: Vec<(usize, &Var)> = case.inputs.iter().enumerate().filter(|(_, x)| x.is_leaf()).collect();
        let vars: Vec<&Var> = leaves.iter().map(|(_, x)| *x).collect();
        let gradients = grad(&[(output, &Var::constant(cotangent.clone()))], &vars, Backward::default());
        let compared = leaves.into_iter().zip(gradients).filter_map(|((i, x), gradient)| {
            let gradient = gradient.map_or_else(|| x.tensor().zeros_like(), Var::into_tensor);
            self.differs(case, &format!("gradient.{i}"), &gradient)
        });
        compared.collect()
    }

    fn differs(&self, case: &Case<'_>, what: &str, found: &Tensor) -> Option<String> {
        let name = format!("{}.{what}", case.name);
        let Some(wanted) = self.tensors.get(&name) else { return Some(format!("{name} is not recorded")) };
        if found.shape() != wanted.shape() {
            return Some(format!("{name}: shape {:?}, PyTorch's is {:?}", found.shape(), wanted.shape()));
        }
        let (found, wanted) = (found.to_f64_vec(), wanted.to_f64_vec());
        let scale = wanted.iter().filter(|x| x.is_finite()).fold(0.0, |m: f64, x| m.max(x.abs()));
        let near = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * scale;
        let same = found.iter().zip(&wanted).all(|(&a, &b)| near(a, b));
        (!same).then(|| format!("{name}: {found:?}, PyTorch's is {wanted:?}"))
    }
}

impl Case<'_> {
    /// The operation's name, without the variant.
    pub fn operation(&self) -> &str {
        self.name.split('/').next().expect("splitting gives a part")
    }

    pub fn inputs(&self) -> Vec<&Var> {
        self.inputs.iter().collect()
    }

    pub fn x(&self, i: usize) -> &Var {
        &self.inputs[i]
    }

    /// Input `i`, where there are so many.
    pub fn maybe(&self, i: usize) -> Option<&Var> {
        self.inputs.get(i)
    }

    /// A truth mask, or other constant.
    pub fn tensor(&self, i: usize) -> &Tensor {
        self.inputs[i].tensor()
    }

    /// Integers as ids.
    pub fn ids(&self, i: usize) -> Tensor {
        self.tensor(i).cast(DType::U32)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.maybe_number(name).unwrap_or_else(|| panic!("no number `{name}`"))
    }

    pub fn maybe_number(&self, name: &str) -> Option<f64> {
        self.parameters[name].as_f64()
    }

    pub fn count(&self, name: &str) -> usize {
        self.axis(name).try_into().expect("a count")
    }

    pub fn axis(&self, name: &str) -> isize {
        self.parameters[name].as_i64().unwrap_or_else(|| panic!("no integer `{name}`")) as isize
    }

    pub fn flag(&self, name: &str) -> bool {
        self.parameters[name].as_bool().unwrap_or(false)
    }

    pub fn text(&self, name: &str) -> &str {
        self.parameters[name].as_str().unwrap_or_else(|| panic!("no text `{name}`"))
    }

    pub fn axes(&self, name: &str) -> Vec<isize> {
        self.numbers(name).into_iter().map(|x| x as isize).collect()
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.numbers(name).into_iter().map(|x| x as usize).collect()
    }

    /// Numbers as a tensor, none where there are none.
    pub fn weights(&self, name: &str) -> Option<Tensor> {
        let weights = if self.parameters[name].is_null() { vec![] } else { self.numbers(name) };
        (!weights.is_empty()).then(|| Tensor::from_slice(&weights, [weights.len()], &Device::cpu()))
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let list = self.parameters[name].as_array().unwrap_or_else(|| panic!("no list `{name}`"));
        list.iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    pub fn reduction(&self) -> Reduction {
        match self.text("reduction") {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            "none" => Reduction::None,
            other => panic!("no reduction `{other}`"),
        }
    }
}
