//! Where registers, constants and variables of a body lie.

use super::super::cursor::Parsed;
use super::super::variables::{Variable, variables};
use super::super::{Register, Slot, Special, Type};
use super::{Body, DYNAMIC_SHARED, Name, SHARED_GAP, up};

impl<'a> Body<'a, '_> {
    pub(super) fn registers(&mut self) -> Parsed<()> {
        let word = self.cursor.word()?;
        let Some(ty) = Type::parse(&word[1..]) else { return self.cursor.fail(format!("unknown type `{word}`")) };
        loop {
            let name = self.cursor.word()?;
            if self.cursor.eat('<') {
                for i in 0..self.cursor.integer()? {
                    let register = self.register_name(ty);
                    self.define(format!("{name}{i}"), register);
                }
                self.cursor.want('>')?;
            } else {
                let register = self.register_name(ty);
                self.define(name.to_string(), register);
            }
            if !self.cursor.eat(',') {
                return self.cursor.want(';');
            }
        }
    }

    fn register_name(&mut self, ty: Type) -> Name {
        if ty == Type::Pred {
            return Name::Predicate(self.new_predicate());
        }
        Name::Register(self.new_register(ty.bytes().max(2) as u8))
    }

    /// A register that no other name has.
    pub fn new_register(&mut self, bytes: u8) -> Register {
        Register { slot: self.room(usize::from(bytes).max(4), u32::MAX), bytes }
    }

    pub fn new_predicate(&mut self) -> u16 {
        self.predicates += 1;
        self.predicates - 1
    }

    fn room(&mut self, bytes: usize, fill: u32) -> Slot {
        let slot = self.template.len();
        self.template.resize(slot + bytes / 4 * crate::lanes::LANES, fill);
        slot as Slot
    }

    /// The place of a constant of 4 or 8 bytes.
    pub fn constant(&mut self, value: u64, bytes: usize) -> Slot {
        if let Some(slot) = self.constants.get(&(value, bytes)) {
            return *slot;
        }
        let slot = self.room(bytes, value as u32);
        if bytes == 8 {
            for word in self.template[slot as usize..].chunks_exact_mut(2) {
                word.copy_from_slice(&[value as u32, (value >> 32) as u32]);
            }
        }
        self.constants.insert((value, bytes), slot);
        slot
    }

    /// The place of a global variable's address, known when the module is loaded.
    pub fn global_address(&mut self, global: usize, offset: i64) -> Slot {
        let found = self.relocations.iter().find(|r| (r.1, r.2) == (global, offset)).map(|r| r.0);
        found.unwrap_or_else(|| {
            let slot = self.room(8, 0);
            self.relocations.push((slot, global, offset));
            slot
        })
    }

    pub fn special(&mut self, special: Special) -> Slot {
        if let Some(slot) = self.specials.get(&special) {
            return *slot;
        }
        let slot = self.room(4, 0);
        self.specials.insert(special, slot);
        slot
    }

    pub(super) fn local(&mut self, variable: &Variable<'a>) -> u64 {
        let offset = up(self.local_bytes, variable.align.max(8));
        self.local_bytes = offset + variable.bytes;
        offset as u64
    }

    pub(super) fn shared_variables(&mut self) -> Parsed<()> {
        for variable in variables(&mut self.cursor)? {
            let offset = self.shared_offset(&variable);
            self.define(variable.name.to_string(), Name::Shared(offset));
        }
        Ok(())
    }

    pub(super) fn shared_offset(&mut self, variable: &Variable<'a>) -> u64 {
        if variable.open {
            return DYNAMIC_SHARED;
        }
        // A variable of a function that is called twice is one variable.
        let owner = self.frames.last().expect("the kernel itself").function;
        if let Some(offset) = self.shared_names.get(&(owner, variable.name)) {
            return *offset;
        }
        let end = self.shared.last().map_or(0, |(offset, size)| offset + size + SHARED_GAP);
        let offset = up(end, variable.align.max(16));
        self.shared.push((offset, variable.bytes));
        self.shared_names.insert((owner, variable.name), offset as u64);
        offset as u64
    }
}
