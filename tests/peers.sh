#!/bin/sh
# The real programs that tests compare with, in the directory $1: Debian's packages, unpacked (not
# installed, so that nothing starts), unless the machine has them. Tests of programs that cannot be
# had here are skipped; in CI (the variable CI is `true`) this fails instead.
set -eu
programs="prometheus promtool prometheus-alertmanager"
missing=""
for program in $programs; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
mkdir -p "$1"
[ -z "$missing" ] && exit 0
lacking() {
    echo "$1" >&2
    [ "${CI:-}" = true ] && exit 1
    echo "their tests are skipped; to try again: rm .venv/.peers" >&2
    exit 0
}
command -v apt-get >/dev/null ||
    lacking "the tests compare with real programs, and there is no apt-get; install:$missing"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { (cd "$work" && apt-get download --quiet prometheus prometheus-alertmanager >/dev/null 2>&1); }
fetch || { apt-get update --quiet >/dev/null 2>&1 && fetch; } ||
    lacking "the tests compare with real programs, and apt-get cannot get them; install:$missing"
for package in "$work"/*.deb; do
    dpkg --extract "$package" "$work/root"
done
for program in $programs; do
    mv "$work/root/usr/bin/$program" "$1/"
done
# Debian's Alertmanager looks for its templates here, and nowhere else.
templates=/usr/share/prometheus/alertmanager
if ! [ -f $templates/default.tmpl ] && ! { mkdir -p $templates && cp "$work/root$templates"/*.tmpl $templates/; } 2>/dev/null; then
    lacking "Alertmanager needs its templates in $templates: run make test as root once, or
sudo apt-get install prometheus-alertmanager"
fi
