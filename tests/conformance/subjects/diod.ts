import { join } from "node:path";
import { LINUX } from "../rule.ts";
import type { Started } from "../subject.ts";
import { folderWithFifo, run } from "./host.ts";

const DIOD = "/usr/sbin/diod";
const START_MS = 5000;

/** Debian's diod on a temporary folder: an independent server of 9P2000.L, for comparison. */
export async function startDiod(): Promise<Started> {
  const folder = await folderWithFifo();
  // It dies of some of the tests, and leaves its core there.
  const cwd = await Deno.makeTempDir({ prefix: "lux9-conformance-diod-" });
  const port = freePort();
  const listen = `127.0.0.1:${port}`;
  let child: Deno.ChildProcess | undefined;
  const stop = async () => {
    try {
      child?.kill("SIGKILL");
    } catch { /* It has ended already. */ }
    await child?.status;
  };
  const restart = async () => {
    await stop();
    child = new Deno.Command(DIOD, {
      args: ["-f", "-n", "-l", listen, "-e", folder, "-c", "/dev/null", "-L", join(cwd, "log")],
      cwd,
      stdout: "null",
      stderr: "null",
      stdin: "null",
    }).spawn();
    await answers(port);
  };
  const close = async () => {
    await stop();
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(cwd, { recursive: true });
  };
  try {
    await restart();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const isRoot = Deno.uid() === 0;
  const hasXattrs = await run("setfattr", "-n", "user.test", "-v", "x", folder);
  return {
    subject: {
      name: "diod",
      address: `tcp!127.0.0.1!${port}`,
      aname: folder,
      dialects: LINUX,
      uname: "root",
      uid: Deno.uid() ?? 0,
      writable: true,
      features: {
        // It reads fifos at offsets, which is ESPIPE, and leaves permission bits to its clients.
        claims: isRoot ? { uname: "daemon", uid: 1 } : undefined,
        xattrs: hasXattrs,
        symlinks: true,
        hardLinks: true,
        fifos: true,
        devices: isRoot,
        noAuth: true,
      },
    },
    restart,
    close,
  };
}

export async function hasDiod(): Promise<boolean> {
  try {
    return (await Deno.stat(DIOD)).isFile;
  } catch {
    return false;
  }
}

/**
 * A port below those that the system gives to clients: diod cannot bind one that a client of ours has just left, and a
 * run of the suite leaves thousands.
 */
function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    }
  }
}

async function answers(port: number): Promise<void> {
  const until = performance.now() + START_MS;
  while (true) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (thrown) {
      if (performance.now() > until) throw new Error(`diod does not answer on port ${port}: ${thrown}`);
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }
}
