import { getBackend, init } from "@automerge/automerge";
import { mergeableText } from "../tree/mod.ts";
import { differencesOf } from "./text_diff.ts";

const encoder = new TextEncoder();

/**
 * Merges texts that were all made from one base: each is a fork of the base by an actor that says nothing but its place, with the difference applied, and Automerge puts the
 * forks together. A function of the bytes alone, so every copy makes the same of them, and nothing of the documents is kept. `sides` are oldest first.
 *
 * Undefined where something is too long or no UTF-8 text: that cannot be merged.
 */
export function mergeText(base: Uint8Array, sides: readonly Uint8Array[]): Uint8Array | undefined {
  const texts = [base, ...sides].map(mergeableText);
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

function actorOf(side: number): string {
  return side.toString(16).padStart(8, "0");
}
