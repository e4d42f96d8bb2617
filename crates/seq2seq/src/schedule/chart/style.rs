//! The colours: Okabe and Ito's, which colour-blind readers can tell apart and which differ in lightness on paper.

use crate::schedule::Kind;

/// The class of a kind's blocks.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Forward => "forward",
        Kind::Softmax => "softmax",
        Kind::Backward => "backward",
        Kind::WeightGradient => "weights",
        Kind::Update => "update",
    }
}

/// Light by default and in print; dark where the reader's theme is.
pub(super) const STYLE: &str = "
.paper{fill:#ffffff}.ink{fill:#1a1a1a}.soft{fill:#555555}.idle{fill:#8a8a8a;font-style:italic}
.lane{fill:#f0f0ee}.grid{stroke:#d4d4d0;stroke-width:1;fill:none}.bracket{stroke:#9a9a9a;stroke-width:1;fill:none}
.forward{fill:#0072b2}.softmax{fill:#009e73}.backward{fill:#e69f00}.weights{fill:#cc79a7}.update{fill:#7a3b00}
.message{fill:#56b4e9}.on{fill:#ffffff}.path{stroke:#1a1a1a;stroke-width:2;fill:none;stroke-linejoin:round}
@media screen and (prefers-color-scheme:dark){
.paper{fill:#16181c}.ink{fill:#ececec}.soft{fill:#b4b4b4}.idle{fill:#8f8f8f}
.lane{fill:#24272d}.grid{stroke:#3a3e46}.bracket{stroke:#777777}.update{fill:#c8742a}.path{stroke:#ffffff}
}
";
