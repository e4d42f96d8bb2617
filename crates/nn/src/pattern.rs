//! Choosing parameters by their paths.

/// Whether `path` is meant by `pattern`, in which `*` stands for any characters, dots too. A pattern that names a part of the model means all
/// parameters in it: `encoder` is as good as `encoder.*`.
///
/// ```
/// use unrolled_nn::path_matches;
/// assert!(path_matches("encoder", "encoder.lstm.0.bias"));
/// assert!(path_matches("*.bias", "encoder.lstm.0.bias"));
/// assert!(path_matches("encoder.*.0", "encoder.lstm.0.bias"));
/// assert!(!path_matches("enc", "encoder.lstm.0.bias"));
/// ```
pub fn path_matches(pattern: &str, path: &str) -> bool {
    fits(pattern.as_bytes(), path.as_bytes())
}

fn fits(pattern: &[u8], path: &[u8]) -> bool {
    match pattern.split_first() {
        None => path.first().is_none_or(|&byte| byte == b'.'),
        Some((b'*', rest)) => (0..=path.len()).any(|skipped| fits(rest, &path[skipped..])),
        Some((byte, rest)) => path.first() == Some(byte) && fits(rest, &path[1..]),
    }
}

/// A pattern that is of no effect, since it matches no parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no parameter matches `{pattern}`; there are: {}", paths.join(", "))]
pub struct UnmatchedPattern {
    /// The pattern.
    pub pattern: String,
    /// The paths of all parameters.
    pub paths: Vec<String>,
}
