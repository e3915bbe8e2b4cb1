import type { Principal } from "./server/file_server.ts";

/** What an unmapped principal is at the wire, and what a number that means nobody is called. */
const NOBODY = 65534;
/** uid and gid fields use this for "not given". */
export const NONUNAME = 0xffffffff;

/**
 * The node's table between principals in storage and numbers at the wire. A number without a name is `uid:N` or
 * `gid:N`, so that every number survives a round trip; a principal without a number shows as nobody (65534).
 */
export class Principals {
  readonly #users: NameTable;
  readonly #groups: NameTable;

  constructor(users: Iterable<[Principal, number]> = [], groups: Iterable<[Principal, number]> = []) {
    this.#users = new NameTable("uid:", users);
    this.#groups = new NameTable("gid:", groups);
  }

  uid(user: Principal): number {
    return this.#users.number(user);
  }
  gid(group: Principal): number {
    return this.#groups.number(group);
  }
  user(uid: number): Principal {
    return this.#users.name(uid);
  }
  group(gid: number): Principal {
    return this.#groups.name(gid);
  }
}

class NameTable {
  readonly #prefix: string;
  readonly #byName = new Map<Principal, number>();
  readonly #byNumber = new Map<number, Principal>();

  constructor(prefix: string, known: Iterable<[Principal, number]>) {
    this.#prefix = prefix;
    for (const [name, number] of known) {
      if (!this.#byName.has(name)) this.#byName.set(name, number);
      if (!this.#byNumber.has(number)) this.#byNumber.set(number, name);
    }
  }

  number(name: Principal): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (!name.startsWith(this.#prefix)) return NOBODY;
    const number = Number(name.slice(this.#prefix.length));
    return Number.isInteger(number) && number >= 0 && number < NONUNAME ? number : NOBODY;
  }

  name(number: number): Principal {
    return this.#byNumber.get(number) ?? this.#prefix + number;
  }
}
