# Shared by scripts/demo and scripts/test: makes the machine ready, or says exactly what is missing.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $1"
  [ -z "${2:-}" ] || say "hint: $2"
  exit 1
}

need_node() {
  command -v node >/dev/null 2>&1 || die "Node.js is not installed." "Install Node 20.19 or later: https://nodejs.org"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Node $(node --version) is too old." "Install Node 20.19 or later: https://nodejs.org"
}

# use_node VERSION: puts Node VERSION (22, or 22.12.0) first on the PATH, for all that is started from now on. It is kept in
# the cache folder. npm's package "node" is only an install script, which fetches node-linux-*, and which npm may not run.
use_node() {
  local cache package folder fetched
  cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/snapledger-node
  package=node-linux-$(node -p process.arch)
  folder=$cache/$1
  if [ ! -x "$folder/node_modules/$package/bin/node" ]; then
    say "Fetching Node $1 into $cache ..."
    mkdir -p "$cache"
    fetched=$(mktemp -d "$cache/fetch.XXXXXX")
    npm install --prefix "$fetched" --no-audit --no-fund --loglevel=error "$package@$1" >&2 || {
      rm -rf "$fetched"
      die "npm cannot install $package@$1." "See its words above: the version may not exist, or the registry may be out of reach."
    }
    # Another run may have put the same there meanwhile.
    mv -T "$fetched" "$folder" 2>/dev/null || rm -rf "$fetched"
  fi
  "$folder/node_modules/$package/bin/node" --version >/dev/null || die "Node $1 does not run here." "Remove $folder, and try again."
  PATH=$folder/node_modules/$package/bin:$PATH
  export PATH
  hash -r
}

# The packages of package-lock.json, unless they are there already.
need_packages() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say "Installing npm packages ..."
    npm ci --no-audit --no-fund --loglevel=error >&2 || die "npm ci failed." "See its words above."
    touch node_modules/.package-lock.json
  fi
}

# install_debian PACKAGE...: by apt-get as root or with a sudo that asks nothing. Fails when it may not.
install_debian() {
  command -v apt-get >/dev/null 2>&1 || return 1
  local as=""
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as="sudo -n"
  fi
  say "Installing $* ..."
  $as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
  $as apt-get update -qq >/dev/null 2>&1
  $as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_qemu_tools() {
  have_qemu_tools && return
  install_debian qemu-utils || true
  have_qemu_tools || die "qemu-img and qemu-io are not installed." "Run as root: apt-get install qemu-utils"
}

have_qemu_tools() { command -v qemu-img >/dev/null 2>&1 && command -v qemu-io >/dev/null 2>&1; }

# What the tests check proofs with, and what an auditor needs for verify.sh.
need_proof_tools() {
  have_proof_tools && return
  install_debian openssl jq || true
  have_proof_tools || die "openssl and jq are not installed." "Run as root: apt-get install openssl jq"
}

have_proof_tools() { command -v openssl >/dev/null 2>&1 && command -v jq >/dev/null 2>&1; }

need_qemu() {
  have_qemu && return
  install_debian qemu-system-x86 || true
  have_qemu || die "qemu-system-x86_64 is not installed." "Run as root: apt-get install qemu-system-x86"
}

have_qemu() { command -v qemu-system-x86_64 >/dev/null 2>&1; }

# What a running guest's memory is compressed with.
need_zstd() {
  have_zstd && return
  install_debian zstd || true
  have_zstd || die "zstd is not installed." "Run as root: apt-get install zstd"
}

have_zstd() { command -v zstd >/dev/null 2>&1; }

# Builds the guest of the tests, which is one sector of code.
need_binutils() {
  have_binutils && return
  install_debian binutils || true
  have_binutils || die "as and ld are not installed." "Run as root: apt-get install binutils"
}

have_binutils() { command -v as >/dev/null 2>&1 && command -v ld >/dev/null 2>&1; }

# What a few tests compare with; they are skipped without it.
want_libvirt_tools() {
  if command -v virsh >/dev/null 2>&1 && command -v xmllint >/dev/null 2>&1; then return; fi
  install_debian libvirt-clients libxml2-utils >/dev/null 2>&1 ||
    say "note: without libvirt-clients and libxml2-utils the tests that compare with libvirt are skipped."
}

# For the test that talks to the real guest agent, which is skipped without it. Its service stays off but in a guest.
want_guest_agent() {
  [ -x /usr/sbin/qemu-ga ] && return
  install_debian qemu-guest-agent >/dev/null 2>&1 ||
    say "note: without qemu-guest-agent the test that talks to it is skipped."
}

# For the tests of a disk that fails, which are skipped without it.
want_compiler() {
  printf '#include <dlfcn.h>\n' | gcc -E -x c - >/dev/null 2>&1 && return
  install_debian gcc libc6-dev >/dev/null 2>&1 ||
    say "note: without gcc and libc6-dev the tests of a disk that fails are skipped."
}
