//! Calls, expanded in place: the callee's text is read again, with registers of its own.

use super::super::cursor::Parsed;
use super::super::{Instruction, Op, Predicate, PtxError};
use super::{Body, END, Frame, Name};
use std::collections::HashMap;

impl<'a> Body<'a, '_> {
    /// `ret`: the kernel ends, or the callee's text is left.
    pub fn return_from(&mut self, guard: Option<Predicate>, line: u32) {
        if self.frames.len() == 1 {
            self.code.push(Instruction { op: Op::Exit, guard, line });
        } else {
            self.jump(END, guard, line);
        }
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
