import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { realDisk } from "../disk/mod.ts";
import { DatabaseGuard, placeOf } from "../guard/mod.ts";
import { DATABASE } from "../volume/mod.ts";
import { carry } from "./_carry.ts";
import { copyFolder } from "./_exchange.ts";
import { noise, Volume } from "./_tree.ts";
import { nextStep, receiveClone, verify } from "./mod.ts";

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-rejoin-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Two copies meet as often as it takes, and say what they did in between. */
async function meet(a: Volume, b: Volume): Promise<string[]> {
  const steps: string[] = [];
  for (let round = 0; round < 10; round++) {
    const { a: one, b: other } = await carry(await a.store.exchange(), await b.store.exchange());
    assert.ok("ended" in one && "ended" in other, JSON.stringify({ one, other }));
    if (one.ended?.kind === "done" && other.ended?.kind === "done") {
      assert.deepEqual([one.summary.refused, other.summary.refused], [[], []]);
      assert.deepEqual(a.tree(), b.tree());
      return steps;
    }
    steps.push(`${JSON.stringify(one.ended)} ${one.next ?? "-"} ${other.next ?? "-"}`);
    const step = nextStep(one, other);
    if (step === "own rejoins") await rejoin(a, b);
    else if (step === "other rejoins") await rejoin(b, a);
    else assert.equal(step, "again", JSON.stringify({ one, other }));
  }
  assert.fail(steps.join());
}

async function rejoin(a: Volume, b: Volume): Promise<void> {
  const wishes = { wish: { do: "rejoin" }, other: { do: "state" } } as const;
  const { a: taken, b: told } = await carry(await a.store.exchange(), await b.store.exchange(), wishes);
  assert.ok("rejoined" in taken && taken.rejoined.absent === 0, JSON.stringify(taken));
  assert.ok("stated" in told, JSON.stringify(told));
}

/** As a backup of the whole disk puts it back, or a copy of it: whoever opens it does not see that it is one. */
function asOriginal(folder: string): void {
  const db = new DatabaseSync(`${folder}/${DATABASE}`);
  db.prepare("UPDATE meta SET value = ? WHERE key = 'place'").run(placeOf(`${folder}/${DATABASE}`));
  db.close();
  using guard = new DatabaseGuard(realDisk(folder));
  guard.isWhole(Infinity);
  guard.remake();
}

async function begun(folder: string): Promise<void> {
  await using volume = await Volume.open(folder);
  await volume.mkdir("folder");
  await volume.put("folder/shared", "first");
  await volume.put("folder/moved", "moved");
  await volume.put("gone", "gone");
  await volume.put("notes.md", "one\n\ntwo\n\nthree\n");
}

/** What each side does by itself. */
async function change(volume: Volume, who: string): Promise<void> {
  await volume.mkdir(`of ${who}`);
  await volume.put(`of ${who}/file`, `written by ${who}`);
  await volume.put(`temporary ${who}`, "x");
  await volume.mv(`temporary ${who}`, `of ${who}/renamed`);
  await volume.put("folder/shared", `second of ${who}`);
  await volume.chmod("folder/moved", who === "a" ? 0o600 : 0o640);
  await volume.mv("folder/moved", `of ${who}/moved`);
  await volume.put("notes.md", who === "a" ? "one a\n\ntwo\n\nthree\n" : "one\n\ntwo\n\nthree b\n");
  if (who === "a") await volume.rm("gone");
  await volume.put("same name", `by ${who}`);
}

function check(volume: Volume, whose: readonly string[]): void {
  const lines = volume.tree().join("\n");
  for (const who of whose) {
    for (
      const text of [
        `of ${who}/file = written by ${who}`,
        `of ${who}/renamed = x`,
        `second of ${who}`,
        `by ${who}`,
      ]
    ) {
      assert.ok(lines.includes(text), `${text} in\n${lines}`);
    }
  }
  assert.equal(lines.match(/moved = moved/g)?.length, 1, lines);
  assert.ok(!lines.includes("gone"), lines);
  if (whose.length > 1) assert.ok(lines.includes("notes.md = one a\n\ntwo\n\nthree b\n"), lines);
}

Deno.test("a home that was copied is a copy with a key of its own, and the two meet", async () => {
  await withFolder(async (folder) => {
    const folders = [`${folder}/a`, `${folder}/b`];
    await begun(folders[0]);
    copyFolder(folders[0], folders[1]);
    {
      await using a = await Volume.open(folders[0]);
      await using b = await Volume.open(folders[1]);
      await change(a, "a");
      await change(b, "b");
      assert.deepEqual(await meet(a, b), []);
      check(a, ["a", "b"]);
    }
    const [mine, theirs] = folders.map((each) => {
      using db = new DatabaseSync(`${each}/${DATABASE}`, { readOnly: true });
      return String(db.prepare("SELECT value FROM meta WHERE key = 'secret'").get()!.value);
    });
    assert.notEqual(mine, theirs);
    for (const each of folders) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("a copied home that does not know that it is one gives way when it meets the other: nothing is lost on either side", async () => {
  for (let round = 0; round < 3; round++) {
    await withFolder(async (folder) => {
      const folders = [`${folder}/a`, `${folder}/b`];
      await begun(folders[0]);
      copyFolder(folders[0], folders[1]);
      asOriginal(folders[1]);
      {
        await using a = await Volume.open(folders[0]);
        await using b = await Volume.open(folders[1]);
        assert.equal(a.store.status().incarnation, b.store.status().incarnation);
        await change(a, "a");
        await a.store.snapshot("of a", "me");
        await change(b, "b");
        await b.store.snapshot("of b", "me");
        const before = [a.tree(), b.tree()];
        const steps = await meet(a, b);
        assert.equal(steps.length, 1, steps.join());
        check(a, ["a", "b"]);
        // What was is as it was.
        for (const [i, volume] of [a, b].entries()) {
          const { seq } = volume.store.index.past.snapshot(`of ${"ab"[i]}`)!;
          assert.deepEqual(volume.tree(seq), before[i]);
        }
        assert.notEqual(a.store.status().incarnation, b.store.status().incarnation);
        await a.put("later", "of a");
        await b.put("later still", "of b");
        assert.deepEqual(await meet(a, b), []);
      }
      for (const each of folders) assert.deepEqual(verify(each).problems, []);
    });
  }
});

Deno.test("a restored backup goes on under another name, and what it wrote before and had forgotten comes back", async () => {
  await withFolder(async (folder) => {
    const [a, b, backup] = ["a", "b", "backup"].map((name) => `${folder}/${name}`);
    await begun(a);
    copyFolder(a, b);
    {
      await using first = await Volume.open(a);
      await using other = await Volume.open(b);
      await meet(first, other);
    }
    copyFolder(a, backup);
    {
      await using first = await Volume.open(a);
      await using other = await Volume.open(b);
      await change(first, "a");
      await meet(first, other);
    }
    Deno.removeSync(a, { recursive: true });
    Deno.renameSync(backup, a);
    asOriginal(a);
    {
      await using restored = await Volume.open(a);
      await using other = await Volume.open(b);
      const before = restored.store.status().incarnation;
      // Without anything new of its own, and then with it.
      const [step] = await meet(restored, other);
      assert.match(step, /"older".* again -/);
      assert.notEqual(restored.store.status().incarnation, before);
      check(restored, ["a"]);
      await other.put("of b", "y");
      await restored.put("new", "x");
      await meet(restored, other);
    }
    for (const each of [a, b]) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("a restored backup that was written to before it met anybody loses nothing, and no third copy does", async () => {
  await withFolder(async (folder) => {
    const [a, b, c, backup] = ["a", "b", "c", "backup"].map((name) => `${folder}/${name}`);
    await begun(a);
    copyFolder(a, b);
    copyFolder(a, c);
    copyFolder(a, backup);
    {
      await using first = await Volume.open(a);
      await using second = await Volume.open(b);
      await change(first, "a");
      await meet(first, second);
      await second.put("of a/file", "written by a and changed by b");
      await second.put("of b", "after a");
    }
    Deno.removeSync(a, { recursive: true });
    Deno.renameSync(backup, a);
    asOriginal(a);
    {
      await using restored = await Volume.open(a);
      await using second = await Volume.open(b);
      await using third = await Volume.open(c);
      await change(restored, "restored");
      await restored.rm("gone");
      // The third has seen the one side, the second the other one.
      await meet(restored, third);
      await third.put("of restored/file", "written by restored and changed by c");
      await third.put("of c", "after restored");
      await meet(second, third);
      await meet(second, restored);
      await meet(third, restored);
      await meet(third, second);
      const lines = third.tree().join("\n");
      for (
        const text of ["written by a and changed by b", "written by restored and changed by c", "second of a"]
      ) assert.ok(lines.includes(text), `${text} in\n${lines}`);
      assert.ok(
        lines.includes("second of restored") && lines.includes("after a") && lines.includes("after restored"),
      );
      assert.equal(lines.match(/renamed = x/g)?.length, 2, lines);
      assert.deepEqual(restored.tree(), third.tree());
      assert.deepEqual(second.tree(), third.tree());
    }
    for (const each of [a, b, c]) assert.deepEqual(verify(each).problems, []);
  });
});

/** A journal that has let go of nearly all records after a moment, whoever lacks them and said nothing in this second. */
const SHORT = { journal: { records: 4, bytes: 1_000_000 }, copies: { days: 0 } };

async function shortened(volume: Volume): Promise<void> {
  await new Promise((wake) => setTimeout(wake, 1100));
  await volume.store.collect();
  for (let i = 0; i < 12; i++) await volume.put(`filler ${i % 2}`, `filler ${i}`);
  await volume.rm("filler 0");
  await volume.rm("filler 1");
}

Deno.test("a copy that comes back after records are gone takes the other one's state, and loses nothing of its own", async () => {
  await withFolder(async (folder) => {
    const folders = [`${folder}/a`, `${folder}/b`];
    await begun(folders[0]);
    copyFolder(folders[0], folders[1]);
    {
      await using a = await Volume.open(folders[0], SHORT);
      await using b = await Volume.open(folders[1], SHORT);
      await meet(a, b);
      await change(a, "a");
      await a.put("large", noise(500_000, 1));
      await shortened(a);
      await change(b, "b");
      await b.store.snapshot("of b", "me");
      const before = b.tree();
      const steps = await meet(a, b);
      assert.match(steps[0], /"gone"/);
      check(a, ["a", "b"]);
      // What was is as it was, on the copy that came back as well.
      const { past } = b.store.index;
      assert.deepEqual(b.tree(past.snapshot("of b")!.seq), before);
      const name = past.snapshots().find(({ name }) => name.startsWith("before-rejoin-"))!.name;
      assert.deepEqual(b.tree(past.snapshot(name)!.seq), before);
      await a.put("later", "of a");
      await b.put("later still", "of b");
      assert.deepEqual(await meet(a, b), []);
    }
    for (const each of folders) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("copies that have both let go of what the other one lacks take each other's state", async () => {
  await withFolder(async (folder) => {
    const folders = [`${folder}/a`, `${folder}/b`];
    await begun(folders[0]);
    copyFolder(folders[0], folders[1]);
    {
      await using a = await Volume.open(folders[0], SHORT);
      await using b = await Volume.open(folders[1], SHORT);
      await meet(a, b);
      for (const [volume, who] of [[a, "a"], [b, "b"]] as const) {
        await change(volume, who);
        await shortened(volume);
      }
      const steps = await meet(a, b);
      assert.equal(steps.length, 2, steps.join());
      check(a, ["a", "b"]);
    }
    for (const each of folders) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("a rejoin that is cut off anywhere leaves the copy as it was, and the next one goes through", async () => {
  await withFolder(async (folder) => {
    const folders = [`${folder}/a`, `${folder}/b`];
    await begun(folders[0]);
    copyFolder(folders[0], folders[1]);
    {
      await using a = await Volume.open(folders[0], SHORT);
      await using b = await Volume.open(folders[1], SHORT);
      await change(a, "a");
      for (let i = 0; i < 3; i++) await a.put(`large ${i}`, noise(900_000, i));
      await shortened(a);
      await change(b, "b");
      const before = b.tree();
      const wishes = { wish: { do: "rejoin" }, other: { do: "state" } } as const;
      let cuts = 0;
      for (let cutAfter = 0;; cutAfter++) {
        const { a: told } = await carry(await b.store.exchange(), await a.store.exchange(), {
          ...wishes,
          cutAfter,
        });
        if (told !== undefined && "rejoined" in told) break;
        assert.deepEqual(b.tree(), before);
        assert.ok(++cuts < 30, JSON.stringify(told));
      }
      assert.ok(cuts > 3);
      await meet(a, b);
      check(b, ["a", "b"]);
    }
    for (const each of folders) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("what a copied home wrote to files and folders that are gone without a trace elsewhere brings them back", async () => {
  await withFolder(async (folder) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    {
      await using first = await Volume.open(a);
      for (const name of ["d", "d/e", "untouched"]) await first.mkdir(name);
      await first.put("d/e/kept", "old");
      await first.put("d/e/left", "as it was");
      await first.put("untouched/file", "x");
      await receiveClone(b, await first.source());
    }
    copyFolder(a, c);
    {
      await using first = await Volume.open(a);
      await using second = await Volume.open(b);
      for (const path of ["d/e/kept", "d/e/left", "d/e", "d", "untouched/file", "untouched"]) {
        await first.rm(path);
      }
      await meet(first, second);
      await meet(first, second);
      await first.store.collect();
      await using third = await Volume.open(c);
      await third.put("d/e/kept", "newer");
      await third.chmod("d/e/kept", 0o600);
      await third.mkdir("d/e/new");
      await third.put("d/e/new/file", "y");
      const steps = await meet(third, first);
      assert.match(steps[0], /"gone"/);
      await meet(first, second);
      await meet(second, third);
      assert.deepEqual(second.tree(), [
        ...["d/ 755", "d/e/ 755", "d/e/kept = newer 600", "d/e/new/ 755", "d/e/new/file = y 644"],
      ]);
    }
    for (const each of [a, b, c]) assert.deepEqual(verify(each).problems, []);
  });
});

Deno.test("a copy that is killed while it gives way, or takes the other one's state, is the old one or the new one", async () => {
  await withFolder(async (folder) => {
    const [from, gone] = [`${folder}/from`, `${folder}/gone`];
    await begun(from);
    copyFolder(from, `${folder}/fork`);
    asOriginal(`${folder}/fork`);
    {
      await using a = await Volume.open(from);
      await using b = await Volume.open(`${folder}/fork`);
      await change(a, "a");
      await change(b, "b");
    }
    copyFolder(from, gone);
    {
      // What it lacks is gone as well.
      await using a = await Volume.open(from, SHORT);
      await shortened(a);
    }
    const seen = new Set<string>();
    // Killed at once nothing has been given up yet; later it depends on the machine what has.
    for (const afterMs of [undefined, 5, 15, 80]) {
      const folders = ["a", "b"].map((name) => `${folder}/${name} ${afterMs}`);
      copyFolder(`${folder}/fork`, folders[0]);
      copyFolder(gone, folders[1]);
      for (const each of folders) asOriginal(each);
      {
        const [a, b] = [await Volume.open(folders[0]), await Volume.open(folders[1])];
        const ends = [await a.store.exchange(), await b.store.exchange()];
        const carried = carry(ends[0], ends[1]).catch(() => {});
        if (afterMs !== undefined) await new Promise((wake) => setTimeout(wake, afterMs));
        for (const { store } of [a, b]) store.abandon();
        for (const end of ends) end.close();
        await carried;
      }
      for (const each of folders) assert.deepEqual(verify(each).problems, []);
      {
        await using a = await Volume.open(folders[0]);
        await using b = await Volume.open(folders[1]);
        seen.add((await meet(a, b)).map((step) => step.includes("fork") ? "fork" : "other").join());
        check(a, ["a", "b"]);
      }
      for (const each of folders) assert.deepEqual(verify(each).problems, []);
    }
    assert.ok(seen.has("fork"), [...seen].join("; "));
    for (const afterMs of [20, 100]) {
      const folders = ["c", "d"].map((name) => `${folder}/${name} ${afterMs}`);
      copyFolder(gone, folders[0]);
      copyFolder(from, folders[1]);
      {
        await using b = await Volume.open(folders[1], SHORT);
        const a = await Volume.open(folders[0], SHORT);
        await a.put("of the copy", "x");
        const ends = [await a.store.exchange(), await b.store.exchange()];
        const wishes = { wish: { do: "rejoin" }, other: { do: "state" } } as const;
        const carried = carry(ends[0], ends[1], wishes).catch(() => {});
        await new Promise((wake) => setTimeout(wake, afterMs));
        a.store.abandon();
        for (const end of ends) end.close();
        await carried;
        assert.deepEqual(verify(folders[0]).problems, []);
        // As if it had been in the middle of it.
        Deno.writeTextFileSync(`${folders[0]}/rejoin.sqlite`, "part of another copy's state");
        await using again = await Volume.open(folders[0], SHORT);
        assert.ok(!existsSync(`${folders[0]}/rejoin.sqlite`), "what is of no use any more goes");
        await meet(again, b);
        assert.ok(again.tree().includes("of the copy = x 644"));
      }
      for (const each of folders) assert.deepEqual(verify(each).problems, []);
    }
  });
});
