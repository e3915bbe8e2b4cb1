import assert from "node:assert/strict";
import { checkRestorable } from "../volume/restorable.ts";
import { isRegular, named } from "./_copies.ts";
import type { PoweredCopy } from "./_powered_copy.ts";
import type { Shell } from "./_shell.ts";

export function freshName(snapshots: readonly { readonly name: string }[]): string {
  let number = 1;
  while (snapshots.some(({ name }) => name === `s${number}`)) number++;
  return `s${number}`;
}

export async function snapshot(copy: PoweredCopy, name: string): Promise<string> {
  copy.settleAll();
  copy.log("snapshot", { name });
  await copy.catchUp();
  return `snapshot create ${name}`;
}

export async function restore(
  { copy, done, contents }: Shell,
  pick: <T>(things: readonly T[]) => T,
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
  const texts = (seq?: number) =>
    copy.entries(seq).map(({ row }) => isRegular(row) ? contents.text(row) : "");
  if ([...texts(), ...texts(found.seq)].includes(undefined)) return;
  await snapshot(copy, freshName(snapshots));
  const wanted = copy.tree(found.seq);
  const before = texts();
  const there = new Set(copy.entries().map(({ row }) => named(row)));
  // Until it is done, anything may go.
  for (const text of before) done.replaces(text ?? "", "");
  copy.log("restore", { snapshot: found.name, path, held: [...copy.held] });
  await copy.catchUp();
  for (const text of texts()) done.keeps(text ?? "");
  for (const { row } of copy.entries()) if (isRegular(row) && !there.has(named(row))) contents.restored(row);
  if (path === "") assert.deepEqual(copy.tree(), wanted, `All is as in snapshot ${found.name}`);
  return `restore ${found.name} /${path}`;
}
