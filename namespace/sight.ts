import { type Attr, type Call, type FileServer, NineError, O, type User } from "../9p/mod.ts";
import { Guard } from "./guard.ts";
import { passing } from "./members.ts";
import type { Node } from "./node.ts";
import type { Tree } from "./tree.ts";

/** Directories further down are not looked at. */
const DEPTH_MAX = 64;
/** How long an answer holds, unless somebody changes permissions through the node meanwhile, ms. */
const HOLDS_MS = 10;
/** Directories whose answers are kept. */
const KEPT_MAX = 256;
const NEVER = new AbortController().signal;

/**
 * Who may see the names in a directory, at once: who could walk to it and list it, by the guard. Where a file server does
 * not tell the permissions at once, nobody may, and it is not asked again.
 */
export class Sight {
  readonly #guard: Guard;
  readonly #slow = new WeakSet<FileServer<object>>();
  readonly #attrs = new Map<Node, Attr>();
  readonly #answers = new Map<Node, Map<User, boolean>>();
  #since = 0;

  constructor(readonly tree: Tree) {
    this.#guard = new Guard({
      getattr: (node) => this.#attr(node),
      holder: (node) => tree.holder(node),
      path: (node) => tree.path(node),
    });
  }

  /** Permissions may have changed. */
  forget(): void {
    this.#attrs.clear();
    this.#answers.clear();
  }

  /** Whether `user` may see the names in the directory: of a member its own, else those of any member. */
  lists(dir: Node, user: User): boolean {
    if (user.standing === "owner") return true;
    const now = performance.now();
    if (now - this.#since > HOLDS_MS || Math.max(this.#attrs.size, this.#answers.size) > KEPT_MAX) {
      this.forget();
      this.#since = now;
    }
    let answers = this.#answers.get(dir);
    if (!answers) this.#answers.set(dir, answers = new Map());
    let answer = answers.get(user);
    if (answer === undefined) answers.set(user, answer = this.#decide(dir, user));
    return answer;
  }

  #decide(dir: Node, user: User): boolean {
    const call: Call = { user, signal: NEVER };
    try {
      // Nothing here is later: files are asked by `#attr`, which throws instead.
      passing(this.tree.members(dir), (member) => this.#guard.open(member, O.RDONLY, call));
      let node = dir;
      for (let depth = 0; depth < DEPTH_MAX; depth++) {
        passing(this.tree.members(node), (member) => this.#guard.walk(member, call));
        const above = this.tree.holder(node);
        if (above === node) return true;
        node = above;
      }
      return false;
    } catch {
      return false;
    }
  }

  #attr(node: Node): Attr {
    const known = this.#attrs.get(node);
    if (known) return known;
    const server = this.tree.backing(node, undefined)?.mount.server;
    if (server && this.#slow.has(server)) throw notNow();
    const attr = this.tree.getattr(node, undefined, { user: OWNER, signal: NEVER });
    if (attr instanceof Promise) {
      attr.catch(() => {});
      this.#slow.add(server!);
      throw notNow();
    }
    this.#attrs.set(node, attr);
    return attr;
  }
}

/** Attributes are looked at on the node's own behalf. */
const OWNER: User = { name: "owner", groups: new Set(), standing: "owner" };

function notNow(): NineError {
  return new NineError("EAGAIN", "The file server does not say at once who may see its files");
}
