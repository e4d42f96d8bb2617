#!/usr/bin/env bash
# Fetches the files of WMT'14's English-French task for `cargo run --release --example wmt14 -- --data DIR`.
#
#   scripts/fetch-wmt14.sh [--yes] [--only NAME]... [--from URL] [--any-md5] DIR
#
# Without --only: europarl, commoncrawl, un, news, giga, dev, test, all that the task had. By name only:
#   paper    the paper's own selection of them, 12 million pairs (with paper-dev: its validation and test sets); cut into words already
#   n-best   the 1000-best lists of the phrase-based system that the paper rescores
#
# Says what it will fetch and how large it is before it begins, goes on where an earlier call stopped, and checks each archive (its size, its MD5
# where that is known, its contents) before it unpacks it. Files that are there already are left alone. --from takes the archives from another
# address (http://…, file://…), such as a mirror or a folder of archives; --any-md5 takes archives that are not those of 2014. Needs curl, tar
# and gzip. Sizes are asked of the server; where it does not say, those in the table below stand in.
set -euo pipefail

statmt="https://www.statmt.org"
# The university's server; the same files were at two places.
lium="http://www-lium.univ-lemans.fr/~schwenk"
pages="$lium/cslm_joint_paper/ $lium/nnmt-shared-task/"
selection="$lium/cslm_joint_paper/data $lium/nnmt-shared-task/data"
# name | archive | where to look for it, in turn | MB | MD5, or none that is known | members to unpack | files that must be there then | where to
europarl="training/europarl-v7.fr-en.en training/europarl-v7.fr-en.fr"
commoncrawl="commoncrawl.fr-en.en commoncrawl.fr-en.fr"
un="un/undoc.2000.fr-en.en un/undoc.2000.fr-en.fr"
news="training/news-commentary-v9.fr-en.en training/news-commentary-v9.fr-en.fr"
giga="giga-fren.release2.fixed.en.gz giga-fren.release2.fixed.fr.gz"
dev="dev/newstest2012-src.en.sgm dev/newstest2012-ref.fr.sgm dev/newstest2013-src.en.sgm dev/newstest2013-ref.fr.sgm"
test="test-full/newstest2014-fren-src.en.sgm test-full/newstest2014-fren-ref.fr.sgm"
selected="$(for part in ep7_pc45 nc9 crawl ccb2_pc30 un2000_pc34; do printf 'bitexts.selected/%s.en.gz bitexts.selected/%s.fr.gz ' $part $part; done)"
paper_dev="dev/ntst1213.en dev/ntst1213.fr dev/ntst14.en dev/ntst14.fr"
sets=(
    "europarl|training-parallel-europarl-v7.tgz|$statmt/wmt13|628||$europarl|$europarl|."
    "commoncrawl|training-parallel-commoncrawl.tgz|$statmt/wmt13|876||$commoncrawl|$commoncrawl|training"
    "un|training-parallel-un.tgz|$statmt/wmt13|2300||$un|$un|training"
    "news|training-parallel-nc-v9.tgz|$statmt/wmt14|80||$news|$news|."
    "giga|training-giga-fren.tar|$statmt/wmt10|2300||$giga|$giga|training"
    "dev|dev.tgz|$statmt/wmt14|20||$dev|$dev|."
    "test|test-full.tgz|$statmt/wmt14|3||$test|$test|."
    "paper|bitexts.tgz|$selection|1314|15861dbac4a52c8c75561d5027062d7d|bitexts.selected|$selected|."
    "paper-dev|dev+test.tgz|$selection|1|7d7897317ddd8ba0ae5c5fa7248d3ff5|$paper_dev|$paper_dev|."
)
by_name_only="paper paper-dev"

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0"; exit "${1:-0}"; }
fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

yes=false only=() folder='' from='' any_md5=false
while [ $# -gt 0 ]; do
    case $1 in
        --yes) yes=true ;;
        --only) shift; only+=("${1:?--only needs a name}") ;;
        --any-md5) any_md5=true ;;
        --from) shift; from=${1:?--from needs an address} ;;
        -h | --help) usage ;;
        -*) echo "error: unknown option $1" >&2; usage 2 >&2 ;;
        *)
            [ -z "$folder" ] || { echo "error: one folder is enough: $folder, $1" >&2; exit 2; }
            folder=$1
            ;;
    esac
    shift
done
[ -n "$folder" ] || usage 2 >&2
for tool in curl tar gzip; do
    command -v "$tool" >/dev/null || fail "$tool is needed"
done

is_among() {
    local name=$1 other
    shift
    for other in "$@"; do [ "$other" = "$name" ] && return 0; done
    return 1
}

wanted() {
    # shellcheck disable=SC2086 # one argument for each name
    if [ ${#only[@]} -eq 0 ]; then ! is_among "$1" $by_name_only n-best; else is_among "$1" "${only[@]}"; fi
}

for name in ${only[@]+"${only[@]}"}; do
    [ "$name" = n-best ] || printf '%s\n' "${sets[@]}" | grep -q "^$name|" || { echo "error: there is no set '$name'" >&2; exit 2; }
done
# The paper's selection comes with its validation and test sets.
if is_among paper ${only[@]+"${only[@]}"} && ! is_among paper-dev "${only[@]}"; then only+=(paper-dev); fi

# Whether all files of a set are in place.
complete() {
    local file
    for file in $1; do
        [ -s "$folder/$2/$file" ] || return 1
    done
}

bytes_of_file() { if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

# What the server says of an archive's size in bytes; nothing where it does not answer.
bytes_on_server() {
    curl -sfIL --connect-timeout 20 --max-time 60 "$1" | tr -d '\r' | awk 'tolower($1) == "content-length:" { n = $2 } END { print n }'
}

# The first address of a set's archive that answers, and the size there.
locate() {
    local archive=$1 place bytes
    shift
    for place in "$@"; do
        if bytes=$(bytes_on_server "${place%/}/$archive"); then
            echo "${place%/}/$archive ${bytes:-0}"
            return 0
        fi
    done
    return 1
}

# What to do where a server is silent.
nowhere() {
    local name=$1 archive=$2
    shift 2
    echo "error: the set '$name' cannot be had: $archive is not, or no longer, at" >&2
    printf '  %s\n' "$@" >&2
    case $name in
        paper | paper-dev | n-best)
            echo "What else there is: the corpora that the paper's pairs were selected from, and newstest2012 to 2014: the same command" >&2
            echo "without --only. Lists to rescore: unrolled translate --n-best, with a weaker model. See docs/large-corpora.md." >&2
            ;;
        *) echo "Is this machine on the net? The other sets: --only NAME. Archives from elsewhere: --from URL." >&2 ;;
    esac
    exit 1
}

# Fetches an archive of so many bytes (0: not known); it has its name only once it is whole.
fetch() {
    local url=$1 bytes=$2 archive=$3 part="$3.part" status=0
    # More than there is: it was another file.
    if [ "$bytes" -ne 0 ] && [ "$(bytes_of_file "$part")" -gt "$bytes" ]; then rm "$part"; fi
    if [ "$bytes" -eq 0 ] || [ "$(bytes_of_file "$part")" -ne "$bytes" ]; then
        curl -fL --retry 5 --connect-timeout 30 -C - -o "$part" "$url" || status=$?
        # 33, 36: the server cannot begin in the middle.
        case $status in
            33 | 36) status=0; curl -fL --retry 5 --connect-timeout 30 -o "$part" "$url" || status=$? ;;
        esac
        [ "$status" -eq 0 ] || fail "$url was not fetched (curl: $status); what has come is kept: run this again to go on, or delete $part"
    fi
    local found
    found=$(bytes_of_file "$part")
    if [ "$bytes" -ne 0 ] && [ "$found" -ne "$bytes" ]; then
        fail "$part has $found bytes, the server says $bytes; run this again to go on, or delete it"
    fi
    mv "$part" "$archive"
}

md5_of() {
    if command -v md5sum >/dev/null; then md5sum "$1" | cut -d ' ' -f 1; elif command -v md5 >/dev/null; then md5 -q "$1"; fi
}

# Checks an archive and puts its members in place, each only when it is whole.
unpack() {
    local archive=$1 md5=$2 members=$3 files=$4 place=$5 found room="$folder/archives/unpacking"
    found=$(md5_of "$archive")
    if [ -n "$md5" ] && [ -n "$found" ] && [ "$found" != "$md5" ] && ! $any_md5; then
        fail "$archive has the MD5 $found, that of 2014 had $md5: delete it and fetch it again, from elsewhere perhaps (--from); or take it (--any-md5)"
    fi
    # Reads the archive to its end: a file cut short or damaged is found here, not in the middle of training.
    tar -tf "$archive" >/dev/null || fail "$archive is damaged: delete it, and run this again"
    rm -rf "$room"
    mkdir -p "$room"
    # shellcheck disable=SC2086 # one argument for each member
    tar -xf "$archive" -C "$room" $members || fail "$archive lacks some of: $members"
    local file
    for file in $files; do
        [ -s "$room/$file" ] || fail "$archive lacks $file"
        case $file in *.gz) gzip -t "$room/$file" || fail "$file in $archive is damaged" ;; esac
    done
    (cd "$room" && find . -type f) | while read -r file; do
        mkdir -p "$folder/$place/$(dirname "$file")"
        mv "$room/$file" "$folder/$place/$file"
    done
    rm -rf "$room"
}

# The lists have no names that are known: whatever the university's page links to that is called so is fetched.
n_best() {
    local page text='' links link place
    for page in ${from:-$pages}; do
        if text=$(curl -sfL --connect-timeout 20 --max-time 60 "$page"); then break; fi
    done
    # shellcheck disable=SC2086 # one argument for each page
    [ -n "$text" ] || nowhere n-best "the page that links to the lists" ${from:-$pages}
    links=$(printf '%s\n' "$text" | grep -oiE 'href="[^"]*best[^"]*"' | sed -e 's/^[^"]*"//' -e 's/"$//' | sort -u) || true
    # shellcheck disable=SC2086
    [ -n "$links" ] || nowhere n-best "a link to lists" $page
    mkdir -p "$folder/n-best"
    for link in $links; do
        case $link in
            *://*) place=$link ;;
            /*) place="$(printf '%s' "$page" | cut -d / -f 1-3)$link" ;;
            *) place="${page%/*}/$link" ;;
        esac
        if [ -s "$folder/n-best/${link##*/}" ]; then
            echo "n-best/${link##*/}: already there"
            continue
        fi
        local bytes
        bytes=$(bytes_on_server "$place") || nowhere n-best "${link##*/}" "${place%/*}"
        echo "== n-best: $place, $(((${bytes:-0} + 999999) / 1000000)) MB"
        fetch "$place" "${bytes:-0}" "$folder/n-best/${link##*/}"
        case $link in *.gz) gzip -t "$folder/n-best/${link##*/}" || fail "$folder/n-best/${link##*/} is damaged: delete it, and run this again" ;; esac
    done
}

todo=() total=0
for set in "${sets[@]}"; do
    IFS='|' read -r name archive places size md5 members files place <<<"$set"
    wanted "$name" || continue
    if complete "$files" "$place"; then
        echo "$name: already there"
        continue
    fi
    if [ -s "$folder/archives/$archive" ]; then
        echo "$name: fetched before, to be unpacked"
        todo+=("$set|-|0")
        continue
    fi
    # shellcheck disable=SC2086 # one argument for each place
    found=$(locate "$archive" ${from:-$places}) || nowhere "$name" "$archive" ${from:-$places}
    read -r url bytes <<<"$found"
    [ "$bytes" -eq 0 ] || size=$(((bytes + 999999) / 1000000))
    todo+=("$set|$url|$bytes")
    total=$((total + size))
    echo "$name: about $size MB from $url"
done
lists=false
if wanted n-best; then lists=true; fi
if [ ${#todo[@]} -eq 0 ] && ! $lists; then
    echo "Nothing to fetch."
    exit 0
fi
if [ ${#todo[@]} -gt 0 ]; then
    echo "About $total MB to fetch into $folder, and some three times that on disk while unpacking."
fi
if $lists; then echo "And the 1000-best lists, if they can still be had."; fi
if ! $yes; then
    read -r -p "Go on? [y/N] " answer || answer=''
    case $answer in [yY]*) ;; *) echo "Nothing was fetched."; exit 1 ;; esac
fi

[ ${#todo[@]} -eq 0 ] || mkdir -p "$folder/archives"
for set in ${todo[@]+"${todo[@]}"}; do
    IFS='|' read -r name archive places size md5 members files place url bytes <<<"$set"
    archive="$folder/archives/$archive"
    echo "== $name"
    [ "$url" = - ] || fetch "$url" "$bytes" "$archive"
    unpack "$archive" "$md5" "$members" "$files" "$place"
done
if $lists; then n_best; fi
if is_among n-best ${only[@]+"${only[@]}"} && [ ${#only[@]} -eq 1 ]; then
    echo "Done: the lists are in $folder/n-best. Rescore them with: unrolled rescore"
else
    echo "Done. Train with: cargo run --release --example wmt14 -- --data $folder"
fi
