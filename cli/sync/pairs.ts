import { Exit } from "../exit.ts";

/** A volume of one side. */
export interface Named {
  readonly name: string;
  /** The same for all copies of a volume; undefined where it cannot be read. */
  readonly id: string | undefined;
}

/** What two sides have, by what they are called. */
export interface Sides {
  readonly here: { readonly name: string; readonly volumes: readonly Named[] };
  readonly there: { readonly name: string; readonly volumes: readonly Named[] };
}

/** Two copies of one volume, which may be called another name on each side. */
export interface Pair {
  readonly here: string;
  readonly there: string;
}

/** The copies to bring together: those of the volumes that are `wanted`, by their names here, or all that both sides have. */
export function pairsOf({ here, there }: Sides, wanted: readonly string[]): Pair[] {
  const found = (own: Named): Pair | undefined => {
    const copies = there.volumes.filter((other) => isCopy(own, other));
    const copy = copies.find(({ name }) => name === own.name) ?? copies[0];
    return copy && { here: own.name, there: copy.name };
  };
  if (wanted.length === 0) {
    const pairs = here.volumes.map(found).filter((pair) => pair !== undefined);
    if (pairs.length > 0) return pairs;
    throw new Exit(
      "failed",
      `No volume is in both: ${here.name} has ${namesOf(here.volumes)}, ${there.name} ${
        namesOf(there.volumes)
      }, and volumes that were made apart stay two, whatever they are called. lux9 volume clone makes a copy of one`,
    );
  }
  return wanted.map((name) => {
    const own = here.volumes.find((each) => each.name === name);
    const pair = own && found(own);
    if (pair) return pair;
    if (own && there.volumes.some((each) => each.name === name)) {
      throw new Exit(
        "failed",
        `${here.name} and ${there.name} have a volume ${name} each, but these were made apart and are no copies of one: ` +
          "lux9 volume clone --as NAME makes a copy under another name",
      );
    }
    const missing = own ? there : here;
    throw new Exit("failed", `${missing.name} has no volume ${name}: lux9 volume clone makes a copy of one`);
  });
}

function isCopy(own: Named, other: Named): boolean {
  if (own.id === undefined || other.id === undefined) return own.name === other.name;
  return own.id === other.id;
}

function namesOf(volumes: readonly Named[]): string {
  return volumes.map(({ name }) => name).join(", ") || "none";
}
