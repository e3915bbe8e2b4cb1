# What every flow stands on. A flow is a function that works in an empty folder of its own under `set -e`;
# `check NAME` runs the function NAME, prints `ok NAME` or `FAIL NAME` with the end of its trace, and removes
# the folder, which must succeed too.
#
# From outside: DIR, an existing folder on the file system to be judged; OTHER, the same folder through a second
# client, or nothing; SOURCE, a local folder with real files; SCRATCH, a local folder to work in; CAN, what the
# way to the files can express (see abilities.ts); COUNT, how many files flows make that make many; LENGTH, short
# or long; ONLY, flows to be run alone, or nothing.

failed=0
passed=0

can() {
  case " $CAN " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
  esac
}

check() {
  case " $ONLY " in
    "  " | *" $1 "*) ;;
    *) return 0 ;;
  esac
  name=$1
  began=$(date +%s%N)
  mkdir "$DIR/$name" "$SCRATCH/$name"
  # Not as a condition: the shell ignores `set -e` in one.
  (
    cd "$DIR/$name" || exit 1
    work=$SCRATCH/$name
    set -ex
    "$name"
  ) >"$SCRATCH/$name.log" 2>&1
  code=$?
  if ! rm -rf "$DIR/$name" >>"$SCRATCH/$name.log" 2>&1 || [ -e "$DIR/$name" ]; then
    echo "the folder could not be removed" >>"$SCRATCH/$name.log"
    code=1
  fi
  ms=$((($(date +%s%N) - began) / 1000000))
  if [ "$code" = 0 ]; then
    passed=$((passed + 1))
    echo "ok $name ($ms ms)"
  else
    failed=$((failed + 1))
    echo "FAIL $name ($ms ms)"
    tail -n 12 "$SCRATCH/$name.log" | sed 's/^/    /'
  fi
  rm -rf "$SCRATCH/$name"
}

# For a flow that needs what not every way to the files can express.
check_if() {
  if can "$1"; then check "$2"; fi
}

# For a flow that takes much longer than the others.
check_long() {
  if [ "$LENGTH" = long ] || [ -n "$ONLY" ]; then check "$1"; fi
}

same() {
  [ "$1" = "$2" ] || { echo "got '$1', expected '$2'"; return 1; }
}

# The command must fail, saying the given words in the language of C.
refused() {
  words=$1
  shift
  if LC_ALL=C "$@" >"$work/refused" 2>&1; then
    echo "succeeded, but must fail: $*"
    return 1
  fi
  grep -q -e "$words" "$work/refused" || { cat "$work/refused"; return 1; }
}

# Where the kernel believes names for a second without asking (9pfuse), what one program did through a folder may
# be news to the next one that came to that folder by another way.
settle() {
  can fresh_names || sleep 1.1
}

# Where the kernel asks anew for a folder that it reaches by two ways, 9pfuse gives it another number, and a rename
# within it is EXDEV: on a slow machine `git stash` ends by that before it has changed anything.
again() {
  "$@" && return
  can fresh_names && return 1
  "$@" || "$@"
}

as_user() {
  id=$1
  shift
  setpriv --reuid="$id" --regid="$id" --clear-groups "$@"
}

checksums() {
  (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

summary() {
  echo "flows: $passed passed, $failed failed"
  [ "$failed" = 0 ]
}
