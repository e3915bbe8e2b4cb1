import assert from "node:assert/strict";
import { S } from "../../9p/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import type { Random } from "../tree/simulation.ts";
import { checkRestorable } from "../volume/restorable.ts";
import type { PoweredCopy } from "./_powered_copy.ts";
import type { Doing } from "./_words.ts";

/** Names are few, so that copies meet at them. */
const NAMES = ["a", "b", "c", "d.md", "e"];
const HELD_MAX = 2;
const SNAPSHOTS_MAX = 4;

export interface Shell {
  readonly copy: PoweredCopy;
  readonly random: Random;
  /** Paths that what comes next in one transaction is not about: what a client sees there by then, the index has later. */
  readonly used: string[];
  readonly done: Doing;
  /** Nothing else is in the transaction. */
  readonly isAlone: boolean;
}

/** Does something that a client could do, and says what. */
export async function operate({ copy, random, used, done, isAlone }: Shell): Promise<string | undefined> {
  const pick = <T>(things: readonly T[]): T => things[random(things.length)];
  const entries = copy.entries();
  const directories = ["", ...entries.filter(({ row }) => isDirectory(row)).map(({ path }) => `${path}/`)];
  const any = entries.length > 0 ? pick(entries) : undefined;
  const path = pick(directories) + pick(NAMES);
  const there = entries.find((entry) => entry.path === path);
  const word = `t${random(2 ** 30)}t\n`;
  const isUsed = (path: string) =>
    used.some((other) => `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`));
  if (isUsed(path) || any && isUsed(any.path)) return;
  // Of a file that is written to, the index has not what a client sees; another name of it may be meant.
  const inos = [any, there].flatMap((entry) => entry ? [entry.row.ino] : []);
  const namesOf = (inos: readonly number[]) =>
    entries.filter(({ row }) => inos.includes(row.ino)).map(({ path }) => path);
  const names = namesOf(inos);
  if (names.some(isUsed)) return;
  used.push(path, ...any ? [any.path] : [], ...names);
  if (inos.some((ino) => copy.writing.has(ino))) {
    used.push(...namesOf([...copy.writing]));
    copy.settleAll();
    return "settle";
  }
  const isFile = any !== undefined && isRegular(any.row);
  const told = any?.path ?? "";
  const content = (path: string, row: NodeRow) => isRegular(row) ? copy.read(path) : "";
  switch (random(24)) {
    case 0:
    case 1:
      if (there) return;
      copy.mkdir(path);
      return `mkdir ${path}`;
    case 2:
    case 3:
    case 4: {
      if (there && !isRegular(there.row)) return;
      const before = there ? copy.read(path) : "";
      const text = [word, before + word, word + before][random(3)];
      done.rewrites(before, text);
      copy.write(path, text);
      done.writes(word);
      return `echo ${JSON.stringify(text)} > ${path}`;
    }
    case 5:
      if (there) return;
      copy.copy(path, word, random(1e9));
      done.writes(word);
      return `cp -p FILE ${path} (${JSON.stringify(word)})`;
    case 6:
      if (!any || !isFile) return;
      copy.append(told, word);
      done.writes(word);
      return `echo ${JSON.stringify(word)} >> ${told}`;
    case 7: {
      if (!any || !isFile) return;
      const size = random(any.row.size + 3);
      const before = copy.read(told);
      done.replaces(before, before.slice(0, size));
      copy.truncate(told, size);
      return `truncate -s ${size} ${told}`;
    }
    case 8:
    case 9:
      if (!any || isDirectory(any.row) && any.row.size > 0) return;
      done.replaces(content(told, any.row), "");
      copy.rm(told);
      return `rm -d ${told}`;
    case 10:
    case 11:
    case 12: {
      if (!any || path === told || path.startsWith(`${told}/`)) return;
      if (there && (there.row.ino === any.row.ino || isDirectory(any.row) !== isDirectory(there.row))) return;
      if (there && isDirectory(there.row) && there.row.size > 0) return;
      if (there) done.replaces(content(path, there.row), "");
      copy.mv(told, path);
      return `mv ${told} ${path}`;
    }
    case 13:
      if (!any || there || isDirectory(any.row)) return;
      copy.ln(told, path);
      return `ln ${told} ${path}`;
    case 14:
      if (!any) return;
      if (random(2)) {
        const mode = 0o600 + random(64);
        copy.chmod(told, mode);
        return `chmod ${mode.toString(8)} ${told}`;
      } else {
        const uid = pick(["alice", "bob", "carol"]);
        copy.chown(told, uid);
        return `chown ${uid} ${told}`;
      }
    case 15: {
      if (!any) return;
      const sec = random(1e9);
      copy.touch(told, sec);
      return `touch -d @${sec} ${told}`;
    }
    case 16: {
      if (!any) return;
      const [name, value] = [`user.${random(2)}`, random(3) > 0 ? String(random(9)) : null];
      copy.setfattr(told, name, value);
      return value === null ? `setfattr -x ${name} ${told}` : `setfattr -n ${name} -v ${value} ${told}`;
    }
    case 17: {
      if (there) return;
      const target = `to ${random(9)}`;
      copy.symlink(path, target);
      return `ln -s ${JSON.stringify(target)} ${path}`;
    }
    case 18: {
      // Its times are of before, so directories that it is below go with it.
      const directory = any && isDirectory(any.row) ? any : undefined;
      if (!directory || !isAlone) return;
      copy.settleAll();
      await copy.catchUp();
      for (const { path, row } of entries.filter(({ path }) => path.startsWith(`${told}/`)).reverse()) {
        done.replaces(content(path, row), "");
        copy.rm(path);
        await copy.catchUp();
      }
      copy.rm(told);
      return `rm -r ${told}`;
    }
    case 19: {
      // It stays open, so that it is no version yet.
      if (!any || !isFile) return;
      const before = copy.read(told);
      copy.log("write", { ino: any.row.ino, offset: any.row.size, bytes: new TextEncoder().encode(word) });
      copy.writing.add(any.row.ino);
      done.replaces(before, before + word);
      done.writes(word);
      return `echo ${JSON.stringify(word)} >> ${told} (and it stays open)`;
    }
    case 20: {
      if (copy.held.size >= HELD_MAX || random(2)) {
        used.push(...namesOf([...copy.writing]));
        copy.letGo();
        return "close all files";
      }
      if (!any) return;
      copy.held.add(any.row.ino);
      return `open ${told}`;
    }
    case 21:
    case 22: {
      if (!isAlone) return;
      const snapshots = copy.index.past.snapshots();
      if (snapshots.length >= SNAPSHOTS_MAX) {
        const { name } = pick(snapshots);
        copy.log("unsnapshot", { name });
        return `snapshot rm ${name}`;
      }
      return await snapshot(copy, freshName(snapshots));
    }
    case 23:
      return isAlone ? await restore(copy, pick, done) : undefined;
  }
}

function freshName(snapshots: readonly { readonly name: string }[]): string {
  let number = 1;
  while (snapshots.some(({ name }) => name === `s${number}`)) number++;
  return `s${number}`;
}

async function snapshot(copy: PoweredCopy, name: string): Promise<string> {
  copy.settleAll();
  copy.log("snapshot", { name });
  await copy.catchUp();
  return `snapshot create ${name}`;
}

async function restore(
  copy: PoweredCopy,
  pick: <T>(things: readonly T[]) => T,
  done: Doing,
): Promise<string | undefined> {
  const snapshots = copy.index.past.snapshots();
  if (snapshots.length === 0) return;
  const found = pick(snapshots);
  const path = pick(["", "", ...copy.entries(found.seq).map(({ path }) => path)]);
  try {
    checkRestorable(copy.index, path === "" ? [] : path.split("/"), found);
  } catch {
    return;
  }
  await snapshot(copy, freshName(snapshots));
  const wanted = copy.tree(found.seq);
  const before = copy.tree().join("\n");
  // Until it is done, anything may go.
  done.replaces(before, "");
  copy.log("restore", { snapshot: found.name, path, held: [...copy.held] });
  await copy.catchUp();
  done.keeps(copy.tree().join("\n"));
  if (path === "") assert.deepEqual(copy.tree(), wanted, `All is as in snapshot ${found.name}`);
  return `restore ${found.name} /${path}`;
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function isRegular({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFREG;
}
