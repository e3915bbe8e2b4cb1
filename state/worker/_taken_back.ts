/** Volumes whose database lost what the log has, as by a loss of power, for the tests beside this. */
import { DATABASE, GUARD } from "../volume/mod.ts";

/** What of a volume that is closed is durable. */
export type Durable = ReadonlyMap<string, Uint8Array>;

export function durableOf(folder: string): Durable {
  return new Map([DATABASE, GUARD].map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]));
}

/** Makes a volume whose database is what it was, and which has all of the log and of the contents. */
export function takeBack(folder: string, to: string, durable: Durable): void {
  for (const part of ["log", "packs"]) {
    Deno.mkdirSync(`${to}/${part}`, { recursive: true });
    for (const { name } of Deno.readDirSync(`${folder}/${part}`)) {
      Deno.copyFileSync(`${folder}/${part}/${name}`, `${to}/${part}/${name}`);
    }
  }
  for (const [name, bytes] of durable) Deno.writeFileSync(`${to}/${name}`, bytes);
}
