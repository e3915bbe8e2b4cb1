# `lux9 mount` and `lux9 umount` as a person uses them: sh mount.sh, with the variables named in flows/lib.sh, and
# LUX9, the launcher; WAY, what it is expected to mount by; PORT, a free one; FLOWS, the folder of lib.sh.
#
# CAN has `kernel` where the kernel mounts (as root, without 9pfuse), `fuse` where 9pfuse does.
: "${LUX9:?}" "${WAY:?}" "${PORT:?}" "${FLOWS:?}" "${DIR:?}" "${SCRATCH:?}" "${CAN?}"
export LC_ALL=C
umask 022
# Mounts stand apart from the folders of the flows, which are removed with all that they hold.
POINTS=$DIR.points
NODE=$DIR.node
mkdir -p "$SCRATCH" "$DIR" "$POINTS"
. "$FLOWS/lib.sh"

# Starts a node with the given home, and with LISTEN if that is set; its process is then $!. Its /data is a folder.
start_node() {
  home=$1
  shift
  (umask 077 && "$@" mkdir -p "$home")
  "$@" mkdir -p -m 755 "$home/data"
  "$@" "$LUX9" up --demo --home "$home" ${LISTEN:+--listen "$LISTEN"} >"$home.log" 2>&1 &
  until grep -q 'serves your tree' "$home.log"; do
    kill -0 $! || { cat "$home.log"; return 1; }
    sleep 0.05
  done
}

# An empty folder to mount on.
point() {
  mkdir "$POINTS/$name"
  echo "$POINTS/$name"
}

is_mounted() {
  grep -qF " $1 " /proc/self/mountinfo
}

# By hand 9pfuse comes back before it has mounted.
until_mounted() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    if is_mounted "$1"; then return 0; fi
    sleep 0.1
  done
  echo "$1 is not mounted"
  return 1
}

mounts_and_unmounts() {
  tree=$(point)
  same "$("$LUX9" mount --home "$NODE" "$tree")" \
    "unix!$NODE/run/9p is mounted on $tree by $WAY; take it off by: lux9 umount $tree"
  same "$(cd "$tree" && echo *)" 'ctl data log ns ns.json status status.json sync translators volumes volumes.json x'
  cmp "$tree/data/notes/plan.md" "$NODE/data/notes/plan.md"
  echo written >"$tree/data/new"
  same "$(cat "$NODE/data/new")" written
  mv "$tree/data/new" "$tree/data/newer"
  echo more >>"$tree/data/newer"
  same "$(cat "$NODE/data/newer")" "$(printf 'written\nmore')"
  rm "$tree/data/newer"
  refused 'No such file' cat "$NODE/data/newer"
  same "$("$LUX9" umount "$tree")" "$tree is free"
  if is_mounted "$tree"; then return 1; fi
  same "$(ls -A "$tree")" ''
}

# Blanks and backslashes are escaped in /proc/self/mountinfo, commas part options, quotes end words.
odd_names() {
  tree="$(point)/it's a\\b, c=ü"
  mkdir "$tree"
  off=$("$LUX9" mount --home "$NODE" "$tree" | sed 's/.* take it off by: lux9 //')
  [ -e "$tree/ctl" ]
  # What it says can be typed.
  eval "\"\$LUX9\" $off"
  same "$(ls -A "$tree")" ''
}

through_symlinks() {
  tree=$(point)
  mkdir "$tree/real" "$tree/real/folder"
  ln -s real "$tree/above"
  ln -s real/folder "$tree/link"
  "$LUX9" mount --home "$NODE" "$tree/link"
  [ -e "$tree/real/folder/ctl" ]
  refused 'is a mount point already' "$LUX9" mount --home "$NODE" "$tree/above/folder"
  same "$("$LUX9" umount "$tree/link")" "$tree/real/folder is free"
  "$LUX9" mount --home "$NODE" "$tree/above/folder"
  "$LUX9" umount "$tree/above/folder"
  same "$(ls -A "$tree/real/folder")" ''
}

# The command that `mount` would run, and the one that `up` printed.
by_hand() {
  tree=$(point)
  eval "$("$LUX9" mount --home "$NODE" --dry-run "$tree")"
  until_mounted "$tree"
  [ -e "$tree/ctl" ]
  "$LUX9" umount "$tree"
  case $WAY in
    v9fs) line='sudo \(mount -t 9p .*\) ~/lux9' ;;
    *) line='\(9pfuse .*\) ~/lux9' ;;
  esac
  printed=$(sed -n "s|^  $line\$|\\1|p" "$NODE.log")
  eval "$printed \"\$tree\""
  until_mounted "$tree"
  [ -e "$tree/ctl" ]
  "$LUX9" umount "$tree"
}

# Of a host by its name, one of its trees.
by_tcp() {
  tree=$(point)
  "$LUX9" mount -a "tcp!localhost!$PORT" --aname /data/notes "$tree"
  same "$(cd "$tree" && echo *)" '9p.md plan.html plan.html.fn plan.md'
  "$LUX9" umount "$tree"
}

refusals() {
  tree=$(point)
  refused 'There is no folder .*: make it by mkdir -p' "$LUX9" mount --home "$NODE" "$tree/none"
  refused 'is no folder' "$LUX9" mount --home "$NODE" "$NODE.log"
  refused 'mount point already (proc): take another folder' "$LUX9" mount --home "$NODE" /proc
  refused 'none of ours: use umount(8)' "$LUX9" umount /proc
  refused 'Nothing is mounted on' "$LUX9" umount "$tree"
  refused 'there is no such socket: start the server' "$LUX9" mount --home "$tree" "$tree"
  refused 'No such file' "$LUX9" mount --home "$NODE" --aname /none "$tree"
  if is_mounted "$tree"; then return 1; fi
}

in_use() {
  tree=$(point)
  "$LUX9" mount --home "$NODE" "$tree"
  cd "$tree"
  refused 'busy: some program is in it; leave it, or use --lazy' "$LUX9" umount "$tree"
  refused 'is a mount point already (.*): lux9 umount it first' "$LUX9" mount --home "$NODE" "$tree"
  "$LUX9" umount --lazy "$tree"
  if is_mounted "$tree"; then return 1; fi
  # Who is in it goes on.
  same "$(cat data/notes/plan.md | wc -l)" "$(wc -l <"$NODE/data/notes/plan.md")"
  cd "$work"
  same "$(ls -A "$tree")" ''
}

# Of a node that was killed the kernel keeps the mount; 9pfuse takes its own off.
node_gone() {
  tree=$(point)
  start_node "$work/home"
  node=$!
  "$LUX9" mount --home "$work/home" "$tree"
  kill -9 "$node"
  wait "$node" || true
  if cat "$tree/data/notes/plan.md"; then return 1; fi
  if can kernel; then "$LUX9" umount "$tree"; fi
  for _ in 1 2 3 4 5; do
    if is_mounted "$tree"; then sleep 0.2; fi
  done
  same "$(ls -A "$tree")" ''
}

# As on a machine that has just started: mount(8) makes the kernel load what it needs.
loads_the_module() {
  tree=$(point)
  rmmod 9p
  rmmod 9pnet_fd
  refused 'Nothing here can mount 9P: the kernel has no 9p module' "$LUX9" mount --home "$NODE" "$tree"
  modules=/lib/modules/$(uname -r)
  mkdir -p "$modules"
  # Without the numbers that order them there.
  for module in /modules/*.ko; do cp "$module" "$modules/${module##*/[0-9][0-9]-}"; done
  depmod
  # Where the kernel looks for it.
  mkdir -p /usr/sbin
  ln -s "$(command -v modprobe)" /usr/sbin/modprobe
  "$LUX9" mount --home "$NODE" "$tree"
  [ -e "$tree/ctl" ]
  "$LUX9" umount "$tree"
}

no_commas_for_the_kernel() {
  tree=$(point)
  refused '--aname a,b: v9fs takes no name with a comma' "$LUX9" mount --home "$NODE" --aname a,b "$tree"
  USER=a,b refused 'USER a,b: v9fs takes no name with a comma' "$LUX9" mount --home "$NODE" "$tree"
}

kernel_needs_root() {
  tree=$(point)
  refused 'Mounting by the kernel needs root: sudo ' as_user 1 "$LUX9" mount --home "$NODE" "$tree"
  eval "$(sed -n 's/.* needs root: sudo //p' "$work/refused")"
  [ -e "$tree/ctl" ]
  refused 'by the kernel, and taking it off needs root: sudo /[a-z/]*umount ' as_user 1 "$LUX9" umount "$tree"
  "$LUX9" umount "$tree"
}

# `sudo lux9 mount --home ~me/…`: what root makes through it belongs to the node's user.
node_of_another_user() {
  tree=$(point)
  mkdir "$work/of"
  chown 1:1 "$work/of"
  chmod 755 "$work"
  # Not as_user: a function would be a process in between.
  start_node "$work/of/home" setpriv --reuid=1 --regid=1 --clear-groups
  node=$!
  "$LUX9" mount --home "$work/of/home" "$tree"
  echo root >"$tree/data/by_root"
  mkdir "$tree/data/folder"
  ln -s by_root "$tree/data/link"
  same "$(stat -c %u:%g "$tree/data/by_root" "$tree/data/folder" "$tree/data/link" | sort -u)" 1:1
  as_user 1 sh -c 'echo more >>"$1"' sh "$tree/data/by_root"
  same "$(cat "$work/of/home/data/by_root")" "$(printf 'root\nmore')"
  same "$(as_user 2 cat "$tree/data/by_root")" "$(printf 'root\nmore')"
  if as_user 2 sh -c 'echo more >>"$1"' sh "$tree/data/by_root"; then return 1; fi
  "$LUX9" umount "$tree"
  kill "$node"
  wait "$node"
}

# Where there is 9pfuse, a kernel without 9P is no reason to install something.
no_kernel() {
  tree=$(point)
  if grep -q '9p$' /proc/filesystems || modprobe -n 9p 2>/dev/null; then return 0; fi
  refused 'Leave out --with v9fs: 9pfuse is here' "$LUX9" mount --home "$NODE" --with v9fs "$tree"
}

LISTEN="tcp!127.0.0.1!$PORT,users=trust"
start_node "$NODE" || exit 1
LISTEN=
first=$!
check_if kernel loads_the_module
check mounts_and_unmounts
check odd_names
check through_symlinks
check by_hand
check by_tcp
check refusals
check in_use
check node_gone
check_if kernel no_commas_for_the_kernel
check_if kernel kernel_needs_root
check_if kernel node_of_another_user
check_if fuse no_kernel
# What a flow that failed left.
for tree in "$POINTS"/* "$POINTS"/*/*; do
  if is_mounted "$tree"; then umount -l "$tree" || fusermount3 -u -z "$tree"; fi
done
kill "$first"
wait "$first" || { echo "the node ended with $?"; cat "$NODE.log"; exit 1; }
summary
