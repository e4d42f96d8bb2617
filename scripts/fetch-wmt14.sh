#!/usr/bin/env bash
# Fetches the files of WMT'14's English-French task for `cargo run --release --example wmt14 -- --data DIR`.
#
#   scripts/fetch-wmt14.sh [--yes] [--only NAME]... DIR
#
# Says what it will fetch and how large it is before it begins, goes on where an earlier call stopped, and checks each archive before it unpacks
# it. Files that are there already are left alone. Needs curl, tar and gzip. Sizes are asked of the server; where it does not say, those of the
# task's page (statmt.org/wmt14) stand in.
set -euo pipefail

base="https://www.statmt.org"
# name | archive | size in MB by the task's page | members to unpack | where to
sets=(
    "europarl|$base/wmt13/training-parallel-europarl-v7.tgz|628|training/europarl-v7.fr-en.en training/europarl-v7.fr-en.fr|."
    "commoncrawl|$base/wmt13/training-parallel-commoncrawl.tgz|876|commoncrawl.fr-en.en commoncrawl.fr-en.fr|training"
    "un|$base/wmt13/training-parallel-un.tgz|2300|un/undoc.2000.fr-en.en un/undoc.2000.fr-en.fr|training"
    "news|$base/wmt14/training-parallel-nc-v9.tgz|80|training/news-commentary-v9.fr-en.en training/news-commentary-v9.fr-en.fr|."
    "giga|$base/wmt10/training-giga-fren.tar|2300|giga-fren.release2.fixed.en.gz giga-fren.release2.fixed.fr.gz|training"
    "dev|$base/wmt14/dev.tgz|20|dev/newstest2012-src.en.sgm dev/newstest2012-ref.fr.sgm dev/newstest2013-src.en.sgm dev/newstest2013-ref.fr.sgm|."
    "test|$base/wmt14/test-full.tgz|3|test-full/newstest2014-fren-src.en.sgm test-full/newstest2014-fren-ref.fr.sgm|."
)

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit "${1:-0}"; }

yes=false only=() folder=
while [ $# -gt 0 ]; do
    case $1 in
        --yes) yes=true ;;
        --only) shift; only+=("${1:?--only needs a name}") ;;
        -h | --help) usage ;;
        -*) echo "unknown option $1" >&2; usage 2 >&2 ;;
        *) folder=$1 ;;
    esac
    shift
done
[ -n "$folder" ] || usage 2 >&2
for tool in curl tar gzip; do
    command -v "$tool" >/dev/null || { echo "error: $tool is needed" >&2; exit 1; }
done

wanted() {
    [ ${#only[@]} -eq 0 ] && return 0
    local name
    for name in "${only[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

# Whether all files of a set are in place.
complete() {
    local member
    for member in $1; do
        [ -s "$folder/$2/$member" ] || return 1
    done
}

for name in ${only[@]+"${only[@]}"}; do
    printf '%s\n' "${sets[@]}" | grep -q "^$name|" || { echo "error: there is no set '$name'" >&2; exit 2; }
done

# The size in MB that the server gives for an archive, else the one in the table.
size_of() {
    local bytes
    bytes=$(curl -sfIL --max-time 20 "$1" | tr -d '\r' | awk 'tolower($1) == "content-length:" { n = $2 } END { print n }') || true
    if [ "${bytes:-0}" -gt 0 ] 2>/dev/null; then echo $(((bytes + 999999) / 1000000)); else echo "$2"; fi
}

todo=() total=0
for set in "${sets[@]}"; do
    IFS='|' read -r name url size members place <<<"$set"
    wanted "$name" || continue
    if complete "$members" "$place"; then
        echo "$name: already there"
        continue
    fi
    size=$(size_of "$url" "$size")
    todo+=("$set")
    total=$((total + size))
    echo "$name: about $size MB from $url"
done
if [ ${#todo[@]} -eq 0 ]; then
    echo "Nothing to fetch."
    exit 0
fi
echo "About $total MB to fetch into $folder, and some three times that on disk while unpacking."
if ! $yes; then
    read -r -p "Go on? [y/N] " answer
    case $answer in [yY]*) ;; *) echo "Nothing was fetched."; exit 1 ;; esac
fi

mkdir -p "$folder/archives"
for set in "${todo[@]}"; do
    IFS='|' read -r name url size members place <<<"$set"
    archive="$folder/archives/${url##*/}"
    echo "== $name"
    # -C - goes on where an earlier call stopped; a complete file answers 416, which is no failure then.
    curl -fL --retry 5 -C - -o "$archive" "$url" || [ -s "$archive" ]
    # Reads the archive to its end: a file cut short or damaged is found here, not in the middle of training.
    if ! tar -tf "$archive" >/dev/null; then
        echo "error: $archive is damaged or not complete; run this again to go on, or delete it" >&2
        exit 1
    fi
    mkdir -p "$folder/$place"
    # shellcheck disable=SC2086 # one argument for each member
    tar -xf "$archive" -C "$folder/$place" $members
    complete "$members" "$place" || { echo "error: $archive lacks some of: $members" >&2; exit 1; }
    for member in $members; do
        case $member in *.gz) gzip -t "$folder/$place/$member" ;; esac
    done
done
echo "Done. Train with: cargo run --release --example wmt14 -- --data $folder"
