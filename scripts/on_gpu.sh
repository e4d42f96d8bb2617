#!/usr/bin/env bash
# What is to be run on a machine with an NVIDIA GPU: tests, steps timed, the comparison with PyTorch, and a training run, all into one folder.
#
#   scripts/on_gpu.sh build                      here: makes target/on-gpu with the binaries, which are all that must be carried beside this tree
#   scripts/on_gpu.sh run [OPTION ...]           there: needs NVIDIA's driver; cuBLAS and PyTorch are used where they are found
#
# --out DIR        where everything goes (on-gpu)
# --seconds N      ends by then: what has no time left is left out and said so (840)
# --sizes LIST     sizes of the benchmark (s,m,l)
# --python PATH    a Python with PyTorch (python3); its cuBLAS is used where the system has none
# --train ARGS     flags of a training run that takes what time is left, e.g. "--config run.toml"; without it none is made
# --only LIST      of devices,tests,bench,compare,train those that are named
#
# DIR has devices.jsonl, tests/NAME.txt, bench.jsonl, compare-*.json, train/, and summary.txt with a line for each step: its exit status (124: out of time), its
# seconds, and what it was. Exit status: 0 if every step that ran succeeded, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
binaries=target/on-gpu

build() {
    cargo build --release --locked
    local tests
    tests=$(cargo test --release --locked -p unrolled-cuda --test gpu --no-run --message-format json |
        sed -n 's/.*"executable":"\([^"]*\/gpu-[^"]*\)".*/\1/p' | tail -n 1)
    mkdir -p "$binaries"
    cp target/release/unrolled "$binaries/unrolled"
    cp "$tests" "$binaries/gpu-tests"
    strip "$binaries/unrolled" "$binaries/gpu-tests" 2>/dev/null || true
    du -sh "$binaries"
}

out=on-gpu seconds=840 sizes=s,m,l python=python3 train="" only=devices,tests,bench,compare,train failed=0

left() { echo $((seconds - SECONDS)); }

# step NAME LIMIT OUTPUT COMMAND ...: at most LIMIT seconds, its output to OUTPUT, a line in the summary.
step() {
    local name=$1 limit=$2 output=$3 began=$SECONDS status=0
    shift 3
    ((limit > $(left))) && limit=$(left)
    if ((limit < 5)); then
        echo "left out: no time is left  $name" >>"$out/summary.txt"
        return 1
    fi
    timeout --kill-after 10 "$limit" "$@" >>"$output" 2>>"$out/errors.txt" || status=$?
    printf '%3d %5d s  %s\n' "$status" $((SECONDS - began)) "$name" | tee -a "$out/summary.txt"
    ((status == 0)) || failed=1
    return "$status"
}

wanted() { [[ ",$only," == *",$1,"* ]]; }

# Each test in a process of its own, as one that breaks its device on purpose must not hide the next; the body runs on what this machine has.
tests() {
    mkdir -p "$out/tests"
    local name
    while read -r name; do
        step "test $name" 60 "$out/tests/${name//::/-}.txt" \
            env UNROLLED_TEST_ON_GPU=1 "$binaries/gpu-tests" "$name" --exact --nocapture || true
    done < <("$binaries/gpu-tests" --list --format terse 2>/dev/null | sed -n 's/: test$//p')
}

bench() {
    local size precision switches
    for size in ${sizes//,/ }; do
        for precision in "f32 f32" "tf32 f32" "bf16 f32" "bf16 bf16"; do
            step "bench $size, products in ${precision% *}, activations in ${precision#* }" 60 "$out/bench.jsonl" \
                "$binaries/unrolled" bench train-step --device cuda:0 --size "$size" --matmul-precision "${precision% *}" \
                --activations "${precision#* }" --json || true
        done
        for switches in UNROLLED_CUDA_GRAPHS=off UNROLLED_CUDA_OVERLAP=off "UNROLLED_CUDA_GRAPHS=off UNROLLED_CUDA_OVERLAP=off"; do
            # shellcheck disable=SC2086  # several variables
            step "bench $size, $switches" 60 "$out/bench-$(tr ' =' '__' <<<"$switches").jsonl" \
                env $switches "$binaries/unrolled" bench train-step --device cuda:0 --size "$size" --matmul-precision bf16 --json || true
        done
    done
}

compare() {
    if ! "$python" -c 'import torch; assert torch.cuda.is_available()' 2>>"$out/errors.txt"; then
        echo "left out: $python has no PyTorch that finds a GPU  comparison" | tee -a "$out/summary.txt"
        return 0
    fi
    local size precision ours theirs activations
    for size in ${sizes//,/ }; do
        for precision in "bf16 bf16 bf16" "tf32 tf32 f32" "f32 f32 f32"; do
            read -r ours theirs activations <<<"$precision"
            step "compare $size, $ours" 240 "$out/compare-$size-$ours.json" \
                "$python" benches/vs_pytorch.py --device cuda --size "$size" --rounds 3 --json --no-install --python "$python" \
                --binary "$binaries/unrolled" --matmul-precision "$ours" --precision "$theirs" --activations "$activations" || true
        done
    done
}

run() {
    while (($#)); do
        case $1 in
            --out | --seconds | --sizes | --python | --train | --only) printf -v "${1#--}" '%s' "${2?"$1 needs a value"}"; shift 2 ;;
            *) echo "on_gpu.sh: unknown option $1" >&2; exit 2 ;;
        esac
    done
    [[ -x $binaries/unrolled && -x $binaries/gpu-tests ]] || { echo "on_gpu.sh: no binaries in $binaries: run \`scripts/on_gpu.sh build\`" >&2; exit 2; }
    mkdir -p "$out"
    : >"$out/summary.txt"
    # A wheel's cuBLAS, behind the system's.
    local libraries
    libraries=$("$python" -c 'import glob, site
print(":".join(d for p in site.getsitepackages() for d in glob.glob(p + "/nvidia/*/lib")))' 2>/dev/null || true)
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}${libraries:+:$libraries}
    if wanted devices; then step "devices" 30 "$out/devices.jsonl" "$binaries/unrolled" devices --json || true; fi
    if wanted tests; then tests; fi
    if wanted bench; then bench; fi
    if wanted compare; then compare; fi
    if wanted train && [[ -n $train ]]; then
        local minutes=$((($(left) - 30) / 60))
        # shellcheck disable=SC2086  # several flags
        step "train" "$(left)" "$out/train.txt" \
            "$binaries/unrolled" train --device cuda:0 --output "$out/train" --minutes "$((minutes > 0 ? minutes : 1))" $train || true
    fi
    exit "$failed"
}

case ${1:-} in
    build) build ;;
    run) shift; run "$@" ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
