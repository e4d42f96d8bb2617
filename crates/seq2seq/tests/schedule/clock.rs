//! Graphs so small that their times can be told by hand.

use unrolled_seq2seq::cost_model::{bounds, simulate};
use unrolled_seq2seq::schedule::{
    Cause, CriticalPath, Graph, Job, Lengths, Memory, Order, Plan, Side, Task, Value, Work,
};

use super::{small, unit_machine};

/// Tasks of so many seconds on devices; edges carry so many bytes.
fn graph(order: Order, tasks: &[(usize, u64)], edges: &[(usize, usize, u64)]) -> Graph {
    let task = |&(device, seconds): &(usize, u64)| Task {
        job: Job::Clip,
        device,
        work: Work { flops: seconds * 1_000_000_000, ..Work::default() },
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    let mut graph = Graph {
        devices: tasks.iter().map(|task| task.0 + 1).max().unwrap(),
        order,
        tasks: tasks.iter().map(task).collect(),
        values: Vec::new(),
        residents: Vec::new(),
        words: 1,
    };
    for &(producer, consumer, bytes) in edges {
        let value = graph.values.len();
        graph.values.push(Value { bytes, memory: Memory::Activations, producer, consumers: vec![consumer] });
        graph.tasks[producer].outputs.push(value);
        graph.tasks[consumer].inputs.push(value);
    }
    graph
}

fn makespan(graph: &Graph) -> f64 {
    simulate(graph, &unit_machine(graph.devices)).makespan
}

#[test]
fn a_chain_on_one_device_adds_up() {
    assert_eq!(makespan(&graph(Order::Program, &[(0, 1), (0, 2), (0, 3)], &[(0, 1, 8), (1, 2, 8)])), 6.0);
}

#[test]
fn a_message_takes_its_latency_and_its_bytes() {
    // 1 s, then 0.25 s and a gigabyte at 1 GB/s, then 2 s.
    let chain = graph(Order::Program, &[(0, 1), (1, 2)], &[(0, 1, 1_000_000_000)]);
    let timeline = simulate(&chain, &unit_machine(2));
    assert_eq!((timeline.makespan, timeline.messages[0].end), (4.25, 2.25));
    assert_eq!(timeline.spans[1].cause, Cause::Message(0));
    let bounds = bounds(&chain, &unit_machine(2));
    assert_eq!((bounds.critical_path_s, bounds.busiest_device_s), (4.25, 2.0));
}

#[test]
fn independent_tasks_run_side_by_side() {
    let four = graph(Order::Program, &[(0, 3), (1, 3), (0, 2), (1, 1)], &[]);
    assert_eq!(makespan(&four), 5.0);
}

#[test]
fn a_port_carries_one_message_at_a_time() {
    // Both leave device 0: the second waits for the first.
    let fork = graph(Order::Program, &[(0, 1), (1, 1), (2, 1)], &[(0, 1, 1_000_000_000), (0, 2, 1_000_000_000)]);
    assert_eq!(makespan(&fork), 1.0 + 2.0 * 1.25 + 1.0);
    // Both arrive at device 2, likewise.
    let join = graph(Order::Program, &[(0, 1), (1, 1), (2, 1)], &[(0, 2, 1_000_000_000), (1, 2, 1_000_000_000)]);
    assert_eq!(makespan(&join), 1.0 + 2.0 * 1.25 + 1.0);
}

#[test]
fn what_the_most_waits_for_comes_first_where_the_plan_says_so() {
    let tasks = [(0, 2), (0, 1), (1, 5)];
    let edges = [(1, 2, 0)];
    assert_eq!(makespan(&graph(Order::Program, &tasks, &edges)), 2.0 + 1.0 + 0.25 + 5.0);
    assert_eq!(makespan(&graph(Order::CriticalPath, &tasks, &edges)), 1.0 + 0.25 + 5.0);
}

#[test]
fn a_program_waits_for_its_next_task() {
    // Device 0's second task waits for device 1; its third could run meanwhile, but not in program order.
    let tasks = [(1, 3), (0, 1), (0, 1)];
    let edges = [(0, 1, 0)];
    assert_eq!(makespan(&graph(Order::Program, &tasks, &edges)), 3.0 + 0.25 + 2.0);
    assert_eq!(makespan(&graph(Order::CriticalPath, &tasks, &edges)), 3.0 + 0.25 + 1.0);
}

#[test]
fn memory_is_taken_and_given_back() {
    // 100 bytes from the first to the second task, 10 from the second to the third: 110 while the second runs.
    let chain = graph(Order::Program, &[(0, 1), (0, 1), (0, 1)], &[(0, 1, 100), (1, 2, 10)]);
    assert_eq!(simulate(&chain, &unit_machine(1)).peak[0].activations, 110);
    // A copy is held where it is needed, and where it was made until it has been sent.
    let sent = graph(Order::Program, &[(0, 1), (1, 1)], &[(0, 1, 100)]);
    let peak = simulate(&sent, &unit_machine(2)).peak;
    assert_eq!((peak[0].activations, peak[1].activations), (100, 100));
}

#[test]
fn the_critical_path_leads_over_messages_and_busy_devices() {
    let tasks = [(0, 2), (0, 1), (1, 5), (1, 1)];
    let chain = graph(Order::Program, &tasks, &[(1, 2, 0), (0, 3, 0)]);
    let timeline = simulate(&chain, &unit_machine(2));
    assert_eq!(CriticalPath::of(&chain, &timeline).tasks, [0, 1, 2, 3]);
    assert_eq!(timeline.spans[3].cause, Cause::Device(2));
}

#[test]
fn the_encoder_is_a_wavefront() {
    // L layers on as many devices, T steps of u seconds each: T + L - 1 steps, where messages cost nothing.
    let sizes = small();
    let mut machine = unit_machine(6);
    machine.link.latency = 0.0;
    machine.link.bandwidth = f64::INFINITY;
    let plan = Plan::layered(&sizes, 3, 3);
    let graph = Graph::of(&sizes, &Lengths::even(4, 9, 5), &plan).unwrap();
    let timeline = simulate(&graph, &machine);
    let forward = |job: &Job| matches!(job, Job::LstmForward { side: Side::Encoder, .. });
    let spans = graph.tasks.iter().zip(&timeline.spans).filter(|(task, _)| forward(&task.job));
    let end = spans.map(|(_, span)| span.end).fold(0.0, f64::max);
    let step = 2.0 * 4.0 * (4 * 16 * 32) as f64 / 1e9;
    assert!((end / step - (10.0 + 3.0 - 1.0)).abs() < 1e-9, "{}", end / step);
}
