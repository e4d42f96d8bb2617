//! The body of a kernel: declarations, labels, and calls expanded in place.

use super::lexer::Token;
use super::parser::{Cursor, Function, Outer, Parsed, Scope, Variable, variables};
use super::{Instruction, Kernel, Op, Predicate, PtxError, Register, Slot, Special, Type, flow};
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

    fn registers(&mut self) -> Parsed<()> {
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

    fn local(&mut self, variable: &Variable<'a>) -> u64 {
        let offset = up(self.local_bytes, variable.align.max(8));
        self.local_bytes = offset + variable.bytes;
        offset as u64
    }

    fn shared_variables(&mut self) -> Parsed<()> {
        for variable in variables(&mut self.cursor)? {
            let offset = self.shared_offset(&variable);
            self.define(variable.name.to_string(), Name::Shared(offset));
        }
        Ok(())
    }

    fn shared_offset(&mut self, variable: &Variable<'a>) -> u64 {
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

    /// `ret`: the kernel ends, or the callee's text is left.
    pub fn return_from(&mut self, guard: Option<Predicate>, line: u32) {
        if self.frames.len() == 1 {
            self.code.push(Instruction { op: Op::Exit, guard, line });
        } else {
            self.jump(END, guard, line);
        }
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

    /// `call (r), f, (a, b)` after its mnemonic.
    pub fn call(&mut self, guard: Option<Predicate>, line: u32) -> Parsed<()> {
        let returns = if self.cursor.is('(') { self.call_list()? } else { Vec::new() };
        self.cursor.eat(',');
        let name = self.cursor.word()?;
        let arguments = if self.cursor.eat(',') { self.call_list()? } else { Vec::new() };
        self.cursor.want(';')?;
        let fail = |message: String| Err(PtxError::new(line, message));
        match name {
            "__assertfail" => {
                self.code.push(Instruction { op: Op::AssertFail, guard, line });
                return Ok(());
            }
            // Nothing is printed; the count it would return stays undefined.
            "vprintf" => return Ok(()),
            _ => {}
        }
        let Some(function) = self.scope.functions.get(name) else {
            return fail(format!("call of `{name}`, which is no function here (calls through pointers are not known)"));
        };
        let Some(start) = function.body else { return fail(format!("function `{name}` has no body")) };
        if self.frames.iter().any(|f| f.function == name) {
            return fail(format!("function `{name}` calls itself: recursion is not known"));
        }
        if (returns.len(), arguments.len()) != (function.returns.len(), function.parameters.len()) {
            return fail(format!("call of `{name}` with the wrong number of parameters"));
        }
        let skip = self.code.len();
        if let Some(guard) = guard {
            let around = Predicate { negate: !guard.negate, ..guard };
            self.code.push(Instruction { op: Op::Branch { target: 0 }, guard: Some(around), line });
        }
        let mut names = HashMap::new();
        let formal = function.returns.iter().chain(&function.parameters);
        for (variable, actual) in formal.zip(returns.into_iter().chain(arguments)) {
            names.insert(variable.name.to_string(), actual);
        }
        let (after, caller) = (self.cursor.at, std::mem::replace(&mut self.names, vec![names]));
        self.cursor.at = start;
        self.frames.push(Frame { id: self.frame_count, function: function.name });
        self.frame_count += 1;
        self.block().map_err(|mut e| {
            e.message = format!("{} (in function {name}, called at line {line})", e.message);
            e
        })?;
        self.label(END);
        self.frames.pop();
        self.names = caller;
        self.cursor.at = after;
        if guard.is_some() {
            self.code[skip].op = Op::Branch { target: self.code.len() as u32 };
        }
        Ok(())
    }

    fn call_list(&mut self) -> Parsed<Vec<Name>> {
        self.cursor.want('(')?;
        let mut out = Vec::new();
        while !self.cursor.eat(')') {
            if self.cursor.eat(',') {
                continue;
            }
            let name = self.cursor.word()?;
            match self.lookup(name) {
                Some(found @ Name::Local(_)) => out.push(found),
                _ => return self.cursor.fail(format!("`{name}` is no `.param` variable")),
            }
        }
        Ok(out)
    }
}
