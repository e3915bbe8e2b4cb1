import { packAttributes } from "./attributes.ts";
import { Malformed, Packer } from "./bytes.ts";
import type { TreeDocument } from "./document.ts";
import { payloadOf } from "./dot.ts";
import { packEdge } from "./edge.ts";
import { type Candidate, compareCandidates, type Facts, FactsReader, touchesOf } from "./facts.ts";
import { creatorOf, type DocId, type NodeId, ROOT } from "./id.ts";
import { type Key, keyOf, type KeyParts, parseKey, type Slot, TOUCHED_KEY } from "./key.ts";
import { directoryOf } from "./placement.ts";
import { unpackRecords } from "./records.ts";
import type { EdgeRow, TreeIndex } from "./rows.ts";
import { packTouch, packXattr, type Touch, unpackXattr } from "./small_records.ts";
import { compareTouches } from "./standing.ts";
import { compareBytes, versionId } from "./stamp.ts";

/** A key that is to have one payload, or to go. */
export interface Trimmed {
  readonly key: Key;
  readonly node: NodeId | undefined;
  readonly payload: Uint8Array | undefined;
}

/**
 * What is to be set in a document so that it has only what is live. The tree that is shown stays the same, and so do conflicts that nobody resolved yet.
 * What a document says of a node is left alone unless all documents that tell of the node are stable: somebody may still write who has not seen
 * that it is gone, and then it comes back with all that it had. `onWait` is told where something stays only until another document is trimmed.
 */
export function* trimmed(
  old: TreeDocument,
  document: (id: DocId) => TreeDocument | undefined,
  index: TreeIndex,
  isStable: (id: DocId) => boolean,
  onWait: () => void,
): Iterable<Trimmed> {
  if (!isStable(old.id)) return;
  const live = new LiveRecords(old, document, index, isStable, onWait);
  for (const key of old.keys().sort()) {
    if (key === TOUCHED_KEY) continue;
    const parts = parseKey(key);
    const node = parts?.node;
    const values = old.get(key);
    const kept = parts ? live.payloadsOf(key, parts) : [];
    if (kept === "all" || kept.length > 1) continue;
    if (kept.length === 0) {
      // Attributes that are to stay come at the end.
      if (parts?.kind !== "attributes" || !live.keepsAttributes(parts.node)) {
        yield { key, node, payload: undefined };
      }
    } else if (!values.every((value) => isPayload(value, parts!.node, kept[0]))) {
      // Two copies that did the same apart set the same: doing it once more would never end.
      yield { key, node, payload: kept[0] };
    }
  }
  yield* live.added();
}

function isPayload(value: Uint8Array, node: NodeId, payload: Uint8Array): boolean {
  try {
    return compareBytes(payloadOf(value, node), payload) === 0;
  } catch (thrown) {
    if (thrown instanceof Malformed) return false;
    throw thrown;
  }
}

class LiveRecords {
  readonly #old: TreeDocument;
  readonly #document: (id: DocId) => TreeDocument | undefined;
  readonly #index: TreeIndex;
  /** While a directory is displaced, any edge may be what it falls back to. */
  readonly #keepsStale: boolean;
  readonly #isStable: (id: DocId) => boolean;
  readonly #onWait: () => void;
  readonly #attributes = new Map<NodeId, Uint8Array>();
  /** The newest time that names tell which go, and the newest of those that stay. */
  #gone: Touch | undefined;
  #stays: Touch | undefined;

  constructor(
    old: TreeDocument,
    document: (id: DocId) => TreeDocument | undefined,
    index: TreeIndex,
    isStable: (id: DocId) => boolean,
    onWait: () => void,
  ) {
    this.#old = old;
    this.#document = document;
    this.#index = index;
    this.#isStable = isStable;
    this.#onWait = onWait;
    this.#keepsStale = index.displaced().length > 0;
    for (const touch of touchesOf(old, TOUCHED_KEY, undefined)) this.#gone = newer(this.#gone, touch);
  }

  /** The payloads that a key goes on with, in an order that depends on nothing; `all`, as they are, where nothing is known of it for sure. */
  payloadsOf(key: Key, parts: KeyParts): Uint8Array[] | "all" {
    const values = this.#old.get(key);
    const payloads: Uint8Array[] = [];
    for (const value of values) {
      try {
        payloads.push(payloadOf(value, parts.node));
      } catch (thrown) {
        if (!(thrown instanceof Malformed)) throw thrown;
      }
    }
    const distinct = payloads.sort(compareBytes)
      .filter((payload, i, all) => i === 0 || compareBytes(payload, all[i - 1]) !== 0);
    const kept = this.#kept(parts, distinct);
    if (parts.kind === "edge") {
      const stays = kept === "all" || kept.length > 0;
      for (const touch of touchesOf(this.#old, key, parts.node)) {
        if (stays) this.#stays = newer(this.#stays, touch);
        else this.#gone = newer(this.#gone, touch);
      }
    }
    return kept;
  }

  /** Whether `added` has attributes of the node. */
  keepsAttributes(node: NodeId): boolean {
    return this.#attributes.has(node);
  }

  /** Attributes whose edge went, and the time that the directory has. */
  *added(): Iterable<Trimmed> {
    for (const [node, payload] of this.#attributes) {
      const key = keyOf(node, "m");
      const values = this.#old.get(key);
      if (values.length > 0 && values.every((value) => isPayload(value, node, payload))) continue;
      yield { key, node, payload };
    }
    const directory = directoryOf(this.#old.id);
    const values = this.#old.get(TOUCHED_KEY);
    // Of a directory that is gone nobody asks for the time.
    const isGone = directory !== ROOT && !this.#index.edges(directory).some(({ alive }) => alive);
    const isTold = this.#gone !== undefined && newer(this.#stays, this.#gone) === this.#gone;
    if (isGone || !isTold) {
      if (values.length > 0) yield { key: TOUCHED_KEY, node: undefined, payload: undefined };
      return;
    }
    const payload = packTouch(this.#gone!, directory);
    if (values.length > 0 && values.every((value) => isPayload(value, directory, payload))) return;
    yield { key: TOUCHED_KEY, node: undefined, payload };
  }

  #kept(parts: KeyParts, values: Uint8Array[]): Uint8Array[] | "all" {
    const { node } = parts;
    const rows = this.#index.edges(node);
    const docs = unpackRecords(this.#index.node(node)?.records ?? "");
    if ([...docs.keys()].some((doc) => !this.#isStable(doc))) return "all";
    const facts = this.#factsOf(node, docs);
    const isRoot = parts.kind === "attributes" && rows.length === 0 &&
      facts.attributes?.kind === "directory" &&
      docs.size === 1;
    if (!isRoot && !rows.some((row) => row.alive)) {
      // It is gone. The edge that says so stays while an older one in another document would say otherwise.
      if (parts.kind !== "edge" || docs.size === 1) return [];
      if (this.#keepsStale || this.#held(parts.slot, facts, rows)) return values;
      // An older one may tell what its remover had seen, and as long as there are contents, what nobody had seen brings them back.
      if (facts.home === this.#old.id || facts.versions.length + facts.lost.length === 0) return [];
      this.#onWait();
      return values;
    }
    switch (parts.kind) {
      case "edge": {
        // What is back is so by what all those who removed it had not seen, wherever they did.
        const isBack = rows.some((row) => row.removed && row.alive && !row.version && !row.directory);
        if (this.#keepsStale || isBack) return values;
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

function newer(a: Touch | undefined, b: Touch): Touch {
  return a === undefined || compareTouches(a, b) < 0 ? b : a;
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
