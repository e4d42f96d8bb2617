//! When work runs, and what shows that a wait is missing.

use crate::support::Gpu;
use virtual_cuda::config::{Config, Timing};
use virtual_cuda::driver::{Code, Work};

/// Upload on one stream, double on another. With `wait`, an event between them. Where `first`, the host waits for the upload before it waits for the rest.
fn two_streams(timing: Timing, wait: bool, first: bool) -> (Option<Code>, Vec<f32>) {
    let mut gpu = Gpu::new(timing);
    let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
    let x = gpu.empty(4);
    gpu.upload(x, &[1.0, 2.0, 3.0, 4.0], a);
    let event = gpu.driver.create_event(0, false);
    gpu.driver.record(event, a).unwrap();
    if wait {
        gpu.driver.wait(b, event).unwrap();
    }
    let _ = gpu.launch("scale", &[x], Some(4), b);
    if first {
        let _ = gpu.driver.synchronize(a);
    }
    let error = gpu.driver.synchronize(b).err();
    (error, gpu.peek(x, 4))
}

#[test]
fn a_missing_wait_shows_when_time_is_lazy() {
    let doubled = vec![2.0, 4.0, 6.0, 8.0];
    for timing in [Timing::Eager, Timing::Lazy, Timing::Overtaking, Timing::Random(3), Timing::Random(4)] {
        for first in [false, true] {
            assert_eq!(two_streams(timing, true, first), (None, doubled.clone()), "{timing:?}");
        }
    }
    assert_eq!(two_streams(Timing::Eager, false, false), (None, doubled.clone()));
    let unwritten = Some(Code::LAUNCH_FAILED);
    assert_eq!(two_streams(Timing::Lazy, false, false).0, unwritten);
    assert_eq!(two_streams(Timing::Lazy, false, true).1, doubled, "as it happens the upload has run by then");
    assert_eq!(two_streams(Timing::Overtaking, false, true).0, unwritten, "overtakes the upload");
}

#[test]
fn work_that_must_follow_other_work_is_counted() {
    for timing in [Timing::Eager, Timing::Lazy, Timing::Random(2)] {
        let mut gpu = Gpu::new(timing);
        let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
        let (x, y) = (gpu.floats(&[1.0]), gpu.floats(&[1.0]));
        let event = gpu.driver.create_event(0, false);
        let counted = |gpu: &Gpu| (gpu.driver.launches.all, gpu.driver.launches.chain);
        gpu.launch("scale", &[x], Some(1), a).unwrap();
        gpu.driver.record(event, a).unwrap();
        (0..2).for_each(|_| gpu.launch("scale", &[x], Some(1), a).unwrap());
        (0..2).for_each(|_| gpu.launch("scale", &[y], Some(1), b).unwrap());
        assert_eq!(counted(&gpu), (5, 3), "two chains");
        gpu.driver.wait(b, event).unwrap();
        (0..2).for_each(|_| gpu.launch("scale", &[y], Some(1), b).unwrap());
        assert_eq!(counted(&gpu), (7, 4), "one follows the first of the other");
        gpu.driver.synchronize(a).unwrap();
        let c = gpu.driver.create_stream(0, false);
        (0..2).for_each(|_| gpu.launch("scale", &[x], Some(1), c).unwrap());
        assert_eq!(counted(&gpu), (9, 5), "behind what the host has waited for");
    }
}

#[test]
fn lazy_work_runs_when_it_is_waited_for_and_no_sooner() {
    let mut gpu = Gpu::new(Timing::Lazy);
    let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
    let (x, y) = (gpu.floats(&[1.0]), gpu.floats(&[1.0]));
    gpu.launch("scale", &[x], Some(1), a).unwrap();
    gpu.launch("scale", &[y], Some(1), b).unwrap();
    let event = gpu.driver.create_event(0, true);
    gpu.driver.record(event, a).unwrap();
    gpu.launch("scale", &[x], Some(1), a).unwrap();
    assert_eq!(gpu.driver.query_event(event), Err(Code::NOT_READY));
    assert_eq!((gpu.peek(x, 1)[0], gpu.peek(y, 1)[0]), (1.0, 1.0));
    gpu.driver.synchronize_event(event).unwrap();
    assert_eq!((gpu.peek(x, 1)[0], gpu.peek(y, 1)[0]), (2.0, 1.0), "only what the event needs");
    assert_eq!(gpu.driver.query_stream(b), Err(Code::NOT_READY));
    gpu.driver.synchronize_device(0).unwrap();
    assert_eq!((gpu.peek(x, 1)[0], gpu.peek(y, 1)[0]), (4.0, 2.0));
    assert_eq!(gpu.driver.query_stream(b), Ok(()));
}

#[test]
fn a_program_that_only_asks_gets_there_too() {
    let mut gpu = Gpu::new(Timing::Lazy);
    let stream = gpu.driver.create_stream(0, false);
    let event = gpu.driver.create_event(0, false);
    gpu.driver.record(event, stream).unwrap();
    let polls = (0..10).take_while(|_| gpu.driver.query_event(event) == Err(Code::NOT_READY)).count();
    assert!(polls > 0 && polls < 10);
}

#[test]
fn the_default_stream_is_ordered_with_blocking_streams_alone() {
    for (blocking, seen) in [(true, 2.0), (false, 1.0)] {
        let mut gpu = Gpu::new(Timing::Lazy);
        let stream = gpu.driver.create_stream(0, blocking);
        let default = gpu.driver.stream(0, 0).unwrap();
        let (x, y) = (gpu.floats(&[1.0]), gpu.floats(&[0.0]));
        gpu.launch("scale", &[x], Some(1), stream).unwrap();
        gpu.launch("add", &[y, x], Some(1), default).unwrap();
        gpu.driver.synchronize(default).unwrap();
        assert_eq!(gpu.peek(y, 1), [seen]);
    }
}

#[test]
fn an_error_appears_where_it_is_waited_for_and_stays() {
    let mut gpu = Gpu::new(Timing::Lazy);
    let stream = gpu.driver.create_stream(0, false);
    let x = gpu.floats(&[1.0]);
    gpu.launch("wild", &[x], None, stream).unwrap();
    assert_eq!(gpu.driver.synchronize(stream), Err(Code::ILLEGAL_ADDRESS));
    assert_eq!(gpu.launch("scale", &[x], Some(1), stream), Err(Code::ILLEGAL_ADDRESS));
    assert_eq!(gpu.driver.synchronize_device(0), Err(Code::ILLEGAL_ADDRESS));
    assert_eq!(gpu.driver.synchronize_device(1), Ok(()), "the other device is well");
    let report = gpu.driver.reports.last().unwrap();
    for word in ["CUDA_ERROR_ILLEGAL_ADDRESS", "kernel wild", "PTX line", "st.global.u32", "block [0, 0, 0]"] {
        assert!(report.contains(word), "{report}");
    }
}

#[test]
fn copies_carry_what_was_never_written() {
    let mut gpu = Gpu::new(Timing::Eager);
    let stream = gpu.driver.create_stream(0, false);
    let (from, to) = (gpu.empty(4), gpu.floats(&[0.0; 4]));
    gpu.upload(from, &[1.0, 2.0], stream);
    gpu.driver.submit(stream, Work::Copy { to, from, len: 16 }).unwrap();
    let mut out = [0f32; 4];
    let place = out.as_mut_ptr() as usize;
    let download = |len| Work::Download { to: place, from: to, len };
    let (good, bad) = (download(8), download(16));
    gpu.driver.submit(stream, good).unwrap();
    gpu.driver.synchronize(stream).unwrap();
    gpu.driver.submit(stream, bad).unwrap();
    assert_eq!(gpu.driver.synchronize(stream), Err(Code::LAUNCH_FAILED));
    assert!(gpu.driver.reports.last().unwrap().contains("byte 8 was never written"));
    assert_eq!(out[..2], [1.0, 2.0]);
}

#[test]
fn bounds_of_copies_and_fills() {
    for (work, ok) in [
        (Work::Fill { to: 0, value: 7, width: 4, count: 4 }, true),
        (Work::Fill { to: 0, value: 7, width: 4, count: 5 }, false),
        (Work::Fill { to: 4, value: 7, width: 2, count: 6 }, true),
        (Work::Copy { to: 8, from: 0, len: 8 }, true),
        (Work::Copy { to: 8, from: 0, len: 9 }, false),
        (Work::Upload { to: 12, bytes: [0u8; 8].into() }, false),
    ] {
        let mut gpu = Gpu::new(Timing::Eager);
        let x = gpu.floats(&[1.0; 4]);
        let work = match work {
            Work::Fill { to, value, width, count } => Work::Fill { to: x + to, value, width, count },
            Work::Copy { to, from, len } => Work::Copy { to: x + to, from: x + from, len },
            Work::Upload { to, bytes } => Work::Upload { to: x + to, bytes },
            other => other,
        };
        let stream = gpu.driver.create_stream(0, false);
        gpu.driver.submit(stream, work).unwrap();
        assert_eq!(gpu.driver.synchronize(stream).is_ok(), ok);
    }
}

#[test]
fn memory_runs_out_and_comes_back() {
    let mut gpu = Gpu::with(Config { memory: 10_000, verbose: false, ..Config::default() });
    let used = gpu.driver.heap.used(0);
    let a = gpu.driver.heap.allocate(0, 9000, false).unwrap();
    assert_eq!(gpu.driver.heap.used(0), used + 9000);
    assert!(gpu.driver.heap.allocate(0, 2000, false).is_none());
    let stream = gpu.driver.create_stream(0, false);
    gpu.driver.submit(stream, Work::Free { address: a }).unwrap();
    gpu.driver.synchronize(stream).unwrap();
    assert!(gpu.driver.heap.allocate(0, 2000, false).is_some());
    gpu.driver.submit(stream, Work::Free { address: a }).unwrap();
    assert_eq!(gpu.driver.synchronize(stream), Err(Code::INVALID_VALUE), "a second free");
    assert!(gpu.driver.reports.last().unwrap().contains("freed before"));
}
