//! Parameters, layers, losses, optimisers and checkpoints over unrolled-autograd.
