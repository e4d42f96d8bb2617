//! Operands, and the places that they stand for.

use super::body::{Body, Name};
use super::cursor::Parsed;
use super::lexer::{Number, Token};
use super::parser::Outer;
use super::{Address, Op, Predicate, PtxError, Register, Slot, Space, Special, Type};

/// An operand as it was written.
#[derive(Clone, Debug)]
pub(super) enum Operand<'a> {
    Register(Register),
    Predicate(Predicate),
    Number {
        number: Number,
        negative: bool,
    },
    /// An address in its own space, or another constant.
    Constant(u64),
    Global {
        index: usize,
        offset: i64,
    },
    Special(Special),
    List(Vec<Operand<'a>>),
    /// `[a + 4]`, and the space of the variable that it names.
    Address(Address, Option<Space>),
    /// `a|b`.
    Two(Box<Operand<'a>>, Box<Operand<'a>>),
    /// `_`.
    Sink,
    Label(&'a str),
}

/// The bits of a number for an instruction of type `ty`.
fn number_bits(number: Number, negative: bool, ty: Type) -> Option<u64> {
    let float = |value: f64| match ty {
        Type::F32 => u64::from((value as f32).to_bits()),
        _ => value.to_bits(),
    };
    Some(match (number, ty) {
        (Number::Integer(v), Type::F32 | Type::F64) => float(if negative { -(v as f64) } else { v as f64 }),
        (Number::Integer(v), _) => {
            let v = if negative { v.wrapping_neg() } else { v };
            let bits = 8 * ty.bytes() as u32;
            if bits == 64 { v } else { v & ((1 << bits) - 1) }
        }
        (Number::F32(v), _) if ty.bytes() == 4 => u64::from(v ^ u32::from(negative) << 31),
        (Number::F64(v), Type::F32 | Type::F64) => float(if negative { -f64::from_bits(v) } else { f64::from_bits(v) }),
        (Number::F64(v), _) if ty.bytes() == 8 => v ^ u64::from(negative) << 63,
        _ => return None,
    })
}

impl<'a> Body<'a, '_> {
    /// The operands up to the `;`.
    pub fn operands(&mut self) -> Parsed<Vec<Operand<'a>>> {
        let mut out = Vec::new();
        while !self.cursor.eat(';') {
            if !out.is_empty() {
                self.cursor.want(',')?;
            }
            let operand = self.operand()?;
            out.push(if self.cursor.eat('|') {
                Operand::Two(Box::new(operand), Box::new(self.operand()?))
            } else {
                operand
            });
        }
        Ok(out)
    }

    fn operand(&mut self) -> Parsed<Operand<'a>> {
        if self.cursor.eat('!') {
            let name = self.cursor.word()?;
            return match self.lookup(name) {
                Some(Name::Predicate(index)) => Ok(Operand::Predicate(Predicate { index, negate: true })),
                _ => self.cursor.fail(format!("`{name}` is no predicate")),
            };
        }
        if self.cursor.eat('{') {
            let mut parts = Vec::new();
            while !self.cursor.eat('}') {
                if !parts.is_empty() {
                    self.cursor.want(',')?;
                }
                parts.push(self.operand()?);
            }
            return Ok(Operand::List(parts));
        }
        if self.cursor.eat('[') {
            return self.address();
        }
        let negative = self.cursor.eat('-');
        match self.cursor.next()? {
            Token::Number(number) => Ok(Operand::Number { number: *number, negative }),
            Token::Word(name) if !negative => self.named(name),
            other => {
                self.cursor.at -= 1;
                self.cursor.fail(format!("an operand expected, found {other:?}"))
            }
        }
    }

    fn named(&mut self, name: &'a str) -> Parsed<Operand<'a>> {
        let found = match name {
            "_" => return Ok(Operand::Sink),
            "WARP_SZ" => return Ok(Operand::Constant(32)),
            _ => self.lookup(name),
        };
        let offset = |body: &mut Self| if body.cursor.eat('+') { body.cursor.integer() } else { Ok(0) };
        Ok(match found {
            Some(Name::Register(register)) => Operand::Register(register),
            Some(Name::Predicate(index)) => Operand::Predicate(Predicate { index, negate: false }),
            Some(Name::Local(at) | Name::Shared(at) | Name::Param(at)) => {
                Operand::Constant(at.wrapping_add_signed(offset(self)?))
            }
            None => match (Special::parse(name), self.scope.names.get(name)) {
                (Some(special), _) => Operand::Special(special),
                (None, Some(Outer::Global(index))) => Operand::Global { index: *index, offset: offset(self)? },
                _ if name.starts_with('%') => return self.cursor.fail(format!("`{name}` is not declared")),
                _ => Operand::Label(name),
            },
        })
    }

    fn address(&mut self) -> Parsed<Operand<'a>> {
        let (mut base, mut space, mut offset) = (None, None, 0);
        match self.cursor.peek() {
            Some(Token::Word(name)) => {
                self.cursor.at += 1;
                match (self.lookup(name), self.scope.names.get(name)) {
                    (Some(Name::Register(register)), _) => base = Some(register),
                    (Some(Name::Param(at)), _) => (space, offset) = (Some(Space::Param), at as i64),
                    (Some(Name::Shared(at)), _) => (space, offset) = (Some(Space::Shared), at as i64),
                    (Some(Name::Local(at)), _) => (space, offset) = (Some(Space::Local), at as i64),
                    (None, Some(Outer::Global(index))) => {
                        base = Some(Register { slot: self.global_address(*index, 0), bytes: 8 });
                    }
                    _ => return self.cursor.fail(format!("`{name}` is not declared")),
                }
            }
            _ => offset = self.cursor.integer()?,
        }
        // Both `+4`, `+-4` and `-4` are in use.
        if self.cursor.eat('+') || self.cursor.is('-') {
            offset += self.cursor.integer()?;
        }
        self.cursor.want(']')?;
        Ok(Operand::Address(Address { base, offset }, space))
    }

    /// The place of a source operand of `bytes` (4 or 8).
    pub fn source(&mut self, operand: &Operand<'a>, ty: Type, bytes: usize) -> Parsed<Slot> {
        match operand {
            Operand::Register(r) if r.is_wide() == (bytes == 8) => Ok(r.slot),
            Operand::Register(r) if r.is_wide() => {
                let narrow = self.new_register(4);
                self.push(Op::Narrow { source: r.slot, destination: narrow.slot }, None);
                Ok(narrow.slot)
            }
            Operand::Register(_) => self.cursor.fail("a register is too narrow for this operand"),
            Operand::Number { number, negative } => match number_bits(*number, *negative, ty) {
                Some(bits) => Ok(self.constant(bits, bytes)),
                None => self.cursor.fail(format!("{number:?} is no value of type {ty:?}")),
            },
            Operand::Constant(value) => Ok(self.constant(*value, bytes)),
            Operand::Global { index, offset } if bytes == 8 => Ok(self.global_address(*index, *offset)),
            Operand::Special(Special::Clock) => self.cursor.fail("clocks are read with `mov`"),
            Operand::Special(special) if bytes == 4 => Ok(self.special(*special)),
            other => self.cursor.fail(format!("{other:?} cannot be a source here")),
        }
    }

    /// As [`Body::source`], as a register of the type's width (for what goes to memory).
    pub fn source_register(&mut self, operand: &Operand<'a>, ty: Type) -> Parsed<Register> {
        if let Operand::Register(register) = operand {
            return if usize::from(register.bytes) >= ty.bytes() {
                Ok(*register)
            } else {
                self.cursor.fail("a register is too narrow for this operand")
            };
        }
        let bytes = ty.bytes().max(4);
        Ok(Register { slot: self.source(operand, ty, bytes)?, bytes: bytes as u8 })
    }

    pub fn predicate(&mut self, operand: &Operand<'a>) -> Parsed<Predicate> {
        match operand {
            Operand::Predicate(predicate) => Ok(*predicate),
            Operand::Number { number: Number::Integer(v), .. } => {
                Ok(Predicate { index: u16::from(*v != 0), negate: false })
            }
            other => self.cursor.fail(format!("{other:?} is no predicate")),
        }
    }

    pub fn destination(&mut self, operand: &Operand<'a>) -> Parsed<Register> {
        match operand {
            Operand::Register(register) => Ok(*register),
            Operand::Sink => Ok(self.new_register(8)),
            other => self.cursor.fail(format!("{other:?} cannot be a result")),
        }
    }

    /// A predicate that receives a result; `None` for `_`.
    pub fn predicate_destination(&mut self, operand: &Operand<'a>) -> Parsed<Option<u16>> {
        match operand {
            Operand::Predicate(Predicate { index, negate: false }) => Ok(Some(*index)),
            Operand::Sink => Ok(None),
            other => self.cursor.fail(format!("{other:?} cannot receive a predicate")),
        }
    }

    pub fn error<T>(&self, line: u32, message: impl Into<String>) -> Parsed<T> {
        Err(PtxError::new(line, message))
    }
}
