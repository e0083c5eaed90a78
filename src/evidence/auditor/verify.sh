#!/bin/sh
# Verifies the evidence in this folder. See README.md.
#
#   sh verify.sh FINGERPRINT
#
# Needs a POSIX shell, openssl 3 or later, jq and sha256sum.
# Exit status: 0 proven, 1 not proven, 2 all fits together but nothing says whose key it is.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")"

# However it ends: a tool that fails proves nothing.
verdict=''
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -n "$verdict" ] || echo "NOT PROVEN: a tool failed"; exit "${verdict:-1}"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
  printf 'NOT PROVEN: %s\n' "$1"
  verdict=1
  exit 1
}

[ $# -le 1 ] || fail "one argument is taken: the key's fingerprint"
for tool in openssl jq sha256sum; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
for file in key.pem manifest checkpoint records.ndjson proofs.ndjson; do
  [ -f "$file" ] || fail "$file is missing"
done

# Hex digits as what printf takes for bytes.
octal='def octal: . as $hex | [range(0; length; 2) | $hex[.:. + 2] | explode
  | map(if . >= 97 then . - 87 else . - 48 end) | .[0] * 16 + .[1]
  | "\\" + ([. / 64, . / 8 % 8, . % 8] | map(floor | tostring) | add)] | add;'

# The key: its fingerprint, and its id in signed notes, which depends on its name.
openssl pkey -pubin -in key.pem -outform DER -out "$work/key.der" 2>"$work/errors" || fail "key.pem is no public key"
fingerprint=$(sha256sum <"$work/key.der" | cut -c 1-64)
[ $# -eq 0 ] || [ "${1#sha256:}" = "$fingerprint" ] || fail "the key is another: its fingerprint is sha256:$fingerprint"
name=$(sed -n 1p checkpoint)
id=$({ printf '%s\n\001' "$name"; tail -c 32 "$work/key.der"; } | sha256sum | cut -c 1-8)
id_bytes=$(jq -nr --arg id "$id" "$octal \$id | octal")

# open_note NOTE TEXT: writes the text of a signed note to TEXT, if the key signed it. The note is put together again
# from the parts that were understood, and compared: so no byte of it goes unseen.
open_note() {
  sed -n '$p' "$1" | sed 's/.* //' | openssl base64 -d -A 2>/dev/null | tail -c +5 >"$work/signature" || true
  sed '$d' "$1" | sed '$d' >"$2"
  signature=$({ printf "$id_bytes"; cat "$work/signature"; } | openssl base64 -A)
  { cat "$2"; printf '\n— %s %s\n' "$name" "$signature"; } | cmp -s - "$1" || fail "$1 is no signed note of $name"
  openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in "$2" -sigfile "$work/signature" >"$work/errors" 2>&1 ||
    fail "$1 is not signed by the key"
}

# Every file, by the signed manifest.
open_note manifest "$work/manifest"
[ "$(sed -n 1p "$work/manifest")" = "snapledger evidence 1" ] || fail "manifest is none that this verifier knows"
sed 1d "$work/manifest" >"$work/sums"
sha256sum -c "$work/sums" >"$work/errors" 2>/dev/null ||
  fail "not as the manifest has it: $(grep -v ': OK$' "$work/errors" | head -n 1)"

# The checkpoint: so many records, and the root over them.
open_note checkpoint "$work/checkpoint"
size=$(sed -n 2p "$work/checkpoint")
root=$(sed -n 3p "$work/checkpoint")

# Each record's leaf: the hash of a zero byte and its line.
mkdir "$work/nodes"
count=0
while IFS= read -r line; do
  count=$((count + 1))
  { printf '\000'; printf '%s' "$line"; } >"$work/nodes/$count"
done <records.ndjson

# hash_nodes: `hash  number` for all files in nodes, which is empty afterwards.
hash_nodes() {
  (cd "$work/nodes" && find . -type f | xargs sha256sum) | sed 's, \./, ,' >"$work/hashes"
  rm -rf "$work/nodes"
  mkdir "$work/nodes"
}
hashes='($hashes | split("\n") | map(select(. != "") | split("  ") | {(.[1]): .[0]}) | add) as $hash |'

# From each leaf up, all of one height at a time (RFC 9162, section 2.1.3.2): what is hashed next is a byte 1, left, right.
hash_nodes
jq -n --rawfile hashes "$work/hashes" --argjson size "$size" "$hashes"'
  [inputs] | to_entries | map({number: (.key + 1 | tostring), fn: (.value.position - 1), sn: ($size - 1), path: .value.proof})
  | map(.hash = $hash[.number])' proofs.ndjson >"$work/state"
[ "$(jq length "$work/state")" = "$count" ] || fail "there are not as many proofs as records"
height=$(jq 'map(.path | length) | max' "$work/state")
while [ "$height" -gt 0 ]; do
  height=$((height - 1))
  jq -r "$octal"'.[] | select(.path != []) | .number + " " + ("01"
    + (if .fn % 2 == 1 or .fn == .sn then .path[0] + .hash else .hash + .path[0] end) | octal)' "$work/state" |
    while read -r number bytes; do printf "$bytes" >"$work/nodes/$number"; done
  hash_nodes
  jq --rawfile hashes "$work/hashes" "$hashes"'
    def up: .fn = (.fn / 2 | floor) | .sn = (.sn / 2 | floor);
    map(if .path == [] then . else
      .hash = $hash[.number] | .path = .path[1:]
      | if .sn <= 0 then .sn = -1
        else (if .fn % 2 == 0 and .fn == .sn then until(.fn % 2 == 1 or .fn == 0; up) else . end) | up
        end
    end)' "$work/state" >"$work/next"
  mv "$work/next" "$work/state"
done
root_hex=$(printf '%s' "$root" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
[ "$(jq --arg root "$root_hex" 'all(.[]; .sn == 0 and .hash == $root)' "$work/state")" = true ] ||
  fail "a record is not under the checkpoint"

# Nothing is missing: the revisions are contiguous, and the export itself closes them.
jq -s -r --slurpfile proofs proofs.ndjson --argjson size "$size" '
  .[-1] as $closing | .[:-1] as $body | $body[0] as $first | $body[-1] as $last | $closing.data as $of |
  def check(why): if . then empty else why end;
  first(($closing.type == "EvidenceExported" and ($body | length) > 0 | check("the records do not end with the export")),
    (all(.[]; .domain == $closing.domain) | check("a record is of another domain")),
    (map(.position) == ($proofs | map(.position)) | check("a proof is of another record")),
    (all(.[]; .position <= $size) | check("a record is not under the checkpoint")),
    ($body | map(.revision) == [range($of.firstRevision; $of.lastRevision + 1)] | check("a revision is missing")),
    ($of.since == null or $first.time < $of.since or $first.revision == 1
      | check("there may be records before the first")),
    ($of.since != null or $first.revision == 1 | check("there are records before the first")),
    ($closing.revision - 1 == $last.revision or ($of.until != null and $last.time >= $of.until)
      | check("there may be records after the last")))' records.ndjson >"$work/errors"
[ ! -s "$work/errors" ] || fail "$(cat "$work/errors")"

printf 'log         %s, %s records\n' "$name" "$size"
printf 'key         sha256:%s\n' "$fingerprint"
jq -s -r '.[-1] as $closing | .[:-1] | $closing.data as $of |
  "domain      \($of.name) (\($closing.domain))",
  "period      \($of.since // "its beginning") to \($of.until // $closing.time)",
  "records     revisions \($of.firstRevision) to \($of.lastRevision), all there; exported \($closing.time) by \($closing.actor.user)",
  (group_by(.type)[] | "            \(.[0].type) \(length)")' records.ndjson

if [ $# -eq 0 ]; then
  printf 'All of this fits together, but anybody can make a key. Get its fingerprint from the operators by another way than\n'
  printf 'this bundle (snapledger key --fingerprint), and give it as the argument.\nUNTRUSTED KEY\n'
  verdict=2
  exit
fi
printf 'PROVEN\n'
verdict=0
