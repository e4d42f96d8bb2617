//! What several tests share.
#![allow(dead_code)] // each test takes what it needs

use proptest::prelude::ProptestConfig;

/// So many cases a property, and no file for failures: a failing case is printed.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
