import { S } from "../../9p/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import { type Random, randomFrom } from "../tree/simulation.ts";
import { isRegular } from "./_copies.ts";
import type { PoweredCopy } from "./_powered_copy.ts";
import { freshName, restore, snapshot } from "./_shell_snapshots.ts";
import type { Doing } from "./_words.ts";

/** Names are few, so that copies meet at them. */
const NAMES = ["a", "b", "c", "d.md", "e"];
const HELD_MAX = 2;
const SNAPSHOTS_MAX = 4;
/** Bytes, of which a chunk has 16 KiB at least, and 64 in the mean. */
const LARGE_MAX = 200_000;

export interface Shell {
  readonly copy: PoweredCopy;
  readonly random: Random;
  /** Paths that what comes next in one transaction is not about: what a client sees there by then, the index has later. */
  readonly used: string[];
  readonly done: Doing;
  /** Nothing else is in the transaction. */
  readonly isAlone: boolean;
  readonly contents: Contents;
}

/** Contents of files as those see them who work on a copy, which may not have them. */
export interface Contents {
  /** What a file has, wherever that is; undefined where nobody can say at this moment. */
  text(row: NodeRow): string | undefined;
  /** Has these bytes brought here with all that a change in them needs; false where they do not come. */
  bring(row: NodeRow, start: number, end: number): Promise<boolean>;
  /** A file has contents again that may be nowhere any more. */
  restored(row: NodeRow): void;
  /** Whether files may have several chunks. */
  readonly hasLarge: boolean;
}

/** Does something that a client could do, and says what. */
export async function operate(shell: Shell): Promise<string | undefined> {
  const { copy, random, used, done, isAlone, contents } = shell;
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
  const content = (row: NodeRow) => isRegular(row) ? contents.text(row) : "";
  switch (random(contents.hasLarge ? 27 : 24)) {
    case 0:
    case 1:
      if (there) return;
      copy.mkdir(path);
      return `mkdir ${path}`;
    case 2:
    case 3:
    case 4: {
      if (there && !isRegular(there.row)) return;
      const before = there ? content(there.row) : "";
      if (before === undefined) return;
      const text = [word, before + word, word + before][random(3)];
      if (text !== word && there && !await contents.bring(there.row, 0, there.row.size)) return;
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
      if (!any || !isFile || !await contents.bring(any.row, any.row.size, any.row.size + word.length)) return;
      copy.append(told, word);
      done.writes(word);
      return `echo ${JSON.stringify(word)} >> ${told}`;
    case 7: {
      if (!any || !isFile) return;
      const size = random(any.row.size + 3);
      const before = content(any.row);
      if (before === undefined) return;
      if (size > 0 && size !== any.row.size && !await contents.bring(any.row, size, size)) return;
      done.replaces(before, before.slice(0, size));
      copy.truncate(told, size);
      return `truncate -s ${size} ${told}`;
    }
    case 8:
    case 9: {
      if (!any || isDirectory(any.row) && any.row.size > 0) return;
      const before = content(any.row);
      if (before === undefined) return;
      done.replaces(before, "");
      copy.rm(told);
      return `rm -d ${told}`;
    }
    case 10:
    case 11:
    case 12: {
      if (!any || path === told || path.startsWith(`${told}/`)) return;
      if (there && (there.row.ino === any.row.ino || isDirectory(any.row) !== isDirectory(there.row))) return;
      if (there && isDirectory(there.row) && there.row.size > 0) return;
      const before = there ? content(there.row) : "";
      if (before === undefined) return;
      done.replaces(before, "");
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
      const inside = copy.entries().filter(({ path }) => path.startsWith(`${told}/`)).reverse();
      const before = inside.map(({ row }) => content(row));
      for (const [i, { path }] of inside.entries()) {
        if (before[i] === undefined) return;
        done.replaces(before[i], "");
        copy.rm(path);
        await copy.catchUp();
      }
      copy.rm(told);
      return `rm -r ${told}`;
    }
    case 19: {
      // It stays open, so that it is no version yet.
      if (!any || !isFile) return;
      const before = content(any.row);
      if (before === undefined) return;
      if (!await contents.bring(any.row, any.row.size, any.row.size + word.length)) return;
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
      return isAlone ? await restore(shell, pick) : undefined;
    case 24:
    case 25: {
      if (there) return;
      const filling = noise(random(LARGE_MAX), random);
      const text = [word + filling, filling + word, word + filling + word][random(3)];
      copy.write(path, text);
      done.writes(word);
      return `cp LARGE ${path} (${text.length} bytes, ${JSON.stringify(word)})`;
    }
    case 26: {
      if (!any || !isFile) return;
      const offset = random(any.row.size + 1);
      const before = content(any.row);
      if (before === undefined || !await contents.bring(any.row, offset, offset + word.length)) return;
      done.replaces(before, before.slice(0, offset) + word + before.slice(offset + word.length));
      copy.overwrite(told, offset, word);
      done.writes(word);
      return `dd conv=notrunc seek=${offset} of=${told} (${JSON.stringify(word)})`;
    }
  }
}

/** Letters that no word has. */
function noise(size: number, random: Random): string {
  const bytes = new Uint8Array(size);
  const letters = randomFrom(random(2 ** 31));
  for (let i = 0; i < size; i++) bytes[i] = 65 + letters(26);
  return new TextDecoder().decode(bytes);
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}
