//! The words of PTX that have a closed set of values: types, state spaces, rounding, comparisons.

/// The type of an instruction or of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Type {
    Pred,
    B8,
    B16,
    B32,
    B64,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F16,
    F16x2,
    Bf16,
    Bf16x2,
    F32,
    F64,
    Tf32,
}

impl Type {
    /// The type written `name` (without its dot), or `None` if no type is called that.
    pub fn parse(name: &str) -> Option<Type> {
        use Type::*;
        Some(match name {
            "pred" => Pred,
            "b8" => B8,
            "b16" => B16,
            "b32" => B32,
            "b64" => B64,
            "u8" => U8,
            "u16" => U16,
            "u32" => U32,
            "u64" => U64,
            "s8" => S8,
            "s16" => S16,
            "s32" => S32,
            "s64" => S64,
            "f16" => F16,
            "f16x2" => F16x2,
            "bf16" => Bf16,
            "bf16x2" => Bf16x2,
            "f32" => F32,
            "f64" => F64,
            "tf32" => Tf32,
            _ => return None,
        })
    }

    /// Bytes that a value takes in memory.
    pub fn bytes(self) -> usize {
        use Type::*;
        match self {
            Pred | B8 | U8 | S8 => 1,
            B16 | U16 | S16 | F16 | Bf16 => 2,
            B32 | U32 | S32 | F32 | F16x2 | Bf16x2 | Tf32 => 4,
            B64 | U64 | S64 | F64 => 8,
        }
    }

    /// Is it a signed integer?
    pub fn is_signed(self) -> bool {
        matches!(self, Type::S8 | Type::S16 | Type::S32 | Type::S64)
    }

    /// Is it a floating-point type (packed pairs included)?
    pub fn is_float(self) -> bool {
        use Type::*;
        matches!(self, F16 | F16x2 | Bf16 | Bf16x2 | F32 | F64 | Tf32)
    }
}

/// Where an address points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Space {
    Generic,
    Global,
    Const,
    Shared,
    Local,
    Param,
}

/// Direction of rounding; the `i` forms of PTX (`.rni`, …) are the same directions towards an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Round {
    /// To nearest, ties to even.
    #[default]
    Nearest,
    /// To nearest, ties away from zero (`.rna`, of conversions to tf32).
    NearestAway,
    /// Towards zero.
    Zero,
    /// Towards −∞.
    Down,
    /// Towards +∞.
    Up,
}

/// A comparison. The second half of the list is true where an operand is NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Equ,
    Neu,
    Ltu,
    Leu,
    Gtu,
    Geu,
    Num,
    Nan,
}

impl Compare {
    /// The comparison written `name`; `lo`, `ls`, `hi` and `hs` are the unsigned names of `lt`, `le`, `gt` and `ge`.
    pub fn parse(name: &str) -> Option<Compare> {
        use Compare::*;
        Some(match name {
            "eq" => Eq,
            "ne" => Ne,
            "lt" | "lo" => Lt,
            "le" | "ls" => Le,
            "gt" | "hi" => Gt,
            "ge" | "hs" => Ge,
            "equ" => Equ,
            "neu" => Neu,
            "ltu" => Ltu,
            "leu" => Leu,
            "gtu" => Gtu,
            "geu" => Geu,
            "num" => Num,
            "nan" => Nan,
            _ => return None,
        })
    }

    /// The answer, given how the operands are ordered; `None` where one of them is NaN.
    #[inline(always)]
    pub fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        use Compare::*;
        use std::cmp::Ordering::*;
        match order {
            None => matches!(self, Equ | Neu | Ltu | Leu | Gtu | Geu | Nan),
            Some(Less) => matches!(self, Ne | Lt | Le | Neu | Ltu | Leu | Num),
            Some(Equal) => matches!(self, Eq | Le | Ge | Equ | Leu | Geu | Num),
            Some(Greater) => matches!(self, Ne | Gt | Ge | Neu | Gtu | Geu | Num),
        }
    }
}

/// Values that some special registers hold; all but the clocks are fixed for a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Special {
    /// `%tid.x`, `.y`, `.z`.
    Tid(u8),
    /// `%ntid.*`.
    Ntid(u8),
    /// `%ctaid.*`.
    Ctaid(u8),
    /// `%nctaid.*`.
    Nctaid(u8),
    /// `%laneid`.
    Lane,
    /// `%warpid`.
    Warp,
    /// `%nwarpid`.
    Warps,
    /// `%lanemask_eq`, `_lt`, `_le`, `_gt`, `_ge`.
    MaskEq,
    /// See [`Special::MaskEq`].
    MaskLt,
    /// See [`Special::MaskEq`].
    MaskLe,
    /// See [`Special::MaskEq`].
    MaskGt,
    /// See [`Special::MaskEq`].
    MaskGe,
    /// `%dynamic_smem_size`.
    DynamicShared,
    /// `%total_smem_size`.
    TotalShared,
    /// `%smid`, `%nsmid`, `%gridid` and the zero components: always 0 here.
    Zero,
    /// `%clock`, `%clock64`, `%globaltimer`: instructions that the warp has executed. Read with `mov` alone.
    Clock,
}

impl Special {
    /// The special register written `name`.
    pub fn parse(name: &str) -> Option<Special> {
        use Special::*;
        if let Some((stem, axis)) = name.split_once('.') {
            let axis = match axis {
                "x" => 0,
                "y" => 1,
                "z" => 2,
                _ => return None,
            };
            return Some(match stem {
                "%tid" => Tid(axis),
                "%ntid" => Ntid(axis),
                "%ctaid" => Ctaid(axis),
                "%nctaid" => Nctaid(axis),
                _ => return None,
            });
        }
        Some(match name {
            "%laneid" => Lane,
            "%warpid" => Warp,
            "%nwarpid" => Warps,
            "%lanemask_eq" => MaskEq,
            "%lanemask_lt" => MaskLt,
            "%lanemask_le" => MaskLe,
            "%lanemask_gt" => MaskGt,
            "%lanemask_ge" => MaskGe,
            "%dynamic_smem_size" => DynamicShared,
            "%total_smem_size" => TotalShared,
            "%smid" | "%nsmid" | "%gridid" => Zero,
            "%clock" | "%clock_hi" | "%clock64" | "%globaltimer" | "%globaltimer_lo" | "%globaltimer_hi" => Clock,
            _ => return None,
        })
    }
}
