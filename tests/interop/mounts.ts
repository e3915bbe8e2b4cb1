/** How the guest mounts the server under test, in each dialect. */
import type { GuestMount, Version } from "./guest/mod.ts";
import type { TestServer } from "./server.ts";

export const DIALECTS: readonly Version[] = ["9p2000.L", "9p2000.u", "9p2000"];

/** Two mounts of one server, so that what one client does can be looked at through another. */
export function twoMounts(server: TestServer, version: Version, ...more: string[]): GuestMount[] {
  const first = oneMount(server, version, ...more);
  return [first, { ...first, directory: "/mnt-other" }];
}

/** Without a cache unless told: then every operation reaches the server. */
export function oneMount(server: TestServer, version: Version, ...more: string[]): GuestMount {
  const aname = server.aname === "" ? [] : [`aname=${server.aname}`];
  // Plain 9P2000 has no numbers for owners; Linux shows these in their place.
  const owner = version === "9p2000" ? ["dfltuid=0", "dfltgid=0"] : ["access=user"];
  const options = [...aname, "uname=root", "msize=131072", ...owner, ...more];
  return { port: server.port, version, options };
}
