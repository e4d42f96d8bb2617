//! Texts that are refused when they are loaded, with the line and the kernel.

use crate::bench::module;
use virtual_cuda::ptx::parse;

fn error(body: &str) -> String {
    let text = module(&format!(
        ".visible .entry k(.param .u64 p0) {{\n.reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .pred %p;\n{body}\nret;\n}}"
    ));
    parse(&text, 0).expect_err(body).to_string()
}

#[test]
fn what_is_not_known_is_named_with_line_and_kernel() {
    for (body, want) in [
        ("frobnicate.u32 %r1, %r2;", "unknown instruction `frobnicate.u32`"),
        ("add.weird.u32 %r1, %r2, %r3;", "unknown modifier `.weird`"),
        ("add.u32 %r1, %r2;", "takes 3 operands"),
        ("add.u32 %rd1, %r2, %r3;", "does not fit"),
        ("add.u64 %rd1, %r2, %rd3;", "too narrow"),
        ("add.u32 %r1, %r2, %r9;", "not declared"),
        ("bra $nowhere;", "no label `$nowhere`"),
        ("shfl.bfly.b32 %r1, %r2, 1, 31;", "without `.sync`"),
        ("call nobody;", "call of `nobody`"),
        ("fma.rz.f64 %rd1, %rd1, %rd1, %rd1;", "not known"),
        ("ld.global.u64 %r1, [%rd1];", "does not fit"),
        ("setp.ltu.s32 %p, %r1, %r2;", "not known"),
        (".frob 3;", "unknown directive `.frob`"),
    ] {
        let got = error(body);
        assert!(got.contains(want), "{body}: {got}");
        assert!(got.contains("line 6") && got.contains("kernel k"), "{body}: {got}");
    }
}

#[test]
fn what_is_no_ptx_is_refused() {
    assert!(parse("hello", 0).is_err());
    assert!(parse("", 0).is_err());
    assert!(parse(".version 8.0\n.target sm_80\n.address_size 32\n", 0).is_err());
    let recursion = module(".func f() { call f; ret; }\n.visible .entry k() { call f; ret; }");
    assert!(parse(&recursion, 0).unwrap_err().to_string().contains("recursion"));
}
