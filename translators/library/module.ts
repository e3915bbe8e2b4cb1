import type { Capability, Manifest } from "../manifest/mod.ts";

/** An installed module, as it is now. */
export interface Module {
  readonly name: string;
  /** Where its `module.wasm` is. */
  readonly path: string;
  /** SHA-256 of that file, hex: what results, grants and compiled code are keyed by. */
  readonly hash: string;
  readonly size: number;
  readonly manifest: Manifest;
  /** What the owner has granted to this hash, of what the manifest requests. */
  readonly grants: readonly Capability[];
}
