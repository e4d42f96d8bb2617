//! What lanes and warps do together: shuffles, votes, barriers, atomics.

use crate::bench::{Bench, Input, map};
use virtual_cuda::config::Order;

fn numbers(n: u64) -> Vec<u64> {
    (0..n).map(|i| i * i + 5).collect()
}

#[test]
fn shuffles() {
    let a = numbers(64);
    let check = |body: &str, from: &dyn Fn(usize) -> usize| {
        for (i, got) in map(body, 4, &[Input(4, &a)]).into_iter().enumerate() {
            assert_eq!(got, a[i / 32 * 32 + from(i % 32)], "{body} lane {i}");
        }
    };
    check("shfl.sync.bfly.b32 %o, %a, 5, 31, -1;", &|l| l ^ 5);
    check("shfl.sync.down.b32 %o, %a, 3, 31, 0xffffffff;", &|l| if l + 3 < 32 { l + 3 } else { l });
    check("shfl.sync.up.b32 %o, %a, 3, 0, -1;", &|l| if l >= 3 { l - 3 } else { l });
    check("shfl.sync.idx.b32 %o, %a, 7, 31, -1;", &|_| 7);
    // Segments of eight lanes.
    check("shfl.sync.idx.b32 %o, %a, 2, 0x181f, -1;", &|l| l / 8 * 8 + 2);
    check("shfl.sync.down.b32 %o, %a, 6, 0x181f, -1;", &|l| if l % 8 + 6 < 8 { l + 6 } else { l });
    let valid = map("shfl.sync.down.b32 %r0|%p, %a, 3, 31, -1; selp.b32 %o, 1, 0, %p;", 4, &[Input(4, &a)]);
    assert!(valid.iter().enumerate().all(|(i, v)| (*v == 1) == (i % 32 + 3 < 32)));
    // Half of the warp by itself.
    let body =
        "mov.b32 %o, %a; mov.u32 %r0, %laneid; setp.lt.u32 %p, %r0, 16; @%p shfl.sync.bfly.b32 %o, %a, 1, 31, 0xffff;";
    check(body, &|l| if l < 16 { l ^ 1 } else { l });
}

#[test]
fn votes_matches_and_reductions() {
    let a: Vec<u64> = (0..64).map(|i| i / 32 * 100 + i % 3).collect();
    let run = |body: &str| map(body, 4, &[Input(4, &a)]);
    let ballot = run("setp.eq.u32 %p, %a, 1; vote.sync.ballot.b32 %o, %p, -1;");
    assert_eq!(ballot[0], (0..32).filter(|l| l % 3 == 1).fold(0, |m, l| m | 1u64 << l));
    assert_eq!(ballot[32], 0);
    let any = run("setp.eq.u32 %p, %a, 1; vote.sync.any.pred %q, %p, -1; selp.b32 %o, 1, 0, %q;");
    assert_eq!((any[5], any[40]), (1, 0));
    let all = run("setp.lt.u32 %p, %a, 50; vote.sync.all.pred %q, %p, -1; selp.b32 %o, 1, 0, %q;");
    assert_eq!((all[5], all[40]), (1, 0));
    let same = run("match.any.sync.b32 %o, %a, -1;");
    assert_eq!(same[4], (0..32).filter(|l| l % 3 == 1).fold(0, |m, l| m | 1u64 << l));
    let sum = run("redux.sync.add.s32 %o, %a, -1;");
    assert_eq!((sum[9], sum[50]), (a[..32].iter().sum(), a[32..].iter().sum()));
    assert_eq!(run("redux.sync.max.u32 %o, %a, -1;")[0], 2);
}

/// The sum of a block: shuffles within warps, shared memory and a barrier between them.
const BLOCK_SUM: &str = "
    .visible .entry k(.param .u64 p0, .param .u64 p1) {
        .reg .pred %p; .reg .b32 %r<8>; .reg .b64 %rd<6>; .reg .f32 %f<6>;
        .shared .align 4 .b8 parts[128];
        mov.u32 %r1, %tid.x; ld.param.u64 %rd1, [p1]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
        ld.global.f32 %f1, [%rd1];
        mov.b32 %r2, %f1; shfl.sync.bfly.b32 %r3, %r2, 16, 31, -1; mov.b32 %f2, %r3; add.f32 %f1, %f1, %f2;
        mov.b32 %r2, %f1; shfl.sync.bfly.b32 %r3, %r2, 8, 31, -1; mov.b32 %f2, %r3; add.f32 %f1, %f1, %f2;
        mov.b32 %r2, %f1; shfl.sync.bfly.b32 %r3, %r2, 4, 31, -1; mov.b32 %f2, %r3; add.f32 %f1, %f1, %f2;
        mov.b32 %r2, %f1; shfl.sync.bfly.b32 %r3, %r2, 2, 31, -1; mov.b32 %f2, %r3; add.f32 %f1, %f1, %f2;
        mov.b32 %r2, %f1; shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1; mov.b32 %f2, %r3; add.f32 %f1, %f1, %f2;
        shr.u32 %r4, %r1, 5; and.b32 %r5, %r1, 31; shl.b32 %r6, %r4, 2; mov.u32 %r7, parts; add.u32 %r6, %r6, %r7;
        setp.eq.u32 %p, %r5, 0; @%p st.shared.f32 [%r6], %f1;
        bar.sync 0;
        setp.ne.u32 %p, %r1, 0; @%p bra $end;
        ld.shared.f32 %f1, [parts]; ld.shared.f32 %f2, [parts+4]; add.f32 %f1, %f1, %f2;
        ld.shared.v2.f32 {%f2, %f3}, [parts+8]; add.f32 %f1, %f1, %f2; add.f32 %f1, %f1, %f3;
        ld.param.u64 %rd1, [p0]; st.global.f32 [%rd1], %f1;
        $end: ret;
    }";

#[test]
fn a_block_sums_in_any_order_of_warps_and_without_its_barrier_it_is_a_race() {
    for order in [Order::Forward, Order::Reverse, Order::Shuffle(1), Order::Shuffle(2)] {
        let mut bench = Bench::new();
        bench.order = order;
        let values: Vec<f32> = (0..128).map(|i| i as f32 * 0.25).collect();
        let (out, input) = (bench.empty(4), bench.floats(&values));
        bench.run(BLOCK_SUM, 1, 128, &[out, input]).unwrap();
        assert_eq!(bench.read_floats(out, 1), [values.iter().sum::<f32>()]);
        let broken = BLOCK_SUM.replace("bar.sync 0;", "");
        let fault = bench.run(&broken, 1, 128, &[out, input]).unwrap_err();
        assert!(
            fault.message.contains("race in shared") || fault.message.contains("uninitialised"),
            "{order:?} {fault}"
        );
    }
}

#[test]
fn barriers_with_a_number_of_threads_and_counts() {
    // Two warps meet at barrier 1 while the other two never go there; then all count.
    let text = "
        .visible .entry k(.param .u64 p0) {
            .reg .pred %p, %q; .reg .b32 %r<5>; .reg .b64 %rd<4>; .shared .align 4 .b8 s[4];
            mov.u32 %r1, %tid.x; setp.ge.u32 %p, %r1, 64; @%p bra $rest;
            setp.eq.u32 %q, %r1, 0; @%q st.shared.u32 [s], 7;
            bar.sync 1, 64;
            ld.shared.u32 %r2, [s];
            $rest: setp.lt.u32 %q, %r1, 5; bar.red.popc.u32 %r3, 0, %q;
            @%p mov.u32 %r2, 0; add.u32 %r3, %r3, %r2;
            ld.param.u64 %rd1, [p0]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; st.global.u32 [%rd1], %r3; ret;
        }";
    for order in [Order::Forward, Order::Reverse, Order::Shuffle(9)] {
        let mut bench = Bench::new();
        bench.order = order;
        let out = bench.empty(4 * 128);
        bench.run(text, 1, 128, &[out]).unwrap();
        let got = bench.read_words(out, 128);
        assert!(got[..64].iter().all(|v| *v == 12) && got[64..].iter().all(|v| *v == 5), "{got:?}");
    }
}

#[test]
fn atomics() {
    let run = |instruction: &str, first: u32| {
        let text = format!(
            ".visible .entry k(.param .u64 p0) {{ .reg .b32 %r<4>; .reg .b64 %rd<3>; .reg .f32 %f<2>;
             mov.u32 %r1, %tid.x; cvt.rn.f32.u32 %f1, %r1; ld.param.u64 %rd1, [p0]; {instruction} ret; }}"
        );
        let mut bench = Bench::new();
        let cell = bench.words(&[first]);
        bench.run(&text, 2, 64, &[cell]).unwrap();
        bench.read_words(cell, 1)[0]
    };
    let sum: u32 = 2 * (0..64).sum::<u32>();
    assert_eq!(run("atom.global.add.u32 %r2, [%rd1], %r1;", 3), 3 + sum);
    assert_eq!(run("red.global.add.u32 [%rd1], %r1;", 0), sum);
    assert_eq!(f32::from_bits(run("red.global.add.f32 [%rd1], %f1;", 0)), sum as f32);
    assert_eq!(run("atom.global.max.s32 %r2, [%rd1], %r1;", -5i32 as u32), 63);
    assert_eq!(run("atom.global.min.u32 %r2, [%rd1], %r1;", 17), 0);
    assert_eq!(run("atom.global.inc.u32 %r2, [%rd1], 9;", 0), 128 % 10);
    assert_eq!(run("atom.global.or.b32 %r2, [%rd1], %r1;", 0x100), 0x13f);
    assert_eq!(run("atom.global.exch.b32 %r2, [%rd1], 42;", 0), 42);
    assert_eq!(run("atom.global.cas.b32 %r2, [%rd1], %r1, 99;", 5), 99);
    // Of a shared counter each thread gets another number.
    let text = "
        .visible .entry k(.param .u64 p0) {
            .reg .pred %p; .reg .b32 %r<5>; .reg .b64 %rd<4>; .shared .align 4 .b8 s[4];
            mov.u32 %r1, %tid.x; setp.eq.u32 %p, %r1, 0; @%p st.shared.u32 [s], 0; bar.sync 0;
            atom.shared.add.u32 %r2, [s], 1;
            ld.param.u64 %rd1, [p0]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; st.global.u32 [%rd1], %r2; ret;
        }";
    let mut bench = Bench::new();
    bench.order = Order::Shuffle(4);
    let out = bench.empty(4 * 96);
    bench.run(text, 1, 96, &[out]).unwrap();
    let mut got = bench.read_words(out, 96);
    got.sort_unstable();
    assert_eq!(got, (0..96).collect::<Vec<_>>());
}
