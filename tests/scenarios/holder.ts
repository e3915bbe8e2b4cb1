/**
 * Holds whatever a client can hold. As a program, for a test to kill: `holder.ts ADDRESS NAME`, which says `holding`
 * and then waits for ever.
 */
import type { Body } from "../../9p/wire/messages.ts";
import { Dm } from "../../9p/wire/stat.ts";
import type { Client } from "../conformance/client.ts";
import { connect } from "./connect.ts";

const ORCLOSE = 0x40;

export interface Names {
  /** Removed when its holder goes. */
  readonly temporary: string;
  /** For one open at a time. */
  readonly exclusive: string;
  /** Locked as a whole. */
  readonly locked: string;
}

export function namesOf(name: string): Names {
  return { temporary: `${name}-temporary`, exclusive: `${name}-exclusive`, locked: `${name}-locked` };
}

/** Two sessions, as no dialect has everything, with open files, a lock, and a read that waits for an event. */
export async function hold(address: string, name: string): Promise<Client[]> {
  const names = namesOf(name);
  const unix = await connect(address, { dialect: "9P2000.u" });
  const dir = await unix.walk(unix.root, "data");
  await unix.create(dir, names.temporary, { mode: ORCLOSE });
  const exclusive = await unix.create(dir, names.exclusive, { perm: Dm.EXCL + 0o644 });
  await unix.write(exclusive, 0, "mine");

  const linux = await connect(address);
  const locked = await linux.create(await linux.walk(linux.root, "data"), names.locked);
  await linux.rpc("Tlock", lockOf(locked, name));
  const events = await linux.walk(linux.root, "log", "events");
  await linux.open(events, "r");
  for (let i = 0; i < 3; i++) linux.wire.send("Tread", { fid: events, offset: 0, count: 4096 });
  // Whatever is behind the reads has arrived when this is answered.
  await linux.getattr(linux.root);
  return [unix, linux];
}

/** The whole file, for writing. */
export function lockOf(fid: number, clientId: string): Body<"Tlock"> {
  return { fid, type: 1, flags: 0, start: 0, length: 0, procId: 1, clientId };
}

if (import.meta.main) {
  const [address, name] = Deno.args;
  await hold(address, name);
  console.log("holding");
  await new Promise(() => setInterval(() => {}, 1000));
}
