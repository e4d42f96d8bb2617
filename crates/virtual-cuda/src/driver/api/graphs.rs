//! Capture and graphs.

use super::{Out, current, exported};
use crate::driver::{Code, Handle, Mode};

exported! {
    fn cuStreamBeginCapture_v2(stream: Handle, mode: u32) |driver| {
        let stream = driver.stream(stream, current()?)?;
        let mode = match mode {
            0 => Mode::Global,
            1 => Mode::ThreadLocal,
            2 => Mode::Relaxed,
            _ => return Err(Code::INVALID_VALUE),
        };
        driver.begin_capture(stream, mode)
    };
    fn cuStreamEndCapture(stream: Handle, graph: Out<Handle>) |driver| {
        let stream = driver.stream(stream, current()?)?;
        graph.offer(0);
        graph.set(driver.end_capture(stream)?)
    };
    fn cuStreamIsCapturing(stream: Handle, status: Out<u32>) |driver| {
        let stream = driver.stream(stream, current()?)?;
        status.set(driver.capture_status(stream))
    };
    fn cuGraphInstantiateWithFlags(executable: Out<Handle>, graph: Handle, flags: u64) |driver| {
        executable.set(driver.instantiate(current()?, graph)?)
    };
    fn cuGraphUpload(executable: Handle, stream: Handle) |driver| Ok(());
    fn cuGraphLaunch(executable: Handle, stream: Handle) |driver| {
        let stream = driver.stream(stream, current()?)?;
        driver.launch_graph(executable, stream)
    };
    fn cuGraphGetNodes(graph: Handle, nodes: *mut Handle, count: Out<usize>) |driver| {
        let nodes_there = driver.graph_len(graph)?;
        for i in 0..if nodes.is_null() { 0 } else { nodes_there } {
            // The caller has room for as many as it was told there are.
            Out(nodes.wrapping_add(i)).set(graph + 1 + i)?;
        }
        count.set(nodes_there)
    };
    fn cuGraphDestroy(graph: Handle) |driver| driver.destroy_graph(graph, false);
    fn cuGraphExecDestroy(executable: Handle) |driver| driver.destroy_graph(executable, true);
}
