//! The body of a kernel: declarations, labels, and calls expanded in place.

mod calls;
mod places;

use super::cursor::{Cursor, Parsed};
use super::lexer::Token;
use super::parser::{Function, Outer, Scope};
use super::variables::variables;
use super::{Instruction, Kernel, Op, Predicate, PtxError, Register, Slot, Special, flow};
use std::collections::HashMap;
use std::sync::Arc;

/// Where dynamic shared memory begins: far past the static variables, so that running off their end is noticed.
pub const DYNAMIC_SHARED: u64 = 0x8_0000;
/// Bytes between two static shared variables that belong to nobody.
const SHARED_GAP: usize = 64;
/// Number of the predicate that is always false, and of the one that is always true.
pub(super) const TRUE: Predicate = Predicate { index: 1, negate: false };

/// What a name in a body means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    Register(Register),
    Predicate(u16),
    Local(u64),
    Shared(u64),
    Param(u64),
}

/// A function whose text is being read: the kernel, or a callee inside of it.
struct Frame<'a> {
    id: usize,
    function: &'a str,
}

/// A kernel in the making.
pub(super) struct Body<'a, 's> {
    pub scope: &'s Scope<'a>,
    pub cursor: Cursor<'a>,
    pub code: Vec<Instruction>,
    pub relocations: Vec<(Slot, usize, i64)>,
    names: Vec<HashMap<String, Name>>,
    frames: Vec<Frame<'a>>,
    frame_count: usize,
    labels: HashMap<(usize, &'a str), u32>,
    jumps: Vec<(usize, usize, &'a str, u32)>,
    template: Vec<u32>,
    constants: HashMap<(u64, usize), Slot>,
    specials: HashMap<Special, Slot>,
    predicates: u16,
    local_bytes: usize,
    shared: Vec<(usize, usize)>,
    shared_names: HashMap<(&'a str, &'a str), u64>,
    pub shared_grain: usize,
    pub global_atomics: bool,
}

/// The label of the place after a callee's last instruction; no label of PTX is called that.
const END: &str = "(end)";

fn up(x: usize, align: usize) -> usize {
    x.next_multiple_of(align.max(1))
}

impl<'a, 's> Body<'a, 's> {
    pub fn kernel(scope: &'s Scope<'a>, function: &Function<'a>, source: Arc<str>) -> Parsed<Kernel> {
        let at = function.body.expect("only kernels with a body are made");
        let mut body = Body {
            scope,
            cursor: Cursor { tokens: scope.tokens, at },
            code: Vec::new(),
            relocations: Vec::new(),
            names: vec![HashMap::new()],
            frames: vec![Frame { id: 0, function: function.name }],
            frame_count: 1,
            labels: HashMap::new(),
            jumps: Vec::new(),
            template: Vec::new(),
            constants: HashMap::new(),
            specials: HashMap::new(),
            predicates: 2,
            local_bytes: 0,
            shared: Vec::new(),
            shared_names: HashMap::new(),
            shared_grain: 4,
            global_atomics: false,
        };
        let (mut parameters, mut end) = (Vec::new(), 0);
        for parameter in &function.parameters {
            let offset = up(end, parameter.align);
            end = offset + parameter.bytes;
            parameters.push((offset, parameter.bytes));
            body.names[0].insert(parameter.name.to_string(), Name::Param(offset as u64));
        }
        let first = body.template.len();
        body.block()?;
        body.push(Op::Exit, None);
        body.resolve()?;
        let registers = (body.template.len() - first) / crate::lanes::LANES;
        let order = flow::order(&body.code);
        let mut specials: Vec<_> = body.specials.into_iter().map(|(special, slot)| (slot, special)).collect();
        specials.sort_unstable_by_key(|s| s.0);
        Ok(Kernel {
            name: function.name.to_string(),
            code: body.code,
            order,
            parameters,
            template: body.template,
            relocations: body.relocations,
            specials,
            predicates: usize::from(body.predicates),
            local_bytes: body.local_bytes,
            shared: body.shared,
            shared_grain: body.shared_grain,
            global_atomics: body.global_atomics,
            max_threads: function.max_threads,
            registers: registers.min(255),
            source,
        })
    }

    /// Statements up to the `}` that ends them.
    fn block(&mut self) -> Parsed<()> {
        loop {
            if self.cursor.eat('}') {
                return Ok(());
            }
            if self.cursor.eat(';') {
                continue;
            }
            if self.cursor.eat('{') {
                self.names.push(HashMap::new());
                self.block()?;
                self.names.pop();
                continue;
            }
            match self.cursor.peek() {
                Some(Token::Word(word)) if word.starts_with('.') => {
                    self.cursor.at += 1;
                    self.directive(word)?;
                }
                Some(Token::Word(word)) if self.is_label() => {
                    self.cursor.at += 2;
                    self.label(word);
                }
                _ => self.instruction()?,
            }
        }
    }

    fn is_label(&self) -> bool {
        self.cursor.tokens.get(self.cursor.at + 1).is_some_and(|t| t.0 == Token::Mark(':'))
    }

    fn directive(&mut self, word: &str) -> Parsed<()> {
        match word {
            ".reg" => self.registers(),
            ".shared" => self.shared_variables(),
            ".extern" => {
                if !self.cursor.eat_word(".shared") {
                    return self.cursor.fail("`.extern` in a body is for `.shared`");
                }
                self.shared_variables()
            }
            ".local" | ".param" => {
                for variable in variables(&mut self.cursor)? {
                    let offset = self.local(&variable);
                    self.define(variable.name.to_string(), Name::Local(offset));
                }
                Ok(())
            }
            ".loc" => {
                for _ in 0..3 {
                    self.cursor.integer()?;
                }
                // `, function_name $x, inlined_at 1 2 3`: where the line came from.
                while self.cursor.eat(',') {
                    self.cursor.word()?;
                    while matches!(self.cursor.peek(), Some(Token::Word(w)) if w.starts_with('$'))
                        || matches!(self.cursor.peek(), Some(Token::Number(_)))
                    {
                        self.cursor.at += 1;
                    }
                }
                Ok(())
            }
            ".pragma" => self.cursor.skip_past(';'),
            _ => {
                self.cursor.at -= 1;
                self.cursor.fail(format!("unknown directive `{word}` in a body"))
            }
        }
    }

    fn define(&mut self, name: String, meaning: Name) {
        self.names.last_mut().expect("a scope").insert(name, meaning);
    }

    /// What a name means in the innermost scope that knows it.
    pub fn lookup(&mut self, name: &str) -> Option<Name> {
        if let Some(found) = self.names.iter().rev().find_map(|scope| scope.get(name)) {
            return Some(*found);
        }
        match self.scope.names.get(name)? {
            Outer::Shared(variable) => {
                // Shared by the whole module: owned by no function.
                if let Some(offset) = self.shared_names.get(&("", variable.name)) {
                    return Some(Name::Shared(*offset));
                }
                let offset = self.shared_offset(variable);
                self.shared_names.insert(("", variable.name), offset);
                Some(Name::Shared(offset))
            }
            Outer::Global(_) => None,
        }
    }

    pub fn push(&mut self, op: Op, guard: Option<Predicate>) {
        self.code.push(Instruction { op, guard, line: self.cursor.line() });
    }

    fn label(&mut self, name: &'a str) {
        let frame = self.frames.last().expect("the kernel itself").id;
        self.labels.insert((frame, name), self.code.len() as u32);
    }

    pub fn jump(&mut self, label: &'a str, guard: Option<Predicate>, line: u32) {
        let frame = self.frames.last().expect("the kernel itself").id;
        self.jumps.push((self.code.len(), frame, label, line));
        self.code.push(Instruction { op: Op::Branch { target: 0 }, guard, line });
    }

    fn resolve(&mut self) -> Parsed<()> {
        for (at, frame, label, line) in std::mem::take(&mut self.jumps) {
            let target = *self
                .labels
                .get(&(frame, label))
                .ok_or_else(|| PtxError::new(line, format!("there is no label `{label}`")))?;
            self.code[at].op = Op::Branch { target };
        }
        Ok(())
    }
}
