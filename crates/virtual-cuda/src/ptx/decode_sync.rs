//! Barriers, and what the lanes of a warp do together.

use super::body::Body;
use super::cursor::Parsed;
use super::decode::Raw;
use super::operand::Operand;
use super::{Barrier, Fold, Logic, Op, Shuffle, Type, Vote};

impl<'a> Body<'a, '_> {
    pub(super) fn decode_sync(&mut self, raw: &mut Raw<'a>) -> Parsed<bool> {
        match raw.base {
            "bar" | "barrier" => self.barrier(raw)?,
            "membar" | "fence" => {
                let words = ["cta", "gl", "sys", "gpu", "sc", "acq_rel", "proxy", "async"];
                while raw.modifiers.one_of(&words).is_some() {}
                self.push(Op::Nothing, raw.guard);
            }
            "nanosleep" => self.push(Op::Nothing, raw.guard),
            "shfl" => self.shuffle(raw)?,
            "vote" => self.vote(raw)?,
            "match" => self.match_lanes(raw)?,
            "redux" => self.redux(raw)?,
            "activemask" => {
                let [to] = self.exactly(raw)?;
                let destination = self.destination(&to)?.slot;
                self.push(Op::ActiveMask { destination }, raw.guard);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn barrier(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        if raw.modifiers.take("warp") {
            raw.modifiers.take("sync");
            let [members] = self.exactly(raw)?;
            let members = self.source(&members, Type::B32, 4)?;
            self.push(Op::WarpSync { members }, raw.guard);
            return Ok(());
        }
        raw.modifiers.take("cta");
        // `bar` is `barrier….aligned`.
        let aligned = raw.modifiers.take("aligned") || raw.base == "bar";
        let kind = raw.modifiers.one_of(&["sync", "arrive", "red"]);
        let mut operands = raw.operands.clone();
        let kind = match kind {
            Some("sync") => Barrier::Sync,
            Some("arrive") => Barrier::Arrive,
            Some("red") => {
                let fold = raw.modifiers.one_of(&["popc", "and", "or"]);
                if operands.len() < 3 {
                    return self.error(raw.line, "`bar.red` has too few operands");
                }
                let to = operands.remove(0);
                let last = operands.pop().expect("three operands");
                let source = self.predicate(&last)?;
                match fold {
                    Some("popc") => Barrier::Count(source, self.destination(&to)?),
                    Some(fold) => {
                        let to = self.predicate_destination(&to)?.unwrap_or_else(|| self.new_predicate());
                        Barrier::Fold(if fold == "and" { Logic::And } else { Logic::Or }, source, to)
                    }
                    None => return self.error(raw.line, format!("`{}` is not known", raw.word)),
                }
            }
            _ => return self.error(raw.line, format!("`{}` is not known", raw.word)),
        };
        let id = match operands.first() {
            Some(id) => self.source(id, Type::B32, 4)?,
            None => return self.error(raw.line, "a barrier without a number"),
        };
        let threads = operands.get(1).map(|t| self.source(t, Type::B32, 4)).transpose()?;
        if kind == Barrier::Arrive && threads.is_none() {
            return self.error(raw.line, "`bar.arrive` needs a number of threads");
        }
        self.push(Op::Barrier { kind, id, threads, aligned }, raw.guard);
        Ok(())
    }

    fn must_be_sync(&self, raw: &mut Raw<'a>) -> Parsed<()> {
        if raw.modifiers.take("sync") {
            return Ok(());
        }
        self.error(raw.line, format!("`{}` without `.sync` is gone since sm_70", raw.word))
    }

    fn shuffle(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        self.must_be_sync(raw)?;
        let mode = match raw.modifiers.one_of(&["up", "down", "bfly", "idx"]) {
            Some("up") => Shuffle::Up,
            Some("down") => Shuffle::Down,
            Some("bfly") => Shuffle::Butterfly,
            Some(_) => Shuffle::Index,
            None => return self.error(raw.line, format!("`{}` is not known", raw.word)),
        };
        let [to, source, lane, clamp, members] = self.exactly(raw)?;
        let (to, valid) = match to {
            Operand::Two(to, valid) => (*to, self.predicate_destination(&valid)?),
            to => (to, None),
        };
        let op = Op::Shuffle {
            mode,
            source: self.source(&source, Type::B32, 4)?,
            lane: self.source(&lane, Type::B32, 4)?,
            clamp: self.source(&clamp, Type::B32, 4)?,
            members: self.source(&members, Type::B32, 4)?,
            destination: self.destination(&to)?.slot,
            valid,
        };
        self.push(op, raw.guard);
        Ok(())
    }

    fn vote(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        self.must_be_sync(raw)?;
        let mode = match raw.modifiers.one_of(&["all", "any", "uni", "ballot"]) {
            Some("all") => Vote::All,
            Some("any") => Vote::Any,
            Some("uni") => Vote::Uniform,
            Some(_) => Vote::Ballot,
            None => return self.error(raw.line, format!("`{}` is not known", raw.word)),
        };
        let [to, source, members] = self.exactly(raw)?;
        let source = self.predicate(&source)?;
        let members = self.source(&members, Type::B32, 4)?;
        let (ballot, holds) = match mode {
            Vote::Ballot => (Some(self.destination(&to)?.slot), None),
            _ => (None, self.predicate_destination(&to)?),
        };
        self.push(Op::Vote { mode, source, members, ballot, holds }, raw.guard);
        Ok(())
    }

    fn match_lanes(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        self.must_be_sync(raw)?;
        let ty = self.type_of(raw)?;
        let all = match raw.modifiers.one_of(&["any", "all"]) {
            Some(kind) => kind == "all",
            None => return self.error(raw.line, format!("`{}` is not known", raw.word)),
        };
        let [to, source, members] = self.exactly(raw)?;
        let (to, holds) = match to {
            Operand::Two(to, holds) => (*to, self.predicate_destination(&holds)?),
            to => (to, None),
        };
        let source = self.source_register(&source, ty)?;
        let members = self.source(&members, Type::B32, 4)?;
        let destination = self.destination(&to)?.slot;
        self.push(Op::Match { all, source, members, destination, holds }, raw.guard);
        Ok(())
    }

    fn redux(&mut self, raw: &mut Raw<'a>) -> Parsed<()> {
        self.must_be_sync(raw)?;
        let ty = self.type_of(raw)?;
        let fold = raw.modifiers.fold();
        let Some(fold @ (Fold::Add | Fold::Min | Fold::Max | Fold::And | Fold::Or | Fold::Xor)) = fold else {
            return self.error(raw.line, format!("`{}` is not known", raw.word));
        };
        let [to, source, members] = self.exactly(raw)?;
        let source = self.source(&source, ty, 4)?;
        let members = self.source(&members, Type::B32, 4)?;
        let destination = self.destination(&to)?.slot;
        self.push(Op::Redux { fold, signed: ty.is_signed(), source, members, destination }, raw.guard);
        Ok(())
    }
}
