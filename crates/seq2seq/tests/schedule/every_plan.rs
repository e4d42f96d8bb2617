//! What must hold for every plan.

use unrolled_seq2seq::cost_model::{Machine, bounds, simulate};
use unrolled_seq2seq::schedule::{
    Chunks, CriticalPath, Graph, Lengths, Memory, Order, Plan, PlanError, Slice, Sums, Timeline, Vocabulary, When,
    flops,
};

use super::{small, unit_machine};

fn lengths() -> Lengths {
    Lengths::spread(8, 5..=9, 4..=7)
}

fn machine() -> Machine {
    let mut machine = unit_machine(5);
    machine.link.latency = 1e-6;
    machine.devices.iter_mut().for_each(|device| device.bandwidth = 1e9);
    machine
}

/// Plans of every kind: named ones, and one mixed plan in all its variants.
fn plans() -> Vec<Plan> {
    let sizes = small();
    let mut plans: Vec<Plan> = Plan::NAMES.iter().map(|name| Plan::named(name, &sizes, 5).unwrap()).collect();
    let slices = [(60, 3), (1, 0), (25, 4), (15, 3)].map(|(words, device)| Slice { words, device });
    let vocabularies = [Vocabulary::Slices(slices.to_vec()), Vocabulary::Rows(vec![4, 1, 2])];
    let whens = [When::AtOnce, When::Deferred];
    let chunks = [(1, 1, 1), (3, 2, 4), (2, 5, 20)].map(|(lstm, softmax, weights)| Chunks { lstm, softmax, weights });
    for vocabulary in &vocabularies {
        for (lstm_weights, softmax_weights) in whens.iter().flat_map(|&a| whens.iter().map(move |&b| (a, b))) {
            let orders = [
                (Order::Program, 1, Sums::BySteps),
                (Order::Program, 4, Sums::ByRows),
                (Order::CriticalPath, 2, Sums::BySteps),
                (Order::WeightsLast, 1, Sums::ByRows),
            ];
            for (order, micro_batches, sums) in orders {
                plans.extend(chunks.iter().map(|&chunks| Plan {
                    name: "mixed".to_owned(),
                    encoder: vec![0, 1, 0],
                    decoder: vec![2, 1, 4],
                    source_embedding: 3,
                    target_embedding: 2,
                    lstm_weights,
                    softmax_weights,
                    order,
                    micro_batches,
                    chunks,
                    steps_summed_together: 1,
                    sums,
                    vocabulary: vocabulary.clone(),
                }));
            }
        }
    }
    plans
}

/// Runs `check` on each plan's graph and timeline.
fn each(check: impl Fn(&Plan, &Graph, &Timeline)) {
    for plan in plans() {
        let graph = Graph::of(&small(), &lengths(), &plan).unwrap();
        check(&plan, &graph, &simulate(&graph, &machine()));
    }
}

#[test]
fn the_work_is_the_models_whoever_does_it() {
    let wanted = flops(&small(), &lengths());
    each(|plan, graph, _| {
        assert_eq!(graph.tasks.iter().map(|task| task.work.flops).sum::<u64>(), wanted, "{plan:?}");
    });
}

#[test]
fn inputs_arrive_before_a_task_begins() {
    each(|plan, graph, timeline| {
        let mut arrived = 0;
        for (index, task) in graph.tasks.iter().enumerate() {
            for &input in &task.inputs {
                let producer = graph.values[input].producer;
                assert!(producer < index, "{plan:?}: program order");
                let at = if graph.tasks[producer].device == task.device {
                    timeline.spans[producer].end
                } else {
                    let message = timeline.messages.iter().find(|m| m.value == input && m.to == task.device).unwrap();
                    assert!(message.start >= timeline.spans[producer].end, "{plan:?}");
                    arrived += 1;
                    message.end
                };
                assert!(timeline.spans[index].start >= at, "{plan:?}: {}", task.job);
            }
        }
        assert!(arrived > 0 || plan.devices() == 1);
    });
}

/// Whether no two of these overlap.
fn apart(mut spans: Vec<(f64, f64)>) -> bool {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    spans.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

#[test]
fn a_device_does_one_thing_at_a_time_and_a_port_carries_one_message() {
    each(|plan, graph, timeline| {
        for device in 0..graph.devices {
            let tasks = graph.tasks.iter().zip(&timeline.spans).filter(|(task, _)| task.device == device);
            assert!(apart(tasks.map(|(_, span)| (span.start, span.end)).collect()), "{plan:?}");
            let sent = timeline.messages.iter().filter(|message| message.from == device);
            assert!(apart(sent.map(|message| (message.start, message.end)).collect()), "{plan:?}");
            let received = timeline.messages.iter().filter(|message| message.to == device);
            assert!(apart(received.map(|message| (message.start, message.end)).collect()), "{plan:?}");
        }
        let sent_once: std::collections::HashSet<_> = timeline.messages.iter().map(|m| (m.value, m.to)).collect();
        assert_eq!(sent_once.len(), timeline.messages.len(), "{plan:?}");
    });
}

#[test]
fn no_plan_beats_its_bounds_and_none_idles_for_ever() {
    each(|plan, graph, timeline| {
        let bounds = bounds(graph, &machine());
        let least = bounds.critical_path_s.max(bounds.busiest_device_s);
        assert!(timeline.makespan >= least * (1.0 - 1e-12), "{plan:?}");
        let all: f64 = graph.tasks.iter().map(|task| machine().seconds(task)).sum();
        let sent: f64 = timeline.messages.iter().map(|message| message.end - message.start).sum();
        assert!(timeline.makespan <= all + sent, "{plan:?}: something always runs");
    });
}

#[test]
fn the_critical_path_has_no_gap() {
    each(|plan, graph, timeline| {
        let path = CriticalPath::of(graph, timeline);
        let sum: f64 = path.stretches.iter().map(|stretch| stretch.seconds).sum();
        assert!((sum / timeline.makespan - 1.0).abs() < 1e-9, "{plan:?}");
        assert_eq!(timeline.spans[path.tasks[0]].start, 0.0, "{plan:?}");
    });
}

#[test]
fn the_same_plan_gives_the_same_timeline() {
    each(|plan, graph, timeline| assert_eq!(&simulate(graph, &machine()), timeline, "{plan:?}"));
}

#[test]
fn every_parameter_lives_somewhere() {
    each(|plan, graph, timeline| {
        let parameters: u64 = graph.resident().iter().map(|bytes| bytes[Memory::Parameters]).sum();
        let copies = match &plan.vocabulary {
            Vocabulary::Slices(_) => 1,
            Vocabulary::Rows(_) => plan.softmax_devices().len(),
        };
        let projection = small().target_words * (small().hidden + 1);
        assert_eq!(parameters, 4 * (small().parameters() + (copies - 1) * projection) as u64, "{plan:?}");
        for (peak, stays) in timeline.peak.iter().zip(graph.resident()) {
            assert!(peak.total() >= stays.total() && peak.parameters >= stays.parameters, "{plan:?}");
        }
    });
}

#[test]
fn a_plan_that_does_not_fit_is_refused() {
    let plan = || Plan::paper(&small(), 5).unwrap();
    let refused = |plan: Plan| Graph::of(&small(), &lengths(), &plan).unwrap_err();
    assert!(matches!(refused(Plan { encoder: vec![0], ..plan() }), PlanError::Layers { plan: 1, model: 3, .. }));
    assert_eq!(refused(Plan { micro_batches: 3, ..plan() }), PlanError::MicroBatches { sentences: 8, parts: 3 });
    assert_eq!(refused(Plan { steps_summed_together: 2, ..plan() }), PlanError::Sums { chunk: 1, together: 2 });
    assert_eq!(refused(Plan { micro_batches: 0, ..plan() }), PlanError::Zero("micro-batches"));
    let slices = |words| Vocabulary::Slices(vec![Slice { words, device: 0 }]);
    assert_eq!(refused(Plan { vocabulary: slices(100), ..plan() }), PlanError::Words { plan: 100, model: 101 });
    assert!(Graph::of(&small(), &lengths(), &Plan { vocabulary: slices(101), ..plan() }).is_ok());
}
