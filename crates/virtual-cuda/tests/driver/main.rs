//! The driver: order of work, errors, graphs, modules, products.

mod graphs;
mod modules;
mod order;
mod products;
#[path = "../common/small.rs"]
mod small;
mod support;
