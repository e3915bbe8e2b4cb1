import {
  type Attr,
  type Call,
  canRead,
  canWrite,
  type Change,
  type Creation,
  type Later,
  NineError,
  O,
  S,
  then,
} from "../9p/mod.ts";
import { type Action, may } from "../policies/mod.ts";
import type { Node } from "./node.ts";
import {
  checkChange,
  checkCreation,
  checkLink,
  checkSticky,
  checkType,
  permits,
  Want,
} from "./permission.ts";

/** What the guard asks about files. */
export interface Files {
  getattr(node: Node, handle: undefined, call: Call): Later<Attr>;
  /** The directory that has the node's name. */
  holder(node: Node): Node;
  path(node: Node): string;
}

/**
 * The one place where it is asked who may do what: policies first and, where they leave it to them, permission bits.
 * Everything returns nothing or throws EACCES or EPERM; for the node's owner, at once and without a look at the file. A
 * directory of several members is not asked about: each member is, by whoever is about to do something with it.
 */
export class Guard {
  constructor(readonly files: Files) {}

  /** Whether the policies leave it to the permission bits; throws where they deny. */
  #asksBits(node: Node, action: Action, { user }: Call): boolean {
    const path = () => this.files.path(node);
    const { effect, rule } = may(user, action, path);
    if (effect === "deny") throw new NineError("EACCES", `${user.name} may not ${action} ${path()}: ${rule}`);
    return effect === "permissions";
  }

  #bits(node: Node, wanted: number, call: Call): Later<void> {
    return then(this.files.getattr(node, undefined, call), (attr) => this.#check(node, attr, wanted, call));
  }

  #check(node: Node, attr: Attr, wanted: number, { user }: Call): void {
    if (permits(attr, user, wanted)) return;
    const letters = [wanted & 4 ? "r" : "", wanted & 2 ? "w" : "", wanted & 1 ? "x" : ""].join("");
    throw new NineError(
      "EACCES",
      `${user.name} wants ${letters} of ${this.files.path(node)}, ` +
        `which is 0${(attr.mode & 0o7777).toString(8)} of ${attr.uid} and ${attr.gid}`,
    );
  }

  walk(dir: Node, call: Call): Later<void> {
    if (this.#asksBits(dir, "walk", call)) return this.#bits(dir, Want.EXEC, call);
  }

  open(node: Node, flags: number, call: Call): Later<void> {
    const writes = canWrite(flags) || (flags & O.TRUNC) !== 0;
    if (!this.#asksBits(node, writes ? "write" : "read", call)) return;
    const read = flags & O.EXEC ? Want.EXEC : canRead(flags) ? Want.READ : 0;
    return this.#bits(node, read | (writes ? Want.WRITE : 0), call);
  }

  /** Adding a name to a directory. */
  add(dir: Node, call: Call): Later<void> {
    if (this.#asksBits(dir, "create", call)) return this.#bits(dir, Want.WRITE | Want.EXEC, call);
  }

  /** Adding another name of a file to a directory. */
  link(node: Node, dir: Node, call: Call): Later<void> {
    if (!this.#asksBits(dir, "create", call)) return;
    return then(
      this.add(dir, call),
      () => then(this.files.getattr(node, undefined, call), (attr) => checkLink(attr, call.user)),
    );
  }

  /** Making a file in a directory: as it may be made. */
  create(dir: Node, what: Creation, call: Call): Later<Creation> {
    const asksBits = this.#asksBits(dir, "create", call);
    checkType(call.user, what);
    if (!asksBits) return what;
    return then(this.files.getattr(dir, undefined, call), (attr) => {
      this.#check(dir, attr, Want.WRITE | Want.EXEC, call);
      return checkCreation(attr, call.user, what);
    });
  }

  /** Taking a name away from its directory. */
  remove(node: Node, call: Call): Later<void> {
    if (!this.#asksBits(node, "remove", call)) return;
    const dir = this.files.holder(node);
    return then(this.files.getattr(dir, undefined, call), (above) => {
      this.#check(dir, above, Want.WRITE | Want.EXEC, call);
      if (above.mode & S.ISVTX) {
        return then(this.files.getattr(node, undefined, call), (attr) => checkSticky(above, attr, call.user));
      }
    });
  }

  /** Moving a name to a directory, maybe in place of another file that is there. */
  rename(node: Node, dir: Node, replaced: Node | undefined, call: Call): Later<void> {
    if (!this.#asksBits(node, "remove", call)) return;
    return then(
      this.remove(node, call),
      () =>
        then(replaced ? this.remove(replaced, call) : this.add(dir, call), () => {
          if (this.files.holder(node).inner === dir.inner) return;
          return then(this.files.getattr(node, undefined, call), (attr) => {
            // rename(2): a directory that changes its parent is written to, as its ".." changes.
            if ((attr.mode & S.IFMT) === S.IFDIR) this.#check(node, attr, Want.WRITE, call);
          });
        }),
    );
  }

  /** The change as it may be made. */
  setattr(node: Node, change: Change, isOpenToWrite: boolean, call: Call): Later<Change> {
    if (!this.#asksBits(node, "setattr", call)) return change;
    return then(
      this.files.getattr(node, undefined, call),
      (attr) => checkChange(attr, call.user, change, isOpenToWrite),
    );
  }

  /** Extended attributes in `user.` follow the bits of the file; the others are the owner's. */
  xattr(node: Node, name: string, wanted: number, call: Call): Later<void> {
    if (!this.#asksBits(node, wanted === Want.READ ? "read" : "setattr", call)) return;
    if (name !== "" && !name.startsWith("user.")) {
      if (wanted === Want.READ && (name.startsWith("security.") || name.startsWith("system."))) return;
      throw new NineError(
        "EPERM",
        `The attribute ${JSON.stringify(name)}: others than the owner have user.* only`,
      );
    }
    if (name !== "") return this.#bits(node, wanted, call);
  }
}
