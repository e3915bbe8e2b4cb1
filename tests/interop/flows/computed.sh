# Files that are computed: what translators make of real data, and folders with recipes in the hands of programs that
# know nothing of them. Further from outside: ROOT, where the whole tree is; DATA, the folder with the data in it, by
# its path in the tree, with what the real tools print in DATA/expected (see computed_data.ts).

# What a compute path gives for a file of DATA.
x() {
  printf '%s' "$ROOT/x/$1$DATA/$2"
}

# By its path in the tree, as recipes name it.
here_in_tree() {
  pwd | sed "s|^$ROOT||"
}

paths_equal_tools() {
  expected=$ROOT$DATA/expected
  cmp "$(x csv2json table.csv)" "$expected/table.json"
  # Twice: computed, and from the cache.
  cmp "$(x csv2json table.csv)" "$expected/table.json"
  cmp "$(x sort table.csv)" "$expected/sorted"
  same "$(cat "$(x sort:reverse=true:unique=true table.csv)" | sha256sum)" "$(cat "$expected/sorted-ru.sum")"
  same "$(cat "$(x sha256 table.csv)" | cut -c-64)" "$(sha256sum <"$ROOT$DATA/table.csv" | cut -c-64)"
  same "$(cat "$(x wc:lines=true table.csv)" | tr -d ' ')" "$(wc -l <"$ROOT$DATA/table.csv")"
  gzip -dc "$(x gzip table.csv)" | cmp - "$ROOT$DATA/table.csv"
  head -n 5 "$(x csv2json table.csv)" >"$work/head"
  head -n 5 "$expected/table.json" | cmp - "$work/head"
  cmp "$(x head:n=5 table.csv)" "$expected/head"
  same "$(grep -c Berlin "$(x csv2json table.csv)")" "$(grep -c Berlin "$expected/table.json")"
  same "$(cat "$(x grep:Berlin:count=true table.csv)")" "$(grep -c Berlin "$ROOT$DATA/table.csv")"
  cp "$(x csv2json table.csv)" copy
  cmp copy "$expected/table.json"
}

jq_equals_jq() {
  expected=$ROOT$DATA/expected
  cmp "$(x 'csv2json,jq:.[7]' table.csv)" "$expected/jq-one"
  cmp "$(x 'csv2json,jq:group_by(.city)|map({city%3A .[0].city, count%3A length}):compact=true' table.csv)" \
    "$expected/jq-groups"
  cmp "$(x 'csv2json,jq:.[].note:raw=true' table.csv)" "$expected/jq-notes"
}

gunzip_equals_gunzip() {
  expected=$ROOT$DATA/expected
  same "$(sha256sum <"$(x gunzip log.gz)")" "$(cat "$expected/log.sum")"
  same "$(cat "$(x gunzip,sha256 log.gz)" | cut -c-64)" "$(cut -c-64 "$expected/log.sum")"
  same "$(wc -c <"$(x gunzip log.gz)")" "$(cat "$expected/log.size")"
  same "$(stat -c %s "$(x gunzip log.gz)")" "$(cat "$expected/log.size")"
  cmp "$(x gunzip,head:n=1000 log.gz)" "$expected/log-head"
  same "$(sha256sum <"$(x gunzip,sort log.gz)")" "$(cat "$expected/log-sorted.sum")"
}

book_in_markdown() {
  chapters=$(find "$ROOT$DATA/book" -name '*.md' | wc -l)
  printf 'from: %s\npipe: md2html\n' "$DATA/book/*.md" >book.html.fn
  printf 'from: book.html\npipe: [{name: grep, with: {pattern: "<h1"}}]\n' >contents.html.fn
  cmp book.html "$ROOT$DATA/expected/book.html"
  same "$(wc -l <contents.html)" "$chapters"
  same "$(cat "$(x md2html,grep:%3Ch1 book/chapter-0001.md)" | wc -l)" 1
}

# A list, a glob, a text and a chain.
recipe_folder() {
  mkdir "$1"
  printf 'id,word\n1,needle\n2,hay\n' >"$1/a.csv"
  printf 'id,word\n3,straw\n' >"$1/b.csv"
  printf 'from: a.csv\npipe: [csv2json]\n' >"$1/a.json.fn"
  printf 'from: a.json\npipe: ["jq:.[0].word:raw=true"]\n' >"$1/word.fn"
  printf 'from: "*.csv"\npipe:\n  - name: grep\n    with: {pattern: "id,", invert: true}\n' >"$1/rows.fn"
  printf 'from: [b.csv, a.csv]\npipe: sha256\n' >"$1/list.sum.fn"
  printf 'text: |\n  # Title\n\n  A needle.\npipe: md2html\n' >"$1/text.html.fn"
  mkdir "$1/below"
  printf 'from: ../rows\npipe: [sort:reverse=true, gzip]\n' >"$1/below/rows.gz.fn"
}

RECIPE_FILES='a.csv a.json a.json.fn b.csv below list.sum list.sum.fn rows rows.fn text.html text.html.fn word word.fn'

# Reads every output, so that its length is known, and looks anew where the kernel believes lengths for a second.
evaluate() {
  find "$1" -type f -exec cat {} + >"$work/evaluated"
  settle
}

recipes() {
  recipe_folder f
  same "$(ls f | tr '\n' ' ')" "$RECIPE_FILES "
  same "$(cat f/word)" needle
  same "$(cat f/rows)" "$(printf '1,needle\n2,hay\n3,straw')"
  same "$(cut -c-64 f/list.sum)" "$(cat f/b.csv f/a.csv | sha256sum | cut -c-64)"
  same "$(cat f/text.html)" "$(printf '<h1 id="title">Title</h1>\n<p>A needle.</p>')"
  gzip -dc f/below/rows.gz | diff - - <<END
3,straw
2,hay
1,needle
END
  same "$(grep -rl needle f | sort | tr '\n' ' ')" "f/a.csv f/a.json f/rows f/text.html f/text.html.fn f/word "
  settle
  for file in a.json word rows list.sum text.html below/rows.gz; do
    same "$(stat -c %s "f/$file")" "$(wc -c <"f/$file")"
    same "$(stat -c %s "f/$file")" "$(cat "f/$file" | wc -c)"
  done
  same "$(ls -l f/word | awk_size)" 7
}

# The fifth word.
awk_size() {
  tr -s ' ' | cut -d ' ' -f 5
}

# The next open sees it, also through a chain, in what the kernel caches.
input_changes() {
  recipe_folder f
  inside=$(here_in_tree)
  for word in one eleven one; do
    printf 'id,word\n1,%s\n' "$word" >f/a.csv
    settle
    same "$(cat f/word)" "$word"
    same "$(cat f/rows)" "$(printf '1,%s\n3,straw' "$word")"
    same "$(cat "$ROOT/x/csv2json,jq:.[0].word:raw=true$inside/f/a.csv")" "$word"
  done
  settle
  same "$(stat -c %s f/word)" 4
  printf 'id,word\n4,more\n' >f/c.csv
  settle
  same "$(tail -n 1 f/rows)" 4,more
  # So does a changed recipe.
  printf 'from: a.csv\npipe: wc:lines=true\n' >f/word.fn
  settle
  same "$(tr -d ' ' <f/word)" 2
}

outputs_are_read_only() {
  recipe_folder f
  refused 'Read-only file system\|Permission denied' dd if=/dev/null of=f/word
  refused 'Read-only file system\|Permission denied' truncate -s 0 f/word
  same "$(cat f/word)" needle
  rm -f f/word
  # The recipe decides.
  sleep 2.1
  same "$(cat f/word)" needle
  rm f/word.fn
  settle
  refused 'No such file' cat f/word
}

rm_r() {
  recipe_folder f
  ls -l f
  rm -r f
  refused 'No such file' ls f
}

# Also into the mount, and again over what is there.
cp_of_recipes() {
  options='-r --preserve=mode,timestamps'
  if can owner && can fresh_attributes; then options=-a; fi
  recipe_folder f
  cp $options f "$work/out"
  diff -r f "$work/out"
  cp $options f within
  settle
  diff -r f within
  cp $options "$work/out" back
  settle
  diff -r f back
  cp $options --remove-destination "$work/out/." f
  settle
  diff -r "$work/out" f
  # Without outputs: what was copied makes them as soon as the folder is there.
  bare_folder "$work/out" "$work/bare"
  cp $options "$work/bare" bare
  same "$(cat bare/word bare/below/rows.gz | sha256sum)" "$(cat "$work/out/word" "$work/out/below/rows.gz" | sha256sum)"
}

# A copy without what recipes make, not of today: rsync sets no time that is right within its window.
bare_folder() {
  mkdir "$2" "$2/below"
  cp "$1"/*.csv "$1"/*.fn "$2"
  cp "$1"/below/*.fn "$2/below"
  touch -d '2020-02-20 20:20:20' "$2/below" "$2"
}

tar_of_recipes() {
  owner=--no-same-owner
  if can owner; then owner=--same-owner; fi
  blocks=20
  can long_reads || blocks=8
  recipe_folder f
  evaluate f
  tar -b "$blocks" -cf "$work/f.tar" f
  mkdir "$work/out" again
  tar -C "$work/out" -xf "$work/f.tar"
  diff -r f "$work/out/f"
  same "$(cat "$work/out/f/word")" needle
  tar -C again "$owner" -xf "$work/f.tar"
  settle
  diff -r f again/f
  # Over what is there: once over computed outputs, once over the files that have taken their place.
  tar "$owner" -xf "$work/f.tar"
  settle
  diff -r "$work/out/f" f
  tar "$owner" -xf "$work/f.tar"
  settle
  diff -r "$work/out/f" f
  bare_folder "$work/out/f" "$work/bare"
  tar -C "$work" -cf "$work/bare.tar" bare
  tar "$owner" -xf "$work/bare.tar"
  same "$(cat bare/word bare/below/rows.gz | sha256sum)" "$(cat f/word f/below/rows.gz | sha256sum)"
}

git_of_recipes() {
  recipe_folder f
  evaluate f
  git init -q .
  git add -A
  git commit -q -m first
  settle
  same "$(git status --porcelain)" ""
  git show HEAD:f/word | cmp - f/word
  git show HEAD:f/a.json | cmp - f/a.json
  same "$(git ls-files | wc -l)" 14
  printf 'id,word\n1,other\n' >f/a.csv
  settle
  evaluate f
  same "$(git status --porcelain f/word)" " M f/word"
  git add -A
  git commit -q -m second
  settle
  same "$(git status --porcelain)-$(git show HEAD:f/word)" -other
  git fsck --full --strict
}

# A stored file that has an output's name, in two versions, changed, put aside, and missing in a branch.
git_of_stored_outputs() {
  recipe_folder f
  git init -q .
  printf 'by hand\n' >f/new
  mv f/new f/word
  settle
  git add -A
  git commit -q -m first
  git checkout -q -b side
  printf 'by the other hand\n' >f/new
  mv f/new f/word
  settle
  git commit -q -a -m second
  for side in main:'by hand' side:'by the other hand'; do
    git checkout -q "${side%%:*}"
    settle
    same "$(cat f/word)-$(git status --porcelain f/word)" "${side#*:}-"
  done
  printf 'changed\n' >f/new
  mv f/new f/word
  settle
  again git stash push -q f/word
  settle
  same "$(cat f/word)-$(git status --porcelain f/word)" "by the other hand-"
  git stash pop -q
  settle
  same "$(cat f/word)" changed
  git checkout -q f/word
  settle
  same "$(cat f/word)" "by the other hand"
  # In a branch without the file its recipe makes it, and git takes that for a file that it does not know.
  git checkout -q -b without
  git rm -q f/word
  git commit -q -m third
  sleep 2.1
  same "$(cat f/word)-$(git status --porcelain f/word)" "needle-?? f/word"
  refused 'would be overwritten' git checkout -q side
  same "$(cat f/word)" needle
  echo word >f/.gitignore
  git checkout -q side
  settle
  same "$(cat f/word)" "by the other hand"
  rm f/word
  sleep 2.1
  same "$(cat f/word)" needle
}

rsync_of_recipes() {
  options=-rlpt
  if can owner; then options=-a; fi
  can nanoseconds || options="$options --modify-window=1"
  can create_nofollow || options="$options --inplace"
  recipe_folder f
  evaluate f
  # Out, and once more.
  rsync $options --delete f/ "$work/out"
  diff -r f "$work/out"
  same "$(rsync $options -i --delete f/ "$work/out" | grep -v '/$')" ""
  # It compares lengths and times, and a hash is always as long.
  sleep 2.1
  printf 'id,word\n5,five\n' >f/b.csv
  settle
  evaluate f
  rm f/text.html.fn
  settle
  rsync $options --delete f/ "$work/out"
  diff -r f "$work/out"
  [ ! -e "$work/out/text.html" ]
  # In, with outputs and without.
  rsync $options --delete "$work/out/" back
  settle
  diff -r "$work/out" back
  bare_folder "$work/out" "$work/bare"
  rsync $options --delete "$work/bare/" bare
  cmp bare/word "$work/out/word"
  # What is not in its source is removed, and back in a moment.
  rsync $options --delete "$work/bare/" bare
  sleep 2.1
  cmp bare/rows "$work/out/rows"
}

mv_of_recipes() {
  recipe_folder f
  mkdir other
  # To move an output copies it; it stays, as its recipe does.
  cat f/word
  settle
  mv f/word moved
  same "$(cat moved)-$(stat -c %s moved)" needle-7
  sleep 2.1
  same "$(cat f/word)" needle
  mv f/word.fn f/renamed.fn
  settle
  same "$(cat f/renamed)" needle
  refused 'No such file' cat f/word
  # Where mv copies, what it brings acts once it is done.
  mv f/a.csv f/a.json.fn f/renamed.fn other
  can rename_elsewhere || sleep 2.1
  same "$(cat other/renamed)" needle
  mv other elsewhere
  settle
  same "$(cat elsewhere/renamed)" needle
  echo stored >new
  mv new elsewhere/renamed
  settle
  same "$(cat elsewhere/renamed)" stored
}

# Over everything there is: what waits, and what has no end, is not come across.
whole_mount() {
  recipe_folder f
  inside=$(here_in_tree)
  word=needle-$$
  printf 'id,word\n1,%s\n' "$word" >f/a.csv
  settle
  timeout 300 find "$ROOT" >"$work/found"
  grep -qx "$ROOT$inside/f/below/rows.gz" "$work/found"
  grep -qx "$ROOT/x" "$work/found"
  same "$(grep -c "^$ROOT/x/" "$work/found")" 0
  code=0
  timeout 300 grep -r "$word" "$ROOT" >"$work/hits" 2>"$work/refused" || code=$?
  cat "$work/refused"
  # 2 is for files that may not be read, such as those of other users.
  same "$code" 0
  for file in a.csv a.json rows word; do grep -q "^$ROOT$inside/f/$file:" "$work/hits"; done
  timeout 300 find "$ROOT" -type f -size +1000k -exec ls -l {} + >"$work/large"
}

check paths_equal_tools
if [ -e "$ROOT$DATA/expected/jq-one" ]; then check jq_equals_jq; fi
check gunzip_equals_gunzip
check book_in_markdown
check recipes
check input_changes
check outputs_are_read_only
check rm_r
check cp_of_recipes
check tar_of_recipes
check git_of_recipes
check git_of_stored_outputs
check rsync_of_recipes
check mv_of_recipes
check whole_mount
