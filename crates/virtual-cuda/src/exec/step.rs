//! The loop that runs a warp, and how its lanes part and meet.

use super::barrier;
use super::block::Env;
use super::fault::{Fault, ILLEGAL_INSTRUCTION, LAUNCH_FAILED, TIMEOUT};
use super::warp::{Group, Problem, Warp};
use crate::ptx::{Instruction, Op};

/// What became of the group that ran.
enum Next {
    /// It goes on.
    Go(Group),
    /// Its lanes have been put elsewhere, or have exited.
    Gone,
}

impl Warp {
    /// Run until every lane waits or has exited, or for about `quantum` instructions.
    pub fn run(&mut self, env: &mut Env<'_>, quantum: u64) -> Result<(), Fault> {
        let until = self.executed.saturating_add(quantum);
        loop {
            if self.ready.is_empty() && !self.release(env)? {
                return Ok(());
            }
            let (group, limit) = self.pick(env);
            self.run_group(env, group, limit, until)?;
            if self.executed >= until {
                return Ok(());
            }
        }
    }

    pub fn can_run(&self) -> bool {
        !self.ready.is_empty() || !self.waiting.is_empty()
    }

    /// The group that is furthest behind, and the rank at which it meets the next.
    fn pick(&mut self, env: &Env<'_>) -> (Group, u32) {
        if self.ready.len() == 1 {
            return (self.ready.pop().expect("one group"), u32::MAX);
        }
        let order = &env.launch.kernel.order;
        self.ready.sort_unstable_by_key(|g| std::cmp::Reverse(order[g.pc as usize]));
        let mut group = self.ready.pop().expect("some group");
        while let Some(next) = self.ready.last()
            && next.pc == group.pc
        {
            group.mask |= next.mask;
            self.ready.pop();
        }
        let limit = self.ready.last().map_or(u32::MAX, |g| order[g.pc as usize]);
        (group, limit)
    }

    fn run_group(&mut self, env: &mut Env<'_>, mut group: Group, limit: u32, until: u64) -> Result<(), Fault> {
        let kernel = env.launch.kernel;
        loop {
            let instruction = &kernel.code[group.pc as usize];
            self.executed += 1;
            env.stats.warp_instructions += 1;
            env.stats.lane_instructions += u64::from(group.mask.count_ones());
            match self.one(env, instruction, group) {
                Ok(Next::Go(next)) => group = next,
                Ok(Next::Gone) => return Ok(()),
                Err(problem) => return Err(self.fault(env.launch, env.index, group.pc, problem)),
            }
            if limit != u32::MAX && kernel.order[group.pc as usize] >= limit {
                self.ready.push(group);
                return Ok(());
            }
            if self.executed >= until {
                if self.executed > env.launch.strictness.limit {
                    let lane = group.mask.trailing_zeros() as usize;
                    let message = format!("the warp has run {} instructions and does not end", self.executed);
                    let problem = Problem { code: TIMEOUT, lane, message };
                    return Err(self.fault(env.launch, env.index, group.pc, problem));
                }
                self.ready.push(group);
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn one(&mut self, env: &mut Env<'_>, instruction: &Instruction, group: Group) -> Result<Next, Problem> {
        let active = match instruction.guard {
            Some(guard) => group.mask & self.holds(guard),
            None => group.mask,
        };
        let after = Group { pc: group.pc + 1, mask: group.mask };
        match &instruction.op {
            Op::Branch { target } => {
                if active == group.mask {
                    return Ok(Next::Go(Group { pc: *target, mask: active }));
                }
                if active == 0 {
                    return Ok(Next::Go(after));
                }
                self.ready.push(Group { pc: *target, mask: active });
                self.ready.push(Group { pc: group.pc + 1, mask: group.mask & !active });
                Ok(Next::Gone)
            }
            _ if active == 0 => Ok(Next::Go(after)),
            Op::Exit => {
                self.alive &= !active;
                let left = group.mask & !active;
                Ok(if left == 0 { Next::Gone } else { Next::Go(Group { pc: group.pc + 1, mask: left }) })
            }
            Op::Barrier { aligned, .. } => {
                self.part(group, active);
                if *aligned {
                    self.wait(env, Group { pc: group.pc, mask: active })
                } else {
                    self.block_at(Group { pc: group.pc, mask: active });
                    Ok(Next::Gone)
                }
            }
            op if op.members().is_some() => {
                self.part(group, active);
                self.wait(env, Group { pc: group.pc, mask: active })
            }
            _ => {
                self.step(env, instruction, group.pc as usize, active)?;
                Ok(Next::Go(after))
            }
        }
    }

    /// Lanes whose guard does not hold go on by themselves.
    fn part(&mut self, group: Group, active: u32) {
        if active != group.mask {
            self.ready.push(Group { pc: group.pc + 1, mask: group.mask & !active });
        }
    }

    /// The lanes that must be at the instruction where these lanes are.
    fn required(&self, env: &Env<'_>, group: Group) -> Result<u32, Problem> {
        let op = &env.launch.kernel.code[group.pc as usize].op;
        let Some(members) = op.members() else {
            return Ok(if env.launch.strictness.exited { self.all } else { self.alive });
        };
        let masks = self.registers.narrow(members);
        let first = group.mask.trailing_zeros() as usize;
        for lane in super::warp::lanes(group.mask) {
            if masks[lane] >> lane & 1 == 0 {
                let message = format!("its mask {:#010x} leaves out the lane {lane} that executes it", masks[lane]);
                return Problem::new(ILLEGAL_INSTRUCTION, lane, message);
            }
            if masks[lane] & self.all != masks[first] & self.all {
                let message = format!(
                    "lanes {first} and {lane} name different lanes: {:#010x}, {:#010x}",
                    masks[first], masks[lane]
                );
                return Problem::new(ILLEGAL_INSTRUCTION, lane, message);
            }
        }
        Ok(masks[first] & self.alive)
    }

    /// Wait for the other lanes that belong to this instruction, or execute it if all are here.
    fn wait(&mut self, env: &mut Env<'_>, group: Group) -> Result<Next, Problem> {
        let mut here = group.mask;
        if !self.waiting.is_empty() {
            here |= self.waiting.iter().filter(|g| g.pc == group.pc).fold(0, |m, g| m | g.mask);
        }
        let group = Group { pc: group.pc, mask: here };
        if self.required(env, group)? & !here != 0 {
            self.waiting.retain(|g| g.pc != group.pc);
            self.waiting.push(group);
            return Ok(Next::Gone);
        }
        self.waiting.retain(|g| g.pc != group.pc);
        self.together(env, group)
    }

    /// All lanes of an instruction that needs them are here.
    fn together(&mut self, env: &mut Env<'_>, group: Group) -> Result<Next, Problem> {
        let instruction = &env.launch.kernel.code[group.pc as usize];
        if let Op::Barrier { .. } = instruction.op {
            self.block_at(group);
            return Ok(Next::Gone);
        }
        self.step_together(env, instruction, group.mask)?;
        let next = Group { pc: group.pc + 1, mask: group.mask };
        if self.ready.is_empty() {
            return Ok(Next::Go(next));
        }
        self.ready.push(next);
        Ok(Next::Gone)
    }

    fn block_at(&mut self, group: Group) {
        self.arrivals.push(group);
        self.blocked.push(group);
    }

    /// Nothing is ready: lanes that were waited for may have exited. True if some lanes can go on.
    fn release(&mut self, env: &mut Env<'_>) -> Result<bool, Fault> {
        for at in 0..self.waiting.len() {
            let group = self.waiting[at];
            let result = self.required(env, group).and_then(|required| {
                if required & !group.mask != 0 {
                    return Ok(false);
                }
                self.waiting.remove(at);
                if let Next::Go(group) = self.together(env, group)? {
                    self.ready.push(group);
                }
                Ok(true)
            });
            match result {
                Ok(true) => return Ok(!self.ready.is_empty()),
                Ok(false) => {}
                Err(problem) => return Err(self.fault(env.launch, env.index, group.pc, problem)),
            }
        }
        // Lanes that are blocked at a barrier may come back and free those that wait; if none are, nothing will.
        match self.waiting.first() {
            Some(&group) if self.blocked.is_empty() => Err(self.stuck(env, group)),
            _ => Ok(false),
        }
    }

    /// The report of lanes that wait for lanes which cannot come.
    pub fn stuck(&self, env: &Env<'_>, group: Group) -> Fault {
        let kernel = env.launch.kernel;
        let missing = self.required(env, group).unwrap_or(self.all) & !group.mask;
        let mut where_they_are = Vec::new();
        if missing & !self.alive != 0 {
            where_they_are.push(format!("lanes {:#010x} have exited", missing & !self.alive));
        }
        for other in self.waiting.iter().chain(&self.blocked).filter(|o| o.mask & missing != 0) {
            let line = kernel.code[other.pc as usize].line;
            where_they_are.push(format!("lanes {:#010x} wait at line {line}", other.mask & missing));
        }
        let barrier = matches!(kernel.code[group.pc as usize].op, Op::Barrier { .. });
        let what = if barrier { "divergent barrier" } else { "lanes that must execute this together do not" };
        let message = format!("{what}: lanes {:#010x} wait here; {}", group.mask, where_they_are.join(", "));
        let code = if barrier { barrier::CODE } else { LAUNCH_FAILED };
        let lane = group.mask.trailing_zeros() as usize;
        self.fault(env.launch, env.index, group.pc, Problem { code, lane, message })
    }
}
