"""The cases of pytorch_parity.py: their inputs, PyTorch's results, and the same by formulas."""
