#!/usr/bin/env python3
"""Writes the files of NumPy's that crates/nn/tests/npy.rs reads. Needs NumPy 1.25 or later.

    python3 scripts/numpy_golden.py                  writes crates/nn/tests/golden/numpy/
    python3 scripts/numpy_golden.py --read FOLDER    prints what NumPy reads from the .npy and .npz files of a folder
"""

import pathlib
import sys

import numpy as np
from numpy.lib import format as npy

FOLDER = pathlib.Path(__file__).parent.parent / "crates/nn/tests/golden/numpy"
NUMBERS = np.array([[0, 1, 2.5], [3, 100, 65504]])


def save(name, array, version=None):
    with open(FOLDER / f"{name}.npy", "wb") as file:
        npy.write_array(file, array, version=version)


def write():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for dtype, name in [("f2", "f16"), ("f4", "f32"), ("f8", "f64"), ("u4", "u32"), ("i8", "i64"), ("b1", "bool")]:
        save(name, NUMBERS.astype("<" + dtype))
        if dtype != "b1":
            save(f"{name}_big_endian", NUMBERS.astype(">" + dtype))
    save("fortran", np.asfortranarray(np.arange(24).reshape(2, 3, 4)))
    save("scalar", np.float32(1.5).reshape(()))
    save("empty", np.zeros((0, 3), "<f4"))
    save("version_2", NUMBERS.astype("<f4"), (2, 0))
    save("version_3", NUMBERS.astype("<f4"), (3, 0))
    save("int32", np.arange(3, dtype="<i4"))
    save("complex", np.ones(2, "<c8"))
    save("structure", np.zeros(2, [("a", "<f4"), ("b", "<i8")]))
    arrays = {"weight": NUMBERS.astype("<f4"), "layer.0/bias": np.arange(3), "é": np.array(True)}
    np.savez(FOLDER / "plain.npz", **arrays)
    np.savez_compressed(FOLDER / "compressed.npz", **arrays, zeros=np.zeros((50, 50)))


def read(folder):
    for path in sorted(pathlib.Path(folder).glob("*.np[yz]")):
        loaded = np.load(path)
        for name, array in loaded.items() if path.suffix == ".npz" else [("", loaded)]:
            print(path.name, name, array.dtype, array.shape, array.tolist())


if __name__ == "__main__":
    read(sys.argv[2]) if sys.argv[1:2] == ["--read"] else write()
