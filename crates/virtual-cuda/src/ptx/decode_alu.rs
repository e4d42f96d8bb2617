//! Arithmetic: instructions that are a row of a table.

use super::body::Body;
use super::cursor::Parsed;
use super::decode::Raw;
use super::operand::Operand;
use super::{Carry, CarryKind, Op, Predicate, Register, Slot, Type};
use crate::lanes::{self, Mods, Row};

/// Instructions whose row is found by their name, and the variants that each may have.
const COMPUTE: &[(&str, &[&str])] = &[
    ("add", &[]),
    ("sub", &[]),
    ("mul", &["lo", "hi", "wide"]),
    ("mad", &["lo", "hi", "wide"]),
    ("fma", &[]),
    ("div", &["approx", "full"]),
    ("rem", &[]),
    ("abs", &[]),
    ("neg", &[]),
    ("min", &[]),
    ("max", &[]),
    ("sad", &[]),
    ("rcp", &["approx"]),
    ("sqrt", &["approx"]),
    ("rsqrt", &["approx"]),
    ("ex2", &["approx"]),
    ("lg2", &["approx"]),
    ("sin", &["approx"]),
    ("cos", &["approx"]),
    ("tanh", &["approx"]),
    ("copysign", &[]),
    ("and", &[]),
    ("or", &[]),
    ("xor", &[]),
    ("not", &[]),
    ("cnot", &[]),
    ("shl", &[]),
    ("shr", &[]),
    ("shf", &["l", "r"]),
    ("prmt", &[]),
    ("lop3", &[]),
    ("popc", &[]),
    ("clz", &[]),
    ("bfind", &[]),
    ("brev", &[]),
    ("bfe", &[]),
    ("bfi", &[]),
];

impl<'a> Body<'a, '_> {
    pub(super) fn decode_alu(&mut self, raw: &mut Raw<'a>) -> Parsed<bool> {
        let carries = raw.base == "addc" || raw.base == "subc" || raw.base == "madc" || raw.modifiers.take("cc");
        match raw.base {
            _ if carries => self.carry(raw)?,
            "mov" => self.mov(raw)?,
            "cvt" => self.cvt(raw)?,
            "cvta" => self.cvta(raw)?,
            "setp" | "set" => self.comparison(raw)?,
            "selp" => self.select(raw)?,
            "testp" => self.testp(raw)?,
            "and" | "or" | "xor" | "not" if raw.modifiers.ty() == Some(Type::Pred) => self.predicate_logic(raw)?,
            _ => match COMPUTE.iter().find(|c| c.0 == raw.base) {
                Some((_, variants)) => self.compute(raw, variants)?,
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    fn compute(&mut self, raw: &mut Raw<'a>, variants: &[&'static str]) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let (mut mods, whole) = self.mods(raw);
        let mut name = match raw.modifiers.one_of(variants) {
            Some(variant) => format!("{}.{variant}", raw.base),
            None => raw.base.to_string(),
        };
        if raw.base == "mad" && ty.is_float() {
            name = "fma".to_string();
        }
        mods.flag = match raw.base {
            "min" | "max" => raw.modifiers.take("NaN"),
            "fma" => raw.modifiers.take("relu"),
            "shf" => !raw.modifiers.take("clamp") && raw.modifiers.take("wrap"),
            _ => false,
        };
        let row = if whole { None } else { lanes::find(&name, ty, mods) };
        match row {
            Some(row) => self.emit(raw, row, ty, mods),
            None => self.error(raw.line, format!("`{}` is not known", raw.word)),
        }
    }

    /// One row: a result and as many operands as the row has.
    pub(super) fn emit(&mut self, raw: &Raw<'a>, row: Row, ty: Type, mods: Mods) -> Parsed<()> {
        if raw.operands.len() != row.sources.len() + 1 {
            return self.error(raw.line, format!("`{}` takes {} operands", raw.word, row.sources.len() + 1));
        }
        let sources = self.sources(&raw.operands[1..], row, ty)?;
        let destination = match &raw.operands[0] {
            Operand::Sink => self.new_register(row.result as u8),
            other => self.destination(other)?,
        };
        if destination.is_wide() != (row.result == 8) {
            return self.error(raw.line, format!("the result of `{}` does not fit its register", raw.word));
        }
        self.push_row(row, sources, destination, mods, raw.guard);
        Ok(())
    }

    pub(super) fn sources(&mut self, operands: &[Operand<'a>], row: Row, ty: Type) -> Parsed<[Slot; 4]> {
        let mut sources = [0; 4];
        for (i, (operand, bytes)) in operands.iter().zip(row.sources).enumerate() {
            // Amounts of shifts and positions of fields are 32-bit whatever the type; packed pairs are numbers of 32 bits.
            let ty = match (*bytes, ty.bytes()) {
                (4, 8) => Type::B32,
                (8, ..=4) => Type::B64,
                (4, 1 | 2) if ty.is_float() => Type::B16,
                _ => ty,
            };
            sources[i] = self.source(operand, ty, *bytes)?;
        }
        Ok(sources)
    }

    pub(super) fn push_row(
        &mut self,
        row: Row,
        sources: [Slot; 4],
        to: Register,
        mods: Mods,
        guard: Option<Predicate>,
    ) {
        let op = Op::Compute { function: row.function, sources, destination: to.slot, wide: row.result == 8, mods };
        self.push(op, guard);
    }

    fn carry(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        // `.cc` was taken for the forms that have both names: `addc.cc` both reads and writes.
        let reads = raw.base.ends_with('c');
        let writes = !reads || raw.word.split('.').any(|w| w == "cc");
        raw.modifiers.take("cc");
        let kind = match (raw.base.trim_end_matches('c'), raw.modifiers.one_of(&["lo", "hi"])) {
            ("add", None) => CarryKind::Add,
            ("sub", None) => CarryKind::Sub,
            ("mad", Some("lo")) => CarryKind::MadLo,
            ("mad", Some("hi")) => CarryKind::MadHi,
            _ => return self.error(raw.line, format!("`{}` is not known", raw.word)),
        };
        let count = if matches!(kind, CarryKind::Add | CarryKind::Sub) { 2 } else { 3 };
        if raw.operands.len() != count + 1 || !matches!(ty.bytes(), 4 | 8) || ty.is_float() {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        }
        let mut sources = [0; 3];
        for (slot, operand) in sources.iter_mut().zip(&raw.operands[1..]) {
            *slot = self.source(operand, ty, ty.bytes())?;
        }
        let destination = self.destination(&raw.operands[0])?;
        if usize::from(destination.bytes) != ty.bytes() {
            return self.error(raw.line, "the result of a sum with carry does not fit its register");
        }
        let signed = ty.is_signed();
        self.push(Op::Carry(Carry { kind, reads, writes, sources, destination, signed }), raw.guard);
        Ok(())
    }
}
