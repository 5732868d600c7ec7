#!/bin/sh
# Rebuilds the vendored browser files from the lockfile in a temporary folder and compares them with the
# committed ones. Exit 1 and a diff when they differ. Needs node >= 20 and the npm registry.
set -eu
frontend=$(cd "$(dirname "$0")" && pwd)
committed=$frontend/../cultiva/static/cultiva
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$frontend/package.json" "$frontend/package-lock.json" "$frontend/.npmrc" \
  "$frontend/build.mjs" "$frontend/icons.txt" "$frontend"/*.js \
  "$frontend/licenses" "$work"
(cd "$work" && npm ci --silent && node build.mjs --out "$work/out")

diff -r "$work/out/vendor" "$committed/vendor"
diff "$work/out/icons.svg" "$committed/icons.svg"
diff "$work/out/t.js" "$committed/t.js"
for script in banner criteria forms form embed; do diff "$work/out/$script.js" "$committed/$script.js"; done
echo "The committed browser files are what package-lock.json gives."
