//! In which order the parts of a diverged warp run.
//!
//! Lanes that have parted are run by rank, lowest first, so that those which are behind catch up and all meet where the paths join.
//! The rank is reverse post-order of the control-flow graph, in which a join comes after both of its branches however the text is
//! laid out (ranking by position gives false "divergent barrier" reports on clang's layout), with the blocks of a loop before what
//! follows the loop: of two ways on, the one in fewer loops is visited first and so ranked later.

use super::{Instruction, Op};

/// The rank of every instruction.
pub fn order(code: &[Instruction]) -> Vec<u32> {
    let starts = block_starts(code);
    let mut block_of = vec![0; code.len() + 1];
    for (block, &start) in starts.iter().enumerate() {
        let end = starts.get(block + 1).copied().unwrap_or(code.len());
        block_of[start..end].fill(block);
    }
    let successors: Vec<Vec<usize>> = (0..starts.len())
        .map(|block| {
            let last = starts.get(block + 1).copied().unwrap_or(code.len()) - 1;
            let mut out = Vec::new();
            let instruction = &code[last];
            if let Op::Branch { target } = instruction.op {
                out.push(block_of[target as usize]);
            }
            let falls = !matches!(instruction.op, Op::Branch { .. } | Op::Exit) || instruction.guard.is_some();
            if falls && last + 1 < code.len() {
                out.push(block_of[last + 1]);
            }
            out
        })
        .collect();
    let depth = loop_depth(&successors);
    let mut rank = vec![u32::MAX; code.len()];
    let mut next = 0;
    for block in reverse_post_order(&successors, &depth) {
        let end = starts.get(block + 1).copied().unwrap_or(code.len());
        for r in &mut rank[starts[block]..end] {
            *r = next;
            next += 1;
        }
    }
    rank
}

fn block_starts(code: &[Instruction]) -> Vec<usize> {
    let mut leads = vec![false; code.len() + 1];
    leads[0] = true;
    for (i, instruction) in code.iter().enumerate() {
        match instruction.op {
            Op::Branch { target } => {
                leads[target as usize] = true;
                leads[i + 1] = true;
            }
            Op::Exit => leads[i + 1] = true,
            _ => {}
        }
    }
    (0..code.len()).filter(|&i| leads[i]).collect()
}

/// Blocks in post-order, and the edges that lead back to a block which is still open.
fn walk(successors: &[Vec<usize>]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let (mut post, mut back) = (Vec::new(), Vec::new());
    let mut state = vec![0u8; successors.len()];
    let mut stack = vec![(0, 0)];
    state[0] = 1;
    while let Some((block, at)) = stack.last_mut() {
        let block = *block;
        match successors[block].get(*at) {
            Some(&next) => {
                *at += 1;
                match state[next] {
                    0 => {
                        state[next] = 1;
                        stack.push((next, 0));
                    }
                    1 => back.push((block, next)),
                    _ => {}
                }
            }
            None => {
                state[block] = 2;
                post.push(block);
                stack.pop();
            }
        }
    }
    (post, back)
}

/// In how many loops each block lies: a loop is what reaches its back edge without passing its head.
fn loop_depth(successors: &[Vec<usize>]) -> Vec<u32> {
    let (_, back) = walk(successors);
    let mut predecessors = vec![Vec::new(); successors.len()];
    for (block, next) in successors.iter().enumerate().flat_map(|(b, s)| s.iter().map(move |&n| (b, n))) {
        predecessors[next].push(block);
    }
    let mut heads: Vec<usize> = back.iter().map(|e| e.1).collect();
    heads.sort_unstable();
    heads.dedup();
    let mut depth = vec![0; successors.len()];
    for head in heads {
        let mut inside = vec![false; successors.len()];
        inside[head] = true;
        let mut open: Vec<usize> = back.iter().filter(|e| e.1 == head).map(|e| e.0).collect();
        while let Some(block) = open.pop() {
            if !inside[block] {
                inside[block] = true;
                open.extend(&predecessors[block]);
            }
        }
        for (d, _) in depth.iter_mut().zip(inside).filter(|(_, i)| *i) {
            *d += 1;
        }
    }
    depth
}

fn reverse_post_order(successors: &[Vec<usize>], depth: &[u32]) -> Vec<usize> {
    let sorted: Vec<Vec<usize>> = successors
        .iter()
        .map(|s| {
            let mut s = s.clone();
            s.sort_by_key(|&b| depth[b]);
            s
        })
        .collect();
    let mut order = walk(&sorted).0;
    order.reverse();
    order
}
