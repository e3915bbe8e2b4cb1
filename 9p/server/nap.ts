/** Enough for the runtime to fall asleep before it is over, µs. */
const NAP_US = 100;

/** `int usleep(useconds_t usec);`, on a thread of its own. */
const SYMBOLS = { usleep: { parameters: ["u32"], result: "i32", nonblocking: true } } as const;

let found: (() => Promise<unknown>) | undefined;

/**
 * Leaves the event loop nothing to do for a moment. The runtime looks at its sockets when it falls asleep, and only every
 * 61st time as long as it has something to do: `setImmediate` leaves clients waiting, and so does a file operation that is
 * done before the runtime has come to rest (docs/decisions/13-turns.md).
 */
export function nap(): Promise<unknown> {
  // Not before it is needed: Workers that never nap load this as well.
  found ??= napByLibc() ?? timer;
  return found();
}

/** Takes 1 to 2 ms, which are lost where nobody else has anything to do. */
function timer(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, 0));
}

/** Undefined where there is no such call; nobody is asked for a permission. */
function napByLibc(): (() => Promise<unknown>) | undefined {
  try {
    if (Deno.build.os !== "linux") return undefined;
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
    const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
    return () => symbols.usleep(NAP_US);
  } catch {
    return undefined;
  }
}
