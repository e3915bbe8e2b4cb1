import type { Call, FileServer } from "../../../9p/mod.ts";
import { Namespace } from "../../../namespace/mod.ts";
import { mem } from "../../../servers/mem/mod.ts";
import { serve } from "../in_process.ts";
import { PROBES, withProbes } from "../probes.ts";
import { ALL } from "../rule.ts";
import type { Started, Subject } from "../subject.ts";
import { serveFolder } from "./host.ts";

/** A namespace with a folder at its root and a tree in memory at /mem. */
async function startTree(part: "host" | "mem"): Promise<Started> {
  const owned = { uid: "root", gid: "root" };
  const user = { name: "root", groups: new Set(["root"]), standing: "owner" } as const;
  const call: Call = { user, signal: new AbortController().signal };
  const folder = await serveFolder();
  const namespace = new Namespace(owned);
  await namespace.mount(folder.server, "/", call, { label: "folder" });
  const memory = withProbes(mem(owned) as unknown as FileServer<object, unknown>);
  await namespace.mount(memory, "/mem", call, { label: "mem" });
  const served = await serve(namespace.server as unknown as FileServer<object, unknown>);
  const shared = { strictAddress: served.strictAddress, residue: served.residue, permissions: true };
  const claims = { uname: "daemon", uid: 1 };
  const parts: Record<typeof part, Pick<Subject, "name" | "aname" | "features">> = {
    host: {
      name: "tree",
      aname: "",
      features: { ...folder.features, ...shared, controlFile: `mem/${PROBES.control}`, mounts: ["", "mem"] },
    },
    mem: {
      name: "tree, /mem",
      aname: "/mem",
      features: {
        ...folder.features,
        ...shared,
        claims,
        plan9Flags: true,
        xattrs: true,
        devices: true,
        blocking: { path: PROBES.blocks, access: "r" },
        deafFile: PROBES.deaf,
        controlFile: PROBES.control,
        unsyncableFile: PROBES.unsyncable,
      },
    },
  };
  return {
    subject: {
      ...parts[part],
      address: served.address,
      dialects: ALL,
      uname: "root",
      uid: 0,
      writable: true,
    },
    async close() {
      await served.close();
      await folder.close();
    },
  };
}

/** Through its root, which is a folder of this machine. */
export const startTreeRoot = (): Promise<Started> => startTree("host");
/** Attached at /mem. */
export const startTreeMem = (): Promise<Started> => startTree("mem");
