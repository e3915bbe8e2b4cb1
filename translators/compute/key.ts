import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Module } from "../library/mod.ts";

/** What a result depends on, and nothing else: results are kept by it, and the guest's random generator starts from it. */
export interface Identity {
  readonly module: Module;
  readonly argv: readonly string[];
  /** SHA-256 of each input, hex, in order. */
  readonly inputs: readonly string[];
}

/** Changed when the same module and inputs may give other bytes: another engine, other WASI. */
const VERSION = "lux9 result 1";

/** The key of a result, SHA-256 in hex. Each part goes in with its length, so that no two lists have one text. */
export function keyOf({ module, argv, inputs }: Identity): string {
  const grants = module.grants.map(({ read }) => read);
  const text = listed([VERSION, module.hash, module.name]) + listed(argv) + listed(inputs) + listed(grants);
  return createHash("sha256").update(text).digest("hex");
}

function listed(parts: readonly string[]): string {
  let text = `${parts.length};`;
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return text;
}

/** The 32 bytes that the random generator of the run with that key starts from. */
export function seedOf(key: string): Uint8Array {
  return Uint8Array.fromHex(key);
}

/** A qid's version for bytes of that hash: never 0, which stands for an unknown length. */
export function versionOf(hash: string): number {
  return Number.parseInt(hash.slice(0, 8), 16) || 1;
}
