import assert from "node:assert/strict";
import { join } from "node:path";
import { CutDisk } from "./cut_disk.ts";
import { powerLoss } from "./power_loss.ts";
import { Promises } from "./promises.ts";
import { cannotRecord } from "./record_run.ts";
import { readTrace, type Step } from "./trace.ts";

const IMAGES = 20;
const NAME =
  `power loss: what ${IMAGES} losses leave of a volume is what was synced, and an earlier state in order`;

Deno.test(NAME, async () => {
  const reason = cannotRecord();
  if (reason !== undefined) return console.log(`SKIP ${NAME}: ${reason}`);
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  console.log(`--seed ${seed} --count ${IMAGES}`);
  const { images, changes, lossy } = await powerLoss({
    seed,
    count: IMAGES,
    momentsARun: 5,
    log: console.log,
  });
  assert.ok(images >= IMAGES && changes > 0, `${images} images, ${changes} changes`);
  assert.ok(lossy > 0, "No image lacked anything, so none showed a loss");
});

Deno.test("promises: what was answered before a sync that was answered is durable, the rest goes in order", () => {
  const promises = new Promises(2);
  const marks = ["begins 0 1 1", "answered 0 1", "syncs 1", "begins 0 2 2", "answered 0 2", "begins 1 1 1"];
  for (const [i, mark] of marks.entries()) promises.apply(mark, i * 100);
  assert.deepEqual(promises.range(0), { durable: 0, answered: 2, begun: 2 });
  promises.apply("synced 1", 600);
  assert.deepEqual(promises.range(0), { durable: 1, answered: 2, begun: 2 });
  assert.deepEqual(promises.together([[1, 2], [0]]), [1, 0]);
  // The second client asked when both changes of the first were answered.
  assert.deepEqual(promises.together([[1, 2], [1]]), [2, 1]);
  assert.equal(promises.together([[1], [1]]), undefined);
  assert.equal(promises.lostMs(0, 1, 1000), 600);
  assert.equal(promises.lostMs(0, 2, 1000), 0);
});

const hex = (text: string) =>
  [...new TextEncoder().encode(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/** Lines of strace, in which paths and strings are marked by `{}`. */
function stepsOf(...lines: string[]): Step[] {
  const text = lines.map((line) => `7 1.5 ${line.replace(/\{([^}]*)\}/g, (_, text) => hex(text))}\n`).join(
    "",
  );
  const steps = [...readTrace(new TextEncoder().encode(text), { root: "/r", marks: "/m" })];
  return steps;
}

Deno.test("trace: what strace writes is read, and what is not understood is refused", () => {
  const common = { ms: 1500 };
  assert.deepEqual(
    stepsOf(
      `openat(AT_FDCWD<{/}>, "{/r/a}", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 5<{/r/a}>`,
      `pwrite64(5<{/r/a}>, "{hello}", 5, 4096) = 3`,
      `pwrite64(6<{/r/b}>(deleted), "{hello}", 5, 4096) = 5`,
      `pwrite64(6<{/other}>, "{hello}", 5, 4096) = 5`,
      `fdatasync(5<{/r/a}> <unfinished ...>`,
      `write(9<{/m}>, "{one\ntwo\n}", 8) = 8`,
      `<... fdatasync resumed>) = 0`,
      `ftruncate(5<{/r/a}>, 12) = 0`,
      `unlink("{/r/a}") = -1 ENOENT (No such file or directory)`,
      `unlink("{/r/a}") = 0`,
    ),
    [
      { kind: "open", path: "a", create: true, truncate: false, ...common },
      { kind: "write", path: "a", offset: 4096, bytes: new TextEncoder().encode("hel"), ...common },
      { kind: "syncBegins", path: "a", thread: "7", ...common },
      { kind: "mark", text: "one", ...common },
      { kind: "mark", text: "two", ...common },
      { kind: "syncEnds", thread: "7", isDone: true, ...common },
      { kind: "resize", path: "a", size: 12, ...common },
      { kind: "remove", path: "a", ...common },
    ],
  );
  assert.throws(() => stepsOf(`link("{/r/a}", "{/r/b}") = 0`), /is not understood/);
  assert.throws(
    () => stepsOf(`mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 5<{/r/a}>, 0) = 0x7f0000000000`),
    /is not understood/,
  );
  assert.throws(() => stepsOf(`pwrite64(5<{/r/a}>, "{hel}"..., 5, 4096) = 5`), /left out/);
});

Deno.test("cut disk: what was not synced is there or not, what was synced always is", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-cut-disk-" });
  try {
    const base = join(folder, "base");
    Deno.mkdirSync(base);
    Deno.writeTextFileSync(join(base, "old"), "old");
    const disk = new CutDisk(base);
    for (
      const step of stepsOf(
        `openat(AT_FDCWD<{/}>, "{/r/new}", O_RDWR|O_CREAT, 0600) = 5<{/r/new}>`,
        `pwrite64(5<{/r/new}>, "{synced}", 6, 0) = 6`,
        `fsync(5<{/r/new}>) = 0`,
        `pwrite64(5<{/r/new}>, "{later}", 5, 4096) = 5`,
        `unlink("{/r/old}") = 0`,
      )
    ) disk.apply(step);
    const found = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const left = join(folder, String(seed));
      disk.writeTo(left, seed);
      const names = [...Deno.readDirSync(left)].map(({ name }) => name).sort();
      const text = names.includes("new") ? Deno.readTextFileSync(join(left, "new")) : undefined;
      assert.ok(text === undefined || text.startsWith("synced"), `seed ${seed}: ${JSON.stringify(text)}`);
      found.add(`${names} ${text?.endsWith("later")}`);
    }
    assert.deepEqual([...found].sort(), [
      "new false",
      "new true",
      "new,old false",
      "new,old true",
      "old undefined",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
