# What needs more than plain 9P2000: links, fifos, owners, special bits, extended attributes, locks.
# Users 1 and 2 are the two that every Unix has besides root.

symlinks() {
  echo content >target
  ln -s target link
  same "$(readlink link)" target
  same "$(cat link)" content
  echo more >>link
  same "$(wc -l <target)" 2
  same "$(stat -c %F link)" 'symbolic link'
  ln -s nowhere dangling
  refused 'No such file' cat dangling
  ln -s loop loop
  refused 'Too many levels' cat loop
  mkdir folder
  ln -s ../target folder/up
  same "$(cat folder/up)" "$(cat target)"
  ln -s "$(printf '%01000d' 0)" long
  same "$(readlink long | wc -c)" 1001
  rm link
  same "$(wc -l <target)" 2
  cp -a . "$work/copy"
  same "$(readlink "$work/copy/folder/up")" ../target
}

hard_links() {
  echo content >one
  ln one two
  same "$(stat -c %h one)-$(stat -c %h two)" 2-2
  same "$(stat -c %i one)" "$(stat -c %i two)"
  echo more >>two
  same "$(wc -l <one)" 2
  mv one three
  ln -f three four
  same "$(stat -c %h two)" 3
  rm two
  same "$(wc -l <three)-$(stat -c %h three)" 2-2
  mkdir folder
  refused 'not allowed\|not permitted' ln folder other
  # Copies keep them together.
  cp -a . "$work/copy"
  same "$(stat -c %h "$work/copy/three")" 2
}

fifo() {
  mkfifo pipe
  same "$(stat -c %F pipe)" fifo
  echo through >pipe &
  same "$(cat pipe)" through
  wait
}

special_bits() {
  mkdir folder
  chown 0:2 folder
  chmod 2775 folder
  same "$(stat -c %a folder)" 2775
  mkdir folder/inner
  touch folder/file
  same "$(stat -c %g-%a folder/inner)" 2-2755
  same "$(stat -c %g folder/file)" 2
  chmod 4755 folder/file
  same "$(stat -c %a folder/file)" 4755
  mkdir shared
  chmod 1777 shared
  same "$(stat -c %a shared)" 1777
}

sticky_folder() {
  chmod 755 .
  mkdir shared
  chmod 1777 shared
  as_user 1 sh -c 'echo content >shared/mine'
  same "$(stat -c %u shared/mine)" 1
  refused 'Operation not permitted\|Permission denied' as_user 2 rm -f shared/mine
  refused 'Operation not permitted\|Permission denied' as_user 2 mv shared/mine shared/stolen
  as_user 1 mv shared/mine shared/renamed
  as_user 1 rm shared/renamed
}

several_users() {
  chmod 777 .
  as_user 1 sh -c 'umask 077; echo secret >private; umask 022; echo open >public; mkdir -m 700 home; echo inner >home/inner'
  same "$(stat -c %u:%g:%a private)" 1:1:600
  refused 'Permission denied' as_user 2 cat private
  refused 'Permission denied' as_user 2 cat home/inner
  refused 'Permission denied' as_user 2 sh -c 'echo no >>public'
  refused 'Operation not permitted\|Permission denied' as_user 2 chmod 666 public
  same "$(as_user 2 cat public)" open
  same "$(as_user 1 cat private)" secret
  same "$(cat private)" secret
  as_user 1 chgrp 1 public
  refused 'Operation not permitted\|Permission denied' as_user 1 chown 2 public
  chmod 640 public
  refused 'Permission denied' as_user 2 cat public
  if can client_groups; then
    same "$(setpriv --reuid=2 --regid=2 --groups=1 cat public)" open
  fi
}

owners() {
  touch file
  chown 1:2 file
  same "$(stat -c %u:%g file)" 1:2
  chgrp 0 file
  same "$(stat -c %u:%g file)" 1:0
}

extended_attributes() {
  touch file
  setfattr -n user.colour -v blue file
  setfattr -n user.empty file
  same "$(getfattr --only-values -n user.colour file)" blue
  same "$(getfattr file | grep -c ^user)" 2
  setfattr -n user.colour -v red file
  same "$(getfattr --only-values -n user.colour file)" red
  large=$(printf '%02000d' 7)
  setfattr -n user.large -v "$large" file
  same "$(getfattr --only-values -n user.large file)" "$large"
  setfattr -x user.colour file
  refused 'No such attribute' getfattr -n user.colour file
  cp --preserve=xattr file copy
  same "$(getfattr --only-values -n user.large copy)" "$large"
  mkdir folder
  setfattr -n user.on -v folder folder
  same "$(getfattr --only-values -n user.on folder)" folder
}

file_locks() {
  flock lock sleep 2 &
  sleep 0.7
  if flock -n lock true; then return 1; fi
  wait
  flock -n lock true
  # flock(2), unlike fcntl(2), locks whatever the descriptor was opened for.
  (
    flock -n 9
    sleep 1
  ) 9<lock &
  sleep 0.4
  if flock -n lock true; then return 1; fi
  wait
}

file_system_numbers() {
  [ "$(stat -f -c %b .)" -gt 0 ]
  [ "$(stat -f -c %l .)" -ge 255 ]
}

check_if symlink symlinks
check_if hardlink hard_links
check_if fifo fifo
check_if special_bits special_bits
check_if owner owners
check_if users sticky_folder
check_if users several_users
check_if xattr extended_attributes
check_if lock file_locks
check_if statfs file_system_numbers
