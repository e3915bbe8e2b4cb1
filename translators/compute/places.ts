import { type Call, type Entry, type FileServer, NineError, Qt } from "../../9p/mod.ts";
import { fits, isGlob, literal } from "../recipe/mod.ts";

type Server = FileServer<object, unknown>;

/** A file of the tree that a recipe names. */
export interface Place {
  readonly node: object;
  readonly path: string;
}

/** Where places are looked for. */
export interface PlacedTree {
  readonly server: Server;
  /** Where absolute paths start. */
  readonly root: object;
  /** Names at its top that recipes do not reach. */
  readonly beyond: ReadonlySet<string>;
}

/** How many files one recipe may read. */
export const FILES_MAX = 10_000;
/** How long the path of each may be, as PATH_MAX: thousands of them are kept at once. */
const PATH_CHARS_MAX = 4096;
/** How many names are looked at for one glob. */
const NAMES_MAX = 200_000;
const LINKS_MAX = 16;
const LISTED_AT_ONCE = 1000;
const SORTED_AT_ONCE = 1000;

/** The absolute path of a place. */
export function pathOf(server: Server, node: object): string {
  const names: string[] = [];
  for (let at = node;;) {
    const above = server.parent(at);
    if (above === at) return "/" + names.reverse().join("/");
    names.push(server.name(at));
    at = above;
  }
}

/**
 * The files that a path or glob stands for, as the user who asks sees them, in the order of their names. A relative path
 * starts at `dir`. ENOENT where there is none, EPERM for what recipes do not reach. Each name costs its walk; others have
 * their turn in `breathe`, which throws where nobody wants the places any more. `onLook` is told of what else the answer
 * depends on: folders that were looked through, with `/` at the end, links, and what was not there.
 */
export async function findPlaces(
  tree: PlacedTree,
  dir: object,
  text: string,
  call: Call,
  breathe: () => Promise<void>,
  onLook: (path: string) => void = () => {},
): Promise<Place[]> {
  const { server, root } = tree;
  const isAbsolute = text.startsWith("/");
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  let nodes: object[] = [isAbsolute ? root : dir];
  for (const [i, name] of names.entries()) {
    const next: object[] = [];
    for (const node of nodes) {
      await breathe();
      if (isGlob(name)) {
        const wantsDirectories = i < names.length - 1;
        for (
          const found of await matching(server, root, node, name, wantsDirectories, call, breathe, onLook)
        ) {
          next.push(found);
        }
      } else {
        const found = await step(server, root, node, literal(name), call, nodes.length > 1, onLook);
        if (found) next.push(found);
      }
      if (next.length > FILES_MAX) {
        throw new NineError("E2BIG", `${text} stands for more than ${FILES_MAX} files`);
      }
    }
    nodes = next;
    // Before anything there is looked at.
    if (nodes.length === 1) reachable(tree, nodes[0]);
  }
  if (nodes.length === 0) throw new NineError("ENOENT", `${text} stands for no file`);
  const places: Place[] = [];
  for (const node of nodes) {
    await breathe();
    places.push({ node, path: reachable(tree, node) });
  }
  return places;
}

/** The path of a directory with `/` at its end. */
function folderOf(server: Server, dir: object): string {
  const path = pathOf(server, dir);
  return path === "/" ? path : `${path}/`;
}

function reachable({ server, beyond }: PlacedTree, node: object): string {
  const path = pathOf(server, node);
  if (path.length > PATH_CHARS_MAX) {
    throw new NineError(
      "ENAMETOOLONG",
      `A path of ${path.length} characters: recipes read files of at most ${PATH_CHARS_MAX}`,
    );
  }
  const [, top] = path.split("/");
  if (beyond.has(top)) {
    throw new NineError(
      "EPERM",
      `${path} is beyond recipes: they read stored files and other recipes' outputs`,
    );
  }
  return path;
}

/** One name further, through relative symbolic links; undefined where a glob led to a place that has no such name. */
async function step(
  server: Server,
  root: object,
  from: object,
  name: string,
  call: Call,
  mayMiss: boolean,
  onLook: (path: string) => void,
): Promise<object | undefined> {
  const left = [name];
  let links = 0;
  let at = from;
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    if (next === "..") {
      at = at === root ? at : server.parent(at);
      continue;
    }
    if (!(server.qid(at).type & Qt.DIR)) {
      if (mayMiss) return undefined;
      throw new NineError(
        "ENOTDIR",
        `${pathOf(server, at)} is no directory, and ${next} was looked for in it`,
      );
    }
    let found: object;
    try {
      found = await server.walk(at, next, call);
    } catch (thrown) {
      onLook(`${folderOf(server, at)}${next}`);
      if (mayMiss) return undefined;
      throw thrown;
    }
    if (!(server.qid(found).type & Qt.SYMLINK)) {
      at = found;
      continue;
    }
    const path = pathOf(server, found);
    onLook(path);
    const target = await server.readlink!(found, call);
    if (target.startsWith("/") || ++links > LINKS_MAX) {
      throw new NineError(
        "ELOOP",
        `${path} leads to ${target}: recipes follow up to ${LINKS_MAX} relative links`,
      );
    }
    left.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
  }
  return at;
}

async function matching(
  server: Server,
  root: object,
  dir: object,
  pattern: string,
  wantsDirectories: boolean,
  call: Call,
  breathe: () => Promise<void>,
  onLook: (path: string) => void,
): Promise<object[]> {
  if (!(server.qid(dir).type & Qt.DIR)) return [];
  onLook(folderOf(server, dir));
  const names = await namesIn(server, dir, pattern, wantsDirectories, call, breathe);
  const found: object[] = [];
  for (const name of names) {
    await breathe();
    const node = await step(server, root, dir, name, call, true, onLook);
    if (node && (server.qid(node).type & Qt.DIR) !== 0 === wantsDirectories) found.push(node);
    if (found.length > FILES_MAX) break;
  }
  return found;
}

/** In their order: of links too, as they may lead to either kind. */
async function namesIn(
  server: Server,
  dir: object,
  pattern: string,
  wantsDirectories: boolean,
  call: Call,
  breathe: () => Promise<void>,
): Promise<string[]> {
  if (!server.list) return [];
  const names: string[] = [];
  let looked = 0;
  server.hold?.(dir);
  try {
    const handle = await server.open?.(dir, 0, call);
    try {
      let entries: Entry[];
      let cookie: Entry["cookie"] = 0;
      while ((entries = await server.list(dir, handle, cookie, LISTED_AT_ONCE, false, call)).length > 0) {
        for (const { name, qid: { type } } of entries) {
          await breathe();
          const mayBe = (type & Qt.SYMLINK) !== 0 || ((type & Qt.DIR) !== 0) === wantsDirectories;
          if (mayBe && fits(pattern, name)) names.push(name);
        }
        looked += entries.length;
        if (looked > NAMES_MAX) {
          throw new NineError(
            "E2BIG",
            `${pathOf(server, dir)} has more than ${NAMES_MAX} names: a glob looks at so many`,
          );
        }
        cookie = entries[entries.length - 1].cookie;
      }
    } finally {
      await server.close?.(dir, handle, call);
    }
  } finally {
    server.drop?.(dir);
  }
  return await sorted(names, breathe);
}

/** Parts are sorted at once, and merged pair by pair. */
async function sorted(names: readonly string[], breathe: () => Promise<void>): Promise<string[]> {
  let parts: string[][] = [];
  for (let at = 0; at < names.length; at += SORTED_AT_ONCE) {
    await breathe();
    parts.push(names.slice(at, at + SORTED_AT_ONCE).sort());
  }
  while (parts.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < parts.length; i += 2) merged.push(await merge(parts[i], parts[i + 1] ?? [], breathe));
    parts = merged;
  }
  return parts[0] ?? [];
}

async function merge(
  left: readonly string[],
  right: readonly string[],
  breathe: () => Promise<void>,
): Promise<string[]> {
  const merged: string[] = [];
  let at = 0;
  for (const name of right) {
    while (at < left.length && left[at] <= name) {
      merged.push(left[at++]);
      await breathe();
    }
    merged.push(name);
    await breathe();
  }
  for (; at < left.length; at++) merged.push(left[at]);
  return merged;
}
