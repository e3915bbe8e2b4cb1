# git: lock files by O_EXCL, renames over existing names, mmap of packs, modes, a folder with many small files.

git_two_commits() {
  git init -q .
  cp -r "$SAMPLE" files
  git add -A
  git commit -q -m first
  same "$(git status --porcelain)" ""
  file=$(git ls-files | head -n 1)
  sed -i '1s/^/changed /' "$file"
  git mv "$file" moved
  echo new >added
  git add -A
  git commit -q -m second
  same "$(git log --oneline | wc -l)" 2
  same "$(git status --porcelain)" ""
  git fsck --full --strict
}

git_branches_and_packs() {
  git init -q origin
  cd origin
  cp -r "$SAMPLE" files
  git add -A
  git commit -q -m first
  git checkout -q -b side
  echo side >side
  git add side
  git commit -q -m side
  git checkout -q main
  echo main >main
  git add main
  git commit -q -m main
  git merge -q -m merged side
  git gc -q
  git fsck --full --strict
  cd ..
  git clone -q origin copy
  diff -r origin/files copy/files
  cd copy
  git reset -q --hard HEAD~1
  git clean -qfdx
  same "$(git status --porcelain)" ""
}

check git_two_commits
check git_branches_and_packs
