//! Generic addresses, local and dynamic shared memory, asynchronous copies.

use crate::bench::{Bench, Input, map};

#[test]
fn local_memory_is_each_threads_own() {
    let body = "{ .local .align 8 .b8 depot[16]; .reg .b64 %SP, %SPL; mov.u64 %SPL, depot; cvta.local.u64 %SP, %SPL;
        st.local.u32 [%SPL+4], %a; ld.u32 %o, [%SP+4]; }";
    let a: Vec<u64> = (0..200).map(|i| i * 3).collect();
    assert_eq!(map(body, 4, &[Input(4, &a)]), a);
}

#[test]
fn dynamic_shared_memory_by_generic_addresses() {
    let text = "
        .extern .shared .align 16 .b8 buffer[];
        .visible .entry k(.param .u64 p0) {
            .reg .b32 %r<5>; .reg .b64 %rd<8>;
            mov.u32 %r1, %tid.x; mov.u64 %rd1, buffer; cvta.shared.u64 %rd2, %rd1;
            mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd2, %rd3; st.u32 [%rd4], %r1; bar.sync 0;
            xor.b32 %r2, %r1, 33; mul.wide.u32 %rd5, %r2, 4; add.s64 %rd5, %rd1, %rd5; ld.shared.u32 %r3, [%rd5];
            ld.param.u64 %rd6, [p0]; add.s64 %rd6, %rd6, %rd3; st.global.u32 [%rd6], %r3; ret;
        }";
    let mut bench = Bench::new();
    bench.dynamic_shared = 256;
    let out = bench.empty(256);
    bench.run(text, 1, 64, &[out]).unwrap();
    assert_eq!(bench.read_words(out, 64), (0..64).map(|i| i ^ 33).collect::<Vec<_>>());
    bench.dynamic_shared = 252;
    let fault = bench.run(text, 1, 64, &[out]).unwrap_err();
    assert_eq!((fault.code, fault.thread), (700, [63, 0, 0]), "{fault}");
}

#[test]
fn asynchronous_copies_fill_with_zeros() {
    let text = "
        .visible .entry k(.param .u64 p0, .param .u64 p1) {
            .reg .b32 %r<9>; .reg .b64 %rd<8>; .shared .align 16 .b8 s[32];
            ld.param.u64 %rd1, [p1]; mov.u32 %r1, s;
            cp.async.ca.shared.global [%r1], [%rd1], 16; cp.async.cg.shared.global [%r1+16], [%rd1], 16, 4;
            cp.async.commit_group; cp.async.wait_group 0; bar.sync 0;
            ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, [s+16]; ld.shared.u32 %r6, [s+12];
            ld.param.u64 %rd2, [p0]; st.global.v4.u32 [%rd2], {%r2, %r3, %r4, %r6}; ret;
        }";
    let mut bench = Bench::new();
    let (out, input) = (bench.empty(16), bench.words(&[1, 2, 3, 4]));
    bench.run(text, 1, 1, &[out, input]).unwrap();
    assert_eq!(bench.read_words(out, 4), [1, 0, 0, 4]);
}
