import { NineError } from "../../../9p/mod.ts";

/** ENOENT with what there is. */
export function checkSnapshot(
  volume: string,
  name: string,
  snapshots: readonly { readonly name: string }[],
): void {
  if (snapshots.some((one) => one.name === name)) return;
  const names = snapshots.slice(-10).map(({ name }) => name).join(", ");
  throw new NineError(
    "ENOENT",
    `The volume ${volume} has no snapshot ${JSON.stringify(name)}; the last ones are ${names || "none"}`,
  );
}
