/**
 * Which folder may import which: one row a folder, checked by `deno task imports`.
 *
 * A part is a folder with one door, its mod.ts. `*` stands for one name, so that every server is a part of its own.
 * Files of one part import each other freely, and a test beside the code imports what it needs. The first row whose pattern fits is the one that holds.
 */
export interface ImportRule {
  readonly part: string;
  /** The parts it may import, through their doors. */
  readonly mayImport: readonly string[];
  /** Said to whoever breaks it. */
  readonly reason: string;
  /** Past the doors as well. Only for what no part may import itself. */
  readonly pastDoors?: boolean;
}

export const IMPORT_RULES: readonly ImportRule[] = [
  {
    part: "9p",
    mayImport: [],
    reason: "the protocol stands alone, so that anybody can serve 9P with it",
  },
  {
    part: "policies",
    mayImport: [],
    reason: "the decision is a pure function; who asks is somebody else",
  },
  {
    part: "yaml",
    mayImport: ["9p"],
    reason: "reading a text by a schema knows no particular text",
  },
  {
    part: "mesh/dag",
    mayImport: [],
    reason: "the order of blocks is a pure function; clock, network and disk are arguments",
  },
  {
    part: "mesh/*",
    mayImport: ["9p", "mesh/dag"],
    reason: "the mesh carries bytes between nodes and knows no tree; cli/ wires the two together",
  },
  {
    part: "state/tree",
    mayImport: [],
    reason: "the rules of the replicated tree are pure, so that a simulator runs them",
  },
  {
    part: "state/record",
    mayImport: ["state/tree"],
    reason: "what copies tell each other is data, checked by rules that all of them share",
  },
  {
    part: "state/sync",
    mayImport: ["9p", "state/record", "state/tree"],
    reason: "the exchange is a state machine: storage, clock and network are arguments",
  },
  {
    part: "state/disk",
    mayImport: ["9p"],
    reason: "a disk is files and their durability; what they hold is somebody else's",
  },
  {
    part: "state/log",
    mayImport: ["9p", "state/disk"],
    reason: "the log keeps records in order and knows nothing of what they say",
  },
  {
    part: "state/chunks",
    mayImport: ["9p", "state/disk"],
    reason: "the chunk store keeps bytes by their hash; where each is, an index that is handed to it knows",
  },
  {
    part: "state/operation",
    mayImport: ["9p"],
    reason: "an operation is data; who does it and who keeps it are apart",
  },
  {
    part: "state/store",
    mayImport: ["9p", "state/operation", "state/record", "state/tree"],
    reason: "the database keeps rows; what is done to them is decided by who applies operations",
  },
  {
    part: "state/guard",
    mayImport: ["9p", "state/disk"],
    reason: "the guard knows pages and their sums; what is in them is the database's",
  },
  {
    part: "state/automerge",
    mayImport: ["state/tree"],
    reason:
      "Automerge keeps documents and merges texts for whoever has a tree; who only reads the index does without",
  },
  {
    part: "state/volume",
    mayImport: [
      "9p",
      "state/disk",
      "state/log",
      "state/chunks",
      "state/operation",
      "state/store",
      "state/record",
      "state/guard",
    ],
    reason:
      "the main isolate logs and reads; what it has no need of, as Automerge, costs an idle node memory",
  },
  {
    part: "state/worker",
    mayImport: ["9p", "state/*"],
    reason: "the Worker puts log, chunks, tree and database together; servers see what it hands to them",
  },
  {
    part: "servers/volume",
    mayImport: ["9p", "state/operation", "state/store"],
    reason: "the file server reads the index and logs operations; the store itself is handed to it",
  },
  {
    part: "state/*",
    mayImport: ["9p", "state/*"],
    reason: "the replicated tree knows no server and no mesh; cli/ wires them together",
  },
  {
    part: "servers/*",
    mayImport: ["9p"],
    reason: "a file server knows the protocol's interface and itself, never another server or the namespace",
  },
  {
    part: "namespace",
    mayImport: ["9p", "policies"],
    reason: "the namespace mounts whatever is a file server, so it names none; cli/ hands them to it",
  },
  {
    part: "translators/engine",
    mayImport: ["9p", "translators/wasi"],
    reason:
      "the engine gives guests WASI and takes files from whatever serves them; cli/ wires it to the tree",
  },
  {
    part: "translators/wasi",
    mayImport: ["9p"],
    reason: "preview 1 is pure: files, streams, clock and randomness are arguments, and no engine is named",
  },
  {
    part: "translators/pipeline",
    mayImport: ["9p", "translators/manifest"],
    reason: "a pipeline is text and what manifests say of it",
  },
  {
    part: "translators/recipe",
    mayImport: ["9p", "yaml", "translators/pipeline"],
    reason: "a recipe is text about paths and a pipeline",
  },
  {
    part: "translators/library",
    mayImport: ["9p", "translators/manifest"],
    reason: "the library knows which modules there are, and runs none",
  },
  {
    part: "translators/compute",
    mayImport: ["9p", "translators/*"],
    reason: "computing puts modules, inputs and results together; the tree is handed to it",
  },
  {
    part: "translators/*",
    mayImport: ["9p", "yaml"],
    reason: "a translator takes files and gives files, wherever they are; cli/ wires it to the tree",
  },
  {
    part: "faces/*",
    mayImport: ["9p"],
    reason: "a way in speaks 9P to a tree that cli/ hands to it",
  },
  {
    part: "cli",
    mayImport: [
      "9p",
      "yaml",
      "policies",
      "namespace",
      "servers/*",
      "translators/*",
      "state/*",
      "mesh/*",
      "faces/*",
    ],
    reason: "cli/ wires the parts together through their doors, and takes nothing from tests or tools",
  },
  {
    part: "examples",
    mayImport: ["9p", "servers/*", "namespace"],
    reason: "an example uses what the public API offers",
  },
  { part: "tests", mayImport: ["**"], reason: "", pastDoors: true },
  { part: "bench", mayImport: ["**"], reason: "", pastDoors: true },
  { part: "tools", mayImport: ["**"], reason: "", pastDoors: true },
];
