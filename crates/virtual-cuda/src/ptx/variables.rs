//! Declarations of variables and parameters.

use super::Type;
use super::cursor::{Cursor, Parsed};
use super::lexer::{Number, Token};

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

/// `(.param .u64 a, .param .b32 b)`.
pub(super) fn parameters<'a>(cursor: &mut Cursor<'a>) -> Parsed<Vec<Variable<'a>>> {
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
fn variable<'a>(cursor: &mut Cursor<'a>) -> Parsed<Variable<'a>> {
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
