# git: lock files by O_EXCL, renames over existing names, mmap of packs, modes, a folder with many small files.

git_two_commits() {
  git init -q .
  cp -r "$SAMPLE" files
  git add -A
  git commit -q -m first
  same "$(git status --porcelain)" ""
  file=$(git ls-files | head -n 1)
  sed -i '1s/^/changed /' "$file"
  settle
  if can rename_elsewhere; then git mv "$file" moved; else git mv "$file" "$file.moved"; fi
  echo new >added
  settle
  git add -A
  git commit -q -m second
  settle
  same "$(git log --oneline | wc -l)" 2
  same "$(git status --porcelain)" ""
  git fsck --full --strict
}

git_branches() {
  git init -q origin
  cd origin
  cp -r "$SAMPLE" files
  git add -A
  git commit -q -m first
  settle
  git checkout -q -b side
  echo side >side
  git add side
  git commit -q -m side
  settle
  git checkout -q main
  settle
  echo main >main
  git add main
  git commit -q -m main
  settle
  git merge -q -m merged side
  settle
  git fsck --full --strict
  cd ..
  git clone -q origin copy
  diff -r origin/files copy/files
  cd copy
  git reset -q --hard HEAD~1
  git clean -qfdx
  settle
  same "$(git status --porcelain)" ""
}

git_packs() {
  git init -q .
  cp -r "$SAMPLE" files
  git add -A
  git commit -q -m first
  git gc -q
  same "$(git count-objects)" "0 objects, 0 kilobytes"
  git fsck --full --strict
  rm -r files
  git checkout -q .
  diff -r "$SAMPLE" files
}

check git_two_commits
check_long git_branches
# git gc moves packs from one folder into another.
if can rename_elsewhere; then check_long git_packs; fi
