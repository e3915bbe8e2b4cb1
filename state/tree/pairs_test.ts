import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy, linesOf } from "./_fixture.ts";

/** What can be done to one name. Before it, there are a file `n` that says `old`, a file `other`, and an empty directory `d`. */
const TO_A_FILE: Record<string, (copy: Copy) => void> = {
  "write n": (copy) => void copy.write("n", "new"),
  "rm n": (copy) => copy.rm("n"),
  "mv n m": (copy) => copy.mv("n", "m"),
  "mv n d/n": (copy) => copy.mv("n", "d/n"),
  "mv other n": (copy) => copy.mv("other", "n"),
  "ln n d/l": (copy) => copy.ln("n", "d/l"),
  "chmod n": (copy) => copy.chmod("n", 0o600),
  "rm n; mkdir n": (copy) => {
    copy.rm("n");
    copy.mkdir("n");
  },
  "rm n; write n": (copy) => {
    copy.rm("n");
    copy.write("n", "newer");
  },
  "setfattr n": (copy) => copy.setfattr("n", "user.x", "1"),
};

/** Before it, there are a directory `n` with a file `f`, and an empty directory `d`. */
const TO_A_DIRECTORY: Record<string, (copy: Copy) => void> = {
  "rm -r n": (copy) => {
    copy.rm("n/f");
    copy.rm("n");
  },
  "mv n m": (copy) => copy.mv("n", "m"),
  "mv n d/n": (copy) => copy.mv("n", "d/n"),
  "mv d n/d": (copy) => copy.mv("d", "n/d"),
  "write n/f": (copy) => void copy.write("n/f", "new"),
  "write n/g": (copy) => void copy.write("n/g", "g"),
  "mv n/f f": (copy) => copy.mv("n/f", "f"),
  "mv n m; mkdir n": (copy) => {
    copy.mv("n", "m");
    copy.mkdir("n");
  },
  "chmod n": (copy) => copy.chmod("n", 0o700),
};

/** What is there after two copies met of which one did the first and the other the second: `one | two: names`. */
const FILES = `
write n | rm n: d/, n = new, other = other
write n | mv n m: d/, m = new, other = other
write n | mv n d/n: d/, d/n = new, other = other
write n | mv other n: d/, n = other, n.conflict-A-H = new
write n | ln n d/l: d/, d/l = new, n = new, other = other
write n | chmod n: d/, n = new, other = other
write n | rm n; mkdir n: d/, n.conflict-A-H = new, n/, other = other
write n | rm n; write n: d/, n = newer, n.conflict-A-H = new, other = other
write n | setfattr n: d/, n = new, other = other
rm n | mv n m: d/, m = old, other = other
rm n | mv n d/n: d/, d/n = old, other = other
rm n | mv other n: d/, n = other
rm n | ln n d/l: d/, d/l = old, other = other
rm n | chmod n: d/, other = other
rm n | rm n; mkdir n: d/, n/, other = other
rm n | rm n; write n: d/, n = newer, other = other
rm n | setfattr n: d/, other = other
mv n m | mv n d/n: d/, d/n = old, other = other
mv n m | mv other n: d/, m = old, n = other
mv n m | ln n d/l: d/, d/l = old, m = old, other = other
mv n m | chmod n: d/, m = old, other = other
mv n m | rm n; mkdir n: d/, m = old, n/, other = other
mv n m | rm n; write n: d/, m = old, n = newer, other = other
mv n m | setfattr n: d/, m = old, other = other
mv n d/n | mv other n: d/, d/n = old, n = other
mv n d/n | ln n d/l: d/, d/l = old, d/n = old, other = other
mv n d/n | chmod n: d/, d/n = old, other = other
mv n d/n | rm n; mkdir n: d/, d/n = old, n/, other = other
mv n d/n | rm n; write n: d/, d/n = old, n = newer, other = other
mv n d/n | setfattr n: d/, d/n = old, other = other
mv other n | ln n d/l: d/, d/l = old, n = other
mv other n | chmod n: d/, n = other
mv other n | rm n; mkdir n: d/, n.conflict-A-H = other, n/
mv other n | rm n; write n: d/, n = other, n.conflict-A-H = newer
mv other n | setfattr n: d/, n = other
ln n d/l | chmod n: d/, d/l = old, n = old, other = other
ln n d/l | rm n; mkdir n: d/, d/l = old, n/, other = other
ln n d/l | rm n; write n: d/, d/l = old, n = newer, other = other
ln n d/l | setfattr n: d/, d/l = old, n = old, other = other
chmod n | rm n; mkdir n: d/, n/, other = other
chmod n | rm n; write n: d/, n = newer, other = other
chmod n | setfattr n: d/, n = old, other = other
rm n; mkdir n | rm n; write n: d/, n.conflict-A-H = newer, n/, other = other
rm n; mkdir n | setfattr n: d/, n/, other = other
rm n; write n | setfattr n: d/, n = newer, other = other
`;
const DIRECTORIES = `
rm -r n | mv n m: d/, m/
rm -r n | mv n d/n: d/, d/n/
rm -r n | mv d n/d: n/, n/d/
rm -r n | write n/f: d/, n/, n/f = new
rm -r n | write n/g: d/, n/, n/g = g
rm -r n | mv n/f f: d/, f = old
rm -r n | mv n m; mkdir n: d/, m/, n/
rm -r n | chmod n: d/
mv n m | mv n d/n: d/, d/n/, d/n/f = old
mv n m | mv d n/d: m/, m/d/, m/f = old
mv n m | write n/f: d/, m/, m/f = new
mv n m | write n/g: d/, m/, m/f = old, m/g = g
mv n m | mv n/f f: d/, f = old, m/
mv n m | mv n m; mkdir n: d/, m/, m/f = old, n/
mv n m | chmod n: d/, m/, m/f = old
mv n d/n | mv d n/d: d/, d/n/, d/n/f = old
mv n d/n | write n/f: d/, d/n/, d/n/f = new
mv n d/n | write n/g: d/, d/n/, d/n/f = old, d/n/g = g
mv n d/n | mv n/f f: d/, d/n/, f = old
mv n d/n | mv n m; mkdir n: d/, m/, m/f = old, n/
mv n d/n | chmod n: d/, d/n/, d/n/f = old
mv d n/d | write n/f: n/, n/d/, n/f = new
mv d n/d | write n/g: n/, n/d/, n/f = old, n/g = g
mv d n/d | mv n/f f: f = old, n/, n/d/
mv d n/d | mv n m; mkdir n: m/, m/d/, m/f = old, n/
mv d n/d | chmod n: n/, n/d/, n/f = old
write n/f | write n/g: d/, n/, n/f = new, n/g = g
write n/f | mv n/f f: d/, f = new, n/
write n/f | mv n m; mkdir n: d/, m/, m/f = new, n/
write n/f | chmod n: d/, n/, n/f = new
write n/g | mv n/f f: d/, f = old, n/, n/g = g
write n/g | mv n m; mkdir n: d/, m/, m/f = old, m/g = g, n/
write n/g | chmod n: d/, n/, n/f = old, n/g = g
mv n/f f | mv n m; mkdir n: d/, f = old, m/, n/
mv n/f f | chmod n: d/, f = old, n/
mv n m; mkdir n | chmod n: d/, m/, m/f = old, n/
`;

Deno.test("every two different things done to one file come to one tree", () => {
  check(TO_A_FILE, FILES, (copy) => {
    copy.mkdir("d");
    copy.write("n", "old");
    copy.write("other", "other");
  });
});

Deno.test("every two different things done to one directory come to one tree", () => {
  check(TO_A_DIRECTORY, DIRECTORIES, (copy) => {
    copy.mkdir("d");
    copy.mkdir("n");
    copy.write("n/f", "old");
  });
});

function check(
  operations: Record<string, (copy: Copy) => void>,
  expected: string,
  before: (copy: Copy) => void,
): void {
  const lines: string[] = [];
  const names = Object.keys(operations);
  names.forEach((one, i) => {
    for (const two of names.slice(i + 1)) {
      lines.push(`${one} | ${two}: ${meet(before, operations[one], operations[two])}`);
    }
  });
  assertEquals(lines, expected.trim().split("\n"));
}

function meet(before: (copy: Copy) => void, one: (copy: Copy) => void, two: (copy: Copy) => void): string {
  const a = Copy.first(1);
  before(a);
  const b = new Copy(2);
  b.pull(a);
  one(a);
  two(b);
  const onlyB = new Copy(3);
  onlyB.pull(b);
  onlyB.pull(a);
  a.pull(b);
  b.pull(a);
  for (const copy of [a, b, onlyB]) assertEquals(linesOf(copy.shown(), true), linesOf(a.shown(), true));
  for (const copy of [a, b, onlyB]) assertEquals(copy.tree(), linesOf(a.shown()));
  return a.tree().join(", ").replace(/-[0-9a-f]{8}-[0-9a-f]{8}/g, "-A-H");
}
