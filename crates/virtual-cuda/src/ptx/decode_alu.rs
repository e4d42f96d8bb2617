//! Moves, conversions, arithmetic, comparisons, selections.

use super::body::{Body, TRUE};
use super::decode::Raw;
use super::operand::Operand;
use super::parser::Parsed;
use super::{Carry, CarryKind, Compare, Logic, Op, Predicate, Register, Slot, Space, Special, Type};
use crate::exec::window;
use crate::lanes::{self, Mods, Row, bits, compare, convert};

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
    fn emit(&mut self, raw: &Raw<'a>, row: Row, ty: Type, mods: Mods) -> Parsed<()> {
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

    fn sources(&mut self, operands: &[Operand<'a>], row: Row, ty: Type) -> Parsed<[Slot; 4]> {
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

    fn push_row(&mut self, row: Row, sources: [Slot; 4], to: Register, mods: Mods, guard: Option<Predicate>) {
        let op = Op::Compute { function: row.function, sources, destination: to.slot, wide: row.result == 8, mods };
        self.push(op, guard);
    }

    fn mov(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let [to, from] = self.exactly(raw)?;
        if ty == Type::Pred {
            let a = self.predicate(&from)?;
            let Some(destination) = self.predicate_destination(&to)? else { return Ok(()) };
            self.push(Op::Predicates { logic: Logic::And, a, b: TRUE, destination }, raw.guard);
            return Ok(());
        }
        match (&to, &from) {
            (Operand::List(parts), _) => {
                let source = self.source_register(&from, ty)?;
                let bits = (8 * ty.bytes() / parts.len()) as u32;
                let parts = parts
                    .iter()
                    .map(|p| if matches!(p, Operand::Sink) { Ok(None) } else { self.destination(p).map(Some) })
                    .collect::<Parsed<Vec<_>>>()?;
                self.push(Op::Split { source, bits, parts }, raw.guard);
            }
            (_, Operand::List(parts)) => {
                let bits = (8 * ty.bytes() / parts.len()) as u32;
                let part = if bits == 16 { Type::B16 } else { Type::B32 };
                let parts = parts.iter().map(|p| self.source_register(p, part)).collect::<Parsed<Vec<_>>>()?;
                let destination = self.destination(&to)?;
                self.push(Op::Join { parts, bits, destination }, raw.guard);
            }
            (_, Operand::Special(Special::Clock)) => {
                let destination = self.destination(&to)?;
                self.push(Op::Clock { destination }, raw.guard);
            }
            _ => {
                let width = [Type::B16, Type::B32, Type::B64][ty.bytes().trailing_zeros() as usize - 1];
                let row = bits::row("mov", width).expect("every width can be moved");
                self.emit(raw, row, ty, Mods::default())?;
            }
        }
        Ok(())
    }

    fn cvta(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let to = raw.modifiers.take("to");
        let start = match raw.modifiers.space() {
            Space::Shared => window::SHARED,
            Space::Local => window::LOCAL,
            Space::Param => window::PARAM,
            Space::Global | Space::Const => 0,
            Space::Generic => return self.error(raw.line, "`cvta` names no space"),
        };
        let [destination, from] = self.exactly(raw)?;
        let row = lanes::find("add", Type::U64, Mods::default()).expect("64-bit sums exist");
        let amount = self.constant(if to { start.wrapping_neg() } else { start }, 8);
        let source = self.source(&from, Type::U64, 8)?;
        let destination = self.destination(&destination)?;
        self.push_row(row, [source, amount, 0, 0], destination, Mods::default(), raw.guard);
        Ok(())
    }

    fn cvt(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let (mut mods, whole) = self.mods(raw);
        mods.flag = raw.modifiers.take("relu");
        mods.to = raw.modifiers.types.first().copied().unwrap_or(Type::B32);
        let &[to, from] = &raw.modifiers.types[..] else {
            return self.error(raw.line, "`cvt` names two types");
        };
        if let Some(row) = convert::pack(to).filter(|_| from == Type::F32) {
            return self.emit(raw, row, Type::F32, mods);
        }
        let Some(row) = convert::row(to, from, whole, mods) else {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        };
        let [destination, source] = self.exactly(raw)?;
        let source = self.source(&source, from, row.sources[0])?;
        let destination = self.destination(&destination)?;
        if destination.bytes as usize <= to.bytes().max(2) || to.is_float() {
            if destination.is_wide() != (row.result == 8) {
                return self.error(raw.line, format!("the result of `{}` does not fit its register", raw.word));
            }
            self.push_row(row, [source, 0, 0, 0], destination, mods, raw.guard);
            return Ok(());
        }
        // A wider register gets the value with its sign.
        let middle = self.new_register(row.result as u8);
        self.push_row(row, [source, 0, 0, 0], middle, mods, raw.guard);
        let signed = to.is_signed();
        let wider = match (destination.bytes, signed) {
            (2, true) => Type::S16,
            (2, false) => Type::U16,
            (4, true) => Type::S32,
            (4, false) => Type::U32,
            (_, true) => Type::S64,
            (_, false) => Type::U64,
        };
        let mods = Mods { to: wider, ..Mods::default() };
        let widen = convert::row(wider, to, false, mods).expect("integers widen");
        self.push_row(widen, [middle.slot, 0, 0, 0], destination, mods, raw.guard);
        Ok(())
    }

    fn comparison(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let is_set = raw.base == "set";
        let (mut mods, _) = self.mods(raw);
        let Some(&ty) = raw.modifiers.types.last() else {
            return self.error(raw.line, "a comparison names no type");
        };
        let logic = raw.modifiers.find(|w| {
            Some(match w {
                "and" => Logic::And,
                "or" => Logic::Or,
                "xor" => Logic::Xor,
                _ => return None,
            })
        });
        let known = raw.modifiers.find(Compare::parse).and_then(|c| Some((c, compare::row(c, ty)?)));
        let Some((comparison, row)) = known else {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        };
        mods.answers = compare::answers(comparison);
        let wanted = 3 + usize::from(logic.is_some());
        if raw.operands.len() != wanted {
            return self.error(raw.line, format!("`{}` takes {wanted} operands", raw.word));
        }
        let operands = raw.operands.clone();
        let sources = self.sources(&operands[1..3], row, ty)?;
        let joined = match logic {
            Some(logic) => Some((logic, self.predicate(&operands[3])?)),
            None => None,
        };
        if !is_set {
            let (holds, fails) = match &operands[0] {
                Operand::Two(p, q) => (self.predicate_destination(p)?, self.predicate_destination(q)?),
                p => (self.predicate_destination(p)?, None),
            };
            self.push(Op::Test { function: row.function, sources, mods, joined, holds, fails }, raw.guard);
            return Ok(());
        }
        let answer = self.new_predicate();
        let test = Op::Test { function: row.function, sources, mods, joined, holds: Some(answer), fails: None };
        self.push(test, raw.guard);
        let yes = if raw.modifiers.types[0] == Type::F32 { u64::from(1f32.to_bits()) } else { 0xffff_ffff };
        let (if_true, if_false) = (self.constant(yes, 4), self.constant(0, 4));
        let destination = self.destination(&operands[0])?.slot;
        let predicate = Predicate { index: answer, negate: false };
        self.push(Op::Select { if_true, if_false, predicate, destination, wide: false }, raw.guard);
        Ok(())
    }

    fn testp(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let kinds = ["infinite", "finite", "notanumber", "number", "normal", "subnormal"];
        let row = raw.modifiers.one_of(&kinds).and_then(|k| lanes::find(&format!("testp.{k}"), ty, Mods::default()));
        let Some(row) = row else { return self.error(raw.line, format!("`{}` is not known", raw.word)) };
        let [to, from] = self.exactly(raw)?;
        let sources = self.sources(&[from], row, ty)?;
        let holds = self.predicate_destination(&to)?;
        let mods = Mods::default();
        self.push(Op::Test { function: row.function, sources, mods, joined: None, holds, fails: None }, raw.guard);
        Ok(())
    }

    fn select(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let [to, a, b, p] = self.exactly(raw)?;
        let bytes = ty.bytes().max(4);
        let (if_true, if_false) = (self.source(&a, ty, bytes)?, self.source(&b, ty, bytes)?);
        let (predicate, destination) = (self.predicate(&p)?, self.destination(&to)?);
        if destination.is_wide() != (bytes == 8) {
            return self.error(raw.line, "the result of `selp` does not fit its register");
        }
        let op = Op::Select { if_true, if_false, predicate, destination: destination.slot, wide: bytes == 8 };
        self.push(op, raw.guard);
        Ok(())
    }

    fn predicate_logic(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let (logic, a, b) = if raw.base == "not" {
            let [_, a] = self.exactly(raw)?;
            let a = self.predicate(&a)?;
            (Logic::And, Predicate { negate: !a.negate, ..a }, TRUE)
        } else {
            let [_, a, b] = self.exactly(raw)?;
            let logic = match raw.base {
                "and" => Logic::And,
                "or" => Logic::Or,
                _ => Logic::Xor,
            };
            (logic, self.predicate(&a)?, self.predicate(&b)?)
        };
        if let Some(destination) = self.predicate_destination(&raw.operands[0].clone())? {
            self.push(Op::Predicates { logic, a, b, destination }, raw.guard);
        }
        Ok(())
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
