import { type AttributesRecord, unpackAttributes } from "./attributes.ts";
import { Malformed, Packer, Unpacker } from "./bytes.ts";
import { unpackVersion } from "./content.ts";
import { unpackEdge } from "./edge.ts";
import { creatorOf, type DocId, type NodeId } from "./id.ts";
import { type Key, parseKey, TOUCHED_KEY } from "./key.ts";
import { directoryOf } from "./placement.ts";
import { unpackStamp, unpackTouch, unpackXattr } from "./small_records.ts";
import type { Stamp } from "./stamp.ts";

/** A key that was set, or without a payload removed. */
export interface Put {
  readonly key: Key;
  readonly payload: Uint8Array | undefined;
}

export const KEY_BYTES_MAX = 512;
/** The largest is an edge that was removed by somebody who had seen as many versions as are counted. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;

/** What a record does to one document: `count (key [0 | 1 + length, payload])…`. */
export function packPuts(puts: readonly Put[]): Uint8Array {
  const packer = new Packer().number(puts.length);
  for (const { key, payload } of puts) {
    packer.text(key).number(payload === undefined ? 0 : payload.length + 1);
    if (payload) packer.raw(payload);
  }
  return packer.take();
}

/** Throws Malformed for what packPuts would not have written. */
export function unpackPuts(bytes: Uint8Array): Put[] {
  const unpacker = new Unpacker(bytes);
  // Each takes two bytes at least.
  const count = unpacker.number(bytes.length / 2);
  const puts: Put[] = [];
  for (let i = 0; i < count; i++) {
    const key = unpacker.text(KEY_BYTES_MAX);
    const length = unpacker.number(PAYLOAD_BYTES_MAX + 1);
    puts.push({ key, payload: length === 0 ? undefined : unpacker.raw(length - 1) });
  }
  unpacker.end();
  return puts;
}

/** The highest time in a payload, 0 where there is none to be set. Throws Malformed for what this program would not have set. */
export function newestIn(doc: DocId, { key, payload }: Put): number {
  const parts = parseKey(key);
  if (parts === undefined && key !== TOUCHED_KEY) throw new Malformed("A key is none that this program sets");
  if (payload === undefined) return 0;
  const stamps = parts
    ? stampsIn(parts.node, parts.kind, payload)
    : [unpackTouch(payload, directoryOf(doc)).stamp];
  return stamps.reduce((newest, { at }) => Math.max(newest, at), 0);
}

type Kind = NonNullable<ReturnType<typeof parseKey>>["kind"];

function stampsIn(node: NodeId, kind: Kind, payload: Uint8Array): Stamp[] {
  switch (kind) {
    case "edge": {
      const { stamp, removed, attributes } = unpackEdge(payload, node);
      return [
        stamp,
        ...removed?.seen ?? [],
        ...removed?.kept ?? [],
        ...attributes ? stampsOf(attributes) : [],
      ];
    }
    case "attributes": {
      const unpacker = new Unpacker(payload);
      const record = unpackAttributes(unpacker, creatorOf(node));
      unpacker.end();
      return stampsOf(record);
    }
    case "content":
    case "lost": {
      const { stamp, bases = [] } = unpackVersion(payload, node);
      return [stamp, ...bases.flatMap(({ stamps }) => stamps)];
    }
    case "resolved":
      return [unpackStamp(payload, node)];
    case "xattr":
      return [unpackXattr(payload, node).stamp];
  }
}

function stampsOf({ stamp, stamps }: AttributesRecord): Stamp[] {
  return [stamp, ...Object.values(stamps)];
}
