import type { Call, FileServer, User } from "../../9p/mod.ts";
import { Namespace } from "../../namespace/mod.ts";
import { ctl, splitWords } from "../../servers/ctl/mod.ts";
import { snapshots, volume } from "../../servers/volume/mod.ts";
import { VolumeStore, type VolumeStoreOptions } from "../../state/volume/mod.ts";
import { serve } from "../conformance/in_process.ts";

const root: User = { name: "root", groups: new Set(["root"]), standing: "owner" };
const OWNED = { uid: "root", gid: "root" };
/** History that no snapshot shows goes with the next collection. */
const RETENTION = { everything: 0, hourly: 0, daily: 0 };

export interface VolumeNode {
  readonly address: string;
  readonly store: VolumeStore;
  /** What the store told of; nothing, where nothing but power was lost. */
  readonly troubles: readonly string[];
  close(): Promise<void>;
  /** As if the process were killed. No request may be under way: it would wait for ever. */
  abandon(): Promise<void>;
}

/** What `CrashWorker` needs of a node, in this process and around a volume in any folder. */
export async function startVolumeNode(folder: string, options: VolumeStoreOptions = {}): Promise<VolumeNode> {
  const troubles: string[] = [];
  const store = await VolumeStore.open(folder, {
    ...{ owned: OWNED, retention: RETENTION },
    ...options,
    onTrouble: (message) => troubles.push(message),
  });
  const call: Call = { user: root, signal: new AbortController().signal };
  const namespace = new Namespace(OWNED);
  const mount = (server: unknown, at: string, order: "replace" | "after") =>
    namespace.mount(server as FileServer<object>, at, call, { order, label: at });
  await mount(
    ctl({ ctl: { command: (line) => command(store, line), mode: 0o600, text: () => "" } }, OWNED),
    "/",
    "replace",
  );
  await mount(volume(store), "/data", "replace");
  await mount(snapshots(store, OWNED), "/snap/data", "replace");
  const served = await serve(namespace.server as unknown as FileServer<object, unknown>);
  return {
    address: served.address,
    store,
    troubles,
    async close() {
      await served.close();
      await store.close();
    },
    async abandon() {
      store.abandon();
      await served.close();
    },
  };
}

/** The lines that a node's `/ctl` takes. */
async function command(store: VolumeStore, line: string): Promise<void> {
  const [, action, , name, before, path] = splitWords(line);
  if (action === "create") return await store.snapshot(name, root.name);
  if (action === "rm") return await store.unsnapshot(name, root.name);
  await store.restore(name, [path], before, root.name);
}
