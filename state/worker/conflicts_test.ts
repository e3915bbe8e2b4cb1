import assert from "node:assert/strict";
import { type Copy, meet, plain, World } from "./_copies.ts";

/** Two copies that begin alike, work apart and meet. */
async function apart(
  before: (copy: Copy) => void,
  one: (copy: Copy) => void,
  two: (copy: Copy) => void,
  expected: string[],
  then: (copies: Copy[], world: World) => void = () => {},
): Promise<void> {
  await World.with(2, (copies, world) => {
    one(copies[0]);
    two(copies[1]);
    assert.deepEqual(plain(meet(copies)), expected);
    then(copies, world);
  }, before);
}

const nothing = () => {};

Deno.test("edit / edit of mergeable text: both edits are in it", () =>
  apart(
    (copy) => copy.write("notes.md", "one\ntwo\nthree\n"),
    (copy) => copy.write("notes.md", "ONE\ntwo\nthree\n"),
    (copy) => copy.write("notes.md", "one\ntwo\nthree\nfour\n"),
    ["notes.md = ONE\ntwo\nthree\nfour\n"],
  ));

Deno.test("write / write: one wins, the other is beside it", () =>
  apart(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "mine"),
    (copy) => copy.write("f", "yours"),
    ["f = yours", "f.conflict-A-H = mine"],
  ));

Deno.test("write / delete: the file is back", () =>
  apart(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "new"),
    (copy) => copy.rm("f"),
    ["f = new"],
  ));

Deno.test("move / move of one file: one place", () =>
  apart(
    (copy) => {
      copy.mkdir("d");
      copy.mkdir("e");
      copy.write("f", "x");
    },
    (copy) => copy.mv("f", "d/f"),
    (copy) => copy.mv("f", "e/f"),
    ["d/", "e/", "e/f = x"],
  ));

Deno.test("move / move of one file, which is removed then: the index shows what the documents do", () =>
  apart(
    (copy) => {
      copy.mkdir("d");
      copy.mkdir("e");
      copy.write("f", "x");
    },
    (copy) => copy.mv("f", "d/f"),
    (copy) => copy.mv("f", "e/f"),
    ["d/", "e/", "e/f = x"],
    ([a, b]) => {
      a.rm("e/f");
      a.check();
      meet([a, b]);
    },
  ));

Deno.test("moves that would form a cycle: one is reverted, and nothing is lost", () =>
  apart(
    (copy) => {
      copy.mkdir("d");
      copy.mkdir("e");
      copy.write("d/f", "x");
      copy.write("e/g", "y");
    },
    (copy) => copy.mv("d", "e/d"),
    (copy) => copy.mv("e", "d/e"),
    ["e/", "e/d/", "e/d/f = x", "e/g = y"],
    ([a, b]) => {
      // The one that was reverted goes where it was to go, once the other is out of its way.
      a.mv("e/d", "d");
      assert.deepEqual(a.tree(), ["d/", "d/e/", "d/e/g = y", "d/f = x"]);
      assert.deepEqual(meet([a, b]), a.tree());
    },
  ));

Deno.test("create / create of files: both are kept", () =>
  apart(nothing, (copy) => copy.write("f", "mine"), (copy) => copy.write("f", "yours"), [
    "f = yours",
    "f.conflict-A-H = mine",
  ]));

Deno.test("create / create of a file and a directory: the directory has the name", () =>
  apart(nothing, (copy) => copy.write("f", "mine"), (copy) => copy.mkdir("f"), [
    "f/",
    "f.conflict-A-H = mine",
  ]));

Deno.test("mkdir / mkdir: one directory with both contents, which keeps its number", () => {
  const numbers: number[] = [];
  const make = (name: string) => (copy: Copy) => {
    numbers.push(copy.mkdir("d"));
    copy.write(`d/${name}`, name);
    copy.mkdir("d/e");
    copy.write(`d/e/${name}`, name);
  };
  return apart(nothing, make("f"), make("g"), [
    "d/",
    "d/e/",
    "d/e/f = f",
    "d/e/g = g",
    "d/f = f",
    "d/g = g",
  ], ([a, b]) => {
    assert.deepEqual([a, b].map((copy) => copy.at("d")), numbers);
    // What is done in it, to it and with it is done to both.
    a.write("d/h", "h");
    a.rm("d/f");
    a.rm("d/g");
    b.write("d/e/i", "i");
    assert.deepEqual(meet([a, b]), ["d/", "d/e/", "d/e/f = f", "d/e/g = g", "d/e/i = i", "d/h = h"]);
    a.mv("d", "moved");
    b.check();
    assert.deepEqual(meet([a, b]), [
      ...["moved/", "moved/e/", "moved/e/f = f", "moved/e/g = g", "moved/e/i = i", "moved/h = h"],
    ]);
    for (const path of ["e/f", "e/g", "e/i", "e", "h", ""]) b.rm(`moved/${path}`.replace(/\/$/, ""));
    assert.deepEqual(meet([a, b]), []);
  });
});

Deno.test("directories that became one part again where one of them moves elsewhere", () =>
  World.with(3, ([a, b, c]) => {
    a.mkdir("d");
    a.write("d/f", "x");
    b.mkdir("d");
    b.write("d/g", "y");
    c.receive(b);
    meet([a, b]);
    c.mv("d", "e");
    assert.deepEqual(meet([a, b, c]), ["d/", "d/f = x", "e/", "e/g = y"]);
  }));

Deno.test("rmdir / create inside: the directory is back with the new file, and goes when it is removed", () =>
  apart(
    (copy) => copy.mkdir("d"),
    (copy) => copy.rm("d"),
    (copy) => copy.write("d/f", "x"),
    ["d/", "d/f = x"],
    ([a, b]) => {
      a.rm("d/f");
      assert.deepEqual(a.tree(), ["d/"]);
      a.rm("d");
      assert.deepEqual(meet([a, b]), []);
    },
  ));

Deno.test("chmod / chown / setfattr / touch: all of them hold", () =>
  apart(
    (copy) => copy.write("f", "x"),
    (copy) => {
      copy.chmod("f", 0o600);
      copy.setfattr("f", "user.a", "1");
    },
    (copy) => {
      copy.chown("f", "you");
      copy.setfattr("f", "user.b", "2");
      copy.touch("f", 1000);
    },
    ["f = x"],
    ([a]) => {
      const { mode, uid, mtime, ino } = a.row("f");
      assert.deepEqual([mode & 0o7777, uid, mtime.sec], [0o600, "you", 1000]);
      assert.deepEqual(a.index.xattrNames(ino), ["user.a", "user.b"]);
    },
  ));

Deno.test("link / unlink of the other name: the file has the new one", () =>
  apart(
    (copy) => copy.write("f", "x"),
    (copy) => copy.ln("f", "g"),
    (copy) => copy.rm("f"),
    ["g = x"],
    ([a]) => assert.equal(a.row("g").nlink, 1),
  ));

Deno.test("names that change places do so in one go", () =>
  apart(
    (copy) => {
      copy.write("f", "f");
      copy.write("g", "g");
      copy.mkdir("d");
      copy.mkdir("d/e");
    },
    (copy) => {
      copy.mv("f", "h");
      copy.mv("g", "f");
      copy.mv("h", "g");
      copy.mv("d/e", "e");
      copy.mv("d", "e/d");
      copy.mv("e", "x");
      copy.mv("x/d", "e");
      copy.mv("x", "d");
    },
    nothing,
    ["d/", "e/", "f = g", "g = f"],
  ));

const wroteBoth = [
  (copy: Copy) => copy.write("f", "old"),
  (copy: Copy) => copy.write("f", "mine"),
  (copy: Copy) => copy.write("f", "yours"),
] as const;
const both = ["f = yours", "f.conflict-A-H = mine"];
const conflictOf = (copy: Copy) => copy.entries().find(({ path }) => path.includes(".conflict-"))!.path;

Deno.test("a conflict file: removing it resolves the conflict everywhere", () =>
  apart(...wroteBoth, both, ([a, b]) => {
    a.rm(conflictOf(a));
    a.check();
    assert.deepEqual(meet([a, b]), ["f = yours"]);
  }));

Deno.test("a conflict file: what is moved is a file of its own, and keeps its number", () =>
  apart(...wroteBoth, both, ([a, b]) => {
    a.setfattr("f", "user.x", "1");
    const ino = a.at(conflictOf(a));
    a.mv(conflictOf(a), "g");
    assert.equal(a.at("g"), ino);
    assert.deepEqual(meet([a, b]), ["f = yours", "g = mine"]);
    assert.deepEqual(b.index.xattrNames(b.at("g")), ["user.x"]);
    b.mv("g", "f");
    assert.deepEqual(meet([a, b]), ["f = mine"]);
  }));

Deno.test("a conflict file: what takes the place of the file that won is that alone", () =>
  apart(...wroteBoth, both, ([a, b]) => {
    a.mv(conflictOf(a), "f");
    a.check();
    assert.deepEqual(meet([a, b]), ["f = mine"]);
  }));

for (
  const [what, act, content] of [
    ["written to", (copy, path) => copy.append(path, " and more"), "mine and more"],
    ["cut", (copy, path) => copy.truncate(path, 2), "mi"],
    ["given another mode", (copy, path) => copy.chmod(path, 0o600), "mine"],
    ["given an attribute", (copy, path) => copy.setfattr(path, "user.a", "1"), "mine"],
    ["given a second name", (copy, path) => copy.ln(path, "g"), "mine"],
  ] as readonly [string, (copy: Copy, path: string) => void, string][]
) {
  Deno.test(`a conflict file: what is ${what} is a file of its own, where it is, and keeps its number`, () =>
    apart(...wroteBoth, both, ([a, b]) => {
      const path = conflictOf(a);
      const ino = a.at(path);
      act(a, path);
      a.check();
      assert.equal(a.at(path), ino);
      meet([a, b]);
      for (const copy of [a, b]) assert.equal(copy.read(path), content);
      // Nothing hangs on the other one any more.
      b.rm("f");
      b.check();
      assert.equal(b.read(path), content);
      meet([a, b]);
    }));
}

Deno.test("a conflict file goes where its file goes, has its mode, and stays when that is removed", () =>
  apart(...wroteBoth, both, ([a, b]) => {
    a.mkdir("d");
    a.mv("f", "d/g");
    assert.deepEqual(plain(a.tree()), ["d/", "d/g = yours", "d/g.conflict-A-H = mine"]);
    a.chmod("d/g", 0o640);
    assert.equal(a.row(conflictOf(a)).mode & 0o777, 0o640);
    a.check();
    a.rm("d/g");
    assert.deepEqual(plain(a.tree()), ["d/", "d/g.conflict-A-H = mine"]);
    assert.deepEqual(plain(meet([a, b])), ["d/", "d/g.conflict-A-H = mine"]);
    b.rm(conflictOf(b));
    b.rm("d");
    assert.deepEqual(meet([a, b]), []);
  }));

Deno.test("a conflict file that moved with its file is found by what it was called before", () =>
  apart(...wroteBoth, both, ([a, b]) => {
    const path = conflictOf(a);
    const [ino, place] = [a.at(path), a.place(path)];
    a.batch(() => {
      a.mv("f", "g");
      a.log("unlink", { ino, ...place, held: false });
    });
    assert.deepEqual(a.tree(), ["g = yours"]);
    assert.deepEqual(meet([a, b]), ["g = yours"]);
  }));

Deno.test("a conflict file with a file that has two names goes to the other one", () =>
  apart(
    (copy) => {
      copy.write("f", "old");
      copy.mkdir("d");
      copy.ln("f", "d/g");
    },
    (copy) => copy.write("f", "mine"),
    (copy) => copy.write("f", "yours"),
    ["d/", "d/g = yours", "f = yours", "f.conflict-A-H = mine"],
    ([a, b]) => {
      a.rm("f");
      a.check();
      assert.deepEqual(plain(meet([a, b])), ["d/", "d/g = yours", "d/g.conflict-A-H = mine"]);
    },
  ));

Deno.test("the winner of a name goes, and who lost it keeps the name that it is shown under", () =>
  apart(nothing, (copy) => copy.write("f", "mine"), (copy) => copy.write("f", "yours"), both, ([a, b]) => {
    const { ino } = a.row(conflictOf(a));
    a.rm("f");
    assert.deepEqual(plain(meet([a, b])), ["f.conflict-A-H = mine"]);
    assert.equal(a.at(conflictOf(a)), ino);
    a.mv(conflictOf(a), "f");
    assert.deepEqual(meet([a, b]), ["f = mine"]);
  }));

/** The conflicts of a copy without what tells of them which, each with what it lost against. */
const listed = (copy: Copy, conflicts = copy.keeper.conflicts.withNamed()) =>
  conflicts.map(({ path, of, lost, size }) =>
    [...plain([path]), of, lost, copy.read(path)].join(" ") +
    (size === copy.row(path).size ? "" : " of another size")
  );

for (
  const [what, act] of [
    ["is saved by a rename over it", (copy) => {
      copy.write("d/~f", "newer");
      copy.mv("d/~f", "d/f");
    }],
    ["is moved", (copy) => copy.mv("d/f", "d/g")],
    ["is removed", (copy) => copy.rm("d/f")],
  ] as readonly [string, (copy: Copy) => void][]
) {
  Deno.test(`a conflict about a name is listed on all copies once the file that won ${what}`, () =>
    apart(
      (copy) => copy.mkdir("d"),
      (copy) => copy.write("d/f", "mine"),
      (copy) => copy.write("d/f", "yours"),
      ["d/", "d/f = yours", "d/f.conflict-A-H = mine"],
      ([a, b]) => {
        const lost = "/d/f.conflict-A-H /d/f name mine";
        const [{ by, sec }] = a.keeper.conflicts.all();
        assert.deepEqual(listed(a), [lost]);
        act(a);
        assert.deepEqual(listed(a), [lost]);
        // An exchange asks for no more than the tree's rows tell.
        assert.deepEqual(a.keeper.conflicts.all(), []);
        meet([a, b]);
        assert.deepEqual(listed(b), [lost]);
        const [there] = b.keeper.conflicts.withNamed();
        assert.deepEqual([there.by, there.sec], [by, sec]);
        b.mv(there.path.slice(1), "d/f");
        for (const copy of [b, a]) {
          meet([a, b]);
          assert.deepEqual(listed(copy), []);
        }
      },
    ));
}

Deno.test("what is named nearly as a conflict file is, or is a directory, is in no list of conflicts", () =>
  World.with(1, ([copy]) => {
    for (
      const name of ["f.conflict-", "f.conflict-0123456-01234567", ".conflict-01234567-01234567", "conflict"]
    ) {
      copy.write(name, "x");
    }
    copy.mkdir("d.conflict-01234567-01234567");
    copy.write("d.conflict-01234567-01234567/f.conflict-x.conflict-01234567-01234567", "x");
    assert.deepEqual(copy.keeper.conflicts.withNamed().map(({ path, of }) => [path, of]), [[
      "/d.conflict-01234567-01234567/f.conflict-x.conflict-01234567-01234567",
      "/d.conflict-01234567-01234567/f.conflict-x",
    ]]);
  }));

Deno.test("a file that is back for what was written to it stays where it is when it gets another name", () =>
  apart(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "new"),
    (copy) => copy.rm("f"),
    ["f = new"],
    ([a, b]) => {
      a.ln("f", "g");
      a.check();
      assert.deepEqual(meet([a, b]), ["f = new", "g = new"]);
    },
  ));

Deno.test("a file that is back for what was written to it: the index shows what the documents do when it moves", () =>
  apart(
    (copy) => copy.write("f.md", "one\ntwo\nthree\n"),
    (copy) => copy.write("f.md", "ONE\ntwo\nthree\n"),
    (copy) => {
      copy.write("f.md", "one\ntwo\nTHREE\n");
      copy.rm("f.md");
    },
    ["f.md = ONE\ntwo\nthree\n"],
    ([a, b]) => {
      a.mv("f.md", "g.md");
      a.check();
      meet([a, b]);
    },
  ));

Deno.test("a file that somebody holds and that others remove goes on without a name, and what comes back is another", () =>
  World.with(2, ([a, b]) => {
    const ino = a.at("f");
    a.held.add(ino);
    b.rm("f");
    b.mkdir("f");
    a.receive(b);
    a.check();
    assert.deepEqual(a.tree(), ["f/"]);
    assert.equal(a.index.node(ino)!.nlink, 0);
    assert.notEqual(a.at("f"), ino);
    a.log("forget", { ino });
    a.apply();
    assert.equal(a.index.node(ino), undefined);
    meet([a, b]);
  }, (copy) => copy.write("f", "x")));

Deno.test("a file that was removed here, is held, and is written to elsewhere is back beside the one that is held", () =>
  World.with(2, ([a, b]) => {
    const ino = a.at("f");
    a.held.add(ino);
    a.rm("f");
    b.write("f", "y");
    a.receive(b);
    a.check();
    assert.deepEqual(a.tree(), ["f = y"]);
    assert.notEqual(a.at("f"), ino);
    assert.equal(a.index.node(ino)!.size, 1);
    assert.deepEqual(meet([a, b]), ["f = y"]);
  }, (copy) => copy.write("f", "x")));

Deno.test("a file has another version after others changed it, and one that did not change has not", () =>
  World.with(2, ([a, b]) => {
    const [f, g] = [a.row("f"), a.row("g")];
    b.append("f", "y");
    b.chmod("g", 0o600);
    const changed = a.receive(b);
    assert.deepEqual(new Set(changed), new Set([f.ino, g.ino]));
    assert.ok(a.row("f").version > f.version && a.row("g").version > g.version);
    const { version } = a.row("f");
    b.write("h", "h");
    assert.deepEqual(new Set(a.receive(b)), new Set([1, a.at("h")]));
    assert.equal(a.row("f").version, version);
    assert.deepEqual(a.receive(b), []);
  }, (copy) => {
    copy.write("f", "x");
    copy.write("g", "x");
  }));

Deno.test("snapshots and history show what was before others changed it", () =>
  World.with(2, ([a, b]) => {
    const [before, seq] = [a.tree(), a.snapshot("before")];
    const { ino, version } = a.row("d/f");
    b.write("d/f", "newer");
    b.mv("d/f", "g");
    b.rm("d");
    b.write("h", "h");
    a.receive(b);
    a.check();
    assert.deepEqual(a.tree(), ["g = newer", "h = h"]);
    assert.equal(a.at("g"), ino);
    assert.deepEqual(a.entries(seq).map(({ path }) => path), ["d", "d/f"]);
    assert.deepEqual(a.index.past.node(ino, seq)!.version, version);
    assert.deepEqual(a.index.past.history(ino, 2).map(({ node }) => node.size), [5, 3]);
    a.log("restore", { snapshot: "before", path: "", held: [] });
    a.apply();
    assert.deepEqual(a.tree(), before);
    assert.deepEqual(meet([a, b]), before);
  }, (copy) => {
    copy.mkdir("d");
    copy.write("d/f", "old");
  }));
