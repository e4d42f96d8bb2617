//! Directives and declarations of a module.

use super::body::Body;
use super::lexer::{Number, Token, tokens};
use super::{Global, Module, PtxError, Type};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A place in the tokens.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub tokens: &'a [(Token<'a>, u32)],
    pub at: usize,
}

pub(super) type Parsed<T> = Result<T, PtxError>;

impl<'a> Cursor<'a> {
    pub fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at).map(|t| &t.0)
    }

    pub fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.1)
    }

    pub fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(PtxError::new(self.line(), message))
    }

    pub fn next(&mut self) -> Parsed<&'a Token<'a>> {
        let token = self.peek().ok_or_else(|| PtxError::new(self.line(), "the text ends in the middle"))?;
        self.at += 1;
        Ok(token)
    }

    pub fn is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    pub fn eat(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    pub fn want(&mut self, mark: char) -> Parsed<()> {
        if self.eat(mark) { Ok(()) } else { self.fail(format!("`{mark}` expected, found {:?}", self.peek())) }
    }

    pub fn word(&mut self) -> Parsed<&'a str> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => {
                self.at -= 1;
                self.fail(format!("a name expected, found {other:?}"))
            }
        }
    }

    pub fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if *w == word);
        self.at += usize::from(found);
        found
    }

    /// An integer with an optional sign.
    pub fn integer(&mut self) -> Parsed<i64> {
        let negative = self.eat('-');
        match self.next()? {
            Token::Number(Number::Integer(v)) => Ok(if negative { (*v as i64).wrapping_neg() } else { *v as i64 }),
            other => {
                self.at -= 1;
                self.fail(format!("an integer expected, found {other:?}"))
            }
        }
    }

    pub fn skip_past(&mut self, mark: char) -> Parsed<()> {
        while !self.eat(mark) {
            self.next()?;
        }
        Ok(())
    }

    /// From after `{` to after the `}` that closes it.
    fn skip_braces(&mut self) -> Parsed<()> {
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A declared variable or parameter.
#[derive(Clone, Debug)]
pub(super) struct Variable<'a> {
    pub name: &'a str,
    pub ty: Type,
    pub bytes: usize,
    pub align: usize,
    /// `name[]`: its size is not known here.
    pub open: bool,
    pub initial: Option<Vec<u8>>,
}

/// A function's text, read again at each place where it is called.
#[derive(Clone)]
pub(super) struct Function<'a> {
    pub name: &'a str,
    pub returns: Vec<Variable<'a>>,
    pub parameters: Vec<Variable<'a>>,
    /// Where the body starts (after its `{`); `None` for a declaration.
    pub body: Option<usize>,
    pub max_threads: Option<u32>,
    pub is_kernel: bool,
}

/// What a name at module level means.
#[derive(Clone)]
pub(super) enum Outer<'a> {
    Global(usize),
    Shared(Variable<'a>),
}

/// Everything that a body may refer to.
pub(super) struct Scope<'a> {
    pub tokens: &'a [(Token<'a>, u32)],
    pub functions: HashMap<&'a str, Function<'a>>,
    pub names: HashMap<&'a str, Outer<'a>>,
    pub perturb: u32,
}

/// Read a module. `perturb` is the seed of the errors of approximate instructions, 0 for none.
///
/// # Errors
/// Where the text is no PTX or holds an instruction, modifier or directive that is not known: with its line and kernel.
pub fn parse(source: &str, perturb: u32) -> Result<Module, PtxError> {
    let all = tokens(source)?;
    let mut cursor = Cursor { tokens: &all, at: 0 };
    let mut scope = Scope { tokens: &all, functions: HashMap::new(), names: HashMap::new(), perturb };
    let mut module = Module { kernels: BTreeMap::new(), globals: Vec::new(), target: 0, version: (0, 0) };
    while cursor.peek().is_some() {
        top_level(&mut cursor, &mut scope, &mut module)?;
    }
    if module.target == 0 {
        return Err(PtxError::new(1, "no `.target`: this is no PTX"));
    }
    let source: Arc<str> = source.into();
    for function in scope.functions.values().filter(|f| f.is_kernel && f.body.is_some()) {
        let kernel = Body::kernel(&scope, function, source.clone()).map_err(|e| e.in_kernel(function.name))?;
        module.kernels.insert(function.name.to_string(), Arc::new(kernel));
    }
    Ok(module)
}

fn top_level<'a>(cursor: &mut Cursor<'a>, scope: &mut Scope<'a>, module: &mut Module) -> Parsed<()> {
    let word = cursor.word()?;
    match word {
        ".version" => {
            let Token::Number(Number::F64(bits)) = cursor.next()? else { return cursor.fail("bad `.version`") };
            let version = f64::from_bits(*bits);
            module.version = (version as u32, (version.fract() * 10.0).round() as u32);
        }
        ".target" => {
            let target = cursor.word()?;
            let digits: String = target.chars().filter(char::is_ascii_digit).collect();
            module.target =
                digits.parse().map_err(|_| PtxError::new(cursor.line(), format!("unknown target {target}")))?;
            while cursor.eat(',') {
                cursor.word()?;
            }
        }
        ".address_size" => {
            if cursor.integer()? != 64 {
                return cursor.fail("only 64-bit addresses are known");
            }
        }
        ".visible" | ".extern" | ".weak" | ".common" => {}
        ".file" => {
            cursor.integer()?;
            cursor.next()?;
            while cursor.eat(',') {
                cursor.integer()?;
            }
        }
        ".section" => {
            cursor.word()?;
            cursor.want('{')?;
            cursor.skip_braces()?;
        }
        ".pragma" => cursor.skip_past(';')?,
        ".entry" | ".func" => {
            let function = function(cursor, word == ".entry")?;
            // A declaration does not hide a definition.
            if function.body.is_some() || !scope.functions.contains_key(function.name) {
                scope.functions.insert(function.name, function);
            }
        }
        ".global" | ".const" => {
            let constant = word == ".const";
            for variable in variables(cursor)? {
                scope.names.insert(variable.name, Outer::Global(module.globals.len()));
                let bytes = variable.initial.unwrap_or_else(|| vec![0; variable.bytes]);
                module.globals.push(Global { name: variable.name.to_string(), bytes, constant });
            }
        }
        ".shared" => {
            for variable in variables(cursor)? {
                scope.names.insert(variable.name, Outer::Shared(variable));
            }
        }
        _ => {
            cursor.at -= 1;
            return cursor.fail(format!("unknown directive `{word}`"));
        }
    }
    Ok(())
}

fn function<'a>(cursor: &mut Cursor<'a>, is_kernel: bool) -> Parsed<Function<'a>> {
    let returns = if !is_kernel && cursor.is('(') { parameters(cursor)? } else { Vec::new() };
    let name = cursor.word()?;
    let parameters = if cursor.is('(') { parameters(cursor)? } else { Vec::new() };
    let mut function = Function { name, returns, parameters, body: None, max_threads: None, is_kernel };
    loop {
        if cursor.eat(';') {
            return Ok(function);
        }
        if cursor.eat('{') {
            function.body = Some(cursor.at);
            cursor.skip_braces()?;
            return Ok(function);
        }
        match cursor.word()? {
            ".maxntid" | ".reqntid" => {
                let mut threads = cursor.integer()?;
                while cursor.eat(',') {
                    threads *= cursor.integer()?;
                }
                function.max_threads = Some(threads as u32);
            }
            ".minnctapersm" | ".maxnreg" | ".maxnctapersm" => {
                cursor.integer()?;
            }
            ".noreturn" => {}
            other => {
                cursor.at -= 1;
                return cursor.fail(format!("unknown directive `{other}` of function {name}"));
            }
        }
    }
}

fn parameters<'a>(cursor: &mut Cursor<'a>) -> Parsed<Vec<Variable<'a>>> {
    cursor.want('(')?;
    let mut out = Vec::new();
    while !cursor.eat(')') {
        if cursor.eat(',') {
            continue;
        }
        match cursor.word()? {
            ".param" => out.push(variable(cursor)?),
            other => {
                cursor.at -= 1;
                return cursor.fail(format!("parameters are `.param` here, not `{other}`"));
            }
        }
    }
    Ok(out)
}

/// `.type a, b[4];`, after the word of its space.
pub(super) fn variables<'a>(cursor: &mut Cursor<'a>) -> Parsed<Vec<Variable<'a>>> {
    let first = variable(cursor)?;
    let (ty, align) = (first.ty, first.align);
    let mut out = vec![first];
    while cursor.eat(',') {
        let name = cursor.word()?;
        out.push(named(cursor, name, ty, ty.bytes(), align)?);
    }
    cursor.want(';')?;
    Ok(out)
}

/// `.align 16 .b8 name[32] = {…}`.
pub(super) fn variable<'a>(cursor: &mut Cursor<'a>) -> Parsed<Variable<'a>> {
    let (mut align, mut ty, mut lanes) = (None, None, 1);
    loop {
        let word = cursor.word()?;
        match word {
            ".align" => align = Some(cursor.integer()? as usize),
            ".v2" => lanes = 2,
            ".v4" => lanes = 4,
            // What a pointer points at, with its alignment: a promise to the compiler.
            ".ptr" => {
                while matches!(cursor.peek(), Some(Token::Word(w)) if matches!(*w, ".global" | ".const" | ".local" | ".shared" | ".align"))
                {
                    if cursor.word()? == ".align" {
                        cursor.integer()?;
                    }
                }
            }
            _ if word.starts_with('.') => match Type::parse(&word[1..]) {
                Some(known) => ty = Some(known),
                None => {
                    cursor.at -= 1;
                    return cursor.fail(format!("unknown type or attribute `{word}`"));
                }
            },
            name => {
                let Some(ty) = ty else { return cursor.fail(format!("variable {name} has no type")) };
                let bytes = ty.bytes() * lanes;
                return named(cursor, name, ty, bytes, align.unwrap_or(bytes));
            }
        }
    }
}

fn named<'a>(cursor: &mut Cursor<'a>, name: &'a str, ty: Type, element: usize, align: usize) -> Parsed<Variable<'a>> {
    let (mut bytes, mut open) = (element, false);
    while cursor.eat('[') {
        if cursor.eat(']') {
            (bytes, open) = (0, true);
        } else {
            bytes *= cursor.integer()? as usize;
            cursor.want(']')?;
        }
    }
    let initial = if cursor.eat('=') { Some(initial(cursor, ty, bytes)?) } else { None };
    if let (true, Some(initial)) = (open, &initial) {
        (bytes, open) = (initial.len(), false);
    }
    Ok(Variable { name, ty, bytes, align, open, initial })
}

fn initial(cursor: &mut Cursor<'_>, ty: Type, bytes: usize) -> Parsed<Vec<u8>> {
    let (mut out, mut depth) = (Vec::new(), 0);
    loop {
        if cursor.eat('{') {
            depth += 1;
        } else if cursor.eat('}') {
            depth -= 1;
        } else if !cursor.eat(',') {
            let negative = cursor.eat('-');
            let bits = match cursor.next()? {
                Token::Number(Number::Integer(v)) if negative => v.wrapping_neg(),
                Token::Number(Number::Integer(v) | Number::F64(v)) => *v,
                Token::Number(Number::F32(v)) => u64::from(*v),
                other => {
                    cursor.at -= 1;
                    return cursor.fail(format!("initial values are numbers here, not {other:?}"));
                }
            };
            out.extend_from_slice(&bits.to_le_bytes()[..ty.bytes()]);
        }
        if depth == 0 {
            out.resize(out.len().max(bytes), 0);
            return Ok(out);
        }
    }
}
