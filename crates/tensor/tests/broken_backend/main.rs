//! Can the conformance suite fail? A backend that does everything right but one thing must not pass.

mod backend;

use std::panic;
use std::sync::{Arc, Once};

use backend::{Broken, Fault};
use unrolled_tensor::Device;
use unrolled_tensor::conformance::{Part, check_parts};

/// The suite's panics are caught and counted; they need not be printed.
fn quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            // The thread that runs the suite, or one of its device's.
            if !thread.name().is_some_and(|name| name.starts_with("fault ") || name.starts_with("cpu:")) {
                loud(info);
            }
        }));
    });
}

fn broken(fault: Fault) -> Device {
    Device::new(Arc::new(Broken { cpu: Device::cpu_with(0, 1, usize::MAX), fault }))
}

/// Runs `part` on a device with each fault; an operation of those named must be among the failures.
fn must_fail(part: Part, faults: &[(Fault, &str)]) {
    quietly();
    for &(fault, operation) in faults {
        let run = move || check_parts(&broken(fault), &[part]);
        let thread = std::thread::Builder::new().name(format!("fault {fault:?}")).spawn(run).expect("a thread");
        match thread.join().unwrap_or_else(|_| panic!("{fault:?}: the suite itself panicked")) {
            Ok(summary) => panic!("{fault:?} went unnoticed: {summary}"),
            Err(failures) => {
                let found = failures.failures.iter().any(|failure| failure.operation.starts_with(operation));
                assert!(found, "{fault:?} was to fail {operation}: {failures}");
            }
        }
    }
}

#[test]
fn a_wrapper_without_a_fault_passes() {
    let parts = [Part::Memory, Part::Specials, Part::Products, Part::Updates, Part::Lstm, Part::CrossEntropy];
    match check_parts(&broken(Fault::None), &parts) {
        Ok(summary) => assert!(summary.cases > 1000, "{summary}"),
        Err(failures) => panic!("{failures}"),
    }
}

#[test]
fn faults_of_memory_and_order_are_found() {
    must_fail(
        Part::Memory,
        &[
            (Fault::UploadShifted, "upload and download"),
            (Fault::DownloadIgnoresOffset, "upload and download"),
            (Fault::FillOneMore, "full"),
            (Fault::MemoryNeverFreed, "memory"),
            (Fault::PeakNeverReset, "memory"),
            (Fault::RecordLost, "record"),
            (Fault::WaitLost, "record"),
            (Fault::SynchronizeLost, "record"),
            (Fault::CastIgnoresStrides, "upload and download"),
            (Fault::RandomOtherKey, "random normal"),
            (Fault::RandomIgnoresStep, "random dropout"),
            (Fault::RandomTouchesBound, "random uniform"),
        ],
    );
}

#[test]
fn faults_of_elementwise_verbs_are_found() {
    must_fail(
        Part::Elementwise,
        &[
            (Fault::CastTwice, "cast to f16"),
            (Fault::UnaryIgnoresStrides, "exp"),
            (Fault::BinaryIgnoresStrides, "mul"),
            (Fault::SelectInverted, "select"),
            (Fault::AccumulateIgnoresScale, "accumulate"),
        ],
    );
    must_fail(
        Part::Specials,
        &[(Fault::UnarySign, "sign"), (Fault::BinarySwapped, "sub"), (Fault::CompareNotStrict, "lt")],
    );
}

#[test]
fn faults_of_reductions_are_found() {
    must_fail(
        Part::Reductions,
        &[(Fault::ReduceIgnoresLast, "sum"), (Fault::ReduceIgnoresNan, "max"), (Fault::ArgmaxTakesLast, "argmax")],
    );
    must_fail(
        Part::Rows,
        &[
            (Fault::CumulativeSumExclusive, "cumsum"),
            (Fault::SoftmaxNeverLogarithm, "log_softmax"),
            (Fault::SoftmaxOverflows, "softmax"),
            (Fault::TopKAscending, "top_k"),
            (Fault::TopKLastOfEquals, "top_k"),
        ],
    );
}

#[test]
fn faults_of_products_are_found() {
    must_fail(
        Part::Products,
        &[
            (Fault::MatmulForgetsOnto, "matmul to"),
            (Fault::MatmulIgnoresStrides, "matmul"),
            (Fault::MatmulNarrowSum, "matmul"),
        ],
    );
}

#[test]
fn faults_of_indexing_and_joining_are_found() {
    must_fail(
        Part::Indexing,
        &[
            (Fault::GatherOneOff, "gather"),
            (Fault::GatherIgnoresIndexStrides, "index_select"),
            (Fault::ScatterForgetsRepeats, "scatter_add"),
            (Fault::ScatterReplaces, "index_add"),
            (Fault::CoalesceUnsorted, "coalesce"),
            (Fault::CoalesceOneRow, "coalesce"),
            (Fault::CoalesceUnpadded, "coalesce"),
        ],
    );
    must_fail(Part::Joining, &[(Fault::ConcatReversed, "concat")]);
}

#[test]
fn faults_of_updates_are_found() {
    must_fail(
        Part::Updates,
        &[
            (Fault::UpdateIgnoresRows, "update by SGD"),
            (Fault::UpdateIgnoresGradientScale, "update by Adam"),
            (Fault::UpdateForgetsState, "update by Adam"),
            (Fault::UpdateIsNotCalledOff, "update by SGD"),
        ],
    );
}

#[test]
fn faults_of_fused_verbs_are_found() {
    must_fail(
        Part::Lstm,
        &[
            (Fault::LstmIgnoresLengths, "lstm_sequence"),
            (Fault::LstmIgnoresStart, "lstm_sequence"),
            (Fault::LstmForgetsBias, "lstm_sequence"),
            (Fault::LstmBackwardForgetsCell, "lstm_sequence_backward"),
            (Fault::LstmBackwardIgnoresLengths, "lstm_sequence_backward"),
        ],
    );
    must_fail(
        Part::CrossEntropy,
        &[
            (Fault::CrossEntropyIgnoresWeights, "linear_cross_entropy"),
            (Fault::CrossEntropyForgetsBias, "linear_cross_entropy"),
            (Fault::PartialsIgnoreOffset, "linear_cross_entropy in slices"),
            (Fault::GradientsIgnoreOffset, "linear_cross_entropy in slices"),
        ],
    );
}
