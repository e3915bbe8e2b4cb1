import { type Call, type Entry, type FileServer, type Later, NineError, then } from "../../9p/mod.ts";

type Server = FileServer<object, unknown>;

/**
 * The tree as modules with a grant see it: stored files only. A guest holds its Worker while it reads, so what it reads
 * must not wait for a Worker, as a computed file may; nor may it be what blocks or commands. `beyond` are names at the
 * top of the tree.
 */
export function grantedTree(tree: Server, root: object, beyond: ReadonlySet<string>): Server {
  function list(
    dir: object,
    handle: unknown,
    cookie: Entry["cookie"],
    max: number,
    withAttr: boolean,
    call: Call,
  ): Later<Entry[]> {
    const listed = tree.list!(dir, handle, cookie, max, withAttr, call);
    if (dir !== root) return listed;
    return then(listed, (entries): Later<Entry[]> => {
      const shown = entries.filter(({ name }) => !beyond.has(name));
      // Nothing would be the end of the listing.
      if (shown.length > 0 || entries.length === 0) return shown;
      return list(dir, handle, entries[entries.length - 1].cookie, max, withAttr, call);
    });
  }

  return {
    ...tree,
    walk(dir, name, call) {
      if (dir === root && beyond.has(name)) {
        throw new NineError("EPERM", `/${name} is beyond grants: modules read stored files only`);
      }
      return tree.walk(dir, name, call);
    },
    list,
  };
}
