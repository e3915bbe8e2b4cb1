import { getBackend, init } from "@automerge/automerge";
import { differencesOf } from "./text_diff.ts";

/** Longer texts are never merged. */
export const MERGE_BYTES_MAX = 64 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Merges texts that were all made from one base: each is a fork of the base by an actor that says nothing but its place, with the difference applied, and Automerge puts the
 * forks together. A function of the bytes alone, so every copy makes the same of them, and nothing of the documents is kept. `sides` are oldest first.
 *
 * Undefined where something is too long or no UTF-8 text: that cannot be merged.
 */
export function mergeText(base: Uint8Array, sides: readonly Uint8Array[]): Uint8Array | undefined {
  const texts = [base, ...sides].map(textOf);
  const [baseText, ...sideTexts] = texts;
  if (baseText === undefined) return undefined;
  const document = getBackend(init({ actor: actorOf(0) }));
  try {
    const text = document.putObject("/", "t", baseText);
    document.commit(null, 0);
    const heads = document.getHeads();
    const changes: Uint8Array[] = [];
    for (const [i, side] of sideTexts.entries()) {
      if (side === undefined) return undefined;
      const fork = document.clone(actorOf(i + 1));
      // From the end on, so that what is still to come stays where it was.
      for (const { start, deleted, insert } of differencesOf(baseText, side).reverse()) {
        fork.splice(text, start, deleted, insert);
      }
      fork.commit(null, 0);
      changes.push(...fork.getChanges(heads));
      fork.free();
    }
    document.applyChanges(changes);
    return encoder.encode(document.text(text));
  } finally {
    document.free();
  }
}

/** Whether bytes are text that may be merged: UTF-8 without zero bytes, and not too long. */
export function isMergeable(bytes: Uint8Array): boolean {
  return textOf(bytes) !== undefined;
}

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > MERGE_BYTES_MAX || bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function actorOf(side: number): string {
  return side.toString(16).padStart(8, "0");
}
