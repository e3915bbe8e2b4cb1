# What editors, shells and daemons do with single files.

sed_in_place() {
  printf 'one\ntwo\nthree\n' >text
  sed -i 's/two/TWO/' text
  same "$(cat text)" "$(printf 'one\nTWO\nthree')"
  sed -i.bak '1d' text
  same "$(wc -l <text)-$(wc -l <text.bak)" 2-3
  same "$(ls)" "$(printf 'text\ntext.bak')"
}

rename_then_use() {
  echo first >old
  mv old new
  refused 'No such file' cat old
  same "$(cat new)" first
  echo second >>new
  same "$(wc -l <new)" 2
  chmod 600 new
  same "$(stat -c %a new)" 600
  echo again >old
  same "$(cat old)-$(head -n 1 new)" again-first
}

rename_while_open() {
  echo first >old
  exec 3<old 4>>old
  mv old new
  echo second >&4
  same "$(cat <&3)" "$(printf 'first\nsecond')"
  exec 3<&- 4>&-
  same "$(cat new)" "$(printf 'first\nsecond')"
}

rename_over_existing() {
  echo loser >target
  echo winner >source
  mv source target
  same "$(cat target)" winner
  same "$(ls)" target
}

# Whoever has the replaced file open goes on with the old content.
rename_over_open() {
  echo old >target
  exec 3<target
  echo new >source
  mv source target
  same "$(cat <&3)" old
  exec 3<&-
  same "$(cat target)" new
}

rename_folder_with_open_file() {
  mkdir -p one/deep
  echo first >one/deep/file
  exec 3<one/deep/file 4>>one/deep/file
  mv one two
  echo second >&4
  same "$(cat <&3)" "$(printf 'first\nsecond')"
  exec 3<&- 4>&-
  same "$(wc -l <two/deep/file)" 2
  refused 'No such file' ls one
  echo third >two/deep/more
  same "$(ls two/deep)" "$(printf 'file\nmore')"
}

# mv copies where the protocol cannot rename into another folder: the result is the same.
rename_into_other_folder() {
  mkdir one two
  echo content >one/file
  mv one/file two/renamed
  same "$(cat two/renamed)" content
  same "$(ls one)" ""
  mkdir one/folder
  echo inner >one/folder/inner
  mv one/folder two
  same "$(cat two/folder/inner)" inner
}

unlink_while_open() {
  echo content >file
  exec 3<file 4>>file
  rm file
  refused 'No such file' cat file
  echo more >&4
  same "$(cat <&3)" "$(printf 'content\nmore')"
  same "$(stat -c %s - <&3)" 13
  exec 3<&- 4>&-
  same "$(ls -A)" ""
}

append_from_two_processes() {
  : >log
  append_lines first &
  append_lines second &
  wait
  same "$(wc -l <log)" 200
  same "$(sort -u log | wc -l)" 200
}

append_lines() {
  set +x
  for number in $(seq 100); do echo "$1 $number" >>log; done
}

# Both keep their descriptor: the second write must not land where the first one did.
append_through_kept_descriptors() {
  exec 3>>log 4>>log
  for number in $(seq 50); do
    echo "first $number" >&3
    echo "second $number" >&4
  done
  exec 3>&- 4>&-
  same "$(sort -u log | wc -l)" 100
}

truncate_and_grow() {
  printf '0123456789' >file
  truncate -s 4 file
  same "$(cat file)" 0123
  truncate -s 10 file
  same "$(od -An -c file | tr -d ' \n')" '0123\0\0\0\0\0\0'
  : >file
  same "$(stat -c %s file)" 0
  truncate -s 1000000 file
  same "$(tr -d '\0' <file | wc -c)-$(stat -c %s file)" 0-1000000
  dd if=/dev/zero of=sparse bs=1 count=1 seek=5000000000 status=none
  same "$(stat -c %s sparse)" 5000000001
  same "$(tail -c 1 sparse | od -An -tx1 | tr -d ' ')" 00
}

truncate_while_open() {
  printf '0123456789' >file
  exec 3>>file 4<file
  : >file
  printf abc >&3
  same "$(cat <&4)" abc
  exec 3>&- 4<&-
}

long_names() {
  longest=$(printf '%0255d' 0)
  echo content >"$longest"
  same "$(cat "$longest")" content
  same "$(ls)" "$longest"
  mv "$longest" "$(printf '%0254d' 1)x"
  same "$(ls | wc -c)" 256
  mkdir "$longest"
  echo inner >"$longest/$longest"
  same "$(cat "$longest/$longest")" inner
  refused 'File name too long\|Argument list too long' touch "${longest}1"
}

odd_names() {
  for name in 'with space' 'quote"and'\' 'back\slash' -dash '*star' 'größe' '日本語' '🙂' "$(printf 'new\nline')" ... '#hash'; do
    echo "$name" >"./$name"
  done
  same "$(find . -type f -printf x | wc -c)" 11
  for name in *; do same "$(cat "./$name")" "$name"; done
  same "$(cat ./...)" ...
}

deep_folders() {
  deepest=$(seq 40 | tr '\n' '/')
  mkdir -p "$deepest"
  echo content >"${deepest}file"
  same "$(cat "${deepest}file")" content
  (cd "$deepest" && same "$(cat ../40/file)" content && cd ../../.. && same "$(ls)" 38)
  same "$(find . -type d | wc -l)" 41
}

refusals() {
  mkdir folder
  touch file folder/inner
  refused 'File exists' mkdir folder
  refused 'File exists' mkdir file
  refused 'Directory not empty\|File exists' rmdir folder
  refused 'Is a directory' rm folder
  refused 'Not a directory' ls file/inner
  refused 'Not a directory' rmdir file
  refused 'No such file' cat missing
  refused 'No such file' touch missing/file
  refused 'Is a directory' dd if=/dev/null of=folder
}

exclusive_create() {
  touch file
  refused 'File exists' dd if=/dev/null of=file conv=excl
  dd if=/dev/null of=new conv=excl status=none
}

# A lock as scripts make it: of those who race for it, exactly one wins.
race_for_a_folder() {
  for number in $(seq 8); do
    (if mkdir lock 2>/dev/null; then touch "won-$number"; fi) &
  done
  wait
  same "$(ls | grep -c won)" 1
}

modes() {
  umask 022
  touch file
  mkdir folder
  same "$(stat -c %a file)-$(stat -c %a folder)" 644-755
  chmod 640 file
  chmod 711 folder
  same "$(stat -c %a file)-$(stat -c %a folder)" 640-711
  printf '#!/bin/sh\necho ran\n' >program
  chmod +x program
  same "$(./program)" ran
  umask 077
  touch private
  same "$(stat -c %a private)" 600
}

file_times() {
  touch -d @123456789 file
  same "$(stat -c %Y file)" 123456789
  echo more >>file
  [ "$(stat -c %Y file)" -gt 123456789 ]
  touch -d @123456789 folder-time
  mkdir folder
  touch -d @123456789 folder
  same "$(stat -c %Y folder)" 123456789
  touch folder/new
  [ "$(stat -c %Y folder)" -gt 123456789 ]
  touch -r folder-time file
  same "$(stat -c %Y file)" 123456789
  if can nanoseconds; then
    touch -d @123456789.123456789 file
    same "$(stat -c %y file | cut -d. -f2 | cut -c-9)" 123456789
    touch -a -d @5 file
    same "$(stat -c %X-%Y file)" 5-123456789
  fi
}

list_while_it_changes() {
  seq 300 | sed 's/^/stay-/' | xargs touch
  (
    set +ex
    while [ ! -e "$work/stop" ]; do
      touch "come-$$"
      rm -f "come-$$"
    done
  ) &
  for round in $(seq 10); do
    same "$(ls | grep -c '^stay-')" 300
    same "$(ls | sort | uniq -d)" ""
  done
  touch "$work/stop"
  wait
}

check sed_in_place
check rename_then_use
check rename_while_open
check rename_over_existing
check_if replaced_open rename_over_open
check rename_folder_with_open_file
check rename_into_other_folder
check_if unlinked_open unlink_while_open
check_if append_at_server append_from_two_processes
check append_through_kept_descriptors
check truncate_and_grow
check truncate_while_open
check long_names
check odd_names
check deep_folders
check refusals
check_if exclusive exclusive_create
check race_for_a_folder
check modes
check file_times
check list_while_it_changes
