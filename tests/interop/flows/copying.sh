# Real files in and out, by the programs that people use for it.

copy_in_and_out() {
  checksums "$SOURCE" >"$work/sums"
  cp -r "$SOURCE" in
  cp -r in "$work/out"
  checksums "$work/out" >"$work/sums-out"
  cmp "$work/sums" "$work/sums-out"
}

# Names, modes, sizes and times survive. A time travels in whole seconds where the protocol has no more.
cp_a() {
  if can owner && can fresh_attributes; then cp -a "$SAMPLE" in; else cp -r --preserve=mode,timestamps "$SAMPLE" in; fi
  attributes "$SAMPLE" >"$work/before"
  attributes in >"$work/after"
  diff "$work/before" "$work/after"
  diff -r "$SAMPLE" in
}

attributes() {
  # A folder's size is its file system's own business.
  if can nanoseconds; then format='%P %y %m %T@\n'; else format='%P %y %m %Ts\n'; fi
  (cd "$1" && find . -printf "$format" | sort && find . -type f -printf '%P %s\n' | sort)
}

tar_in_and_out() {
  owner=--no-same-owner
  if can owner; then owner=--same-owner; fi
  tar -C "$SAMPLE" -cf "$work/sample.tar" .
  mkdir in "$work/out"
  tar -C in "$owner" -xf "$work/sample.tar"
  diff -r "$SAMPLE" in
  # tar takes a short read of a file for its end, so it must not ask for more than comes at once.
  blocks=20
  can long_reads || blocks=8
  tar -C in -b "$blocks" -cf again.tar .
  tar -C "$work/out" -xf again.tar
  diff -r "$SAMPLE" "$work/out"
  tar -C in -b "$blocks" -df again.tar
}

rsync_and_delete() {
  options=-rlpt
  if can owner; then options=-a; fi
  # Where times have whole seconds, so has the comparison.
  can nanoseconds || options="$options --modify-window=1"
  # Its temporary files are made so that no symlink is followed.
  can create_nofollow || options="$options --inplace"
  cp -a "$SAMPLE" "$work/source"
  rsync $options "$work/source/" in
  diff -r "$work/source" in
  find "$work/source" -type f | sort >"$work/list"
  sed -n '1~5p' "$work/list" | xargs rm
  sed -n '2~5p' "$work/list" | while read -r file; do echo more >>"$file"; done
  mkdir "$work/source/new"
  echo new >"$work/source/new/file"
  rsync $options --delete "$work/source/" in
  diff -r "$work/source" in
  # A third time there is nothing left to do.
  same "$(rsync $options -i --delete "$work/source/" in | grep -v '/$')" ""
}

diff_r() {
  cp -r "$SAMPLE" one
  cp -r one two
  diff -r one two
  file=$(cd two && find . -type f | sort | head -n 1)
  echo changed >>"two/$file"
  if diff -rq one two >"$work/difference"; then return 1; fi
  same "$(cat "$work/difference")" "Files one/${file#./} and two/${file#./} differ"
}

find_in_tree() {
  cp -r "$SAMPLE" in
  (cd "$SAMPLE" && find . | sort) >"$work/expected"
  (cd in && find . | sort) >"$work/found"
  cmp "$work/expected" "$work/found"
  same "$(find in -type d | wc -l)" "$(find "$SAMPLE" -type d | wc -l)"
  same "$(find in -type f -size +4k | wc -l)" "$(find "$SAMPLE" -type f -size +4k | wc -l)"
  touch in/marker
  same "$(find in -maxdepth 1 -name marker)" in/marker
  find in -type f -delete
  same "$(find in -type f | wc -l)" 0
}

big_file() {
  dd if=/dev/urandom of="$work/big" bs=1M count="$BIG_MIB" status=none
  cp "$work/big" big
  cmp "$work/big" big
  # A piece in the middle, over the border of every message.
  dd if=/dev/zero of=big bs=1000 seek=777 count=333 conv=notrunc status=none
  dd if=/dev/zero of="$work/big" bs=1000 seek=777 count=333 conv=notrunc status=none
  cmp "$work/big" big
  # sync(1) with names is fsync(2).
  sync big
}

many_in_one_folder() {
  seq "$COUNT" | sed 's/^/file-/' | xargs touch
  same "$(ls | wc -l)" "$COUNT"
  same "$(ls | sort -u | wc -l)" "$COUNT"
  rm file-*
  same "$(ls | wc -l)" 0
}

# Long names, so that a few files make a listing of several messages.
listing_of_several_messages() {
  tail=$(printf '%0190d' 0)
  seq 700 | sed "s/$/-$tail/" | xargs touch
  same "$(ls | wc -l)" 700
  same "$(ls | sort -u | wc -l)" 700
}

check copy_in_and_out
check cp_a
check tar_in_and_out
check rsync_and_delete
check diff_r
check find_in_tree
check big_file
check many_in_one_folder
check listing_of_several_messages
