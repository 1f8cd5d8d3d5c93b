#!/bin/sh
# install_test.sh BUILD WORK - an installed gateway: it finds its own conf.d and plugins, and the systemd unit fits it.
set -eu
build=$1
work=$2
root=$work/root # DESTDIR: folders outside the prefix, such as /etc, belong below it as well
prefix=$root/usr

fail() {
    echo "$*" >&2
    exit 1
}

rm -rf "$work"
mkdir -p "$work"
DESTDIR=$root cmake --install "$build" --prefix /usr --component runtime >"$work/install.log"
[ ! -e "$prefix/include" ] || fail "component runtime: expected no headers"
[ ! -e "$prefix/lib/systemd" ] || fail "component runtime: expected no systemd unit"
cd "$work"
plugins=$("$prefix/bin/aigw" plugins --plugin-dir "$(dirname "$(find "$prefix" -name providers -type d)")")
for name in "provider mock" "feature code_suggestions"; do
    echo "$plugins" | grep -q "^$name " || fail "expected $name among the installed plugins, found: $plugins"
done
mkdir pages
echo "# A page" >pages/page.md
"$prefix/bin/aigw" docs index pages -o docs.db >docs.log || fail "expected a database of pages"
mv "$prefix/libexec/aigw/docs-index" hidden
"$prefix/bin/aigw" docs index pages -o docs.db 2>docs.log && fail "expected that docs-index is missed"
grep -q "docs-index: No such file" docs.log || fail "expected what is missing, found: $(cat docs.log)"
env -i PATH=/usr/bin:/bin "$prefix/bin/aigw" check --conf-dir "$(find "$root" -type d -path '*/aigw/conf.d')" \
    --plugin-dir "$(dirname "$(find "$prefix" -name providers -type d)")" >check.log || fail "$(cat check.log)"

DESTDIR=$root cmake --install "$build" --prefix /usr --component systemd >>"$work/install.log"
unit=$prefix/lib/systemd/system/aigw.service
[ -f "$unit" ] || fail "expected $unit"
for line in DynamicUser=yes LogsDirectory=aigw LoadCredential=aigw.tls.key; do
    grep -qx "$line" "$unit" || fail "expected $line in the unit"
done
command -v systemd-analyze >/dev/null || exit 0
sed "s#^\(Exec[A-Za-z]*=\)[^ ]*/aigw#\1$prefix/bin/aigw#" "$unit" >"$work/aigw.service" # it was made for another prefix
found=$(systemd-analyze verify "$work/aigw.service" 2>&1 | grep aigw.service || true)
[ -z "$found" ] || fail "systemd-analyze verify: $found"
