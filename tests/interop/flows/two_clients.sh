# The same folder through two clients: what one did, the other sees at its next open.

written_here_read_there() {
  echo first >file
  same "$(cat "$OTHER/$name/file")" first
  echo second >>"$OTHER/$name/file"
  same "$(cat file)" "$(printf 'first\nsecond')"
  mkdir folder
  touch "$OTHER/$name/folder/there"
  same "$(ls folder)" there
}

renamed_here_used_there() {
  echo content >old
  cat "$OTHER/$name/old"
  mv old new
  same "$(cat "$OTHER/$name/new")" content
  refused 'No such file' cat "$OTHER/$name/old"
  rm "$OTHER/$name/new"
  refused 'No such file' cat new
}

appended_from_two_clients() {
  : >log
  exec 3>>log 4>>"$OTHER/$name/log"
  for number in $(seq 50); do
    echo "here $number" >&3
    echo "there $number" >&4
  done
  exec 3>&- 4>&-
  same "$(sort -u log | wc -l)" 100
}

locked_here_refused_there() {
  flock lock sleep 2 &
  sleep 0.7
  if flock -n "$OTHER/$name/lock" true; then return 1; fi
  wait
  flock -n "$OTHER/$name/lock" true
}

if [ -n "$OTHER" ]; then
  check written_here_read_there
  check renamed_here_used_there
  check_if append_at_server appended_from_two_clients
  check_if lock locked_here_refused_there
fi
