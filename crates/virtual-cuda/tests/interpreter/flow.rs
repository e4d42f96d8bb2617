//! Divergence, calls, predicates.

use crate::bench::{Bench, Input, map};

#[test]
fn lanes_part_and_meet_again() {
    // Collatz: every lane loops for another while.
    let body = "mov.b32 %r0, %a; mov.u32 %r1, 0;
        $again: setp.eq.u32 %p, %r0, 1; @%p bra $end;
        and.b32 %r2, %r0, 1; setp.eq.u32 %q, %r2, 0; @%q bra $even;
        mad.lo.u32 %r0, %r0, 3, 1; bra $next;
        $even: shr.u32 %r0, %r0, 1;
        $next: add.u32 %r1, %r1, 1; bra $again;
        $end: mov.b32 %o, %r1;";
    let a: Vec<u64> = (1..=200).collect();
    let want = |mut n: u64| {
        let mut steps = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    assert_eq!(map(body, 4, &[Input(4, &a)]), a.iter().map(|n| want(*n)).collect::<Vec<u64>>());
}

/// Lanes that left a loop at different times are together again behind it: they can vote.
#[test]
fn lanes_meet_behind_a_loop() {
    let body = "mov.b32 %r0, %a; $again: setp.eq.u32 %p, %r0, 0; @%p bra $end; sub.u32 %r0, %r0, 1; bra $again;
        $end: activemask.b32 %o;";
    let a: Vec<u64> = (0..32).map(|i| i * 7 % 11).collect();
    assert!(map(body, 4, &[Input(4, &a)]).iter().all(|mask| *mask == 0xffff_ffff));
}

const CALLS: &str = "
    .func (.param .b32 r) twice(.param .b32 x) {
        .reg .b32 %r<3>; .reg .pred %p;
        ld.param.u32 %r1, [x]; setp.gt.u32 %p, %r1, 100; @%p bra $big;
        add.u32 %r2, %r1, %r1; st.param.b32 [r+0], %r2; ret;
        $big: st.param.b32 [r+0], %r1; ret;
    }
    .visible .entry k(.param .u64 p0) {
        .reg .b32 %r<4>; .reg .b64 %rd<4>;
        mov.u32 %r1, %tid.x; ld.param.u64 %rd1, [p0]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
        mul.lo.u32 %r1, %r1, 30;
        { .param .b32 a; .param .b32 b; st.param.b32 [a+0], %r1; call.uni (b), twice, (a); ld.param.b32 %r2, [b+0]; }
        { .param .b32 a; .param .b32 b; st.param.b32 [a+0], %r2; call.uni (b), twice, (a); ld.param.b32 %r2, [b+0]; }
        st.global.u32 [%rd1], %r2; ret;
    }";

#[test]
fn calls_are_expanded_with_names_of_their_own() {
    let mut bench = Bench::new();
    let out = bench.empty(4 * 32);
    bench.run(CALLS, 1, 32, &[out]).unwrap();
    let twice = |x: u32| if x > 100 { x } else { 2 * x };
    assert_eq!(bench.read_words(out, 32), (0..32).map(|i| twice(twice(30 * i))).collect::<Vec<_>>());
}

#[test]
fn vectors_and_narrow_values_move() {
    let a: Vec<u64> = (0..64).map(|i| i * 0x0102_0304_0506_0708 + 0x80).collect();
    let got = map("cvta.global.u64 %s, %at; ld.v2.u32 {%r0, %r1}, [%s]; mov.b64 %o, {%r1, %r0};", 8, &[Input(8, &a)]);
    assert_eq!(got, a.iter().map(|v| v.rotate_left(32)).collect::<Vec<_>>());
    let got = map("ld.global.v4.u16 {_, %o, _, _}, [%at];", 2, &[Input(8, &a)]);
    assert_eq!(got, a.iter().map(|v| v >> 16 & 0xffff).collect::<Vec<_>>());
    let got = map("ld.global.s8 %r0, [%at]; mov.b32 %o, %r0;", 4, &[Input(8, &a)]);
    assert_eq!(got, a.iter().map(|v| *v as i8 as i32 as u32 as u64).collect::<Vec<_>>());
    let got = map("cvt.u16.u64 %o, %a; st.global.u8 [%at+1], %o; ld.global.u16 %o, [%at];", 2, &[Input(8, &a)]);
    assert_eq!(got, a.iter().map(|v| (v & 0xff) | (v & 0xff) << 8).collect::<Vec<_>>());
}

#[test]
fn special_registers() {
    let one = vec![0; 70];
    let run = |name: &str| map(&format!("mov.u32 %o, %{name};"), 4, &[Input(4, &one)]);
    assert_eq!(run("tid.x"), (0..70).collect::<Vec<u64>>());
    assert_eq!(run("laneid"), (0..70).map(|i| i % 32).collect::<Vec<u64>>());
    assert_eq!(run("warpid"), (0..70).map(|i| i / 32).collect::<Vec<u64>>());
    assert_eq!(run("lanemask_lt")[40], (1 << 8) - 1);
    assert_eq!(run("lanemask_ge")[40], 0xffff_ff00);
    assert_eq!((run("ntid.x")[3], run("nctaid.y")[3], run("ctaid.z")[3]), (128, 1, 0));
}
