//! One instruction: its guard, its mnemonic taken apart, its operands; then to the decoder of its kind.

use super::body::{Body, Name};
use super::cursor::Parsed;
use super::operand::Operand;
use super::{Fold, Op, Predicate, Round, Space, Type};
use crate::lanes::Mods;

/// The words after the mnemonic (`.rn`, `.ftz`, `.f32`), taken out as they are understood: what is left over is an error.
pub(super) struct Modifiers<'a> {
    words: Vec<&'a str>,
    /// Types in the order in which they stand.
    pub types: Vec<Type>,
}

impl<'a> Modifiers<'a> {
    fn new(words: &[&'a str]) -> Modifiers<'a> {
        let types = words.iter().filter_map(|w| Type::parse(w)).collect();
        Modifiers { words: words.iter().copied().filter(|w| Type::parse(w).is_none()).collect(), types }
    }

    /// Is this word there? Then it is understood.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.words.iter().position(|w| *w == word);
        if let Some(at) = found {
            self.words.remove(at);
        }
        found.is_some()
    }

    /// The first of these words that is there.
    pub fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|w| self.take(w))
    }

    /// The first word that `parse` knows.
    pub fn find<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (at, found) = self.words.iter().enumerate().find_map(|(i, w)| Some((i, parse(w)?)))?;
        self.words.remove(at);
        Some(found)
    }

    /// The words that begin so are hints.
    pub fn drop_prefixed(&mut self, prefix: &str) {
        self.words.retain(|w| !w.starts_with(prefix));
    }

    /// The type, where there is one alone.
    pub fn ty(&self) -> Option<Type> {
        self.types.first().copied()
    }

    /// A direction of rounding, and whether it is one towards whole numbers.
    pub fn round(&mut self) -> Option<(Round, bool)> {
        self.find(|w| {
            Some(match w {
                "rn" => (Round::Nearest, false),
                "rna" => (Round::NearestAway, false),
                "rz" => (Round::Zero, false),
                "rm" => (Round::Down, false),
                "rp" => (Round::Up, false),
                "rni" => (Round::Nearest, true),
                "rzi" => (Round::Zero, true),
                "rmi" => (Round::Down, true),
                "rpi" => (Round::Up, true),
                _ => return None,
            })
        })
    }

    /// A state space; generic where none is named.
    pub fn space(&mut self) -> Space {
        self.find(|w| {
            Some(match w {
                "global" => Space::Global,
                "const" => Space::Const,
                "shared" | "shared::cta" => Space::Shared,
                "local" => Space::Local,
                "param" | "param::entry" | "param::func" => Space::Param,
                _ => return None,
            })
        })
        .unwrap_or(Space::Generic)
    }

    /// What an atomic does.
    pub fn fold(&mut self) -> Option<Fold> {
        self.find(|w| {
            Some(match w {
                "add" => Fold::Add,
                "and" => Fold::And,
                "or" => Fold::Or,
                "xor" => Fold::Xor,
                "min" => Fold::Min,
                "max" => Fold::Max,
                "exch" => Fold::Exchange,
                "cas" => Fold::CompareAndSwap,
                "inc" => Fold::Increment,
                "dec" => Fold::Decrement,
                _ => return None,
            })
        })
    }

    /// Names of the words that nobody took.
    pub fn left(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join("."))
    }
}

/// An instruction that is being decoded.
pub(super) struct Raw<'a> {
    pub base: &'a str,
    pub modifiers: Modifiers<'a>,
    pub operands: Vec<Operand<'a>>,
    pub guard: Option<Predicate>,
    pub line: u32,
    /// The mnemonic as it stands.
    pub word: &'a str,
}

impl<'a> Body<'a, '_> {
    /// Read one instruction and add what runs for it.
    pub fn instruction(&mut self) -> Parsed<()> {
        let line = self.cursor.line();
        let guard = self.guard()?;
        let word = self.cursor.word()?;
        let mut parts = word.split('.');
        let base = parts.next().expect("split gives one part");
        let words: Vec<&str> = parts.collect();
        if base == "call" {
            return self.call(guard, line);
        }
        let operands = self.operands()?;
        let mut raw = Raw { base, modifiers: Modifiers::new(&words), operands, guard, line, word };
        let first = self.code.len();
        // What is found wrong once the operands are read is wrong on the instruction's line, not where the reading stands.
        let known = self.decode(&mut raw).map_err(|e| super::PtxError { line, ..e })?;
        if !known {
            return self.error(line, format!("unknown instruction `{word}`"));
        }
        if let Some(left) = raw.modifiers.left() {
            return self.error(line, format!("unknown modifier `.{left}` of `{word}`"));
        }
        for instruction in &mut self.code[first..] {
            instruction.line = line;
        }
        Ok(())
    }

    fn decode(&mut self, raw: &mut Raw<'a>) -> Parsed<bool> {
        Ok(self.decode_control(raw)? || self.decode_alu(raw)? || self.decode_memory(raw)? || self.decode_sync(raw)?)
    }

    fn guard(&mut self) -> Parsed<Option<Predicate>> {
        if !self.cursor.eat('@') {
            return Ok(None);
        }
        let negate = self.cursor.eat('!');
        let name = self.cursor.word()?;
        match self.lookup(name) {
            Some(Name::Predicate(index)) => Ok(Some(Predicate { index, negate })),
            _ => self.cursor.fail(format!("`{name}` is no predicate")),
        }
    }

    fn decode_control(&mut self, raw: &mut Raw<'a>) -> Parsed<bool> {
        match raw.base {
            "bra" => {
                raw.modifiers.take("uni");
                let [Operand::Label(label)] = raw.operands[..] else {
                    return self.error(raw.line, "`bra` takes one label");
                };
                self.jump(label, raw.guard, raw.line);
            }
            "ret" => {
                raw.modifiers.take("uni");
                self.return_from(raw.guard, raw.line);
            }
            "exit" => self.push(Op::Exit, raw.guard),
            "trap" => self.push(Op::Trap, raw.guard),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Exactly `N` operands.
    pub fn exactly<const N: usize>(&self, raw: &Raw<'a>) -> Parsed<[Operand<'a>; N]> {
        match <[Operand<'a>; N]>::try_from(raw.operands.clone()) {
            Ok(operands) => Ok(operands),
            Err(_) => self.error(raw.line, format!("`{}` takes {N} operands, not {}", raw.word, raw.operands.len())),
        }
    }

    /// The modifiers that computations look at, without `flag`.
    pub fn mods(&self, raw: &mut Raw<'a>) -> (Mods, bool) {
        let (round, whole) = raw.modifiers.round().unwrap_or_default();
        let mods = Mods {
            round,
            ftz: raw.modifiers.take("ftz"),
            sat: raw.modifiers.take("sat"),
            perturb: self.scope.perturb,
            ..Mods::default()
        };
        (mods, whole)
    }

    pub fn type_of(&self, raw: &Raw<'a>) -> Parsed<Type> {
        match raw.modifiers.ty() {
            Some(ty) => Ok(ty),
            None => self.error(raw.line, format!("`{}` names no type", raw.word)),
        }
    }
}
