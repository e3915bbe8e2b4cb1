import { createHash } from "node:crypto";
import { packAttributes } from "./attributes.ts";
import { type Candidate, compareCandidates, type Facts, FactsReader, touchesOf } from "./facts.ts";
import { Packer } from "./bytes.ts";
import type { DocumentCore, TreeDocument } from "./document.ts";
import { packEdge } from "./edge.ts";
import { creatorOf, type DocId, type NodeId, ROOT } from "./id.ts";
import { type Key, keyOf, type KeyParts, parseKey, type Slot, TOUCHED_KEY } from "./key.ts";
import { directoryOf } from "./placement.ts";
import { unpackRecords } from "./records.ts";
import type { EdgeRow, TreeIndex } from "./rows.ts";
import { packTouch, packXattr, type Touch, unpackXattr } from "./small_records.ts";
import { compareTouches } from "./standing.ts";
import { compareBytes, versionId } from "./stamp.ts";

/**
 * A new document with only what is live of an old one, since Automerge keeps every value that a key ever had. The tree that is shown is the same, and so are conflicts that
 * nobody resolved yet, with what their sides were made from.
 *
 * Made from the same state it is the same to the last byte, on whatever copy. It has nothing in common with the old document, and must never be merged with it: so all
 * copies that still count must have all of the old document's changes first, and of every other document that tells of the same nodes.
 *
 * Afterwards: put the new one in the old one's place, and tell `TreeWriter.replaced` the keys of both.
 */
export function reroot(
  core: DocumentCore,
  old: TreeDocument,
  document: (id: DocId) => TreeDocument | undefined,
  index: TreeIndex,
): TreeDocument {
  const actor = (side: number) => actorOf(old.heads(), side);
  const root = core.create(old.id, actor(0));
  const contested: { readonly key: Key; readonly values: readonly Uint8Array[] }[] = [];
  const live = new LiveRecords(old, document, index);
  for (const key of [...old.keys()].sort()) {
    const parts = parseKey(key);
    const values = parts ? live.valuesOf(key, parts) : [];
    if (values.length === 1) root.put(key, values[0]);
    if (values.length < 2) continue;
    contested.push({ key, values });
    const base = [...old.base(key)].sort(compareBytes).pop();
    if (base) root.put(key, base);
  }
  for (const [key, value] of live.added()) root.put(key, value);
  root.commit();
  // Each side of a conflict is a fork again.
  const sides = Math.max(0, ...contested.map(({ values }) => values.length));
  const forks = Array.from({ length: sides }, (_, side) => {
    const fork = root.fork(actor(side + 1));
    for (const { key, values } of contested) if (side < values.length) fork.put(key, values[side]);
    return fork.commit();
  });
  root.apply(forks.filter((change) => change !== undefined));
  return root;
}

class LiveRecords {
  readonly #old: TreeDocument;
  readonly #document: (id: DocId) => TreeDocument | undefined;
  readonly #index: TreeIndex;
  /** While a directory is displaced, any edge may be what it falls back to. */
  readonly #keepsStale: boolean;
  readonly #attributes = new Map<NodeId, Uint8Array>();
  #touch: Touch | undefined;

  constructor(old: TreeDocument, document: (id: DocId) => TreeDocument | undefined, index: TreeIndex) {
    this.#old = old;
    this.#document = document;
    this.#index = index;
    this.#keepsStale = index.displaced().length > 0;
    for (const touch of touchesOf(old, TOUCHED_KEY, undefined)) this.#see(touch);
  }

  /** The values that a key goes on with, in an order that depends on nothing. */
  valuesOf(key: Key, parts: KeyParts): Uint8Array[] {
    if (parts.kind === "edge") {
      for (const touch of touchesOf(this.#old, key, parts.node)) {
        this.#see(touch);
      }
    }
    const values = [...this.#old.get(key)].sort(compareBytes)
      .filter((value, i, all) => i === 0 || compareBytes(value, all[i - 1]) !== 0);
    return this.#kept(parts, values);
  }

  /** Attributes whose edge went, and the time that the directory has. */
  *added(): Iterable<[Key, Uint8Array]> {
    for (const [node, record] of this.#attributes) yield [keyOf(node, "m"), record];
    const directory = directoryOf(this.#old.id);
    // Of a directory that is gone nobody asks for the time.
    const isGone = directory !== ROOT && !this.#index.edges(directory).some(({ alive }) => alive);
    if (this.#touch && !isGone) yield [TOUCHED_KEY, packTouch(this.#touch, directory)];
  }

  #see(touch: Touch): void {
    if (!this.#touch || compareTouches(touch, this.#touch) > 0) this.#touch = touch;
  }

  #kept(parts: KeyParts, values: Uint8Array[]): Uint8Array[] {
    const { node } = parts;
    const rows = this.#index.edges(node);
    const docs = unpackRecords(this.#index.node(node)?.records ?? "");
    const facts = this.#factsOf(node, docs);
    const isRoot = parts.kind === "attributes" && rows.length === 0 &&
      facts.attributes?.kind === "directory" &&
      docs.size === 1;
    if (!isRoot && !rows.some((row) => row.alive)) {
      // It is gone. The edge that says so stays while an older one in another document would say otherwise.
      if (parts.kind !== "edge" || docs.size === 1) return [];
      return this.#keepsStale || this.#held(parts.slot, facts, rows) ? values : [];
    }
    switch (parts.kind) {
      case "edge": {
        if (this.#keepsStale) return values;
        const held = this.#held(parts.slot, facts, rows);
        // A name that was removed, of a file that has others, stays while older edges elsewhere would bring it back.
        const stays = held !== undefined && (!held.row.removed || held.row.alive || docs.size > 1);
        const attributes = facts.home === this.#old.id ? facts.attributes : undefined;
        if (stays) return [packEdge({ ...held.edge, attributes: held.edge.attributes && attributes }, node)];
        const here = (facts.places.get(parts.slot) ?? []).filter((edge) => edge.doc === this.#old.id);
        if (here.some((edge) => edge.attributes) && attributes) this.#keepAttributes(node, facts.home);
        return [];
      }
      case "attributes":
        this.#keepAttributes(node, facts.home);
        return [];
      case "content":
        return values;
      case "lost":
        return facts.lost.some(({ stamp }) => versionId(stamp) === parts.version) ? values.slice(-1) : [];
      case "resolved":
        return this.#old.get(keyOf(node, "c")).length > 1 ? values.slice(-1) : [];
      case "xattr": {
        const value = facts.xattrs.get(parts.name);
        return value ? values.filter((each) => isXattr(each, node, value)).slice(-1) : [];
      }
    }
  }

  /** The edge of this document that the place is by, if it is by one of this document. */
  #held(slot: Slot, facts: Facts, rows: readonly EdgeRow[]): { edge: Candidate; row: EdgeRow } | undefined {
    const here = (facts.places.get(slot) ?? []).filter(({ doc }) => doc === this.#old.id);
    const [edge] = here.sort(compareCandidates);
    const row = rows.find((each) => each.slot === slot && !each.version);
    if (edge === undefined || row === undefined) return undefined;
    const holds = row.parent === edge.parent && row.counter === edge.counter &&
      row.author === edge.stamp.author;
    return holds ? { edge, row } : undefined;
  }

  #keepAttributes(node: NodeId, home: DocId | undefined): void {
    const facts = this.#factsOf(node, unpackRecords(this.#index.node(node)?.records ?? ""));
    if (!facts.attributes || home !== this.#old.id) return;
    const packer = new Packer();
    packAttributes(packer, facts.attributes, creatorOf(node));
    this.#attributes.set(node, packer.take());
  }

  #factsOf(node: NodeId, records: ReturnType<typeof unpackRecords>): Facts {
    const reader = new FactsReader(node, []);
    for (const [doc, keys] of records) {
      const document = doc === this.#old.id ? this.#old : this.#document(doc);
      for (const part of document ? keys : []) {
        const known = parseKey(keyOf(node, part));
        if (known && document) reader.add(doc, known, document.get(keyOf(node, part)));
      }
    }
    return reader.facts();
  }
}

function isXattr(bytes: Uint8Array, node: NodeId, value: Uint8Array): boolean {
  try {
    const xattr = unpackXattr(bytes, node);
    return xattr.value !== undefined && compareBytes(xattr.value, value) === 0 &&
      compareBytes(packXattr(xattr, node), bytes) === 0;
  } catch {
    return false;
  }
}

/** An actor that only this state has, for a side of its conflicts. */
function actorOf(heads: readonly string[], side: number): string {
  const digest = createHash("sha256").update([...heads].sort().join(" ")).digest("hex");
  return digest.slice(0, 16) + side.toString(16).padStart(8, "0");
}
