# Every flow, one after the other: sh all.sh, with the variables named in lib.sh. FLOWS names other files of them. Then
# those of ONLY_AGAIN in another folder, AGAIN, which is OTHER_AGAIN to a second client.
: "${DIR:?}" "${SOURCE:?}" "${SCRATCH:?}" "${CAN?}" "${COUNT:?}" "${BIG_MIB:?}" "${LENGTH:?}"
OTHER=${OTHER-}
ONLY=${ONLY-}
AGAIN=${AGAIN-}
here=$(dirname "$0")
umask 022
mkdir -p "$SCRATCH"

# Most flows need real files, but not all of them.
SAMPLE=$SCRATCH/sample
mkdir "$SAMPLE"
(cd "$SOURCE" && find . -type f | sort | sed -n "1~$SAMPLE_EVERY{p}" | tar -cf - -T -) | tar -C "$SAMPLE" -xf -

. "$here/lib.sh"
run_flows() {
  for file in ${FLOWS:-copying git files posix two_clients}; do . "$here/$file.sh"; done
}
run_flows
if [ -n "$AGAIN" ]; then
  DIR=$AGAIN OTHER=$OTHER_AGAIN ONLY=$ONLY_AGAIN
  run_flows
fi
rm -rf "$SAMPLE"
summary
