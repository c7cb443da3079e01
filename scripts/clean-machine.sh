#!/usr/bin/env bash
# Runs a command on a clean machine: a bare Debian with this machine's Node and npm, and a fresh
# clone of HEAD in it. Programs that happen to be installed here cannot hide a missing step. Needs
# root, and a system that permits namespaces.
# usage: clean-machine.sh [--user] [--release NAME] COMMAND [ARGUMENT…]
#   --user      runs the command as an unprivileged user; otherwise as root
#   --release   Debian release; default: this machine's own, or else bookworm
# Exits with the command's code, or with 125 and a reason if no clean machine can be made here.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
as=root release=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --user) as=tester ;;
    --release) release=${2:?--release needs a name} && shift ;;
    *) echo "clean-machine: unknown option $1" >&2 && exit 2 ;;
  esac
  shift
done
(($# > 0)) || { echo "clean-machine: no command given" >&2 && exit 2; }

none() { echo "no clean machine: $1" >&2 && exit 125; }
trap 'none "line $LINENO failed"' ERR # until the command itself is run
(($(id -u) == 0)) || none "it needs root"
for program in unshare chroot node npm git; do
  command -v $program >/dev/null || none "$program is missing"
done
ours=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}" || true)
release=${release:-${ours:-bookworm}}

# The bare Debian is kept for a month. Its name contains everything that it depends on, and it gets
# that name only once it is complete.
cache=${XDG_CACHE_HOME:-/var/cache}/ota-gateway
kept=$cache/debian-$release-$(uname -m)
base=$kept-$(sha256sum "$0" | cut -c1-8)
mkdir -p "$cache"
work=$(mktemp -d "$cache/run-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
if [ -z "$(find "$base" -maxdepth 0 -mtime -30 2>/dev/null)" ]; then
  command -v debootstrap >/dev/null || { apt-get -qq update && apt-get -qq install -y --no-install-recommends debootstrap; } \
    >"$work/log" 2>&1 || none "debootstrap is missing and cannot be installed"
  echo "clean machine: creating a bare Debian $release in $cache" >&2
  sources=/etc/apt/sources.list.d/debian.sources
  [ "$release" = "$ours" ] && [ -f $sources ] && mirror=$(sed -n 's/^URIs: *//p' $sources | head -1)
  debootstrap --variant=minbase "$release" "$work/base" ${mirror:-} >"$work/log" 2>&1 ||
    none "debootstrap failed: $(tail -1 "$work/log")"
  [ -n "${mirror:-}" ] && cp $sources "$work/base/etc/apt/sources.list.d/" && : >"$work/base/etc/apt/sources.list"
  rm -rf "$work/base/var/lib/apt/lists" && mkdir -p "$work/base/var/lib/apt/lists/partial"
  rm -rf --one-file-system "$kept"-* && touch "$work/base" && mv "$work/base" "$base"
fi

root=$work/root home=/root
cp -a --reflink=auto "$base" "$root"
[ $as = root ] || { home=/home/$as && chroot "$root" useradd --create-home --shell /bin/bash $as; }
# This machine's Node, npm and way to the network.
cp -L "$(node -p process.execPath)" "$root/usr/local/bin/node"
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
[ -f "$npm/bin/npm-cli.js" ] || none "npm is not where its program is: $npm"
mkdir -p "$root/usr/local/lib/node_modules"
cp -rL "$npm" "$root/usr/local/lib/node_modules/npm"
for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/usr/local/bin/$name"; done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
command -v apt-config >/dev/null && apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check)' >"$root/etc/apt/apt.conf.d/99machine" || true
[ ! -f ~/.npmrc ] || cp ~/.npmrc "$root$home/"
passed=(HOME=$home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 OTA_CLEAN_MACHINE=$release)
for name in CI TERM http_proxy https_proxy no_proxy; do [ -z "${!name:-}" ] || passed+=("$name=${!name}"); done
if [ -f "${NODE_EXTRA_CA_CERTS:-}" ]; then
  # Not where the system keeps its own: packages that bring authorities replace that file.
  install -m 644 "$NODE_EXTRA_CA_CERTS" "$root/etc/extra-authorities.pem"
  passed+=(NODE_EXTRA_CA_CERTS=/etc/extra-authorities.pem)
fi

echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/thrown-away" # quicker, for a machine that no crash can harm
git clone -q "$project" "$root$home/ota-gateway"
[ -z "$(git -C "$project" status --porcelain)" ] || echo "clean machine: runs HEAD, without uncommitted changes" >&2
chroot "$root" chown -R $as: "$home"

# Runs in namespaces of its own: mounts vanish with the last process, and every process with the
# first. That is the shell, which reaps the processes that others leave behind.
enter() {
  unshare --mount --pid --fork --kill-child bash -euc '
    root=$1 as=$2 home=$3 && shift 3
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys"
    # Devices of its own: nothing that runs in it may change those of this machine.
    mount -t tmpfs -o mode=755 dev "$root/dev" && cd "$root/dev" && mkdir pts && mkdir -m 1777 shm
    for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 ${device%:*} c 1 ${device#*:}; done
    mknod -m 666 tty c 5 0 && mount -t devpts -o newinstance,ptmxmode=0666 devpts pts && ln -s pts/ptmx ptmx
    ln -s /proc/self/fd fd && ln -s fd/0 stdin && ln -s fd/1 stdout && ln -s fd/2 stderr && cd /
    chroot "$root" /usr/sbin/runuser -u "$as" -- /usr/bin/env -i --chdir="$home/ota-gateway" "$@"
  ' - "$root" $as $home "${passed[@]}" "$@"
}
enter npm --version >"$work/log" 2>&1 || none "npm does not run in it: $(tail -1 "$work/log")"
echo "clean machine: Debian $release, as $as, Node $(node --version)" >&2
trap - ERR
code=0
enter "$@" || code=$?
((code != 125)) || code=1
exit $code
