#!/usr/bin/env python3
"""Compiles kernels/*.cu to kernels/ptx/*.ptx with NVRTC. Needs no GPU and no CUDA toolkit.

    python3 scripts/compile_kernels.py [--venv DIR] [--ptxas] [NAME …]

NVRTC comes from PyPI into an environment of its own (--venv, by default in the user's cache); nothing of NVIDIA's is committed. The first
line of each result has the SHA-256 of its source and of common.cuh: a test compares them. --ptxas assembles what is there for sm_70, sm_80
and sm_90, and tells registers and spills of each kernel; spills make it fail.
"""
import argparse
import ctypes
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import venv

NVRTC = "nvidia-cuda-nvrtc-cu12==12.0.140"
NVCC = "nvidia-cuda-nvcc-cu12==12.0.140"
OPTIONS = ["--gpu-architecture=compute_70", "--fmad=false", "--std=c++17"]
KERNELS = pathlib.Path(__file__).resolve().parent.parent / "kernels"


def package(folder, requirement, pattern):
    """The file that matches `pattern` of a package, which is installed where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    found = sorted(folder.glob(f"lib/python*/site-packages/nvidia/{pattern}"))
    if not found:
        subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
        found = sorted(folder.glob(f"lib/python*/site-packages/nvidia/{pattern}"))
    return found[0]


def digest(source):
    """Of a kernel file and what it includes, as the crate's test computes it."""
    text = source.read_bytes()
    included = sorted(set(re.findall(rb'#include "([^"]+)"', text)))
    return hashlib.sha256(text + b"".join((KERNELS / name.decode()).read_bytes() for name in included)).hexdigest()


def compile(nvrtc, source):
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    text = source.read_bytes()
    if nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, source.name.encode(), 0, None, None) != 0:
        sys.exit("NVRTC does not start")
    options = [option.encode() for option in OPTIONS + [f"-I{KERNELS}"]]
    result = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if log.value.strip():
        print(log.value.decode(), file=sys.stderr)
    if result != 0:
        sys.exit(f"{source.name} does not compile")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    # Without NVRTC's banner, and without the tables of <nv/target> that it puts into every result.
    body = re.sub(r"^(//|\.global .*nv6target).*\n", "", ptx.value.decode(), flags=re.M).lstrip("\n")
    target = KERNELS / "ptx" / f"{source.stem}.ptx"
    target.write_text(f"// {digest(source)} of kernels/{source.name}; made by scripts/compile_kernels.py with {NVRTC}\n{body}")
    print(f"{target.name}: {body.count('.entry')} kernels, {len(body)} bytes")


def assemble(ptxas, target):
    """Registers and spills for each generation of GPU; says true where nothing spills."""
    clean = True
    for architecture in ["sm_70", "sm_80", "sm_90"]:
        command = [ptxas, "-v", f"-arch={architecture}", str(target), "-o", os.devnull]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{target.name}, {architecture}: {done.stderr}")
        names = re.findall(r"Compiling entry function '(\w+)'", done.stderr)
        spills = [int(a) + int(b) for a, b in re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)]
        registers = [int(n) for n in re.findall(r"Used (\d+) registers", done.stderr)]
        # ptxas tells of functions that are called, too; the kernels' own lines come in the order of their names.
        most = max(zip(registers, names), default=(0, "none"))
        spilled = [(name, bytes) for name, bytes in zip(names, spills) if bytes]
        print(f"{target.name} {architecture}: {len(names)} kernels, at most {most[0]} registers ({most[1]}), spills: {spilled or 'none'}")
        clean &= not any(spills)
    return clean


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    arguments.add_argument("--venv", type=pathlib.Path, default=cache / "unrolled-nvrtc")
    arguments.add_argument("--ptxas", action="store_true")
    arguments.add_argument("names", nargs="*", help="files without .cu; all of them where none is named")
    chosen = arguments.parse_args()
    names = chosen.names or sorted(path.stem for path in KERNELS.glob("*.cu"))
    if chosen.ptxas:
        ptxas = package(chosen.venv, NVCC, "cuda_nvcc/bin/ptxas")
        ptxas.chmod(0o755)
        if not all([assemble(ptxas, KERNELS / "ptx" / f"{name}.ptx") for name in names]):
            sys.exit("some kernels spill registers")
        return
    nvrtc = ctypes.CDLL(str(package(chosen.venv, NVRTC, "cuda_nvrtc/lib/libnvrtc.so.12")))
    (KERNELS / "ptx").mkdir(exist_ok=True)
    for name in names:
        compile(nvrtc, KERNELS / f"{name}.cu")


if __name__ == "__main__":
    main()
