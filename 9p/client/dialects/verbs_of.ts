import type { Client } from "../client.ts";
import { classicVerbs } from "./classic.ts";
import { linuxVerbs } from "./linux.ts";
import type { Verbs } from "./verbs.ts";

const made = new WeakMap<Client, Verbs>();

/** The verbs of the dialect that the client and its server agreed on. */
export function verbsOf(client: Client): Verbs {
  let verbs = made.get(client);
  if (!verbs) {
    verbs = client.dialect === "9P2000.L" ? linuxVerbs(client) : classicVerbs(client);
    made.set(client, verbs);
  }
  return verbs;
}
