/** Copies of one volume that work apart at random: run by the test beside this, and by hand with `deno run -A FILE FIRST COUNT`. */
import assert from "node:assert/strict";
import { S } from "../../9p/mod.ts";
import type { Copy } from "./_copies.ts";
import { meet, World } from "./_copies.ts";

/** Few, so that copies meet at them. */
const NAMES = ["a", "b", "c", "d.md", "e"];

export function simulate(seed: number, log: (line: string) => void = () => {}): Promise<void> {
  const below = randomFrom(seed);
  const pick = <T>(things: readonly T[]): T => things[below(things.length)];
  return World.with(2 + below(2), (copies) => {
    for (let left = 10 + below(30); left > 0; left--) {
      const copy = pick(copies);
      const number = copies.indexOf(copy) + 1;
      const many = below(3) === 0 ? 2 + below(4) : 1;
      const used: string[] = [];
      // What comes next in one transaction is about other names: those that a client sees by then, the index has later.
      copy.batch(() => {
        for (let i = 0; i < many; i++) {
          const line = operate(copy, below, pick, used);
          if (line !== undefined) log(`${number}${many > 1 ? "+" : ""}: ${line}`);
        }
      });
      copy.check();
      if (below(3) > 0) continue;
      const [to, from] = [pick(copies), pick(copies)];
      if (to === from) continue;
      log(`${copies.indexOf(to) + 1} receives from ${copies.indexOf(from) + 1}`);
      to.receive(from);
      to.check();
    }
    log("all meet");
    meet(copies);
  });
}

/** Does something that a client could do, and says what. */
function operate(
  copy: Copy,
  below: (n: number) => number,
  pick: <T>(things: readonly T[]) => T,
  used: string[],
): string | undefined {
  const entries = copy.entries();
  const isDirectory = (mode: number) => (mode & S.IFMT) === S.IFDIR;
  const directories = [
    "",
    ...entries.filter(({ row }) => isDirectory(row.mode)).map(({ path }) => `${path}/`),
  ];
  const any = entries.length > 0 ? pick(entries) : undefined;
  const path = pick(directories) + pick(NAMES);
  const there = entries.find((entry) => entry.path === path);
  const isUsed = (path: string) =>
    used.some((other) => `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`));
  if (isUsed(path) || any && isUsed(any.path)) return;
  used.push(path, ...any ? [any.path] : []);
  const { mode = 0, size = 0 } = any?.row ?? {};
  const isFile = (mode & S.IFMT) === S.IFREG;
  const told = any?.path ?? "";
  switch (below(15)) {
    case 0:
    case 1:
      if (there) return;
      copy.mkdir(path);
      return `mkdir ${path}`;
    case 2:
    case 3:
      if (there && (there.row.mode & S.IFMT) !== S.IFREG) return;
      if (!there && below(2)) {
        copy.copy(path, `text ${below(1000)}\n`, below(1e9));
        return `cp -p ${path}`;
      }
      copy.write(path, `text ${below(1000)}\n`);
      return `write ${path}`;
    case 4:
      if (!any || !isFile) return;
      copy.append(told, `more ${below(1000)}\n`);
      return `append ${told}`;
    case 5:
      if (!any || !isFile) return;
      copy.truncate(told, below(size + 3));
      return `truncate ${told}`;
    case 6:
    case 7:
      if (!any || isDirectory(mode) && size > 0) return;
      copy.rm(told);
      return `rm ${told}`;
    case 8:
    case 9:
    case 10: {
      if (!any || path === told || path.startsWith(`${told}/`)) return;
      if (there && (there.row.ino === any.row.ino || isDirectory(mode) !== isDirectory(there.row.mode))) {
        return;
      }
      if (there && isDirectory(mode) && there.row.size > 0) return;
      copy.mv(told, path);
      return `mv ${told} ${path}`;
    }
    case 11:
      if (!any || there || isDirectory(mode)) return;
      copy.ln(told, path);
      return `ln ${told} ${path}`;
    case 12:
      if (!any) return;
      if (below(2)) {
        copy.chmod(told, 0o600 + below(64));
        return `chmod ${told}`;
      }
      copy.touch(told, below(1e9));
      return `touch ${told}`;
    case 13:
      if (!any) return;
      copy.setfattr(told, `user.${below(2)}`, below(3) > 0 ? String(below(9)) : null);
      return `setfattr ${told}`;
    case 14:
      if (there) return;
      copy.symlink(path, `to ${below(9)}`);
      return `ln -s ${path}`;
  }
}

/** Mulberry32: numbers from 0 to below, the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Runs schedules, and says of the first that fails which it was and what led there. */
export async function simulateMany(first: number, count: number): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    const script: string[] = [];
    try {
      await simulate(seed, (line) => script.push(line));
    } catch (thrown) {
      throw new Error(`Seed ${seed}:\n${script.join("\n")}\n${(thrown as Error).message}`, { cause: thrown });
    }
  }
}

if (import.meta.main) {
  const [first, count] = Deno.args.map(Number);
  assert.ok(count > 0, "FIRST COUNT are given");
  await simulateMany(first, count);
}
