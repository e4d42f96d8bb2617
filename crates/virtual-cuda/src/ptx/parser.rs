//! Directives and declarations of a module.

use super::body::Body;
use super::cursor::{Cursor, Parsed};
use super::lexer::{Number, Token, tokens};
use super::variables::{Variable, parameters, variables};
use super::{Global, Module, PtxError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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
