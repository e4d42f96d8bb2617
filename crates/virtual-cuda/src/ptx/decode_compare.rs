//! Comparisons, selections, predicates.

use super::body::{Body, TRUE};
use super::cursor::Parsed;
use super::decode::Raw;
use super::operand::Operand;
use super::{Compare, Logic, Op, Predicate, Type};
use crate::lanes::{self, Mods, compare};

impl<'a> Body<'a, '_> {
    pub(super) fn comparison(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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

    pub(super) fn testp(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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

    pub(super) fn select(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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

    pub(super) fn predicate_logic(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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
}
