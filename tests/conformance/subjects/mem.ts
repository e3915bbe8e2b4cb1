import { mem } from "../../../servers/mem/mod.ts";
import type { FileServer } from "../../../9p/mod.ts";
import { serve } from "../in_process.ts";
import { later } from "../later.ts";
import { PROBES, withProbes } from "../probes.ts";
import { ALL } from "../rule.ts";
import type { Started } from "../subject.ts";

/** The reference server, in this process, with the probes beside it. */
export function startMem(): Promise<Started> {
  return start("mem", withProbes(tree()));
}

/** The same, but nothing is answered at once: the engine's other half. */
export function startLater(): Promise<Started> {
  return start("mem, later", later(withProbes(tree())));
}

function tree(): FileServer<object, unknown> {
  return mem() as unknown as FileServer<object, unknown>;
}

async function start(name: string, server: FileServer<object, unknown>): Promise<Started> {
  const served = await serve(server);
  return {
    subject: {
      name,
      address: served.address,
      aname: "",
      dialects: ALL,
      uname: "root",
      uid: 0,
      writable: true,
      features: {
        blocking: { path: PROBES.blocks, access: "r" },
        deafFile: PROBES.deaf,
        controlFile: PROBES.control,
        unsyncableFile: PROBES.unsyncable,
        claims: { uname: "daemon", uid: 1 },
        strictAddress: served.strictAddress,
        plan9Flags: true,
        xattrs: true,
        symlinks: true,
        hardLinks: true,
        fifos: true,
        devices: true,
        noAuth: true,
        residue: served.residue,
      },
    },
    close: served.close,
  };
}
