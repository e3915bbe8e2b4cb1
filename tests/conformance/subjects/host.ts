import { type Call, type FileServer, Principals } from "../../../9p/mod.ts";
import { host } from "../../../servers/host/mod.ts";
import { serve, USERS } from "../in_process.ts";
import { ALL } from "../rule.ts";
import type { Features, Started } from "../subject.ts";

export const FIFO = "conformance-fifo";

/** A folder for a test, with a fifo in it: opened for both, a read of it waits. */
export async function folderWithFifo(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-conformance-folder-" });
  await Deno.chmod(folder, 0o755);
  await run("mkfifo", `${folder}/${FIFO}`);
  await run("chmod", "666", `${folder}/${FIFO}`);
  return folder;
}

/** Whether the command worked. */
export async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

export interface Folder {
  readonly server: FileServer<object, unknown>;
  readonly features: Features;
  close(): Promise<void>;
}

/** A temporary folder, served by `host`, and what the machine lets it do. */
export async function serveFolder(): Promise<Folder> {
  const folder = await folderWithFifo();
  const server = host(folder, { principals: new Principals(USERS, USERS) });
  const hasXattrs = await xattrsWork(server as unknown as FileServer<object, unknown>);
  const isRoot = Deno.uid() === 0;
  const device = `${folder}/device`;
  const hasDevices = await run("mknod", device, "c", "1", "3");
  if (hasDevices) await Deno.remove(device);
  return {
    server: server as unknown as FileServer<object, unknown>,
    features: {
      blocking: { path: FIFO, access: "rw" },
      claims: isRoot ? { uname: "daemon", uid: 1 } : undefined,
      plan9Flags: hasXattrs,
      xattrs: hasXattrs,
      symlinks: true,
      hardLinks: true,
      fifos: true,
      devices: hasDevices,
      noAuth: true,
    },
    async close() {
      server[Symbol.dispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function xattrsWork(server: FileServer<object, unknown>): Promise<boolean> {
  const user = { name: "root", groups: new Set(["root"]), standing: "owner" } as const;
  const call: Call = { user, signal: new AbortController().signal };
  try {
    const root = await server.attach("", call);
    await server.setxattr!(root, "user.lux9.probe", new Uint8Array(1), 0, call);
    await server.setxattr!(root, "user.lux9.probe", null, 0, call);
    return true;
  } catch {
    return false;
  }
}

/** A folder of this machine. */
export async function startHost(): Promise<Started> {
  const folder = await serveFolder();
  const served = await serve(folder.server);
  return {
    subject: {
      name: "host",
      address: served.address,
      aname: "",
      dialects: ALL,
      uname: "root",
      uid: 0,
      writable: true,
      features: { ...folder.features, strictAddress: served.strictAddress, residue: served.residue },
    },
    async close() {
      await served.close();
      await folder.close();
    },
  };
}
