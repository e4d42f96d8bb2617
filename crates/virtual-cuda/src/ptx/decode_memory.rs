//! Loads, stores, atomics and asynchronous copies.

use super::body::Body;
use super::cursor::Parsed;
use super::decode::Raw;
use super::operand::Operand;
use super::{Address, Fold, Op, Register, Space, Type};

/// Words about caches and order of memory that change nothing here: every access takes effect at once.
const HINTS: &[&str] = &["weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "gpu", "cta", "sys"];
const CACHE: &[&str] = &["ca", "cg", "cs", "cv", "lu", "wb", "wt", "nc"];

impl<'a> Body<'a, '_> {
    pub(super) fn decode_memory(&mut self, raw: &mut Raw<'a>) -> Parsed<bool> {
        match raw.base {
            "ld" | "ldu" => self.load(raw)?,
            "st" => self.store(raw)?,
            "atom" | "red" => self.atomic(raw)?,
            "cp" => self.copy_async(raw)?,
            "prefetch" | "prefetchu" | "discard" => {
                raw.modifiers.space();
                raw.modifiers.one_of(&["L1", "L2"]);
                raw.modifiers.drop_prefixed("L2::");
                self.push(Op::Nothing, raw.guard);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Space, and how many values a vector has.
    fn access(&mut self, raw: &mut Raw<'a>) -> (Space, usize) {
        while raw.modifiers.one_of(HINTS).is_some() || raw.modifiers.one_of(CACHE).is_some() {}
        raw.modifiers.drop_prefixed("L1::");
        raw.modifiers.drop_prefixed("L2::");
        let lanes = match raw.modifiers.one_of(&["v2", "v4", "v8"]) {
            Some("v2") => 2,
            Some("v4") => 4,
            Some(_) => 8,
            None => 1,
        };
        (raw.modifiers.space(), lanes)
    }

    fn address_of(&mut self, raw: &Raw<'a>, operand: &Operand<'a>, space: Space) -> Parsed<(Address, Space)> {
        match operand {
            // A `.param` variable of a call is a local variable here.
            Operand::Address(address, Some(Space::Local)) if space == Space::Param => Ok((*address, Space::Local)),
            Operand::Address(address, named) => {
                if named.is_some_and(|n| n != space && space != Space::Generic) {
                    return self.error(raw.line, format!("the variable of `{}` lies in another space", raw.word));
                }
                Ok((*address, named.unwrap_or(space)))
            }
            other => self.error(raw.line, format!("an address expected, found {other:?}")),
        }
    }

    /// Shared memory is watched in pieces as fine as the finest access.
    fn note_grain(&mut self, space: Space, bytes: usize) {
        if matches!(space, Space::Shared | Space::Generic) {
            self.shared_grain = self.shared_grain.min(bytes);
        }
    }

    fn parts(&self, raw: &Raw<'a>, operand: &Operand<'a>, lanes: usize) -> Parsed<Vec<Operand<'a>>> {
        let parts = match operand {
            Operand::List(parts) => parts.clone(),
            one => vec![one.clone()],
        };
        if parts.len() == lanes {
            Ok(parts)
        } else {
            self.error(raw.line, format!("`{}` moves {lanes} values, not {}", raw.word, parts.len()))
        }
    }

    fn load(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let (space, lanes) = self.access(raw);
        let [to, from] = self.exactly(raw)?;
        let (address, space) = self.address_of(raw, &from, space)?;
        let destinations = self
            .parts(raw, &to, lanes)?
            .iter()
            .map(|part| match part {
                Operand::Sink => Ok(None),
                part => self.destination(part).map(Some),
            })
            .collect::<Parsed<Vec<_>>>()?;
        if destinations.iter().flatten().any(|r| usize::from(r.bytes) < ty.bytes()) {
            return self.error(raw.line, format!("the result of `{}` does not fit its register", raw.word));
        }
        self.note_grain(space, ty.bytes());
        self.push(Op::Load { space, ty, address, destinations }, raw.guard);
        Ok(())
    }

    fn store(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let (space, lanes) = self.access(raw);
        let [to, from] = self.exactly(raw)?;
        let (address, space) = self.address_of(raw, &to, space)?;
        let parts = self.parts(raw, &from, lanes)?;
        let sources = parts.iter().map(|p| self.source_register(p, ty)).collect::<Parsed<Vec<Register>>>()?;
        self.note_grain(space, ty.bytes());
        self.push(Op::Store { space, ty, address, sources }, raw.guard);
        Ok(())
    }

    fn atomic(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        let ty = self.type_of(raw)?;
        let (space, lanes) = self.access(raw);
        raw.modifiers.take("noftz");
        let fold = raw.modifiers.fold();
        let (Some(fold), 1) = (fold, lanes) else {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        };
        if !crate::exec::atomic_exists(fold, ty) {
            return self.error(raw.line, format!("`{}` is not known for this type", raw.word));
        }
        let mut operands = raw.operands.clone();
        let destination = match raw.base {
            "atom" if !operands.is_empty() => match operands.remove(0) {
                Operand::Sink => None,
                other => Some(self.destination(&other)?),
            },
            _ => None,
        };
        let wanted = 2 + usize::from(fold == Fold::CompareAndSwap);
        if operands.len() != wanted {
            return self.error(raw.line, format!("`{}` has the wrong number of operands", raw.word));
        }
        let (address, space) = self.address_of(raw, &operands[0], space)?;
        let operand = self.source_register(&operands[1], ty)?;
        let other = operands.get(2).map(|o| self.source_register(o, ty)).transpose()?;
        self.note_grain(space, ty.bytes());
        self.global_atomics |= matches!(space, Space::Global | Space::Generic);
        self.push(Op::Atomic { space, ty, fold, address, operand, other, destination }, raw.guard);
        Ok(())
    }

    fn copy_async(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        if !raw.modifiers.take("async") {
            return self.error(raw.line, format!("unknown instruction `{}`", raw.word));
        }
        if raw.modifiers.one_of(&["commit_group", "wait_group", "wait_all"]).is_some() {
            self.push(Op::Nothing, raw.guard);
            return Ok(());
        }
        raw.modifiers.one_of(&["ca", "cg"]);
        raw.modifiers.drop_prefixed("L2::");
        let spaces = raw.modifiers.space() == Space::Shared && raw.modifiers.space() == Space::Global;
        if !spaces || !(3..=4).contains(&raw.operands.len()) {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        }
        let operands = raw.operands.clone();
        let (shared, _) = self.address_of(raw, &operands[0], Space::Shared)?;
        let (global, _) = self.address_of(raw, &operands[1], Space::Global)?;
        let Operand::Number { number: super::lexer::Number::Integer(bytes @ (4 | 8 | 16)), .. } = operands[2] else {
            return self.error(raw.line, "`cp.async` copies 4, 8 or 16 bytes");
        };
        let source_bytes = operands.get(3).map(|o| self.source_register(o, Type::B32)).transpose()?;
        self.push(Op::CopyAsync { shared, global, bytes: bytes as u32, source_bytes }, raw.guard);
        Ok(())
    }
}
