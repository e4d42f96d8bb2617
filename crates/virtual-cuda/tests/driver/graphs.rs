//! Capture and replay.

use crate::support::{Gpu, KERNELS};
use virtual_cuda::config::Timing;
use virtual_cuda::driver::{Code, Handle, Mode, Work};

const TIMINGS: [Timing; 4] = [Timing::Eager, Timing::Lazy, Timing::Random(1), Timing::Random(2)];

/// x doubled on one stream while y is doubled on another, then x += y. Without `join`, the sum does not wait for y.
fn fork_and_join(timing: Timing, join: bool) -> Result<f32, Code> {
    let mut gpu = Gpu::new(timing);
    let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
    let (x, y) = (gpu.floats(&[1.0]), gpu.floats(&[10.0]));
    let (begun, done) = (gpu.driver.create_event(0, false), gpu.driver.create_event(0, false));
    gpu.driver.begin_capture(a, Mode::ThreadLocal)?;
    gpu.launch("scale", &[x], Some(1), a)?;
    gpu.driver.record(begun, a)?;
    gpu.driver.wait(b, begun)?;
    assert_eq!(gpu.driver.capture_status(b), 1);
    gpu.launch("scale", &[y], Some(1), b)?;
    gpu.driver.record(done, b)?;
    if join {
        gpu.driver.wait(a, done)?;
    }
    gpu.launch("add", &[x, y], Some(1), a)?;
    if !join {
        gpu.driver.wait(a, done)?;
        gpu.driver.submit(a, Work::Nothing)?;
    }
    let graph = gpu.driver.end_capture(a)?;
    assert_eq!((gpu.peek(x, 1)[0], gpu.driver.capture_status(b)), (1.0, 0), "captured, not run");
    let executable = gpu.driver.instantiate(0, graph)?;
    gpu.driver.destroy_graph(graph, false)?;
    gpu.driver.launch_graph(executable, a)?;
    gpu.driver.synchronize(a)?;
    let once = gpu.peek(x, 1)[0];
    gpu.driver.launch_graph(executable, a)?;
    gpu.driver.synchronize(a)?;
    assert_ne!(gpu.peek(x, 1)[0], once, "it runs again");
    Ok(once)
}

#[test]
fn a_graph_keeps_its_dependencies_in_any_order() {
    for timing in TIMINGS {
        assert_eq!(fork_and_join(timing, true), Ok(22.0), "{timing:?}");
    }
    // The missing dependency is harmless in the order of capture, and shows in another.
    assert_eq!(fork_and_join(Timing::Eager, false), Ok(22.0));
    assert!(TIMINGS.iter().any(|t| fork_and_join(*t, false) != Ok(22.0)));
}

#[test]
fn wrong_captures_are_refused() {
    let mut gpu = Gpu::new(Timing::Eager);
    let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
    let x = gpu.floats(&[1.0]);
    let default = gpu.driver.stream(0, 0).unwrap();
    assert_eq!(gpu.driver.begin_capture(default, Mode::Global), Err(Code::STREAM_CAPTURE_UNSUPPORTED));
    assert_eq!(gpu.driver.end_capture(a), Err(Code::ILLEGAL_STATE));
    // Waiting for a stream that is being captured spoils the capture.
    gpu.driver.begin_capture(a, Mode::ThreadLocal).unwrap();
    assert_eq!(gpu.driver.begin_capture(a, Mode::ThreadLocal), Err(Code::ILLEGAL_STATE));
    assert_eq!(gpu.driver.synchronize(a), Err(Code::STREAM_CAPTURE_UNSUPPORTED));
    assert_eq!(gpu.driver.capture_status(a), 2);
    assert_eq!(gpu.driver.end_capture(a), Err(Code::STREAM_CAPTURE_INVALIDATED));
    // Work on another stream that nothing joins.
    let event = gpu.driver.create_event(0, false);
    gpu.driver.begin_capture(a, Mode::ThreadLocal).unwrap();
    gpu.driver.record(event, a).unwrap();
    gpu.driver.wait(b, event).unwrap();
    gpu.launch("scale", &[x], Some(1), b).unwrap();
    assert_eq!(gpu.driver.end_capture(b), Err(Code::STREAM_CAPTURE_UNMATCHED));
    assert_eq!(gpu.driver.end_capture(a), Err(Code::STREAM_CAPTURE_UNJOINED));
    assert_eq!(gpu.driver.capture_status(b), 0);
    // An event from outside.
    gpu.driver.record(event, b).unwrap();
    gpu.driver.begin_capture(a, Mode::ThreadLocal).unwrap();
    assert_eq!(gpu.driver.wait(a, event), Err(Code::STREAM_CAPTURE_ISOLATION));
    assert_eq!(gpu.driver.end_capture(a), Err(Code::STREAM_CAPTURE_INVALIDATED));
    assert_eq!(gpu.peek(x, 1), [1.0]);
}

/// Calls that may wait for a device.
fn waiting(gpu: &mut Gpu, other: Handle, event: Handle) -> [Result<(), Code>; 5] {
    let loaded = gpu.driver.load_module(0, KERNELS.as_bytes(), &mut String::new());
    [
        gpu.driver.synchronize(other),
        gpu.driver.query_stream(other),
        gpu.driver.synchronize_event(event),
        gpu.driver.query_event(event),
        loaded.map(|_| ()),
    ]
}

#[test]
fn what_may_wait_is_refused_to_the_thread_that_captures() {
    for (mode, here, there) in
        [(Mode::Global, false, false), (Mode::ThreadLocal, false, true), (Mode::Relaxed, true, true)]
    {
        let mut gpu = Gpu::new(Timing::Eager);
        let (a, b) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(0, false));
        let event = gpu.driver.create_event(0, false);
        gpu.driver.record(event, b).unwrap();
        for (from_here, allowed) in [(true, here), (false, there)] {
            gpu.driver.begin_capture(a, mode).unwrap();
            let outcomes = if from_here {
                waiting(&mut gpu, b, event)
            } else {
                std::thread::scope(|scope| scope.spawn(|| waiting(&mut gpu, b, event)).join().unwrap())
            };
            for (call, outcome) in outcomes.into_iter().enumerate() {
                let wanted = if allowed { Ok(()) } else { Err(Code::STREAM_CAPTURE_UNSUPPORTED) };
                assert_eq!(outcome, wanted, "{mode:?}, here: {from_here}, call {call}");
            }
            let elsewhere = std::thread::scope(|scope| scope.spawn(|| gpu.driver.end_capture(a)).join().unwrap());
            if mode == Mode::Relaxed {
                assert!(elsewhere.is_ok());
            } else {
                assert_eq!(elsewhere, Err(Code::STREAM_CAPTURE_WRONG_THREAD));
                assert_eq!(gpu.driver.end_capture(a).is_ok(), allowed);
            }
        }
    }
}

#[test]
fn a_replay_has_the_parameters_of_its_capture_and_the_memory_of_now() {
    for timing in TIMINGS {
        let mut gpu = Gpu::new(timing);
        let stream = gpu.driver.create_stream(0, false);
        let [x, y] = [[1.0], [10.0]].map(|values| gpu.floats(&values));
        gpu.driver.begin_capture(stream, Mode::ThreadLocal).unwrap();
        gpu.launch("add", &[x, y], Some(1), stream).unwrap();
        let graph = gpu.driver.end_capture(stream).unwrap();
        let executable = gpu.driver.instantiate(0, graph).unwrap();
        gpu.launch("scale", &[y], Some(1), stream).unwrap();
        gpu.driver.launch_graph(executable, stream).unwrap();
        gpu.driver.synchronize(stream).unwrap();
        assert_eq!((gpu.peek(x, 1)[0], gpu.peek(y, 1)[0]), (21.0, 20.0), "{timing:?}");
    }
}
