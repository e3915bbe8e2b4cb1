/** The entry of `meta` in which this is kept. */
export const KEPT = "kept";

/** The records of the journal after which the tree can be shown whole, but for those that snapshots name. */
export interface Kept {
  /** All from this one on. */
  readonly from: number;
  /** Those before it, lowest first. */
  readonly points: readonly number[];
}

export function packKept({ from, points }: Kept): Uint8Array {
  return new Uint8Array(Float64Array.of(from, ...points).buffer);
}

/** History that was never thinned is whole. */
export function unpackKept(packed: Uint8Array | undefined): Kept {
  if (packed === undefined) return { from: 0, points: [] };
  const [from, ...points] = new Float64Array(packed.slice().buffer);
  return { from, points };
}
