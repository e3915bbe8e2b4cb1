import { NineError, type Tree } from "../9p/mod.ts";
import type { CopySeen } from "../state/store/mod.ts";

/** What the node says of a volume. */
export interface VolumeStatus {
  readonly name: string;
  /** The same for all copies of it. */
  readonly volume: string;
  /** Where it is mounted. */
  readonly at: readonly string[];
  readonly files: number;
  /** Bytes of contents that are kept. */
  readonly contentBytes: number;
  /** Bytes of the files that hold them. */
  readonly packBytes: number;
  readonly snapshots: readonly { readonly name: string; readonly time: string; readonly by: string }[];
  /** When contents come here that other copies have. */
  readonly contents: "whole" | "on-demand";
  /** This copy and the others, as far as it knows of them. */
  readonly copies: readonly CopySeen[];
  /** Operations that the index does not have yet. */
  readonly waiting: number;
  readonly logBytes: number;
  readonly trouble?: string;
}

export async function volumesOf(tree: Tree): Promise<VolumeStatus[]> {
  return JSON.parse(new TextDecoder().decode(await tree.readFile("/volumes.json")));
}

/** ENOENT with what there is. */
export async function volumeOf(tree: Tree, name: string): Promise<VolumeStatus> {
  const volumes = await volumesOf(tree);
  const found = volumes.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = volumes.map(({ name }) => name).join(", ");
  throw new NineError("ENOENT", `The node has no volume ${JSON.stringify(name)}; it has ${names || "none"}`);
}
