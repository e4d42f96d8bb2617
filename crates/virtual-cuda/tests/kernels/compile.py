"""Compiles the kernels beside it to PTX with NVRTC: python compile.py LIBNVRTC [INCLUDE]

LIBNVRTC is libnvrtc.so.12 of the PyPI package nvidia-cuda-nvrtc-cu12==12.0.140, INCLUDE the headers of nvidia-cuda-runtime-cu12.
Neither needs a GPU. The result is committed; a test of the crate only reads it.
"""
import ctypes
import pathlib
import sys

nvrtc = ctypes.CDLL(sys.argv[1])
here = pathlib.Path(__file__).parent
for name, target in [("ordinary", "compute_70"), ("halves", "compute_80")]:
    program = ctypes.c_void_p()
    source = (here / f"{name}.cu").read_bytes()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, f"{name}.cu".encode(), 0, None, None) == 0
    options = [f"--gpu-architecture={target}".encode()] + [f"-I{i}".encode() for i in sys.argv[2:]]
    result = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if result != 0:
        sys.exit(log.value.decode())
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    (here / f"{name}.ptx").write_bytes(ptx.value)
    print(name, size.value, "bytes")
