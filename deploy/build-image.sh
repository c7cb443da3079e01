#!/usr/bin/env bash
# Builds the image from the real Dockerfile, without a container engine and without its base images,
# and runs it. Debian's packages stand in for the images that cannot be pulled: one to build, with a
# shell and npm, and one to run, with only Node and its libraries. The image is built twice, the
# second time without any network; then deploy/try-image.mjs runs it. The script leaves nothing
# behind, however it ends.
#
# usage, as root on Debian: [BASE_CACHE=folder] deploy/build-image.sh
# BASE_CACHE keeps the parts of the stand-ins for the next time.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "build-image: needs root, to make a root file system and to mount it" >&2; exit 2; }
# Runs in namespaces of its own: however it ends, no process and no mount of it is left.
[ -n "${IN_NAMESPACES:-}" ] || IN_NAMESPACES=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
[ -z "${BASE_CACHE:-}" ] || BASE_CACHE=$(realpath -m "$BASE_CACHE") # of the caller's folder
cd "$(dirname "$0")/.."

work=$(mktemp -d /var/tmp/ota-gateway-image.XXXXXX)
export TMPDIR=$work/tmp # for buildah; includes the cache that both builds share
mkdir "$TMPDIR"
store() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }
clean_up() {
  store umount --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

step() { echo "build-image: $* (${SECONDS} s)"; }

step "programs"
for program in buildah debootstrap runc; do
  command -v "$program" >/dev/null && continue
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends buildah debootstrap fuse-overlayfs runc >/dev/null
done
node scripts/bootstrap.mjs # the client that try-image.mjs uses

# Debian from this machine's own sources, and from npm the Node that the Dockerfile ships.
base=${BASE_CACHE:-$work/base}
node_major=$(sed -n 's/^ARG NODE_IMAGE=node:\([0-9]*\)-.*/\1/p' Dockerfile)
mkdir -p "$base"
if [ ! -e "$base/debian.tar" ]; then
  step "Debian"
  . /etc/os-release
  [ -n "$(apt-get indextargets)" ] || apt-get -qq update
  site=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" "Component: main" | head -n 1)
  debootstrap --variant=minbase "$VERSION_CODENAME" "$work/debian" "$site" >"$work/debootstrap.log" || {
    tail "$work/debootstrap.log" >&2
    exit 1
  }
  tar -C "$work/debian" -cf "$base/debian.tar.part" .
  mv "$base/debian.tar.part" "$base/debian.tar"
  rm -rf --one-file-system "$work/debian"
fi
node_package=node-linux-$(node -p process.arch)
npm install --prefix "$base" --no-save --ignore-scripts --loglevel=error "$node_package@$node_major" >/dev/null
node=$base/node_modules/$node_package/bin/node

step "stand-in for NODE_IMAGE: Debian, Node $("$node" --version), npm"
builder=$(store from scratch)
root=$(store mount "$builder")
tar -C "$root" -xf "$base/debian.tar"
cp "$node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
npm_home=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
cp -R "$npm_home" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
# Settings that this machine needs to reach its registry; none of them gets into the image.
store config --env "NPM_CONFIG_REGISTRY=$(npm config get registry)" "$builder"
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
  cp "$NODE_EXTRA_CA_CERTS" "$root/usr/local/share/extra-ca.crt"
  store config --env NODE_EXTRA_CA_CERTS=/usr/local/share/extra-ca.crt "$builder"
fi

step "stand-in for RUNTIME_IMAGE: as distroless, without a shell"
runtime=$(store from scratch)
bare=$(store mount "$runtime")
mkdir -p "$bare"/{etc,tmp,proc,dev,sys,nodejs/bin}
chmod 1777 "$bare/tmp"
cp "$node" "$bare/nodejs/bin/node"
echo 'nonroot:x:65532:65532::/home/nonroot:/sbin/nologin' >"$bare/etc/passwd"
# The paths that ldd prints, as Debian has them: /lib is a link there, and a folder here.
chroot "$root" ldd /usr/local/bin/node | grep -o '/lib[^ ]*' | while read -r library; do
  mkdir -p "$bare/$(dirname "$library")"
  cp -L "$root/$library" "$bare/$library"
done
for pair in "$builder builder" "$runtime runtime"; do
  read -r container name <<<"$pair"
  store umount "$container" >/dev/null
  store commit --quiet --rm "$container" "localhost/$name" >/dev/null
done

build() {
  store build --quiet --pull-never --isolation chroot --network host --format docker \
    --build-arg NODE_IMAGE=localhost/builder --build-arg RUNTIME_IMAGE=localhost/runtime "$@" --file Dockerfile . >/dev/null
}
step "build, with a network"
build --tag localhost/first
step "build again, from nothing but the lock file and npm's cache, in a network namespace without a network"
export -f build store
export work
unshare --net bash -c 'set -e; build --build-arg NPM_CONFIG_OFFLINE=true --tag localhost/ota-gateway'

store images --format "  {{.Name}} {{.Size}}" | grep -v /first
step "run"
container=$(store from --pull-never localhost/ota-gateway)
store inspect --type image localhost/ota-gateway >"$work/image.json"
root=$(store mount "$container")
# Runs in namespaces of its own: it occupies no port of this machine, and when it ends, all its
# processes have ended.
unshare --net --mount --pid --fork --kill-child --mount-proc \
  node deploy/try-image.mjs "$root" "$work/image.json" "$work/trial"
step "done"
