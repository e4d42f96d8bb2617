//! A place in the tokens, and what is read from there.

use super::PtxError;
use super::lexer::{Number, Token};

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
    pub fn skip_braces(&mut self) -> Parsed<()> {
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
