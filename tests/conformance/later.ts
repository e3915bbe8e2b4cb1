import { type Call, type FileServer, type Later, NineError } from "../../9p/mod.ts";

/** One call in so many waits for a turn of the event loop, the others for some microtasks. */
const TURN_EVERY = 40;

/**
 * The same server answering every call later, as a remote or a slow one does: what it does happens after a while, or
 * not at all where the call was flushed before.
 */
export function later(server: FileServer<object, unknown>): FileServer<object, unknown> {
  let calls = 0;

  async function wait({ signal }: Call): Promise<void> {
    const turn = ++calls % TURN_EVERY === 0;
    if (turn) await new Promise((wake) => setTimeout(wake, 0));
    else for (let i = calls % 5; i >= 0; i--) await undefined;
    if (signal.aborted) throw new NineError("EINTR", "The call was flushed before it began");
  }

  /** The function, its call being its last argument. */
  function delayed<A extends readonly unknown[], R>(
    action: ((...args: [...A, Call]) => Later<R>) | undefined,
  ): ((...args: [...A, Call]) => Promise<R>) | undefined {
    if (!action) return undefined;
    return async (...args) => {
      await wait(args[args.length - 1] as Call);
      return await action(...args);
    };
  }

  return {
    ...server,
    attach: delayed(server.attach)!,
    walk: delayed(server.walk)!,
    getattr: delayed(server.getattr)!,
    setattr: delayed(server.setattr),
    open: delayed(server.open),
    create: delayed(server.create),
    make: delayed(server.make),
    // A handle is closed whatever became of the call.
    close: async (node, handle, call) => {
      await undefined;
      await server.close?.(node, handle, call);
    },
    read: async (node, handle, offset, into, call) => {
      const own = new Uint8Array(into.length);
      await wait(call);
      const count = await server.read!(node, handle, offset, own, call);
      return typeof count === "number" ? own.subarray(0, count) : count;
    },
    write: async (node, handle, offset, data, call) => {
      const own = data.slice();
      await wait(call);
      return await server.write!(node, handle, offset, own, call);
    },
    list: delayed(server.list),
    fsync: delayed(server.fsync),
    remove: async (node, call) => {
      // ORCLOSE removes for a client that may have gone.
      await undefined;
      await server.remove!(node, call);
    },
    rename: delayed(server.rename),
    link: delayed(server.link),
    readlink: delayed(server.readlink),
    statfs: delayed(server.statfs),
    getxattr: delayed(server.getxattr),
    listxattr: delayed(server.listxattr),
    setxattr: async (node, name, value, flags, call) => {
      await undefined;
      await server.setxattr!(node, name, value, flags, call);
    },
  };
}
