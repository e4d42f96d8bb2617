//! Sparse gradients of a table's rows.

use crate::ops::NO_ROW;
use crate::{Result, Tensor};

/// Distinct rows of `index` in ascending order and the sum of `values` for each; see [`Backend::coalesce`](crate::Backend::coalesce).
pub fn coalesce_definition(index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
    let rows = index.to_vec::<u32>();
    let mut distinct = rows.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let place = |row: &u32| distinct.binary_search(row).expect("every row is among the distinct ones") as u32;
    let places: Vec<u32> = rows.iter().map(place).collect();
    let device = values.device();
    if padded {
        distinct.resize(rows.len(), NO_ROW);
    }
    let sums = Tensor::zeros([distinct.len(), values.dim(1)], values.dtype(), device).index_add(
        0,
        &Tensor::from_slice(&places, [places.len()], device),
        values,
    );
    Ok((Tensor::from_slice(&distinct, [distinct.len()], device), sums))
}
