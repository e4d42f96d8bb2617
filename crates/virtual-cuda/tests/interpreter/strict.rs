//! Each strictness check: a kernel that is wrong must be caught, and the same kernel put right must pass.

use crate::bench::Bench;
use virtual_cuda::config::Order;

/// Run the wrong and the right form of a kernel over a fresh device; the wrong one's code and report.
fn twin(wrong: &str, right: &str, threads: u32, want_code: u32, want: &str) {
    let run = |body: &str| {
        let mut bench = Bench::new();
        let (out, input) = (bench.empty(4 * 64), bench.words(&(0..64).collect::<Vec<_>>()));
        let text = format!(
            ".visible .entry k(.param .u64 p0, .param .u64 p1) {{
            .reg .pred %p, %q; .reg .b32 %r<8>; .reg .b64 %rd<8>; .shared .align 4 .b8 s[256]; .shared .align 4 .b8 t[256];
            .local .align 8 .b8 depot[16];
            mov.u32 %r1, %tid.x; mul.wide.u32 %rd3, %r1, 4; shl.b32 %r6, %r1, 2; mov.u32 %r7, s; add.u32 %r6, %r6, %r7;
            ld.param.u64 %rd1, [p0]; add.s64 %rd1, %rd1, %rd3; ld.param.u64 %rd2, [p1]; add.s64 %rd2, %rd2, %rd3;
            setp.lt.u32 %p, %r1, 16;
            {body}
            st.global.u32 [%rd1], %r2; ret; }}"
        );
        bench.run(&text, 1, threads, &[out, input])
    };
    run(right).unwrap_or_else(|e| panic!("the right form fails: {e}"));
    let fault = run(wrong).expect_err("the wrong form passes");
    assert_eq!(fault.code, want_code, "{fault}");
    assert!(fault.message.contains(want), "{fault}");
    assert!(fault.kernel == "k" && fault.line > 4 && !fault.text.is_empty(), "{fault}");
}

#[test]
fn bounds_and_alignment() {
    twin("ld.global.u32 %r2, [%rd2+4];", "ld.global.u32 %r2, [%rd2+0];", 64, 700, "past the end");
    twin("ld.global.u32 %r2, [%rd2+2];", "ld.global.u32 %r2, [%rd2+4];", 32, 716, "no multiple of 4");
    twin("mov.u64 %rd4, 8; ld.global.u32 %r2, [%rd4];", "ld.global.u32 %r2, [%rd2];", 32, 700, "null pointer");
    twin(
        "st.shared.u32 [%r6+192], %r1; mov.u32 %r2, 0;",
        "st.shared.u32 [%r6+128], %r1; mov.u32 %r2, 0;",
        32,
        700,
        "out of bounds",
    );
    twin(
        "st.local.u32 [depot+16], %r1; mov.u32 %r2, 0;",
        "st.local.u32 [depot+12], %r1; mov.u32 %r2, 0;",
        32,
        700,
        "local memory",
    );
    twin("ld.param.u32 %r2, [p0+16];", "ld.param.u32 %r2, [p0+4];", 32, 700, "inside of none");
}

#[test]
fn uninitialised_reads() {
    twin("ld.global.u32 %r2, [%rd1];", "st.global.u32 [%rd1], 1; ld.global.u32 %r2, [%rd1];", 32, 719, "uninitialised");
    twin("ld.shared.u32 %r2, [%r6];", "st.shared.u32 [%r6], 1; ld.shared.u32 %r2, [%r6];", 32, 719, "uninitialised");
    twin("ld.local.u32 %r2, [depot];", "st.local.u32 [depot], 1; ld.local.u32 %r2, [depot];", 32, 719, "uninitialised");
}

#[test]
fn shared_memory_races() {
    let exchange = |between: &str| {
        format!(
            "st.shared.u32 [%r6], %r1; {between} xor.b32 %r3, %r1, 32; shl.b32 %r3, %r3, 2; add.u32 %r3, %r3, %r7; ld.shared.u32 %r2, [%r3];"
        )
    };
    // The second warp reads what the first wrote, and the first what nobody wrote yet.
    twin(&exchange(""), &exchange("bar.sync 0;"), 64, 719, "");
    // Within a warp lock step is no promise.
    let within = |between: &str| {
        format!(
            "st.shared.u32 [%r6], %r1; {between} xor.b32 %r3, %r1, 1; shl.b32 %r3, %r3, 2; add.u32 %r3, %r3, %r7; ld.shared.u32 %r2, [%r3];"
        )
    };
    twin(&within(""), &within("bar.warp.sync -1;"), 32, 719, "race in shared memory: this read");
    // A write after a read.
    let after = |between: &str| {
        format!(
            "st.shared.u32 [%r6], %r1; bar.sync 0; ld.shared.u32 %r2, [s]; {between} setp.eq.u32 %q, %r1, 63; @%q st.shared.u32 [s], 77;"
        )
    };
    twin(&after(""), &after("bar.sync 0;"), 64, 719, "race in shared memory: this write");
    // Two writes of different values; of the same value there is none.
    twin("st.shared.u32 [s], %r1; mov.u32 %r2, 0;", "st.shared.u32 [s], 5; mov.u32 %r2, 0;", 32, 719, "this write");
}

#[test]
fn barriers_are_for_all() {
    twin("@%p bar.sync 0; mov.u32 %r2, 0;", "bar.sync 0; mov.u32 %r2, 0;", 64, 715, "divergent barrier");
    let exits = "setp.ge.u32 %q, %r1, 32; @%q ret; bar.sync 0; mov.u32 %r2, 0;";
    twin(exits, "bar.sync 0; setp.ge.u32 %q, %r1, 32; @%q ret; mov.u32 %r2, 0;", 64, 715, "warp 1 have exited");
    let two = "setp.ge.u32 %q, %r1, 32; mov.u32 %r2, 0; @%q bra $b; bar.sync 0; bra $c; $b: bar.sync 1; $c:";
    twin(two, "mov.u32 %r2, 0; bar.sync 0; bar.sync 1;", 64, 715, "missing threads");
    twin("bar.sync 0, 33; mov.u32 %r2, 0;", "bar.sync 0, 64; mov.u32 %r2, 0;", 64, 715, "multiple of 32");
    twin("bar.sync 16; mov.u32 %r2, 0;", "bar.sync 15; mov.u32 %r2, 0;", 64, 715, "no barrier 16");
}

#[test]
fn lanes_that_are_named_must_come() {
    twin(
        "mov.u32 %r2, 0; @%p shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1; @!%p bar.warp.sync -1;",
        "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;",
        32,
        719,
        "must execute this together",
    );
    twin(
        "mov.u32 %r2, 0; @%p shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xff;",
        "mov.u32 %r2, 0; @%p shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff;",
        32,
        715,
        "leaves out",
    );
    twin(
        "mov.u32 %r2, 0; @%p shfl.sync.down.b32 %r2, %r1, 8, 31, 0xffff;",
        "mov.u32 %r2, 0; @%p shfl.sync.down.b32 %r2, %r1, 8, 0x101f, 0xffff;",
        32,
        719,
        "shuffle out of range",
    );
}

#[test]
fn traps_and_endless_loops() {
    twin("setp.eq.u32 %q, %r1, 7; @%q trap; mov.u32 %r2, 0;", "mov.u32 %r2, 0;", 32, 719, "trap");
    let mut bench = Bench::new();
    bench.strictness.limit = 100_000;
    let fault = bench.run(".visible .entry k() { $a: bra $a; }", 1, 32, &[]).unwrap_err();
    assert_eq!(fault.code, 702);
}

#[test]
fn freed_memory_and_memory_of_others() {
    let text = ".visible .entry k(.param .u64 p0) { .reg .b32 %r<2>; .reg .b64 %rd<2>; ld.param.u64 %rd1, [p0]; ld.global.u32 %r1, [%rd1]; ret; }";
    let mut bench = Bench::new();
    let a = bench.words(&[1]);
    bench.run(text, 1, 1, &[a]).unwrap();
    bench.heap.free(a).unwrap();
    let fault = bench.run(text, 1, 1, &[a]).unwrap_err();
    assert!(fault.code == 700 && fault.message.contains("use after free"), "{fault}");
    let other = bench.heap.allocate(1, 4, false).unwrap();
    bench.heap.range(other, 4).unwrap().allocation.copy_in(0, &[0; 4]);
    let fault = bench.run(text, 1, 1, &[other]).unwrap_err();
    assert!(fault.code == 700 && fault.message.contains("memory of device 1"), "{fault}");
    bench.heap.add_peer(0, 1);
    bench.run(text, 1, 1, &[other]).unwrap();
}

#[test]
fn races_between_blocks_where_they_are_watched() {
    let text = |index: &str| {
        format!(
            ".visible .entry k(.param .u64 p0) {{ .reg .b32 %r<4>; .reg .b64 %rd<4>; mov.u32 %r1, %ctaid.x; mov.u32 %r2, {index};
             ld.param.u64 %rd1, [p0]; mul.wide.u32 %rd2, %r2, 2; add.s64 %rd1, %rd1, %rd2; st.global.u16 [%rd1], %r1; ret; }}"
        )
    };
    let mut bench = Bench::new();
    let out = bench.empty(64);
    bench.run(&text("0"), 4, 1, &[out]).unwrap();
    bench.strictness.global_races = true;
    for order in [Order::Forward, Order::Reverse] {
        bench.order = order;
        bench.run(&text("%ctaid.x"), 4, 1, &[out]).unwrap();
        let fault = bench.run(&text("0"), 4, 1, &[out]).unwrap_err();
        assert!(fault.message.contains("race between blocks"), "{fault}");
    }
}
