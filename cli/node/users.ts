import { NineError, NONUNAME, type Principal, Principals, type User } from "../../9p/mod.ts";
import type { Config } from "./config.ts";

/** What a listener makes of the names that clients claim: DESIGN "9P and who is asking". */
export type Believes = "owner" | "none" | "trust";

/** The users and groups that a node knows. */
export interface Users {
  readonly principals: Principals;
  /** The user that the node's own process runs as. */
  readonly owner: User;
  /** Who a session is that claims this name and number. */
  identify(believes: Believes, uname: string, nUname: number): User;
}

const NONE: User = { name: "none", groups: new Set(), standing: "none" };

/** Reads the machine's tables, which `lux9.yaml` adds to. */
export function loadUsers(config: Pick<Config, "users" | "groups">, files = machineFiles()): Users {
  const passwd = parseColons(files.passwd);
  const group = parseColons(files.group);
  const users: [Principal, number][] = Object.entries(config.users).map(([name, { uid }]) => [name, uid]);
  const groups: [Principal, number][] = Object.entries(config.groups);
  for (const [name, , uid] of passwd) users.push([name, Number(uid)]);
  for (const [name, , gid] of group) groups.push([name, Number(gid)]);
  const principals = new Principals(users, groups);

  const groupsOf = new Map<Principal, Set<Principal>>();
  const join = (user: Principal, group: Principal) => {
    const joined = groupsOf.get(user) ?? new Set();
    groupsOf.set(user, joined.add(group));
  };
  for (const [user, { groups: names }] of Object.entries(config.users)) {
    for (const name of names) join(user, name);
  }
  // The primary group comes first: new files get it.
  for (const [name, , , gid] of passwd) join(name, principals.group(Number(gid)));
  for (const [name, , , members] of group) {
    for (const user of (members ?? "").split(",")) if (user) join(user, name);
  }

  const uid = Deno.uid() ?? 0;
  const owner: User = {
    name: principals.user(uid),
    groups: groupsOf.get(principals.user(uid)) ?? new Set([principals.group(Deno.gid() ?? 0)]),
    standing: "owner",
  };

  function claimed(uname: string, nUname: number): User {
    const number = nUname !== NONUNAME ? nUname : /^\d{1,10}$/.test(uname) ? Number(uname) : undefined;
    const name = number === undefined ? uname : principals.user(number);
    // uid 0 stands for the node's own process.
    if (number === 0 || (number === undefined && name === principals.user(0))) return owner;
    if (name === "" || name === "none") return NONE;
    return {
      name,
      groups: groupsOf.get(name) ?? new Set([principals.group(principals.uid(name))]),
      standing: "claimed",
    };
  }

  return {
    principals,
    owner,
    identify(believes, uname, nUname) {
      if (new TextEncoder().encode(uname).byteLength > UNAME_BYTES_MAX) {
        throw new NineError(
          "EINVAL",
          `A uname of ${uname.length} characters, allowed are ${UNAME_BYTES_MAX} bytes`,
        );
      }
      if (believes === "owner") return owner;
      return believes === "none" ? NONE : claimed(uname, nUname);
    },
  };
}

/** The names that this machine's tables give to numbers. */
export function machinePrincipals(): Principals {
  return loadUsers({ users: {}, groups: {} }).principals;
}

const UNAME_BYTES_MAX = 255;

interface Files {
  readonly passwd: string;
  readonly group: string;
}

function machineFiles(): Files {
  return { passwd: readIfThere("/etc/passwd"), group: readIfThere("/etc/group") };
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** The lines of passwd(5) and group(5). */
function parseColons(text: string): string[][] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) =>
    line.split(":")
  );
}
