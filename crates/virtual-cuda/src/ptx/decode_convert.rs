//! Moves, addresses of other spaces, conversions.

use super::body::{Body, TRUE};
use super::cursor::Parsed;
use super::decode::Raw;
use super::operand::Operand;
use super::{Logic, Op, Space, Special, Type};
use crate::exec::window;
use crate::lanes::{self, Mods, bits, convert};

impl<'a> Body<'a, '_> {
    pub(super) fn mov(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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

    pub(super) fn cvta(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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

    pub(super) fn cvt(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
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
}
